//! `domicile trace`: what it prints, its exit codes, and that it writes nothing.

use std::fs;

use domicile_testkit::{Sandbox, Shop};

use crate::command::{Ran, domicile, run};
use crate::status::without_times;

fn trace(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    domicile(sandbox.dir(), ["trace", "domicile.toml"].iter().chain(arguments))
}

/// A shop that has sold and been synced, and has sold one more since.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 1);
    shop.sell_one(Some("España"), "2024-01-01", "10.25");
    shop.sell_one(Some("Frnace"), "2024-01-01", "1.00");
    shop.sell_one(Some("Japan"), "2024-01-02", "40");
    sandbox.source().execute_batch("UPDATE sales SET status = 'test' WHERE country = 'Japan'").unwrap();
    run(&sandbox).exits(3);
    shop.sell_one(Some("Spain"), "2024-01-03", "3");
    sandbox
}

#[test]
fn it_tells_what_became_of_each_record_and_writes_nothing() {
    let sandbox = synced();
    let before = sandbox.files();
    let told = [("1", 0), ("2", 1), ("3", 0), ("4", 1), ("5", 1)];
    let told = told.map(|(key, code)| trace(&sandbox, &[key]).exits(code).stdout);
    insta::assert_snapshot!(without_times(&told.concat()), @r#"
    record 1 of sales: delivered
      rules   to spain, because RoutingKey(ES) was set at domicile.toml:15 (placed by domicile.toml:9)
      passed  by spain, which is at 3
      batch   behind the start up to 3, committed … … UTC: 1 read = 1 delivered + 0 ignored + 0 quarantined
      row     in sales by id: it is there
      row     in customers by customer: it is there
      row     in daily: one row of many records: `domicile verify` proves it
    record 2 of sales: quarantined
      rules   to quarantine (no_key): the routing key `country_code(country)` is NULL; `country` is "Frnace"; did you mean France (FR)?
      passed  by (no home), which is at 3
      batch   behind the start up to 3, committed … … UTC: 1 read = 0 delivered + 0 ignored + 1 quarantined
      note    what quarantines tell below is what became of it then; if none does, it or the rules have changed since
      quarantine of (no home) (no_key)
        why   the routing key `country_code(country)` is NULL; `country` is "Frnace"; did you mean France (FR)?
        since … … UTC, last tried … … UTC
        waits
    record 3 of sales: ignored
      rules   ignored, by the source's rule
      passed  by japan, which is at 3
      batch   behind the start up to 3, committed … … UTC: 1 read = 0 delivered + 1 ignored + 0 quarantined
    record 4 of sales: not_reached
      rules   to spain, because RoutingKey(ES) was set at domicile.toml:15 (placed by domicile.toml:9)
      passed  not yet by spain, which is at 3
      row     in sales by id: it is not there
      row     in customers by customer: another one is there, with another last_sale
      row     in daily: one row of many records: `domicile verify` proves it
    record 5 of sales: unknown
      rules   the source has no such record
    "#);
    assert_eq!(before, sandbox.files(), "nothing is written");
    domicile(sandbox.dir(), ["trace", "1"]).exits(0).says("record 1 of sales: delivered");
}

#[test]
fn its_json_has_all_that_is_told() {
    let sandbox = synced();
    let told = trace(&sandbox, &["1", "--json"]).exits(0);
    let committed_at = told.json()["records"][0]["passage"]["batch"]["committed_at"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(told.stdout.replace(&committed_at, "…"), @r#"
    {
      "source": "sales",
      "position": 1,
      "verdict": "delivered",
      "records": [
        {
          "outcome": "delivered",
          "home": "spain",
          "reason": "spain, because RoutingKey(ES) was set at domicile.toml:15 (placed by domicile.toml:9)",
          "read_for": "spain",
          "passage": {
            "state": "passed",
            "position": 3,
            "batch": {
              "after": null,
              "upto": 3,
              "committed_at": "…",
              "read": 1,
              "delivered": 1,
              "ignored": 0,
              "quarantined": 0
            },
            "why": null,
            "since": null
          },
          "rows": [
            {
              "table": "sales",
              "known_by": [
                "id"
              ],
              "is_own": true,
              "state": "there",
              "differing": [],
              "elsewhere": [],
              "why": null
            },
            {
              "table": "customers",
              "known_by": [
                "customer"
              ],
              "is_own": false,
              "state": "there",
              "differing": [],
              "elsewhere": [],
              "why": null
            },
            {
              "table": "daily",
              "known_by": [],
              "is_own": false,
              "state": "merged",
              "differing": [],
              "elsewhere": [],
              "why": null
            }
          ]
        }
      ],
      "quarantine": [],
      "is_cut": false,
      "unreached": []
    }
    "#);
}

#[test]
fn scripts_are_told_the_verdict() {
    let sandbox = synced();
    let verdicts = ["1", "2", "3", "4", "5"].map(|key| {
        let json = trace(&sandbox, &[key, "--json", "--source", "sales"]).json();
        json["verdict"].as_str().unwrap().to_owned()
    });
    assert_eq!(verdicts, ["delivered", "quarantined", "ignored", "not_reached", "unknown"]);
    let drop = ["quarantine", "drop", "--record", "2", "--reason", "a typing error"];
    domicile(sandbox.dir(), drop).exits(0);
    assert_eq!(trace(&sandbox, &["2", "--json"]).exits(0).json()["verdict"], "dropped");
    trace(&sandbox, &["2"]).exits(0).says(": a typing error");
}

#[test]
fn a_home_that_is_not_well_and_a_database_that_cannot_be_asked_are_told() {
    let sandbox = synced();
    let broken = "this is not a database, and long enough to be told from one that is new";
    let sound = fs::read(sandbox.home_path("spain")).unwrap();
    fs::write(sandbox.home_path("spain"), broken).unwrap();
    run(&sandbox).exits(1);
    trace(&sandbox, &["4"]).exits(1).says("FAILED spain: file is not a database");
    // What became of another home's record is known, but it may be in that database as well.
    trace(&sandbox, &["3"]).exits(1).says("record 3 of sales: ignored");
    fs::write(sandbox.home_path("spain"), sound).unwrap();
    trace(&sandbox, &["4"]).exits(1).says("record 4 of sales: blocked").says("it is blocked");
    run(&sandbox).exits(0);
    trace(&sandbox, &["4"]).exits(0).says("record 4 of sales: delivered");
}

#[test]
fn it_exits_with_2_on_wrong_usage() {
    let sandbox = synced();
    trace(&sandbox, &["one"]).exits(2).complains("`one` is not one value of the type of the cursor id");
    trace(&sandbox, &["1", "--source", "sails"]).exits(2).complains("source sails: the configuration has none");
    domicile(sandbox.dir(), ["trace", "domicile.toml"]).exits(2);
    domicile(sandbox.dir(), ["trace", "nowhere.toml", "1"]).exits(2);
    let error = trace(&sandbox, &["one", "--json"]).exits(2).json();
    assert!(error["error"].as_str().unwrap().contains("is not one value"), "{error}");
}
