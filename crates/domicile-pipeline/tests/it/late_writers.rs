//! Writers that stay for longer than a run waits for them: what they might still write is left to the next run, which goes
//! on waiting for those that the first has found.

use std::process::Command;

use crate::fixture::{counts, home, runtime};
use crate::servers::{Client, Kind, MARIADB, POSTGRES, World};

/// A world with one order that is delivered, one that a writer has not committed, and a later one that waits for it.
fn with_a_writer(kind: &Kind, begin: &str) -> Option<(World, Client, tokio::runtime::Runtime)> {
    let world = World::new(kind)?;
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    let outside = runtime();
    let mut writer = outside.block_on(Client::connect(&world.server.url("source")));
    outside.block_on(writer.execute(&format!("{begin}; INSERT INTO orders (country) VALUES ('ES')")));
    world.order(&["'ES', 'Bea', 1.00"]);
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [0; 4]);
    assert!(report.waits_for.is_some());
    Some((world, writer, outside))
}

fn writers_that_take_turns_do_not_keep_a_source_from_going_on(kind: &Kind) {
    let Some((world, mut first, outside)) = with_a_writer(kind, "BEGIN") else { return };
    let mut second = outside.block_on(Client::connect(&world.server.url("source")));
    outside.block_on(second.execute("BEGIN; INSERT INTO orders (country) VALUES ('ES')"));
    outside.block_on(first.execute("COMMIT"));
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [2, 2, 0, 0], "the first has ended: {report:#?}");
    assert!(report.waits_for.unwrap().starts_with("nothing is read beyond 3 before they end: the writer "));
    outside.block_on(second.execute("COMMIT"));
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), report.waits_for), ([1, 1, 0, 0], None));
    assert_eq!(world.rows("control", "SELECT count(*) FROM domicile_wait"), ["0"]);
}

#[test]
fn writers_to_postgres_that_take_turns_do_not_keep_a_source_from_going_on() {
    writers_that_take_turns_do_not_keep_a_source_from_going_on(&POSTGRES);
}

#[test]
fn writers_to_mariadb_that_take_turns_do_not_keep_a_source_from_going_on() {
    writers_that_take_turns_do_not_keep_a_source_from_going_on(&MARIADB);
}

/// A transaction that is set aside has another name than when it was waited for, and is not taken for one that has ended.
fn it_is_waited_for_by_its_new_name(world: &World, commit: &str) {
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [0; 4], "{report:#?}");
    assert!(report.waits_for.as_deref().is_some_and(|told| told.contains(" prepared transaction ")), "{report:#?}");
    world.server.sql("source", commit);
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), report.waits_for), ([2, 2, 0, 0], None));
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "2", "3"]);
}

#[test]
fn a_transaction_that_mariadb_sets_aside_between_two_runs_is_waited_for_still() {
    let Some((world, mut writer, outside)) = with_a_writer(&MARIADB, "XA START 'late'") else { return };
    outside.block_on(writer.execute("XA END 'late'; XA PREPARE 'late'"));
    outside.block_on(writer.disconnect());
    it_is_waited_for_by_its_new_name(&world, "XA COMMIT 'late'");
}

#[test]
fn a_transaction_that_postgres_finds_after_a_crash_of_one_process_is_waited_for_still() {
    let Some((world, mut writer, outside)) = with_a_writer(&POSTGRES, "BEGIN") else { return };
    let pid = outside.block_on(writer.integers("SELECT pg_backend_pid()::bigint"))[0];
    let started = "SELECT pg_postmaster_start_time()";
    let before = world.rows("source", started);
    outside.block_on(writer.execute("PREPARE TRANSACTION 'late'"));
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    // The server ends all others of its processes, and begins anew within the same one.
    let url = world.server.url("source");
    let begins_anew = async {
        while writer.is_connected() {
            tokio::task::yield_now().await;
        }
        while tokio_postgres::connect(&url, tokio_postgres::NoTls).await.is_err() {}
    };
    outside.block_on(begins_anew);
    assert_eq!(world.rows("source", started), before);
    it_is_waited_for_by_its_new_name(&world, "COMMIT PREPARED 'late'");
}

#[test]
fn a_transaction_that_postgres_finds_when_it_is_started_is_waited_for_still() {
    let Some((mut world, mut writer, outside)) = with_a_writer(&POSTGRES, "BEGIN") else { return };
    outside.block_on(writer.execute("PREPARE TRANSACTION 'late'"));
    world.server.kill();
    world.server.start_again();
    it_is_waited_for_by_its_new_name(&world, "COMMIT PREPARED 'late'");
}
