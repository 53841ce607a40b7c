//! Synchronous scopes: whatever way they are left, what was there before is there again.

use std::panic::catch_unwind;
use std::sync::Arc;

use domicile::{Context, Origin, context};

use crate::values::{Country, Tenant, country, tenant};

#[test]
fn three_scopes_deep_each_exit_restores_the_one_before() {
    context::with(Country("ES"), || {
        context::with(Country("FR"), || {
            context::with(Country("IT"), || assert_eq!(country(), Some("IT")));
            assert_eq!(country(), Some("FR"));
            let _guard = context::enter(Country("PT"));
            assert_eq!(country(), Some("PT"));
        });
        assert_eq!(country(), Some("ES"));
    });
    assert_eq!(country(), None);
}

#[test]
fn an_inner_scope_keeps_what_it_does_not_set() {
    context::with(Country("ES"), || {
        context::with(Tenant(7), || assert_eq!((country(), tenant()), (Some("ES"), Some(7))));
        assert_eq!((country(), tenant()), (Some("ES"), None));
    });
}

#[test]
fn leaving_by_question_mark_restores() {
    fn fails() -> Result<(), std::num::ParseIntError> {
        let _guard = context::enter(Country("FR"));
        "x".parse::<u32>()?;
        unreachable!("x is not a number");
    }
    context::with(Country("ES"), || {
        assert!(fails().is_err());
        assert_eq!(country(), Some("ES"));
    });
    assert_eq!(country(), None);
}

#[test]
fn leaving_by_panic_restores() {
    context::with(Country("ES"), || {
        let panicked = catch_unwind(|| {
            let _guard = context::enter(Country("FR"));
            context::with(Country("IT"), || panic!("on purpose"));
        });
        assert!(panicked.is_err());
        assert_eq!(country(), Some("ES"));
    });
    assert_eq!(country(), None);
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        context::with(Country("ES"), || {
            let names = ["FR", "IT", "PT"];
            let mut guards = names.map(|name| Some(context::enter(Country(name))));
            for closed in order {
                guards[closed] = None;
                let innermost_open = (0..3).rev().find(|&index| guards[index].is_some());
                assert_eq!(country(), innermost_open.map_or(Some("ES"), |index| Some(names[index])), "{order:?}");
            }
        });
    }
}

#[test]
fn a_guard_closes_its_own_scope_only_wherever_it_is_dropped() {
    let outer = context::enter(Country("ES"));
    context::with(Country("FR"), || {
        drop(outer);
        assert_eq!(country(), Some("FR"));
    });
    assert_eq!(country(), None);
}

#[test]
fn leaving_a_closure_closes_what_it_left_open() {
    context::with(Country("ES"), || {
        let taken_out = context::with(Country("FR"), || {
            std::mem::forget(context::enter(Country("IT")));
            context::enter(Country("PT"))
        });
        assert_eq!(country(), Some("ES"));
        drop(taken_out);
        assert_eq!(country(), Some("ES"));
    });
}

#[test]
fn a_snapshot_replaces_all_that_is_in_scope() {
    let spain = Context::empty().and(Country("ES"));
    context::with(Tenant(7), || {
        spain.run(|| assert_eq!((country(), tenant()), (Some("ES"), None)));
        assert_eq!((country(), tenant()), (None, Some(7)));
    });
}

#[test]
fn a_context_lists_what_is_set_and_where() {
    let line = line!() + 1;
    let context = Context::empty().and(Country("ES")).and(Tenant(7));
    let place = format!("{}:{line}", file!());
    assert_eq!(context.to_string(), format!("Country(\"ES\") set at {place}, Tenant(7) set at {place}"));
    assert_eq!(format!("{:?}", Context::empty()), "Context(nothing)");
    let line = line!() + 1;
    let context = context::with(Country("FR"), Context::current);
    let origin = context.entry::<Country>().unwrap().origin().location().unwrap();
    assert_eq!((origin.file(), origin.line()), (file!(), line));
    let told = context.and_from(Tenant(8), Origin::told("header X-Tenant"));
    assert!(told.to_string().ends_with("Tenant(8) set at header X-Tenant"), "{told}");
}

#[test]
fn the_context_may_be_used_from_within_a_read() {
    context::with(Country("ES"), || {
        context::read::<Country, _>(|outside| {
            context::set(Country("FR")).unwrap();
            let _guard = context::enter(Country("IT"));
            assert_eq!(country(), Some("IT"));
            assert_eq!(outside, Some(&Country("ES")));
        });
        assert_eq!(country(), Some("FR"));
    });
}

/// Uses the context wherever a value can run code of its own.
struct Meddler {
    _alive: Arc<()>,
}

impl std::fmt::Debug for Meddler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        context::with(Country("FR"), || write!(f, "Meddler({:?})", country()))
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let _guard = context::enter(Country("IT"));
        let _ = context::set(Tenant(1));
    }
}

#[test]
fn a_value_may_use_the_context_in_its_own_destructor() {
    let alive = Arc::new(());
    context::with(Meddler { _alive: Arc::clone(&alive) }, || {
        assert!(Context::current().to_string().starts_with("Meddler(Some(\"FR\"))"));
        context::set(Meddler { _alive: Arc::clone(&alive) }).unwrap();
        context::remove::<Meddler>().unwrap();
    });
    let ending = Arc::clone(&alive);
    std::thread::spawn(move || context::set(Meddler { _alive: ending }).map(drop)).join().unwrap().unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!((country(), tenant()), (None, None));
}

#[test]
fn a_new_thread_starts_empty_and_a_context_is_carried_by_hand() {
    context::with(Country("ES"), || {
        let here = Context::current();
        let seen = std::thread::spawn(move || (country(), here.run(country), country())).join().unwrap();
        assert_eq!(seen, (None, Some("ES"), None));
    });
}
