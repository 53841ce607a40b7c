//! Routers of a program in place of the configured placement.

use std::sync::Arc;

use domicile::{Chain, Error, Home, Operation, Placement, PlacementRouter, Route, Router, RoutingKey, context};
use domicile_pipeline::{Explained, Pipeline, Records};

use crate::fixture::{Setup, World, counts, home, only, runtime};

/// A router made of a function of the routing key in the context.
struct ByKey<F>(F);

impl<F: Fn(&str) -> Result<Option<Route>, Error> + Send + Sync> Router for ByKey<F> {
    fn name(&self) -> &'static str {
        "by key"
    }

    fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, Error> {
        Err(Error::refused("nobody reads"))
    }

    fn route_write(&self, _: &Operation<'_>) -> Result<Option<Route>, Error> {
        context::get::<RoutingKey>().map_or(Ok(None), |key| (self.0)(key.as_str()))
    }
}

fn to(name: &str) -> Result<Option<Route>, Error> {
    Ok(Some(Route::new(Home::new(name)?, "a rule of ours")))
}

fn by_key(f: impl Fn(&str) -> Result<Option<Route>, Error> + Send + Sync + 'static) -> Chain {
    Chain::new(ByKey(f))
}

fn placement() -> PlacementRouter {
    let place = |key, home| (RoutingKey::new(key), Home::new(home).unwrap(), "routers.rs");
    let (es, fr) = (place("ES", "es"), place("FR", "fr"));
    let placement = Placement::builder().place(es.0, es.1, es.2).place(fr.0, fr.1, fr.2);
    PlacementRouter::new(placement.build().unwrap())
}

fn world() -> World {
    World::with_orders(&[
        "'ES', 'Ana', NULL, 1",
        "'FR', 'Luc', NULL, 2",
        "'XK', 'Era', NULL, 4",
        "'ES', 'Eva', NULL, 8",
        "NULL, 'Bo', NULL, 16",
    ])
}

fn copying() -> Setup {
    Setup::new().insert("orders", "SELECT id, country, customer FROM record")
}

fn pipeline(world: &World, router: Chain) -> Pipeline {
    world.pipeline(&copying()).with_router(router)
}

/// Every home holds the records of its own country and nothing else.
fn is_as_placed(world: &World) -> bool {
    [("es", "ES"), ("fr", "FR")]
        .into_iter()
        .all(|(home, country)| world.rows(home, "SELECT DISTINCT country FROM orders") == [country])
}

#[test]
fn a_router_in_front_of_the_placement_decides_first() {
    let world = world();
    let router = by_key(|key| if key == "XK" { to("fr") } else { Ok(None) }).then(placement());
    let report = only(world.run_pipeline(&pipeline(&world, router)));
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "4"]);
    assert_eq!(world.rows("fr", "SELECT id FROM orders ORDER BY id"), ["2", "3"]);
    assert_eq!(counts(&report.control), [1, 0, 0, 1], "a NULL key is never asked about");
}

#[test]
fn a_router_with_no_opinion_sends_to_quarantine() {
    let world = world();
    let report =
        only(world.run_pipeline(&pipeline(&world, by_key(|key| if key == "ES" { to("es") } else { Ok(None) }))));
    assert_eq!(counts(home(&report, "es")), [2, 2, 0, 0]);
    assert_eq!(counts(home(&report, "fr")), [0, 0, 0, 0]);
    assert_eq!(counts(&report.control), [3, 0, 0, 3]);
    let quarantine = world.control("SELECT position, cause, reason FROM domicile_quarantine ORDER BY position");
    let started = "2|unknown_key|no router has an opinion on this write to orders: asked by key; the context holds ";
    assert!(quarantine[0].starts_with(started), "{quarantine:?}");
    assert!(quarantine[0].contains("RoutingKey(FR)"), "{quarantine:?}");
    assert_eq!(quarantine[2], "5|no_key|the routing key `country` is NULL");
}

#[test]
fn a_router_that_refuses_gives_the_reason() {
    let world = world();
    let router =
        by_key(|key| if key == "FR" { Err(Error::refused("France is closed")) } else { Ok(None) }).then(placement());
    world.run_pipeline(&pipeline(&world, router));
    let quarantine = world.control("SELECT reason FROM domicile_quarantine WHERE position = 2");
    assert_eq!(quarantine, ["France is closed"]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "4"]);
}

#[test]
fn a_home_that_is_not_configured_is_no_home() {
    let world = world();
    let router = by_key(|key| if key == "XK" { to("kosovo") } else { Ok(None) }).then(placement());
    let report = only(world.run_pipeline(&pipeline(&world, router)));
    assert_eq!(counts(&report.control), [2, 0, 0, 2]);
    let quarantine = world.control("SELECT reason FROM domicile_quarantine WHERE position = 3");
    assert_eq!(quarantine, ["the router names the home kosovo, which is not configured"]);
    assert!(!world.home_path("kosovo").exists());
}

#[test]
fn a_broken_router_is_caught_by_looking_into_the_homes() {
    let right = world();
    right.run_pipeline(&right.pipeline(&copying()));
    assert!(is_as_placed(&right));

    let wrong = world();
    wrong.run_pipeline(&pipeline(&wrong, by_key(|_| to("es"))));
    assert!(!is_as_placed(&wrong), "everything went to one home");
}

#[test]
fn a_router_that_panics_fails_its_source_and_no_other() {
    let world = world();
    world.source("CREATE TABLE visits (id INTEGER PRIMARY KEY, country TEXT); INSERT INTO visits VALUES (1, 'ES')");
    let visits = "[[source]]\nurl = \"sqlite:source.sqlite\"\ntable = \"visits\"\ncursor = \"id\"\nkey = \"country\"\n\
                  [[source.analyser]]\ninto = \"visits\"\nsql = \"SELECT id FROM record\"\n";
    let first = "[[source.analyser]]\ninto = \"orders\"\nsql = \"SELECT id, country FROM record\"";
    let setup = Setup::new().setting(first).setting(visits).insert("seen", "SELECT id FROM record");
    let router = by_key(|key| if key == "XK" { panic!("a bug for {key}") } else { Ok(None) }).then(placement());
    let report = world.run_pipeline(&world.pipeline(&setup).with_router(router));
    let expected = "source orders: locating panicked: a bug for XK";
    assert_eq!(report.sources[0].failure.as_deref(), Some(expected));
    assert!(report.sources[1].failure.is_none(), "{report:#?}");
    assert_eq!(world.rows("es", "SELECT id FROM visits"), ["1"]);
    assert_eq!(
        world.rows("es", "SELECT position FROM domicile_position WHERE source = 'orders'"),
        Vec::<String>::new()
    );
    // The record is still to come: with the bug mended, everything arrives.
    let report = world.run_pipeline(&world.pipeline(&setup));
    assert!(!report.has_failed(), "{report:#?}");
    assert!(is_as_placed(&world));
}

#[test]
fn what_the_caller_has_set_is_no_concern_of_the_records() {
    let world = world();
    let pipeline = world.pipeline(&copying());
    let all = || Records::Source { after: None, limit: 10 };
    let outside = runtime().block_on(pipeline.explain(None, all())).unwrap();
    let inside = context::with(Home::new("fr").unwrap(), || runtime().block_on(pipeline.explain(None, all())).unwrap());
    let shown = |explained: &[Explained]| format!("{explained:#?}");
    assert_eq!(shown(&inside), shown(&outside));
    assert!(shown(&inside).contains("home: \"es\""), "{inside:#?}");
}

#[test]
fn the_router_is_asked_once_for_each_key_of_a_batch() {
    let world = world();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let router = by_key(move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(None)
    });
    world.run_pipeline(&pipeline(&world, router.then(placement())));
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 3, "ES, FR and XK");
}
