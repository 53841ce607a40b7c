//! `domicile run`: exit codes, output, and that a second run finds nothing.

use std::fs;

use domicile_testkit::{CONFIG, Sandbox, Shop, assert_arrived};
use serde_json::Value;

use crate::command::{domicile, run, without_reasons};

/// A shop where every record has a home.
fn tidy_shop(sandbox: &Sandbox) -> Shop<'_> {
    let mut shop = Shop::open(sandbox, 1);
    shop.sell_one(Some("España"), "2024-01-01", "10.25");
    shop.sell_one(Some("France"), "2024-01-01", "20.5");
    shop.sell_one(Some("Autriche"), "2024-01-02", "'30'");
    shop
}

#[test]
fn it_exits_with_0_when_all_is_delivered() {
    let sandbox = Sandbox::new();
    let _shop = tidy_shop(&sandbox);
    let ran = run(&sandbox).exits(0);
    insta::assert_snapshot!(without_reasons(&ran.stdout), @"
    source sales (exact)
    home     read  delivered  ignored  quarantined  sales  customers  daily
    france      1          1        0            0      1          1      1
    germany     1          1        0            0      1          1      1
    spain       1          1        0            0      1          1      1
    2 homes: nothing new
    3 read = 3 delivered + 0 ignored + 0 quarantined
    ");
    assert_arrived(&sandbox);
}

#[test]
fn it_exits_with_3_when_it_put_records_into_quarantine() {
    let sandbox = Sandbox::new();
    let mut shop = tidy_shop(&sandbox);
    shop.sell_one(Some("Atlantis"), "2024-01-01", "1.00");
    run(&sandbox).exits(3).says("4 read = 3 delivered + 0 ignored + 1 quarantined");
    assert_arrived(&sandbox);
    // Nothing new comes to quarantine in the next run.
    run(&sandbox).exits(0);
    assert_arrived(&sandbox);
}

#[test]
fn it_exits_with_1_when_a_home_fails_and_catches_up_once_it_is_back() {
    let sandbox = Sandbox::new();
    let mut shop = tidy_shop(&sandbox);
    run(&sandbox).exits(0);
    shop.sell(50);
    let (home, away) = (sandbox.home_path("spain"), sandbox.path("away"));
    fs::rename(&home, &away).unwrap();
    fs::write(&home, "this is not a database, and long enough to be told from one that is new").unwrap();
    let ran = run(&sandbox).exits(1).says("FAILED spain: file is not a database");
    ran.complains("spain FAILED: file is not a database");
    fs::rename(&away, &home).unwrap();
    run(&sandbox).exits(0);
    assert_arrived(&sandbox);
}

#[test]
fn it_exits_with_1_when_a_source_cannot_be_read_and_does_not_say_that_nothing_is_new() {
    let sandbox = Sandbox::new();
    let _shop = tidy_shop(&sandbox);
    // Two sales of one day are one too many for a batch.
    let by_day = CONFIG.replace("cursor = \"id\"", "cursor = \"sold_on\"");
    sandbox.write_config(&by_day.replace("[[source]]", "[batch]\nrows = 1\n[[source]]"));
    let ran = run(&sandbox).exits(1).says("FAILED source sales: more records than a batch holds");
    assert!(!ran.stdout.contains("nothing new"), "{}", ran.stdout);
    sandbox.write_config(&by_day);
    run(&sandbox).exits(0).says("2 homes: nothing new");
}

#[test]
fn it_exits_with_2_when_the_configuration_is_wrong_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let _shop = tidy_shop(&sandbox);
    sandbox.write_config(&CONFIG.replace("cursor = \"id\"", "cursor = \"number\""));
    let before = sandbox.files();
    run(&sandbox).exits(2).complains("domicile.toml:14:10: error: the cursor `number` is no column");
    assert_eq!(before, sandbox.files());
    sandbox.write_config(CONFIG);
    run(&sandbox).exits(0);
}

#[test]
fn it_exits_with_2_on_wrong_usage() {
    let sandbox = Sandbox::new();
    let _shop = tidy_shop(&sandbox);
    domicile(sandbox.dir(), ["rum"]).exits(2).complains("unrecognized subcommand 'rum'");
    domicile(sandbox.dir(), ["run", "--fast"]).exits(2).complains("unexpected argument '--fast'");
    domicile(sandbox.dir(), ["run", "none.toml"])
        .exits(2)
        .complains("none.toml:1:1: error: the configuration cannot be read");
    domicile(sandbox.dir(), [] as [&str; 0]).exits(2).complains("Usage: domicile <COMMAND>");
    domicile(sandbox.dir(), ["run", "domicile.toml"]).exits(0);
}

#[test]
fn a_second_run_delivers_nothing_and_changes_nothing() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 2).sell(500);
    run(&sandbox).exits(3);
    assert_arrived(&sandbox);
    let homes = || {
        let mut files = sandbox.files();
        files.retain(|path, _| *path != sandbox.control_path());
        files
    };
    let before = homes();
    let again = run(&sandbox).exits(0);
    insta::assert_snapshot!(without_reasons(&again.stdout), @"
    source sales (exact)
    5 homes: nothing new
    0 read = 0 delivered + 0 ignored + 0 quarantined
    ");
    assert_eq!(before, homes());
    assert_arrived(&sandbox);
    // It has noted that all homes are at the end, and the next does not even do that.
    let before = sandbox.files();
    assert_eq!(run(&sandbox).exits(0).stdout, again.stdout);
    assert_eq!(before, sandbox.files());
}

#[test]
fn new_records_are_delivered_once_in_small_batches_too() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 3);
    sandbox.write_config(&format!("{CONFIG}\n[batch]\nrows = 7\n[delivery]\ncommit_rows = 3\n"));
    for sales in [1, 6, 7, 8, 200] {
        shop.sell(sales);
        assert!(run(&sandbox).exits_with_any_of(&[0, 3]).stderr.contains("source sales: from "));
        assert_arrived(&sandbox);
    }
}

#[test]
fn its_json_is_what_it_did() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 4).sell(300);
    let json = domicile(sandbox.dir(), ["run", "--json"]).exits(3).json();
    let source = &json["sources"][0];
    assert_eq!(source["source"], "sales");
    assert_eq!(source["guarantee"]["class"], "exact");
    assert_eq!(source["failure"], Value::Null);
    let homes = source["homes"].as_array().unwrap();
    let number = |value: &Value| value.as_i64().unwrap();
    let mut read = 0;
    for home in homes.iter().chain([&source["control"]]) {
        let parts = ["delivered", "ignored", "quarantined"].map(|part| number(&home[part]));
        assert_eq!(number(&home["read"]), parts.iter().sum::<i64>(), "{home}");
        assert_eq!((number(&home["position"]), &home["failure"]), (300, &Value::Null), "{home}");
        read += number(&home["read"]);
    }
    assert_eq!(read, 300);
    for home in homes {
        let name = home["home"].as_str().unwrap();
        let sales: i64 = sandbox.home(name).query_row("SELECT count(*) FROM sales", [], |row| row.get(0)).unwrap();
        assert_eq!((sales, sales), (number(&home["delivered"]), number(&home["objects"][0]["count"])), "{name}");
    }
    let in_quarantine = "SELECT count(*) FROM domicile_quarantine";
    let in_quarantine: i64 = sandbox.control().query_row(in_quarantine, [], |row| row.get(0)).unwrap();
    assert_eq!(number(&source["control"]["quarantined"]), in_quarantine);
    assert_arrived(&sandbox);
}

#[test]
fn its_json_of_a_wrong_configuration_has_the_problems() {
    let sandbox = Sandbox::new();
    let _shop = tidy_shop(&sandbox);
    sandbox.write_config(&CONFIG.replace("home_url", "hom_url"));
    let json = domicile(sandbox.dir(), ["run", "--json"]).exits(2).json();
    let first = &json["problems"][0];
    assert_eq!(
        (&first["line"], &first["setting"], &first["severity"]),
        (&2.into(), &"hom_url".into(), &"error".into())
    );
    assert!(first["help"].as_str().unwrap().contains("did you mean `home_url`?"), "{first}");
}

#[test]
fn what_is_not_a_terminal_gets_plain_lines() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 5).sell(20);
    let ran = run(&sandbox);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains(['\u{1b}', '\r']), "{ran:?}");
    insta::assert_snapshot!(without_reasons(&ran.stderr), @"
    source sales: from the start up to 20 (exact: …)
    ");
}

#[test]
fn its_summary_tells_where_every_record_is() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 97);
    for (country, amount) in [("España", "1.10"), ("Frnace", "2"), ("Brasil", "3"), ("Japan", "4"), ("Spain", "'five'")]
    {
        shop.sell_one(Some(country), "2024-01-01", amount);
    }
    sandbox.source().execute_batch("UPDATE sales SET status = 'test' WHERE country = 'Japan'").unwrap();
    std::fs::create_dir_all(sandbox.home_path("france")).unwrap();
    insta::assert_snapshot!(run(&sandbox).exits(1).stdout, @"
    source sales (exact)
    home       read  delivered  ignored  quarantined  sales  customers  daily
    france        0          0        0            0      0          0      0
    japan         1          0        1            0      0          0      0
    spain         2          1        0            1      1          1      1
    (no home)     2          0        0            2
    2 homes: nothing new
    FAILED france: unable to open the database file
    5 read = 1 delivered + 1 ignored + 3 quarantined
    quarantined, with the reasons, in the table domicile_quarantine of
      home spain: 1 bad_value
      the control database: 1 no_key, 1 unknown_key
    ");
    std::fs::remove_dir(sandbox.home_path("france")).unwrap();
    run(&sandbox).exits(0).says("5 homes: nothing new");
    let json = domicile(sandbox.dir(), ["run", "--json"]).exits(0).json();
    assert_eq!(json["sources"][0]["control"]["causes"], serde_json::json!({}));
}
