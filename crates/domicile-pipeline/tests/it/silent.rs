//! A home that is silent when a run begins: the others do not wait for its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domicile_pipeline::{Condition, Pipeline, Silent};
use domicile_testkit::Proxy;

use crate::fixture::{counts, described, home, only, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

/// So long, in seconds, a connection may take to be made: whoever waits for the silent home waits as long.
const CONNECT: u64 = 60;

macro_rules! contract {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

contract! {
    the_others_are_delivered_to_while_nobody_knows_whether_a_home_is_there
    a_silent_home_that_is_the_database_of_another_is_found_to_be_when_it_speaks
}

/// Two orders of each home.
fn world(kind: &Kind) -> Option<World> {
    let world = World::new(kind)?.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00", "'FR', 'Luc', 2.00", "'ES', 'Eva', 1.00", "'FR', 'Zoé', 2.00"]);
    Some(world)
}

/// A pipeline with France behind a proxy, in a database.
fn with_france_behind(proxy: &Proxy, world: &World, database: &str) -> Pipeline {
    let url = |database| world.server.url(database);
    let homes = format!(
        "[homes]\nes = {{ keys = \"ES\", url = \"{}\" }}\nfr = {{ keys = \"FR\", url = \"{}?connect_timeout={CONNECT}\" }}",
        url("es"),
        proxy.url(&world.server, database)
    );
    pipeline(world.config(&url("source"), &homes, &url("control"), ""))
}

/// Whether Spain has its two orders.
fn has_arrived(world: &World) -> bool {
    let there = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'orders' AND table_schema IN ('es', 'public')";
    world.rows("es", there) == ["1"] && world.rows("es", "SELECT count(*) FROM orders") == ["2"]
}

fn the_others_are_delivered_to_while_nobody_knows_whether_a_home_is_there(kind: &Kind) {
    let Some(world) = world(kind) else { return };
    let proxy = Proxy::to(&world.server);
    proxy.swallow_replies();
    let pipeline = with_france_behind(&proxy, &world, "fr");
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&pipeline, Arc::new(Silent)).unwrap());
        let deadline = Instant::now() + Duration::from_secs(CONNECT / 2);
        while !has_arrived(&world) {
            assert!(Instant::now() < deadline && !running.is_finished(), "it waits for the one that is silent");
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy.heal();
        proxy.cut();
        running.join().unwrap()
    });
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([2, 2, 0, 0], [2, 2, 0, 0]));
    assert_eq!(world.rows("fr", "SELECT id FROM orders ORDER BY id"), ["2", "4"]);
}

fn a_silent_home_that_is_the_database_of_another_is_found_to_be_when_it_speaks(kind: &Kind) {
    let Some(world) = world(kind) else { return };
    let proxy = Proxy::to(&world.server);
    let pipeline = with_france_behind(&proxy, &world, "es");
    let error = run(&pipeline, Arc::new(Silent)).unwrap_err();
    let told = described(error.problems().expect("it is the configuration")).concat();
    assert!(told.contains("it is the same database as that of home es"), "{told}");
    proxy.swallow_replies();
    let report = std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&pipeline, Arc::new(Silent)).unwrap());
        while !has_arrived(&world) && !running.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy.heal();
        proxy.cut();
        only(running.join().unwrap())
    });
    let fr = home(&report, "fr");
    assert_eq!((fr.state, counts(fr)), (Condition::Blocked, [0; 4]), "{report:#?}");
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "3"]);
}
