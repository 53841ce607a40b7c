//! Guards that are dropped out of order, elsewhere than expected, or not at all.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use domicile::context::{self, Guard};
use domicile::{Context, RoutingKey};

use crate::values::{Country, Pause, Tenant, country, poll_once, tenant};

/// Tells when it is dropped.
#[derive(Debug)]
struct Noisy(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Drop for Noisy {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

thread_local! {
    static KEPT: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

fn keep(guard: Guard) {
    KEPT.with(|kept| kept.replace(Some(guard)));
}

fn drop_kept() {
    assert!(KEPT.with(RefCell::take).is_some());
}

#[test]
fn closing_a_scope_takes_nothing_from_those_above() {
    context::with(RoutingKey::new("ES"), || {
        let below = context::enter(Country("FR"));
        let between = context::enter(Tenant(7));
        let above = context::enter(8_u64);
        drop(below);
        assert_eq!((country(), tenant()), (Some("FR"), Some(7)));
        drop(between);
        assert_eq!((country(), tenant(), context::copied::<u64>()), (Some("FR"), Some(7), Some(8)));
        assert_eq!(Context::current().entries().count(), 4);
        drop(above);
        assert_eq!((country(), tenant(), context::copied::<u64>()), (None, None, None));
        assert!(context::get::<RoutingKey>().is_some());
    });
}

#[test]
fn a_value_that_no_scope_shows_any_more_is_dropped_at_once() {
    let dropped = Arc::default();
    let noisy = |name| Noisy(name, Arc::clone(&dropped));
    let below = context::enter(noisy("below"));
    let above = context::enter(noisy("above"));
    drop(below);
    assert_eq!(*dropped.lock().unwrap(), ["below"], "another of its type is above it");
    let last = context::enter(Tenant(7));
    drop(above);
    assert_eq!(*dropped.lock().unwrap(), ["below"], "the last scope shows it");
    drop(context::set(noisy("set")).unwrap());
    assert_eq!(*dropped.lock().unwrap(), ["below", "above"]);
    drop(last);
    context::with(noisy("with"), || assert_eq!(dropped.lock().unwrap().len(), 3));
    assert_eq!(*dropped.lock().unwrap(), ["below", "above", "set", "with"]);
}

#[test]
fn scopes_deeper_than_any_memory_is_kept_are_left_all_the_same() {
    fn nest(depth: u32, guards: &mut Vec<Guard>) {
        if depth < 100 {
            context::with(Tenant(depth), || {
                nest(depth + 1, guards);
                assert_eq!(tenant(), Some(depth));
                guards.push(context::enter(Country("ES")));
            });
        }
    }
    for _ in 0..2 {
        let mut guards = Vec::new();
        nest(0, &mut guards);
        assert_eq!((country(), tenant()), (None, None));
        guards.extend((0..100).map(|_| context::enter(Country("FR"))));
        // From below, so that each is out of order.
        guards.into_iter().for_each(drop);
        assert_eq!(country(), None);
    }
}

/// A future whose first poll keeps a guard on its thread; it then tells what it sees at each poll.
fn future_with_a_guard_left_behind() -> std::pin::Pin<Box<impl Future<Output = ()> + Send>> {
    let mut is_first = true;
    Box::pin(context::scope(
        Country("ES"),
        std::future::poll_fn(move |_| {
            if std::mem::take(&mut is_first) {
                keep(context::enter(Country("FR")));
            }
            if country() == Some("FR") { Poll::Pending } else { Poll::Ready(()) }
        }),
    ))
}

#[test]
fn a_guard_closes_a_scope_that_went_to_another_thread() {
    let (go, went) = channel::<()>();
    let (send, futures) = channel();
    let home = std::thread::spawn(move || {
        let mut future = future_with_a_guard_left_behind();
        assert!(poll_once(&mut future).is_pending());
        send.send(future).unwrap();
        went.recv().unwrap();
        drop_kept();
    });
    let mut future = futures.recv().unwrap();
    assert!(poll_once(&mut future).is_pending());
    assert_eq!(country(), None);
    go.send(()).unwrap();
    home.join().unwrap();
    assert!(poll_once(&mut future).is_ready(), "its guard is dropped");
}

/// A future whose first poll keeps a guard on its thread; at the next it drops the one that is kept on that thread.
fn future_that_drops_a_guard() -> std::pin::Pin<Box<impl Future<Output = ()> + Send>> {
    let mut is_first = true;
    Box::pin(context::scope(
        Country("ES"),
        std::future::poll_fn(move |_| {
            match std::mem::take(&mut is_first) {
                true => keep(context::enter(Country("FR"))),
                false => drop_kept(),
            }
            assert_eq!(country(), Some("FR"));
            Poll::<()>::Pending
        }),
    ))
}

#[test]
fn guards_of_two_threads_are_not_taken_for_each_other() {
    // One of these is to its thread what the guard in the future is to another.
    for dropped in 0..6 {
        let (go, went) = channel::<()>();
        let (send, futures) = channel();
        let first = std::thread::spawn(move || {
            let mut future = future_that_drops_a_guard();
            assert!(poll_once(&mut future).is_pending());
            send.send(future).unwrap();
            went.recv().unwrap();
            drop_kept();
        });
        let mut future = futures.recv().unwrap();
        let second_poll = move || {
            let mut guards: Vec<Guard> = (0..6).map(|tenant| context::enter(Tenant(tenant))).collect();
            keep(guards.remove(dropped));
            assert!(poll_once(&mut future).is_pending());
            drop(guards);
            assert_eq!((country(), tenant()), (None, None));
        };
        std::thread::spawn(second_poll).join().unwrap();
        go.send(()).unwrap();
        first.join().unwrap();
    }
}

#[test]
fn a_guard_that_outlives_the_context_of_its_thread_closes_its_scope() {
    let mut future = std::thread::spawn(|| {
        // What a thread has used first it destroys last.
        assert!(KEPT.with(RefCell::take).is_none());
        let mut future = future_with_a_guard_left_behind();
        assert!(poll_once(&mut future).is_pending());
        future
    })
    .join()
    .unwrap();
    assert!(poll_once(&mut future).is_ready());
}

#[test]
fn while_its_thread_is_ending_a_context_is_empty_and_values_live_as_long_as_ever() {
    struct Last(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            let words = &self.0;
            let say = |word| words.lock().unwrap().push(word);
            let seen = context::with(Noisy("value", Arc::clone(words)), || {
                say("inside");
                (context::get::<Noisy>().is_some(), country())
            });
            assert_eq!(seen, (false, None));
            assert!(context::set(Tenant(1)).unwrap_err().to_string().contains("this thread is ending"));
            let guards = (context::enter(Tenant(2)), Context::empty().and(Tenant(3)).enter());
            assert_eq!(tenant(), None);
            drop(guards);
            Context::empty().and(Tenant(3)).run(|| assert_eq!(tenant(), None));
            let mut future = Box::pin(context::scope(Tenant(4), async { tenant() }));
            assert_eq!(poll_once(&mut future), Poll::Ready(None));
            say("end");
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let words = Arc::default();
    let last = Last(Arc::clone(&words));
    std::thread::spawn(|| {
        LAST.with(|cell| cell.replace(Some(last)));
        context::set(Country("ES")).unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(*words.lock().unwrap(), ["inside", "value", "end"]);
}

#[test]
fn a_guard_that_is_held_over_await_closes_its_scope_in_the_middle_of_others() {
    let slot = Rc::new(RefCell::new(Vec::new()));
    let inside = Rc::clone(&slot);
    let mut future = Box::pin(context::scope(RoutingKey::new("ES"), async move {
        inside.borrow_mut().push(context::enter(Country("FR")));
        inside.borrow_mut().push(context::enter(Tenant(7)));
        inside.borrow_mut().push(context::enter(8_u64));
        Pause::default().await;
        assert_eq!((country(), tenant(), context::copied::<u64>()), (Some("FR"), Some(7), Some(8)));
        drop(inside.borrow_mut().remove(0));
        assert_eq!((country(), tenant(), context::copied::<u64>()), (Some("FR"), Some(7), Some(8)));
        Pause::default().await;
        assert_eq!((country(), tenant(), context::copied::<u64>()), (Some("FR"), Some(7), None));
        inside.borrow_mut().clear();
        assert_eq!((country(), tenant()), (None, None));
        assert!(context::get::<RoutingKey>().is_some());
    }));
    assert!(poll_once(&mut future).is_pending());
    assert!(poll_once(&mut future).is_pending());
    slot.borrow_mut().pop();
    assert!(poll_once(&mut future).is_ready());
    assert!(context::get::<RoutingKey>().is_none());
}

#[test]
fn guards_and_scopes_go_where_they_may() {
    fn may_cross_threads<T: Send>(_: &T) {}
    fn may_cross_panics<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>(_: &T) {}
    may_cross_threads(&context::scope(Tenant(1), std::future::ready(())));
    may_cross_threads(&Context::current());
    may_cross_panics(&context::enter(Tenant(1)));
}
