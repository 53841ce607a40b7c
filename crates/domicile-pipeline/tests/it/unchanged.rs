//! Runs that find nothing new: they ask the source and the control database alone.

use std::fs;

use domicile_pipeline::Position;

use crate::fixture::{Setup, World, home};

fn copying() -> Setup {
    Setup::new().analyser("orders", "key = \"id\"", "SELECT id, customer FROM record")
}

/// A world in which a run has delivered everything. Nobody can reach a home since.
fn world() -> World {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00"]);
    world.run(&copying());
    fs::rename(world.home_path("fr"), world.path("away")).unwrap();
    fs::create_dir(world.home_path("fr")).unwrap();
    world
}

#[test]
fn homes_that_were_seen_at_the_end_are_not_asked_while_nothing_is_new() {
    let world = world();
    let report = world.run(&copying());
    assert_eq!(report.total().read, 0);
    assert_eq!(home(&report, "fr").position, Some(Position::At(2)));
}

#[test]
fn they_are_asked_when_a_record_is_new() {
    let world = world();
    world.order(&["'ES', 'Eva', NULL, 4.00"]);
    let report = world.try_run(&copying());
    assert!(home(&report, "fr").failure.is_some());
    assert_eq!(home(&report, "es").account.delivered, 1);
}

#[test]
fn they_are_asked_when_the_configuration_is_another() {
    let world = world();
    let report = world.try_run(&copying().batch_rows(7));
    assert!(home(&report, "fr").failure.is_some());
}

#[test]
fn they_are_asked_once_it_was_long_ago() {
    let world = world();
    rusqlite::Connection::open(world.path("control.sqlite"))
        .unwrap()
        .execute_batch("UPDATE domicile_end SET seen_at = seen_at - 600")
        .unwrap();
    let report = world.try_run(&copying());
    assert!(home(&report, "fr").failure.is_some());
}

#[test]
fn what_a_home_that_cannot_be_reached_has_is_not_noted() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00"]);
    fs::create_dir(world.home_path("fr")).unwrap();
    for _ in 0..3 {
        assert!(home(&world.try_run(&copying()), "fr").failure.is_some());
    }
}
