//! Sources whose server crashes: what was drawn in vain is drawn again, and what was not kept is gone.

use std::path::Path;
use std::sync::Arc;

use domicile_pipeline::{GuaranteeClass, Pipeline, Silent};

use crate::fixture::{counts, home, open, rows, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

/// A pipeline whose homes and control database are files, so that no commit of theirs keeps what the source's server has
/// not kept yet.
fn into_files(world: &World, folder: &Path) -> Pipeline {
    let file = |name: &str| format!("sqlite:{}", folder.join(name).display());
    let homes = format!("homes = {{ es = {{ keys = [\"ES\"], url = \"{}\" }} }}", file("es.sqlite"));
    pipeline(world.config(&world.server.url("source"), &homes, &file("control.sqlite"), ""))
}

/// Draws ids in a transaction that leaves no trace, syncs, and crashes. Whatever ids come then, all records arrive.
fn ids_drawn_in_vain_are_no_end(kind: &Kind, draw: &str, arguments: &[&str], next: &str) {
    let Some(mut world) = World::new(kind) else { return };
    let folder = tempfile::tempdir().unwrap();
    world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.restart_with(arguments.iter().map(|argument| String::from(*argument)));
    let pipeline = into_files(&world, folder.path());
    let read = || succeeded(run(&pipeline, Arc::new(Silent)).unwrap()).total().read;
    world.order(&["'ES', 'Ana', 1.00"]);
    assert_eq!(read(), 1);
    world.server.sql("source", draw);
    assert_eq!(read(), 0);
    let next_id = |world: &World| world.rows("source", next)[0].parse::<u64>().unwrap();
    let before = next_id(&world);
    world.server.kill();
    world.server.start_again();
    let after = next_id(&world);
    let orders = vec!["('ES')"; 50].join(", ");
    world.server.sql("source", &format!("INSERT INTO orders (country) VALUES {orders}"));
    assert_eq!(read(), 50, "the next id was {before}, and {after} after the crash");
    let found = rows(&open(&folder.path().join("es.sqlite")), "SELECT id FROM orders ORDER BY id");
    assert_eq!(found, world.rows("source", "SELECT id FROM orders ORDER BY id"));
    assert!(after < before, "where no id is drawn again, this proves nothing: {before}, {after}");
}

#[test]
fn ids_that_postgres_draws_again_after_a_crash_are_read() {
    // What a transaction without a commit has written is kept when the server has time for it, or much of it.
    let draw = "BEGIN; SELECT nextval('orders_id_seq') FROM generate_series(1, 45); ROLLBACK";
    let arguments = ["-c", "wal_writer_delay=10s"];
    ids_drawn_in_vain_are_no_end(&POSTGRES, draw, &arguments, "SELECT last_value + 1 FROM orders_id_seq");
}

#[test]
fn ids_that_mariadb_draws_again_after_a_crash_are_read() {
    let draw = "BEGIN; INSERT INTO orders (country) SELECT 'ES' FROM seq_1_to_45; ROLLBACK";
    let next = "SELECT auto_increment FROM information_schema.tables WHERE table_name = 'orders'
                AND table_schema = 'source'";
    ids_drawn_in_vain_are_no_end(&MARIADB, draw, &[], next);
}

fn a_source_whose_last_records_are_deleted_goes_on_and_one_that_begins_anew_is_refused(
    kind: &Kind,
    delete_all: &str,
    begin_anew: &str,
) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Bea', 1.00"]);
    world.run();
    for delete in ["DELETE FROM orders WHERE id = 2", delete_all] {
        world.server.sql("source", delete);
        assert_eq!(counts(home(&world.run(), "es")), [0; 4], "{delete}");
    }
    world.order(&["'ES', 'Eva', 1.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    world.server.sql("source", begin_anew);
    world.order(&["'ES', 'Pau', 1.00"]);
    let failure = world.try_run().sources.remove(0).failure.unwrap();
    assert!(failure.contains("it ends at 1, but a home has got to 3; was it restored or replaced?"), "{failure}");
}

#[test]
fn a_source_of_postgres_whose_last_records_are_deleted_goes_on() {
    let (delete_all, begin_anew) = ("TRUNCATE orders", "TRUNCATE orders RESTART IDENTITY");
    a_source_whose_last_records_are_deleted_goes_on_and_one_that_begins_anew_is_refused(
        &POSTGRES, delete_all, begin_anew,
    );
}

#[test]
fn a_source_of_mariadb_whose_last_records_are_deleted_goes_on() {
    let (delete_all, begin_anew) = ("DELETE FROM orders", "TRUNCATE orders");
    a_source_whose_last_records_are_deleted_goes_on_and_one_that_begins_anew_is_refused(
        &MARIADB, delete_all, begin_anew,
    );
}

/// The class of a source, with its reason, after some SQL.
fn class_after(world: &World, sql: &str) -> (GuaranteeClass, String) {
    world.server.sql("source", sql);
    let guarantee = run(&world.pipeline(), Arc::new(Silent)).unwrap().sources.remove(0).guarantee;
    (guarantee.class, guarantee.to_string())
}

#[test]
fn a_server_that_may_forget_commits_is_no_exact_source() {
    let Some(mut world) = World::new(&POSTGRES) else { return };
    world = world.analyser("orders", "", "SELECT id FROM record");
    let forgets = "ALTER DATABASE source SET synchronous_commit = off";
    let keeps = "ALTER DATABASE source SET synchronous_commit = local";
    let another = "CREATE ROLE writer; ALTER ROLE writer SET synchronous_commit = no";
    for (sql, class, why) in [
        ("SELECT 1", GuaranteeClass::Exact, ""),
        (forgets, GuaranteeClass::Bounded, "set synchronous_commit = on for all who write"),
        (keeps, GuaranteeClass::Exact, ""),
        (another, GuaranteeClass::Bounded, "set synchronous_commit = on for all who write"),
        ("ALTER ROLE writer RESET ALL", GuaranteeClass::Exact, ""),
        ("ALTER TABLE orders SET UNLOGGED", GuaranteeClass::Bounded, "the table is UNLOGGED"),
        ("ALTER TABLE orders SET LOGGED", GuaranteeClass::Exact, ""),
    ] {
        let (found, told) = class_after(&world, sql);
        assert_eq!(found, class, "{sql}: {told}");
        assert!(told.contains(why), "{told}");
    }
    world.server.restart_with(["-c", "fsync=off"].map(String::from));
    let (found, told) = class_after(&world, "SELECT 1");
    assert_eq!(found, GuaranteeClass::Bounded, "{told}");
    assert!(told.contains("to make it exact, set fsync = on"), "{told}");

    let Some(world) = World::new(&MARIADB) else { return };
    let mut world = world.analyser("orders", "", "SELECT id FROM record");
    for (value, class) in [(2, GuaranteeClass::Bounded), (0, GuaranteeClass::Bounded), (1, GuaranteeClass::Exact)] {
        let (found, told) = class_after(&world, &format!("SET GLOBAL innodb_flush_log_at_trx_commit = {value}"));
        assert_eq!(found, class, "{told}");
        let mend = "to make it exact, set innodb_flush_log_at_trx_commit = 1";
        assert_eq!(told.contains(mend), class == GuaranteeClass::Bounded, "{told}");
    }
    world.server.restart_with(["--log-bin=binlog", "--server-id=1", "--sync-binlog=0"].map(String::from));
    for (value, class) in [(0, GuaranteeClass::Bounded), (1, GuaranteeClass::Exact)] {
        let (found, told) = class_after(&world, &format!("SET GLOBAL sync_binlog = {value}"));
        assert_eq!(found, class, "{told}");
        assert_eq!(told.contains("to make it exact, set sync_binlog = 1"), class == GuaranteeClass::Bounded, "{told}");
    }
}
