//! `domicile explain`: where a record would go and why, without writing.

use domicile_testkit::{CONFIG, Sandbox, Shop};
use serde_json::json;

use crate::command::{domicile, domicile_reading, run};

/// A shop with a sale in Spain, one of nowhere, one of Brazil, a test, one with a bad amount and one in France.
fn shop(sandbox: &Sandbox) {
    let mut shop = Shop::open(sandbox, 81);
    shop.sell_one(Some("  españa"), "2024-01-01", "10.50");
    shop.sell_one(Some("Frnace"), "2024-01-01", "20");
    shop.sell_one(Some("Brasil"), "2024-01-02", "30");
    shop.sell_one(Some("Japan"), "2024-01-02", "40");
    sandbox.source().execute_batch("UPDATE sales SET status = 'test' WHERE country = 'Japan'").unwrap();
    shop.sell_one(Some("France"), "2024-01-03", "'fifty'");
    shop.sell_one(Some("France"), "2024-01-03", "50");
}

#[test]
fn it_shows_where_each_record_would_go_and_why_and_writes_nothing() {
    let sandbox = Sandbox::new();
    shop(&sandbox);
    let before = sandbox.files();
    let explained = domicile(sandbox.dir(), ["explain"]).exits(0);
    insta::assert_snapshot!(explained.stdout, @r#"
    record 1 -> spain
      why    spain, because RoutingKey(ES) was set at domicile.toml:15 (placed by domicile.toml:9)
      key    country_code(country) where country = "  españa"
      makes  sales {"id":1,"country":"  españa","customer":"customer-0","sold_on":"2024-01-01","status":"paid","amount":"10.50"}
      makes  customers {"customer":"customer-0","home":"spain","last_sale":1}
      makes  daily {"day":"2024-01-01","status":"paid","sales":1,"revenue":"10.50","largest":"10.50"}
    record 2 -> quarantine (no_key)
      why    the routing key `country_code(country)` is NULL; `country` is "Frnace"; did you mean France (FR)?
      key    country_code(country) where country = "Frnace"
    record 3 -> quarantine (unknown_key)
      why    routing key `BR` has no home, so this write to sales was refused: RoutingKey(BR) was set at domicile.toml:15. Correct the key, or place it in a home
      key    country_code(country) where country = "Brasil"
    record 4 -> ignored, by the source's rule
      key    country_code(country) where country = "Japan"
    record 5 -> quarantine (bad_value)
      why    `amount`: text is not a decimal(12,2)
      key    country_code(country) where country = "France"
    record 6 -> france
      why    france, because RoutingKey(FR) was set at domicile.toml:15 (placed by domicile.toml:5)
      key    country_code(country) where country = "France"
      makes  sales {"id":6,"country":"France","customer":"customer-0","sold_on":"2024-01-03","status":"paid","amount":"50.00"}
      makes  customers {"customer":"customer-0","home":"france","last_sale":6}
      makes  daily {"day":"2024-01-03","status":"paid","sales":1,"revenue":"50.00","largest":"50.00"}
    "#);
    assert_eq!(before, sandbox.files());
}

#[test]
fn it_shows_one_record() {
    let sandbox = Sandbox::new();
    shop(&sandbox);
    run(&sandbox).exits(3);
    let before = sandbox.files();
    let one = domicile(sandbox.dir(), ["explain", "--record", "1"]).exits(0).says("record 1 -> spain\n");
    assert!(!one.stdout.contains("record 2"), "{}", one.stdout);
    domicile(sandbox.dir(), ["explain", "--record", "2"]).exits(0).says("record 2 -> quarantine (no_key)\n");
    domicile(sandbox.dir(), ["explain", "--record", "99"]).exits(0).says("no such record\n");
    domicile(sandbox.dir(), ["explain", "--record", "-1"]).exits(0).says("no such record\n");
    let two = domicile(sandbox.dir(), ["explain", "--after", "1", "--limit", "2"]).exits(0).stdout;
    assert_eq!(two.matches("record ").count(), 2, "{two}");
    assert_eq!(before, sandbox.files());
}

#[test]
fn its_json_is_what_a_run_then_does() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 82).sell(200);
    let explained = domicile(sandbox.dir(), ["explain", "--json", "--limit", "1000"]).exits(0).json();
    run(&sandbox).exits(3);
    let explained = explained.as_array().unwrap();
    assert_eq!(explained.len(), 200);
    for record in explained {
        let id = record["position"].as_i64().unwrap();
        let count = |database: rusqlite::Connection, table: &str, column: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} = ?1");
            database.query_row(&sql, [id], |row| row.get(0)).unwrap()
        };
        match record["outcome"].as_str().unwrap() {
            "delivered" => {
                assert_eq!(count(sandbox.home(record["home"].as_str().unwrap()), "sales", "id"), 1, "{record}")
            }
            "quarantined" => assert_eq!(count(sandbox.control(), "domicile_quarantine", "position"), 1, "{record}"),
            outcome => assert_eq!((outcome, record["objects"].as_array().unwrap().len()), ("ignored", 0), "{record}"),
        }
    }
}

#[test]
fn it_explains_records_of_its_standard_input() {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 83);
    let before = sandbox.files();
    let records = r#"{"id": 7, "country": "🇪🇸", "customer": "a", "sold_on": "2024-01-01", "status": "paid", "amount": "1.25"}
        {"country": "Spian"}"#;
    let explained = domicile_reading(sandbox.dir(), &["explain", "--stdin", "--json"], records).exits(0).json();
    assert_eq!((&explained[0]["position"], &explained[0]["home"]), (&json!(7), &json!("spain")));
    assert_eq!(explained[0]["objects"][2]["object"]["revenue"], json!("1.25"));
    assert_eq!((&explained[1]["position"], &explained[1]["outcome"]), (&json!(null), &json!("quarantined")));
    assert_eq!(explained[1]["cause"], "no_key");
    assert!(explained[1]["reason"].as_str().unwrap().contains("did you mean Spain (ES)"), "{}", explained[1]);
    assert_eq!(before, sandbox.files());
}

#[test]
fn what_is_no_record_is_refused() {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 84);
    for (input, complaint) in [
        ("{", "JSON"),
        (r#"{"land": "ES"}"#, "land"),
        (r#"{"id": "seven"}"#, "seven"),
        (r#"{"sold_on": "soon"}"#, "soon"),
        ("[1]", "JSON"),
    ] {
        domicile_reading(sandbox.dir(), &["explain", "--stdin"], input).exits(2).complains(complaint);
    }
    domicile_reading(sandbox.dir(), &["explain", "--stdin"], "").exits(0).says("no such record");
    domicile(sandbox.dir(), ["explain", "--source", "sails"])
        .exits(2)
        .complains("source sails: the configuration has no such source");
    domicile(sandbox.dir(), ["explain", "--source", "sales"]).exits(0);
}

#[test]
fn values_of_its_standard_input_are_taken_as_strictly_as_those_of_the_source() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 85);
    for amount in ["10.5", "10.505", "'twelve'", "12345678901.00", "7"] {
        shop.sell_one(Some("Spain"), "2024-01-01", amount);
        let id = domicile(sandbox.dir(), ["explain", "--json", "--limit", "1000"]).exits(0).json();
        let from_source = id.as_array().unwrap().last().unwrap().clone();
        let record = format!(
            r#"{{"id": {}, "country": "Spain", "customer": "customer-0", "sold_on": "2024-01-01", "status": "paid",
                 "amount": {}}}"#,
            from_source["position"],
            amount.replace('\'', "\"")
        );
        let from_input = domicile_reading(sandbox.dir(), &["explain", "--stdin", "--json"], &record).exits(0).json();
        // Why a value does not fit is told by what it is: a number of the source, or a text of the input.
        for part in ["position", "outcome", "home", "cause", "objects"] {
            assert_eq!(from_input[0][part], from_source[part], "{amount}: {part}");
        }
    }
}

#[test]
fn all_records_of_one_cursor_value_are_shown() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 86).sell(3);
    let config =
        CONFIG.replacen("table = \"sales\"", "name = \"sales\"\nquery = \"SELECT id / 2 AS half, * FROM sales\"", 1);
    sandbox.write_config(&config.replacen("cursor = \"id\"", "cursor = \"half\"\ncolumns = { half = \"integer\" }", 1));
    for (cursor, count) in [("0", 1), ("1", 2), ("2", 0)] {
        let shown = domicile(sandbox.dir(), ["explain", "--json", "--record", cursor]).exits(0).json();
        assert_eq!(shown.as_array().unwrap().len(), count, "{cursor}");
    }
}
