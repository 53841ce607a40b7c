//! Sources and homes of unusual shapes: empty, with one key only, with tables that do not fit.

use domicile_testkit::{Sandbox, Shop, assert_arrived};

use crate::command::{domicile, run};

#[test]
fn an_empty_source_is_no_mistake_and_makes_nothing() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 51);
    let before = sandbox.files();
    run(&sandbox).exits(0).says("5 homes: nothing new\n0 read = 0 delivered + 0 ignored + 0 quarantined");
    assert_eq!(before, sandbox.files());
    assert_arrived(&sandbox);
    shop.sell(10);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}

#[test]
fn all_records_may_belong_in_one_home() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 52);
    for day in 1..=28 {
        shop.sell_one(Some("日本"), &format!("2024-01-{day:02}"), "1.10");
    }
    run(&sandbox).exits(0).says("4 homes: nothing new");
    assert_arrived(&sandbox);
}

#[test]
fn a_table_that_does_not_fit_is_told_before_anything_is_written() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 53).sell(30);
    let table = "CREATE TABLE sales (id INTEGER, country TEXT, customer TEXT, sold_on DATE, status TEXT";
    sandbox.home("spain").execute_batch(&format!("{table}, amount INTEGER, owner TEXT NOT NULL)")).unwrap();
    sandbox.home("france").execute_batch(&format!("{table})")).unwrap();
    let before = sandbox.files();
    for command in ["run", "check"] {
        let ran = domicile(sandbox.dir(), [command]).exits(2);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.stderr, @r#"
            domicile.toml:20:8: error: home spain: `sales.amount` is declared `INTEGER`, which does not keep Decimal128(12, 2) as it is
              help: declare it DECIMAL(12,2), or cast the analyser's result
            domicile.toml:20:8: error: home spain: `sales.owner` is NOT NULL without a default, and the analyser has no such column
              help: add it to the analyser's result, or give it a default
            domicile.toml:20:8: error: home france: the table `sales` has no column `amount`
              help: ALTER TABLE "sales" ADD COLUMN "amount" DECIMAL(12,2)
            "#);
        }
        assert_eq!(before, sandbox.files(), "{command}");
    }
    sandbox.home("spain").execute_batch(&format!("DROP TABLE sales; {table}, amount DECIMAL(12,2))")).unwrap();
    sandbox.home("france").execute_batch("ALTER TABLE sales ADD COLUMN amount DECIMAL(12,2)").unwrap();
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}

#[test]
fn a_table_for_aggregates_without_their_key_does_not_fit() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 54).sell(30);
    let table =
        "CREATE TABLE daily (day DATE, status TEXT, sales INTEGER, revenue DECIMAL(22,2), largest DECIMAL(12,2)";
    sandbox.home("spain").execute_batch(&format!("{table})")).unwrap();
    let before = sandbox.files();
    let ran = run(&sandbox).exits(2).complains("error: home spain: ");
    let fix = ran.stderr.split("help: ").nth(1).unwrap().trim().to_owned();
    assert_eq!(before, sandbox.files());
    // The help is an SQL statement that helps.
    sandbox.home("spain").execute_batch(&fix).unwrap();
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}
