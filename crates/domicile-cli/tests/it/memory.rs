//! Memory is bounded, whatever fails: also while a home hangs, another one is blocked, and a third one is far behind.

#![cfg(target_os = "linux")]

use domicile_testkit::{CONFIG, Sandbox, Shop};

use crate::command::run;
use crate::running::Running;

/// What a batch may take, and how long is waited for homes.
const SMALL: &str =
    "[batch]\nrows = 200\nbytes = 262144\n[delivery]\nothers_wait_seconds = 1.0\ncatch_up_seconds = 5.0\n";

/// So much more than a run of little may a run of much take, in KiB. The source has several times as much.
const MORE: u64 = 48 * 1_024;

/// So many sales of 3 KB each, for Spain, France and Germany in turns.
fn sell(sandbox: &Sandbox, count: u32) {
    let sold = format!(
        "INSERT INTO sales (country, customer, sold_on, status, amount)
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {count} - 1)
         SELECT CASE n % 3 WHEN 0 THEN 'España' WHEN 1 THEN 'France' ELSE 'Germany' END, hex(randomblob(1500)), '2024-01-01',
                'paid', 10.50 FROM n"
    );
    sandbox.source().execute_batch(&sold).unwrap();
}

/// The most memory that a run takes when Spain hangs, France is blocked, and Germany has lost what it had.
fn peak(sales: u32, limits: &str) -> u64 {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 31);
    sell(&sandbox, 30);
    sandbox.write_config(&format!("{CONFIG}\n{SMALL}"));
    run(&sandbox).exits_with_any_of(&[0]);
    sell(&sandbox, sales);
    std::fs::remove_file(sandbox.home_path("germany")).unwrap();
    sandbox.home("france").execute_batch("ALTER TABLE sales RENAME COLUMN amount TO total").unwrap();
    let spain = sandbox.home("spain");
    spain.execute_batch("BEGIN EXCLUSIVE").unwrap();
    sandbox.write_config(&format!("{CONFIG}\n{limits}"));
    let peak = Running::start(&sandbox, &["run"]).peak_memory();
    spain.execute_batch("ROLLBACK").unwrap();
    let delivered = |home: &str| -> u32 {
        sandbox.home(home).query_row("SELECT count(*) FROM sales", [], |row| row.get(0)).unwrap()
    };
    assert_eq!((delivered("spain"), delivered("france")), (10, 10), "both are held up");
    assert!(delivered("germany") > 10, "Germany gets on");
    peak
}

#[test]
fn memory_is_bounded_while_homes_hang_are_blocked_and_catch_up() {
    let little = peak(30, SMALL);
    let much = peak(60_000, SMALL);
    eprintln!("{little} KiB with 60 sales, {much} KiB with 60,030 of 180 MB");
    assert!(much < little + MORE, "{little} KiB, and {much}");
    // What shows that it would be seen: batches that may take whatever there is.
    let unbounded = SMALL.replace("rows = 200\nbytes = 262144", "rows = 20000\nbytes = 1073741824");
    let unbounded = peak(60_000, &unbounded);
    assert!(unbounded > little + MORE, "{little} KiB, and {unbounded}");
}
