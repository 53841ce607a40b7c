//! What is noted of homes in a run is what holds, while it goes on, and so is what stops a source as a whole; and nobody waits
//! for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domicile_pipeline::{Condition, HomeState, Silent, SourceStatus};
use domicile_testkit::Server;

use crate::fixture::{self, Setup, home, only, run, runtime};
use crate::quarantine::{self, Databases};
use crate::servers::{POSTGRES, World, pipeline, succeeded};

contract! {
    a_run_that_is_refused_is_told_until_one_gets_through
    a_source_of_which_too_much_has_no_home_is_told_until_it_has
}

fn status(world: &quarantine::World) -> (SourceStatus, bool) {
    let mut status = runtime().block_on(world.pipeline().status(&[], &[])).unwrap();
    let is_well = status.is_well();
    (status.sources.remove(0), is_well)
}

/// What is noted of the source as a whole.
fn noted(world: &quarantine::World) -> Vec<String> {
    world.rows("control", "SELECT source, home, state, since, seen_at FROM domicile_state ORDER BY home")
}

/// Each way to be refused is noted once, with why, and taken back by the run that is not, also where that has nothing to do.
fn a_run_that_is_refused_is_told_until_one_gets_through(start: fn() -> Option<Databases>) {
    let Some(mut world) = quarantine::World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00", "'FR', 'Luc', 20.00"]);
    world.run();
    let refused = |world: &quarantine::World, why: &str| {
        assert!(run(&world.pipeline(), Arc::new(Silent)).is_err());
        let (source, is_well) = status(world);
        assert_eq!((source.state, is_well, source.since.is_some()), (Condition::Blocked, false, true), "{source:#?}");
        assert!(source.why.as_ref().is_some_and(|told| told.contains(why)), "{source:#?}");
        assert!(source.databases().all(|of| of.state == HomeState::UpToDate), "{source:#?}");
        // It is written when it changes.
        world.sql("control", "UPDATE domicile_state SET since = since - 1000, seen_at = seen_at - 500");
        let before = noted(world);
        assert!(before.len() == 1 && before[0].starts_with("orders|*|blocked|"), "{before:?}");
        assert!(run(&world.pipeline(), Arc::new(Silent)).is_err());
        assert_eq!(noted(world), before);
    };
    let passes = |world: &quarantine::World| {
        world.run();
        assert_eq!(noted(world), [""; 0]);
        let (source, is_well) = status(world);
        assert_eq!((source.state, source.why, source.since, is_well), (Condition::Well, None, None, true));
    };
    let homes = std::mem::replace(&mut world.homes, String::from("homes = { es = \"FR\", fr = \"ES\" }"));
    refused(&world, "was placed in home");
    world.homes = homes;
    passes(&world);
    for home in ["es", "fr"] {
        world.sql(home, "ALTER TABLE latest RENAME COLUMN customer TO who");
    }
    // What ends where all homes were seen is not looked at again for a while.
    world.sql("control", "DELETE FROM domicile_end");
    refused(&world, "latest");
    for home in ["es", "fr"] {
        world.sql(home, "ALTER TABLE latest RENAME COLUMN who TO customer");
    }
    passes(&world);
    let key = std::mem::replace(&mut world.key, String::from("county"));
    refused(&world, "county");
    world.key = key;
    passes(&world);
}

fn a_source_of_which_too_much_has_no_home_is_told_until_it_has(start: fn() -> Option<Databases>) {
    let Some(mut world) = quarantine::World::new(start) else { return };
    world.homes += "\ndelivery.poison_records_max = 1";
    world.order(&["'ES', 'Ana', 10.00", "'XX', 'Xia', 20.00", "'YY', 'Yan', 20.00"]);
    assert!(only(run(&world.pipeline(), Arc::new(Silent)).unwrap()).failure.is_some());
    let (source, is_well) = status(&world);
    assert_eq!((source.state, is_well), (Condition::Blocked, false), "{source:#?}");
    assert!(source.why.is_some_and(|why| why.contains("have no home")) && source.since.is_some());
    world.sql("source", "UPDATE orders SET country = 'FR' WHERE country = 'YY'");
    world.run();
    let (source, is_well) = status(&world);
    assert_eq!((source.state, source.why, is_well), (Condition::Well, None, true));
}

/// A control database that no run has made, or that another run writes to, is left as it is.
#[test]
fn what_is_refused_is_noted_where_the_control_database_is_there_and_nobody_else_is_at_work() {
    let mut world = quarantine::World::new(quarantine::FILES).unwrap();
    world.order(&["'ES', 'Ana', 10.00"]);
    let key = std::mem::replace(&mut world.key, String::from("county"));
    assert!(run(&world.pipeline(), Arc::new(Silent)).is_err());
    let Databases::Files(folder) = &world.databases else { unreachable!("these are files") };
    assert!(!folder.path().join("control").exists());
    world.key = key;
    world.run();
    let holder = r#"{"id":"x","host":"far","pid":7,"since":"2026-01-01T00:00:00Z","machine":null}"#;
    let later = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+100 seconds')";
    world.sql("control", &format!("UPDATE domicile_lease SET holder = '{holder}', held_until = {later}"));
    world.key = String::from("county");
    assert!(run(&world.pipeline(), Arc::new(Silent)).is_err());
    assert_eq!(world.rows("control", HAS_STATES), ["0"]);
    world.sql("control", "UPDATE domicile_lease SET holder = NULL, held_until = NULL");
    assert!(run(&world.pipeline(), Arc::new(Silent)).is_err());
    assert_eq!(noted(&world).len(), 1);
}

const HAS_STATES: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'domicile_state'";

#[test]
fn what_is_refused_and_merged_anew_at_once_is_no_state_of_a_home() {
    let setup = Setup::new().setting("columns = { amount = \"decimal(20,2)\" }");
    let setup = setup.merge("made", "SELECT country, max(amount) AS most FROM record GROUP BY country");
    let world = fixture::World::new("CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT, amount TEXT)");
    world.source("INSERT INTO orders (country, amount) VALUES ('ES', '1.50'), ('ES', '12345678901234.56')");
    assert_eq!(home(&world.run(&setup), "es").account.quarantined, 1);
    assert_eq!(world.control(HAS_STATES), ["0"]);
    // The twin: what is refused for good is one.
    world.in_home("es", "DROP TABLE made");
    world.source("INSERT INTO orders (country, amount) VALUES ('ES', '1.50')");
    assert!(home(&world.try_run(&setup), "es").failure.is_some());
    assert_eq!(world.control("SELECT home, state FROM domicile_state"), ["es|blocked"]);
}

/// Waits until so much is noted of a home.
fn await_noted(server: &Server, home: &str, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let noted = format!("SELECT state FROM domicile_state WHERE home = '{home}'");
    loop {
        let exists = server.sql("control", "SELECT count(*) FROM pg_tables WHERE tablename = 'domicile_state'");
        let noted = if exists.trim() == "1" { server.sql("control", &noted) } else { String::new() };
        if noted.trim() == expected {
            return;
        }
        assert!(Instant::now() < deadline, "of {home} is noted {noted:?} and not {expected:?}");
    }
}

#[test]
fn a_home_that_fails_for_a_while_is_well_as_soon_as_it_gets_on() {
    let (Some(world), Some(mut other)) = (World::new(&POSTGRES), Server::postgres()) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let order = || world.server.sql("source", "INSERT INTO orders (country, amount) VALUES ('ES', 1.00), ('FR', 2.00)");
    other.create_database("es");
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}\" }}",
        other.url("es"),
        url("fr")
    );
    let pipeline = pipeline(world.config(&url("source"), &homes, &url("control"), "rows = 3"));
    order();
    succeeded(run(&pipeline, Arc::new(Silent)).unwrap());

    // The run goes on for as long as a home cannot write.
    let mut session = world.server.session("fr");
    assert!(session.execute("BEGIN; LOCK TABLE orders IN SHARE MODE"));
    order();
    other.kill();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&pipeline, Arc::new(Silent)).unwrap());
        await_noted(&world.server, "es", "failing");
        other.start_again();
        await_noted(&world.server, "es", "");
        assert!(!running.is_finished());
        assert!(session.execute("ROLLBACK"));
        succeeded(running.join().unwrap());
    });
    await_noted(&world.server, "es", "");
}

#[test]
fn a_run_does_not_wait_for_long_where_nobody_can_write_what_it_can_do_without() {
    let Some(mut world) = quarantine::World::new(quarantine::POSTGRES) else { return };
    world.homes += "\ndelivery.lease_seconds = 3.0";
    world.order(&["'ES', 'Ana', 1.00"]);
    world.run();
    let Databases::Server(server) = &world.databases else { unreachable!("it is one of PostgreSQL") };
    let mut session = server.session("control");
    assert!(session.execute("BEGIN; LOCK TABLE domicile_end IN SHARE MODE"));
    let in_time = |what: &str| {
        let begin = Instant::now();
        let report = only(run(&world.pipeline(), Arc::new(Silent)).unwrap());
        assert!(report.failed().next().is_none() && report.failure.is_none(), "{report:#?}");
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}: {:?}", begin.elapsed());
        report
    };
    // An end that is noted by itself is noted without a lease.
    server.sql("source", "INSERT INTO orders (country, customer, amount) VALUES ('FR', 'Luc', 2.00)");
    assert_eq!(home(&in_time("the lease is given back"), "fr").account.read, 1);
    in_time("the end is noted");
    assert!(session.execute("ROLLBACK"));
    world.run();
    assert_eq!(world.ids("fr"), "2");
}
