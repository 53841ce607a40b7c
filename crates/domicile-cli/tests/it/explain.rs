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
    for unknown in ["99", "-1"] {
        let told = format!("source sales: there is no record {unknown} up to 6, to where it can be read now");
        domicile(sandbox.dir(), ["explain", "--record", unknown]).exits(2).complains(&told);
    }
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
        ("{", "this is no JSON: EOF while parsing"),
        ("{\"id\": 1}\n{\"land\": \"ES\"}", "record 2 of the input: `land` is no column of the source"),
        (r#"{"country": ["ES"]}"#, "record 1 of the input: `country` is a list"),
        ("[1]", "record 1 of the input is no JSON object"),
    ] {
        domicile_reading(sandbox.dir(), &["explain", "--stdin"], input).exits(2).complains(complaint);
    }
    domicile_reading(sandbox.dir(), &["explain", "--stdin"], "").exits(0).says("no records");
    domicile(sandbox.dir(), ["explain", "--source", "sails"])
        .exits(2)
        .complains("source sails: the configuration has no such source");
    domicile(sandbox.dir(), ["explain", "--source", "sales"]).exits(0);
}

#[test]
fn values_of_its_standard_input_are_taken_as_those_of_the_source() {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 85);
    let source = sandbox.source();
    let columns = ["id", "country", "customer", "sold_on", "status", "amount"];
    let good = ["1", "'Spain'", "'c'", "'2024-01-01'", "'paid'", "10.5"];
    let changes = [
        ("amount", vec!["10.505", "'twelve'", "12345678901.01", "7", "'1e1'", "'10.50'", "1e30", "NULL"]),
        ("sold_on", vec!["'2024-1-1'", "19000", "'2024-01-01T10:00:00'", "'2024-02-30'", "NULL"]),
        ("country", vec!["NULL", "'Frnace'", "724", "1.5", "'FR'"]),
        ("customer", vec!["7", "'007'"]),
    ];
    let mut id = 0;
    for (column, values) in changes {
        for value in values {
            id += 1;
            let mut record = good.map(String::from);
            record[0] = id.to_string();
            record[columns.iter().position(|name| *name == column).unwrap()] = value.to_owned();
            source.execute_batch(&format!("INSERT INTO sales VALUES ({})", record.join(", "))).unwrap();
            let json = columns.iter().zip(&record).map(|(name, value)| {
                let value = value.replace('\'', "\"").replace("NULL", "null");
                format!("\"{name}\": {value}")
            });
            let json = format!("{{{}}}", json.collect::<Vec<_>>().join(", "));
            let from_source = domicile(sandbox.dir(), ["explain", "--json", "--record", &id.to_string()]).exits(0);
            let from_input = domicile_reading(sandbox.dir(), &["explain", "--stdin", "--json"], &json).exits(0);
            assert_eq!(from_input.stdout, from_source.stdout, "{json}");
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
    for (cursor, count) in [("0", 1), ("1", 2)] {
        let shown = domicile(sandbox.dir(), ["explain", "--json", "--record", cursor]).exits(0).json();
        assert_eq!(shown.as_array().unwrap().len(), count, "{cursor}");
    }
    let unknown = domicile(sandbox.dir(), ["explain", "--json", "--record", "2"]).exits(2).json();
    assert_eq!(unknown["error"], "source sales: there is no record 2 up to 1, to where it can be read now");
}
