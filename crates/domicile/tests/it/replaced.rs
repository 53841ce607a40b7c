//! A placement that is replaced while operations are routed: each sees one of them as a whole.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domicile::{Chain, Home, Operation, Placement, PlacementRouter, Record, Router, RoutingKey, context};

fn home(name: &str) -> Home {
    Home::new(name).unwrap()
}

/// How often the placement is replaced, twice each time.
const TURNS: u32 = if cfg!(miri) { 10 } else { 2_000 };

/// Both keys in one home.
fn together(name: &str) -> Placement {
    let placement = Placement::builder().home(home("one")).home(home("two"));
    let placement = placement.place(RoutingKey::new("ES"), home(name), "a.toml:1");
    placement.place(RoutingKey::new("PT"), home(name), "a.toml:2").build().unwrap()
}

struct Spanish;

impl Record for Spanish {
    fn routing_key(&self) -> Option<RoutingKey> {
        Some(RoutingKey::new("ES"))
    }
}

/// Routes a record of one key in the context of the other, again and again, while the placement moves both. Says how
/// often it was refused.
fn disagreements(routers: &Chain, replace: impl Fn(&'static str) + Sync) -> usize {
    let (done, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..TURNS {
                replace("two");
                replace("one");
            }
            done.store(true, Ordering::Relaxed);
        });
        for _ in 0..2 {
            threads.spawn(|| {
                context::with(RoutingKey::new("PT"), || {
                    while !done.load(Ordering::Relaxed) {
                        match routers.route(&Operation::write("orders").with_record(&Spanish)) {
                            Ok(_) => {}
                            Err(error) if error.is_disagreement() => drop(refused.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            });
        }
    });
    refused.into_inner()
}

#[test]
fn no_operation_sees_half_of_a_placement() {
    let router = PlacementRouter::new(together("one"));
    let routers = Chain::new(router.clone());
    assert_eq!(disagreements(&routers, |name| drop(router.replace(together(name)))), 0);
    assert_eq!(router.placement().home_of(&RoutingKey::new("ES")).unwrap().home(), &home("one"));
}

#[test]
fn looking_twice_would_see_halves() {
    let router = PlacementRouter::new(together("one"));
    let looked = |router: &PlacementRouter| router.placement().home_of(&RoutingKey::new("ES")).unwrap().home().clone();
    let operation = Operation::write("orders").with_record(&Spanish);
    // As a router would that holds what it saw first against what it sees next.
    let first = operation.clone().in_transaction_of(looked(&router), "an earlier look");
    assert!(router.route_write(&first).is_ok());
    router.replace(together("two"));
    assert!(router.route_write(&first).unwrap_err().is_disagreement());
    assert!(router.route_write(&operation).is_ok());
}

#[test]
fn what_is_returned_is_what_was_there() {
    let router = PlacementRouter::new(together("one"));
    let old = router.replace(together("two"));
    let of = |placement: &Placement| placement.home_of(&RoutingKey::new("PT")).unwrap().home().to_string();
    assert_eq!((of(&old), of(&router.placement())), (String::from("one"), String::from("two")));
}
