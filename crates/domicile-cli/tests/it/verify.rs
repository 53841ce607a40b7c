//! `domicile verify`: exit codes, output, and that it writes nothing.

use std::fs;

use domicile_testkit::{CONFIG, Sandbox, Shop};

use crate::command::{Ran, domicile, run};

fn verify(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    domicile(sandbox.dir(), ["verify"].iter().chain(arguments))
}

/// A shop that has sold and been synced.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 1);
    shop.sell_one(Some("España"), "2024-01-01", "10.25");
    shop.sell_one(Some("España"), "2024-01-02", "1.00");
    shop.sell_one(Some("France"), "2024-01-01", "20.5");
    shop.sell_one(Some("Atlantis"), "2024-01-01", "1.00");
    run(&sandbox).exits(3);
    sandbox
}

#[test]
fn it_exits_with_0_when_all_is_proved() {
    let sandbox = synced();
    let before = sandbox.files();
    let ran = verify(&sandbox, &[]).exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    home       source  position  read  delivered  ignored  quarantined
    france      sales         4     1          1        0            0
    germany     sales         4     0          0        0            0
    japan       sales         4     0          0        0            0
    portugal    sales         4     0          0        0            0
    spain       sales         4     2          2        0            0
    (no home)   sales         4     1          0        0            1
    rows      customers  daily  sales
    france            1      1      1
    germany           0      0      0
    japan             0      0      0
    portugal          0      0      0
    spain             1      2      2
    5 homes: all is as the sources have it
    ");
    let json = verify(&sandbox, &["--json"]).exits(0).json();
    assert_eq!((&json["proved"], &json["homes"][0]["accounts"][0]["in_source"]), (&true.into(), &1.into()));
    assert_eq!(before, sandbox.files(), "nothing is written");
}

#[test]
fn it_exits_with_1_when_something_differs_and_says_where() {
    let sandbox = synced();
    sandbox
        .home("spain")
        .execute_batch("UPDATE daily SET revenue = revenue + 1; DELETE FROM sales WHERE id = 1")
        .unwrap();
    let account = "UPDATE domicile_account SET read = read + 1, delivered = delivered + 1";
    sandbox.home("france").execute_batch(account).unwrap();
    let ran = verify(&sandbox, &[]).exits(1);
    insta::assert_snapshot!(ran.stdout, @"
    home       source  position  read  delivered  ignored  quarantined
    france      sales         4     2          2        0            0
    germany     sales         4     0          0        0            0
    japan       sales         4     0          0        0            0
    portugal    sales         4     0          0        0            0
    spain       sales         4     2          2        0            0
    (no home)   sales         4     1          0        0            1
    rows      customers  daily  sales
    france            1      1      1
    germany           0      0      0
    japan             0      0      0
    portugal          0      0      0
    spain             1      2      1
    DIFFERS france: sales: the accounting from the start up to 4 says 2 read = 2 delivered + 0 ignored + 0 quarantined, and the source 1 = 1 + 0 + 0
    DIFFERS spain: daily: 2 keys
      changed    day = 2024-01-01, status = paid
      changed    day = 2024-01-02, status = paid
    DIFFERS spain: sales: 1 key
      missing    id = 1
    2 of 5 homes could not be proved
    ");
    let json = verify(&sandbox, &["--json", "--home", "spain"]).exits(1).json();
    assert_eq!(json["proved"], false);
    assert_eq!(json["homes"].as_array().unwrap().len(), 1);
    let sales = json["homes"][0]["tables"].as_array().unwrap().iter().find(|table| table["table"] == "sales").unwrap();
    assert_eq!((&sales["differing"], &sales["differences"][0]["kind"]), (&1.into(), &"missing".into()));
    verify(&sandbox, &["--home", "germany", "--source", "sales"]).exits(0);
}

#[test]
fn it_exits_with_1_when_a_home_cannot_be_read() {
    let sandbox = synced();
    fs::write(sandbox.home_path("spain"), "this is not a database, and long enough to be told from one that is new")
        .unwrap();
    verify(&sandbox, &[])
        .exits(1)
        .says("FAILED spain: file is not a database")
        .says("1 of 5 homes could not be proved");
}

#[test]
fn it_exits_with_2_on_wrong_usage_and_configuration() {
    let sandbox = synced();
    verify(&sandbox, &["--home", "atlantis"]).exits(2).complains("home atlantis: the configuration has none");
    verify(&sandbox, &["--source", "orders"]).exits(2).complains("source orders: the configuration has none");
    sandbox.write_config(&CONFIG.replace("cursor = \"id\"", "cursor = \"number\""));
    verify(&sandbox, &[]).exits(2).complains("the cursor `number` is no column");
}
