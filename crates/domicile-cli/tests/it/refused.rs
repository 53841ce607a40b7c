//! Homes that refuse a record: it alone goes to their quarantine.

use domicile_testkit::{CONFIG, Expectation, Sandbox, Shop, assert_arrived};

use crate::command::run;

const SALES: &str = "
CREATE TABLE sales (
    id INTEGER, country TEXT, customer TEXT, sold_on DATE, status TEXT, amount DECIMAL(12,2) {column}
    {constraint}
);";

/// Makes Spain's table before the run, with a constraint.
fn make_table(sandbox: &Sandbox, column: &str, constraint: &str) {
    let sql = SALES.replace("{column}", column).replace("{constraint}", constraint);
    sandbox.home("spain").execute_batch(&sql).unwrap();
}

#[track_caller]
fn assert_refused(sandbox: &Sandbox, ids: &[i64], reason: &str) {
    if let Err(differences) = Expectation::of(sandbox).refused(ids.iter().copied()).compare(sandbox) {
        panic!("{differences}");
    }
    let spain = sandbox.home("spain");
    for id in ids {
        let sql = "SELECT reason FROM domicile_quarantine WHERE position = ?1 AND cause = 'refused'";
        let found: String = spain.query_row(sql, [id], |row| row.get(0)).unwrap();
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn a_check_refuses_one_record_alone() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 41);
    make_table(&sandbox, "", ", CHECK (amount < 1000000)");
    shop.sell(200);
    let refused = shop.sell_one(Some("Spain"), "2024-01-05", "1000000.00");
    shop.sell_one(Some("Spain"), "2024-01-05", "999999.99");
    shop.sell_one(Some("France"), "2024-01-05", "1000000.00");
    shop.sell(200);
    run(&sandbox).exits(3);
    assert_refused(&sandbox, &[refused], "CHECK constraint failed");
}

#[test]
fn a_unique_index_refuses_the_later_record() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 42);
    make_table(&sandbox, "", "");
    sandbox
        .home("spain")
        .execute_batch("CREATE UNIQUE INDEX once ON sales (sold_on) WHERE sold_on > '2024-12'")
        .unwrap();
    shop.sell(100);
    let first =
        [shop.sell_one(Some("Spain"), "2024-12-01", "1.00"), shop.sell_one(Some("Spain"), "2024-12-02", "1.00")];
    let later =
        [shop.sell_one(Some("Spain"), "2024-12-01", "2.00"), shop.sell_one(Some("Spain"), "2024-12-02", "2.00")];
    shop.sell(100);
    // In one batch and in one transaction, and then in many.
    for limits in ["", "\n[batch]\nrows = 3\n[delivery]\ncommit_rows = 2\n"] {
        sandbox.write_config(&format!("{CONFIG}{limits}"));
        run(&sandbox).exits(3);
        assert_refused(&sandbox, &later, "UNIQUE constraint failed");
        assert!(first[0] < later[0]);
        let _ = std::fs::remove_file(sandbox.control_path());
        std::fs::remove_dir_all(sandbox.path("homes")).unwrap();
        make_table(&sandbox, "", "");
        sandbox
            .home("spain")
            .execute_batch("CREATE UNIQUE INDEX once ON sales (sold_on) WHERE sold_on > '2024-12'")
            .unwrap();
    }
}

#[test]
fn a_trigger_refuses_one_record_alone() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 43);
    make_table(&sandbox, "", "");
    sandbox
        .home("spain")
        .execute_batch(
            "CREATE TRIGGER guard BEFORE INSERT ON sales WHEN new.amount = 666
             BEGIN SELECT RAISE(ABORT, 'not such a number'); END",
        )
        .unwrap();
    shop.sell(100);
    let refused = shop.sell_one(Some("Spain"), "2024-01-05", "666.00");
    shop.sell_one(Some("Spain"), "2024-01-05", "667.00");
    shop.sell(100);
    run(&sandbox).exits(3);
    assert_refused(&sandbox, &[refused], "not such a number");
}

#[test]
fn when_a_home_refuses_everything_the_others_do_not_mind() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 44);
    make_table(&sandbox, "", ", CHECK (id < 0)");
    let all: Vec<_> = (0..20).map(|_| shop.sell_one(Some("Spain"), "2024-01-05", "1.00")).collect();
    shop.sell_one(Some("Japan"), "2024-01-05", "1.00");
    run(&sandbox).exits(3).says("21 read = 1 delivered + 0 ignored + 20 quarantined");
    assert_refused(&sandbox, &all, "CHECK constraint failed");
}

#[test]
fn a_constraint_that_holds_refuses_nothing() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 45);
    make_table(&sandbox, "NOT NULL", ", CHECK (amount = 5)");
    shop.sell_one(Some("Spain"), "2024-01-05", "5.00");
    run(&sandbox).exits(0);
    assert_arrived(&sandbox);
}
