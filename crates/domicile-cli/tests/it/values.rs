//! Values of the source that do not fit their columns' types.

use domicile_testkit::{Sandbox, Shop, assert_arrived};
use serde_json::{Value, json};

use crate::command::run;

/// The cause, the reason and the record of what stands in a quarantine under an id.
fn kept(quarantine: &rusqlite::Connection, id: i64) -> (String, String, Value) {
    let sql = "SELECT cause, reason, record FROM domicile_quarantine WHERE position = ?1";
    let row = quarantine.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)));
    let (cause, reason, record) = row.unwrap_or_else(|error| panic!("record {id}: {error}"));
    (cause, reason, serde_json::from_str(&record).unwrap())
}

#[track_caller]
fn assert_bad_value(quarantine: &rusqlite::Connection, id: i64, column: &str, raw: Value) {
    let (cause, reason, record) = kept(quarantine, id);
    assert_eq!(cause, "bad_value", "{reason}");
    assert!(reason.starts_with(&format!("`{column}`: ")), "{reason}");
    assert_eq!(record[column], raw, "{record}");
}

#[test]
fn a_value_that_does_not_fit_goes_to_the_quarantine_of_its_home_as_it_is() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 31);
    shop.sell(50);
    let spain = Some("España");
    let bad = [
        (shop.sell_one(spain, "2024-01-01", "'twelve'"), "amount", json!("twelve")),
        (shop.sell_one(spain, "2024-01-01", "12.345"), "amount", json!(12.345)),
        (shop.sell_one(spain, "2024-01-01", "12345678901.25"), "amount", json!(12_345_678_901.25)),
        (shop.sell_one(spain, "2024-01-01", "x'0aff'"), "amount", json!("0x0aff")),
        (shop.sell_one(spain, "2024-02-30", "1.00"), "sold_on", json!("2024-02-30")),
        (shop.sell_one(spain, "yesterday", "1.00"), "sold_on", json!("yesterday")),
        (shop.sell_one(spain, "2024-01-01 10:00", "1.00"), "sold_on", json!("2024-01-01 10:00")),
    ];
    // The twins: the same customer, country and day, with values that fit.
    for (day, amount) in [("2024-01-01", "12.34"), ("2024-02-29", "'12.340'"), ("2024-01-01", "9999999999.99")] {
        shop.sell_one(spain, day, amount);
    }
    run(&sandbox).exits(3);
    for (id, column, raw) in bad {
        assert_bad_value(&sandbox.home("spain"), id, column, raw);
    }
    assert_arrived(&sandbox);
}

#[test]
fn it_goes_to_the_control_database_when_nobody_knows_its_home() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 32);
    let homeless =
        [shop.sell_one(Some("Atlantis"), "2024-01-01", "'ten'"), shop.sell_one(Some("Brasil"), "2024-13-01", "1")];
    let homely = shop.sell_one(Some("Japan"), "2024-01-01", "'ten'");
    shop.sell_one(Some("Japan"), "2024-01-01", "'10'");
    run(&sandbox).exits(3);
    assert_bad_value(&sandbox.control(), homeless[0], "amount", json!("ten"));
    assert_bad_value(&sandbox.control(), homeless[1], "sold_on", json!("2024-13-01"));
    assert_bad_value(&sandbox.home("japan"), homely, "amount", json!("ten"));
    assert_arrived(&sandbox);
}

#[test]
fn a_broken_label_is_no_key() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 33);
    shop.sell_one(Some("Spain"), "2024-01-01", "1.00");
    let source = sandbox.source();
    let sell = |country: &str| {
        let insert = format!(
            "INSERT INTO sales (country, customer, sold_on, status, amount) VALUES ({country}, 'a', '2024-01-01', 'paid', 1)"
        );
        source.execute(&insert, []).unwrap();
        source.last_insert_rowid()
    };
    let (broken, blob) = (sell("CAST(x'4553ff' AS TEXT)"), sell("x'4553'"));
    run(&sandbox).exits(3).says("3 read = 1 delivered + 0 ignored + 2 quarantined");
    assert_bad_value(&sandbox.control(), broken, "country", json!("0x4553ff"));
    assert_bad_value(&sandbox.control(), blob, "country", json!("0x4553"));
}

#[test]
fn text_in_an_integer_column_is_kept_as_it_is() {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 34);
    sandbox
        .source()
        .execute_batch(
            "ALTER TABLE sales ADD COLUMN pieces INTEGER;
         INSERT INTO sales VALUES (1, 'ES', 'a', '2024-01-01', 'paid', 1, 'a dozen');
         INSERT INTO sales VALUES (2, 'ES', 'a', '2024-01-01', 'paid', 1, 1.5);
         INSERT INTO sales VALUES (3, 'ES', 'a', '2024-01-01', 'paid', 1, '12');
         INSERT INTO sales VALUES (4, 'ES', 'a', '2024-01-01', 'paid', 1, NULL);",
        )
        .unwrap();
    run(&sandbox).exits(3).says("4 read = 2 delivered + 0 ignored + 2 quarantined");
    let spain = sandbox.home("spain");
    assert_bad_value(&spain, 1, "pieces", json!("a dozen"));
    assert_bad_value(&spain, 2, "pieces", json!(1.5));
    let pieces = "SELECT json_group_array(json_array(id, pieces)) FROM sales";
    let pieces: String = spain.query_row(pieces, [], |row| row.get(0)).unwrap();
    assert_eq!(pieces, "[[3,12],[4,null]]");
}

#[test]
fn values_that_fit_are_no_reason_for_quarantine() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 35);
    for amount in ["0", "-0.01", "-9999999999.99", "'7'", "1e3", "NULL"] {
        shop.sell_one(Some("Portugal"), "2024-02-29", amount);
    }
    run(&sandbox).exits(0).says("6 read = 6 delivered");
    assert_arrived(&sandbox);
}
