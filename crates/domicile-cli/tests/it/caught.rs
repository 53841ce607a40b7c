//! The negative control: a delivery that is broken by hand is caught, in each way that a fault could break it.

use domicile_testkit::{Expectation, Sandbox, Shop, assert_arrived};

use crate::command::run;

/// Runs, lets everything arrive, breaks one database, and asserts that a difference tells it.
#[track_caller]
fn assert_caught(break_with: impl FnOnce(&Sandbox), expected: &[&str]) {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 61).sell(150);
    run(&sandbox).exits(3);
    assert_arrived(&sandbox);
    break_with(&sandbox);
    let differences = Expectation::of(&sandbox).compare(&sandbox).expect_err("it is broken");
    for expected in expected {
        assert!(differences.iter().any(|difference| difference.starts_with(expected)), "{expected}: {differences}");
    }
    assert_eq!(differences.iter().count(), expected.len(), "{differences}");
}

fn spain(sql: &str) -> impl FnOnce(&Sandbox) {
    move |sandbox| sandbox.home("spain").execute_batch(sql).unwrap()
}

#[test]
fn a_row_that_is_deleted_is_caught() {
    assert_caught(spain("DELETE FROM sales WHERE id = (SELECT max(id) FROM sales)"), &["spain.sales: missing id="]);
}

#[test]
fn a_row_that_is_there_twice_is_caught() {
    assert_caught(
        spain("INSERT INTO sales SELECT * FROM sales ORDER BY id LIMIT 1"),
        &["spain.sales: 2 times, not 1: id="],
    );
}

#[test]
fn a_row_that_is_changed_is_caught() {
    let change = "UPDATE sales SET amount = ifnull(amount, 0) + 0.01 WHERE id = (SELECT min(id) FROM sales)";
    assert_caught(spain(change), &["spain.sales: missing id=", "spain.sales: not expected id="]);
}

#[test]
fn a_row_in_another_home_is_caught() {
    let change = |sandbox: &Sandbox| {
        let spain = sandbox.home("spain");
        spain.execute("ATTACH ?1 AS france", [sandbox.home_path("france").to_str().unwrap()]).unwrap();
        let first = "(SELECT min(id) FROM main.sales)";
        spain.execute_batch(&format!("INSERT INTO france.sales SELECT * FROM main.sales WHERE id = {first}; DELETE FROM main.sales WHERE id = {first}")).unwrap();
    };
    assert_caught(change, &["spain.sales: missing id=", "france.sales: not expected id="]);
}

#[test]
fn an_aggregate_that_is_off_by_one_is_caught() {
    let first = "rowid = (SELECT min(rowid) FROM daily WHERE revenue IS NOT NULL)";
    for change in ["sales = sales + 1", "revenue = revenue - 0.01", "largest = largest + 0.01"] {
        let expected = ["spain.daily: missing day=", "spain.daily: not expected day="];
        assert_caught(spain(&format!("UPDATE daily SET {change} WHERE {first}")), &expected);
    }
}

#[test]
fn a_customer_with_an_older_sale_is_caught() {
    let change = "UPDATE customers SET last_sale = last_sale - 1 WHERE rowid = (SELECT min(rowid) FROM customers)";
    assert_caught(spain(change), &["spain.customers: missing ", "spain.customers: not expected "]);
}

#[test]
fn a_record_that_is_missing_in_quarantine_is_caught() {
    let change = |sandbox: &Sandbox| {
        let delete = "DELETE FROM domicile_quarantine WHERE position = (SELECT min(position) FROM domicile_quarantine)";
        sandbox.control().execute_batch(delete).unwrap();
    };
    assert_caught(change, &["control.quarantine: missing position="]);
}

#[test]
fn a_record_that_was_never_read_is_caught() {
    let change = |sandbox: &Sandbox| {
        sandbox.source().execute("DELETE FROM sales WHERE id = (SELECT min(id) FROM sales WHERE status <> 'test' AND country LIKE 'spain')", []).unwrap();
    };
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 61).sell(150);
    run(&sandbox).exits(3);
    change(&sandbox);
    let differences = Expectation::of(&sandbox).compare(&sandbox).unwrap_err();
    assert!(
        differences.iter().any(|difference| difference == "the accounts have read 150 records, the source has 149"),
        "{differences}"
    );
}

#[test]
fn a_position_and_an_account_that_are_wrong_are_caught() {
    let expected = ["spain.position: missing ", "spain.position: not expected "];
    assert_caught(spain("UPDATE domicile_position SET position = position - 1"), &expected);
    let account = "UPDATE domicile_account SET read = read + 1, delivered = delivered + 1";
    let expected = ["spain.account: missing ", "spain.account: not expected ", "the accounts have read 151 records"];
    assert_caught(spain(account), &expected);
}
