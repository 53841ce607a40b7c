//! What is noted of homes in a run is what holds, while it goes on; and nobody waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domicile_pipeline::Silent;
use domicile_testkit::Server;

use crate::fixture::{self, Setup, home, only, run};
use crate::quarantine::{self, Databases};
use crate::servers::{POSTGRES, World, pipeline, succeeded};

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
    let (mut session, mut writer) = (server.session("control"), server.session("source"));
    assert!(session.execute("BEGIN; LOCK TABLE domicile_end, domicile_wait IN SHARE MODE"));
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
    assert!(writer.execute("BEGIN; INSERT INTO orders (country, customer, amount) VALUES ('FR', 'Luc', 3.00)"));
    assert!(in_time("it is noted who is waited for").waits_for.is_some());
    assert!(writer.execute("COMMIT") && session.execute("ROLLBACK"));
    world.run();
    assert_eq!(world.ids("fr"), "2 3");
}
