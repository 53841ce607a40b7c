//! Homes that cannot be written: a file without permission, a disk that is full.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use domicile_testkit::{
    CONFIG, Sandbox, Shop, assert_arrived, can_mount, limited_to_file_size, unprivileged, with_disk_of,
};

use crate::command::{run, wrapped};

fn permit(sandbox: &Sandbox, home: &str, mode: u32) {
    fs::set_permissions(sandbox.home_path(home), Permissions::from_mode(mode)).unwrap();
}

fn sales(sandbox: &Sandbox, home: &str) -> i64 {
    sandbox.home(home).query_row("SELECT count(*) FROM sales", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_read_only_home_delays_only_itself_and_catches_up() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 21);
    shop.sell(200);
    run(&sandbox).exits(3);
    shop.sell(200);
    permit(&sandbox, "spain", 0o444);
    let before = (fs::read(sandbox.home_path("spain")).unwrap(), sales(&sandbox, "france"));
    let ran = wrapped(&unprivileged(), sandbox.dir(), &["run"]).exits(1).says("FAILED spain: ").says("readonly");
    assert_eq!(ran.stdout.matches("FAILED").count(), 1, "{}", ran.stdout);
    let ran = ran.complains("spain FAILED: ");
    assert_eq!(fs::read(sandbox.home_path("spain")).unwrap(), before.0);
    assert!(sales(&sandbox, "france") > before.1, "the others go on");
    // Where a home stands is told also when it cannot be written.
    ran.says("it stays at position 200; the next run goes on from there");
    permit(&sandbox, "spain", 0o644);
    wrapped(&unprivileged(), sandbox.dir(), &["run"]).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}

/// A shop that sells far more in Spain than elsewhere, in many small batches.
fn mostly_spanish(sandbox: &Sandbox) {
    let mut shop = Shop::open(sandbox, 22);
    shop.sell(100);
    let many = "
        WITH RECURSIVE number AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM number LIMIT 3000)
        INSERT INTO sales (country, customer, sold_on, status, amount)
        SELECT 'Spain', 'customer-' || n % 40, date('2023-01-01', (n % 300) || ' days'), 'paid', 1.01 FROM number";
    sandbox.source().execute_batch(many).unwrap();
    shop.sell(100);
    sandbox.write_config(&format!("{CONFIG}\n[batch]\nrows = 200\n[delivery]\ncommit_rows = 200\n"));
}

#[test]
fn a_full_disk_delays_only_its_home_which_catches_up() {
    if !can_mount() {
        eprintln!("SKIPPED: this user may not mount a disk, so that none can be filled");
        return;
    }
    let sandbox = Sandbox::new();
    mostly_spanish(&sandbox);
    let config = std::fs::read_to_string(sandbox.config_path()).unwrap();
    let spain = "spain = { url = \"sqlite:small/spain.sqlite\", keys = \"ES\" }";
    sandbox.write_config(&config.replacen("spain = \"ES\"", spain, 1));
    fs::create_dir(sandbox.path("small")).unwrap();
    let disk = with_disk_of(120_000, &sandbox.path("small"));
    let ran = wrapped(&disk, sandbox.dir(), &["run"]).exits(1).says("FAILED spain: database or disk is full");
    assert_eq!(ran.stdout.matches("FAILED").count(), 1, "{}", ran.stdout);
    // An outage sends nothing to quarantine, and what was committed before it is kept.
    let home = rusqlite::Connection::open(sandbox.path("small/spain.sqlite")).unwrap();
    let count = |table: &str| home.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    assert_eq!(count("domicile_quarantine"), Ok(0));
    assert!(count("sales").unwrap() > 0);
    drop(home);
    // With room again, it catches up.
    wrapped(&with_disk_of(10_000_000, &sandbox.path("small")), sandbox.dir(), &["run"]).exits_with_any_of(&[0, 3]);
    fs::rename(sandbox.path("small/spain.sqlite"), sandbox.home_path("spain")).unwrap();
    assert_arrived(&sandbox);
}

#[test]
fn a_file_that_cannot_grow_delays_only_its_home_which_catches_up() {
    const LIMIT_BYTES: u64 = 100_000;
    let sandbox = Sandbox::new();
    mostly_spanish(&sandbox);
    let ran = wrapped(&limited_to_file_size(LIMIT_BYTES), sandbox.dir(), &["run"]).exits(1);
    assert_eq!(ran.stdout.matches("FAILED").count(), 1, "{}", ran.stdout);
    let ran = ran.says("FAILED spain: ");
    assert!(ran.stdout.contains("disk"), "{}", ran.stdout);
    assert!(fs::metadata(sandbox.home_path("spain")).unwrap().len() <= LIMIT_BYTES);
    // An outage sends nothing to quarantine, and what was committed before it is kept.
    let refused = sandbox.home("spain").query_row("SELECT count(*) FROM domicile_quarantine", [], |row| row.get(0));
    assert_eq!(refused, Ok(0));
    assert!(sales(&sandbox, "spain") > 0);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}

#[test]
fn a_disk_with_room_is_no_reason_to_fail() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 22).sell(100);
    wrapped(&limited_to_file_size(10_000_000), sandbox.dir(), &["run"]).exits(3);
    assert_arrived(&sandbox);
}
