//! Async scopes: they follow the future, and nothing else sees them.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use domicile::{Context, context};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};

use crate::values::{Country, LastWords, Pause, Tenant, country, poll_once, tenant};

const YIELDS: u32 = if cfg!(miri) { 10 } else { 200 };

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn four_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).build().unwrap()
}

#[test]
fn a_scope_follows_its_future_from_thread_to_thread() {
    let mut future = Box::pin(context::scope(Country("ES"), async {
        for tenant in 0..10 {
            assert_eq!(country(), Some("ES"));
            context::set(Tenant(tenant)).unwrap();
            Pause::default().await;
            assert_eq!(self::tenant(), Some(tenant));
        }
    }));
    for _ in 0..10 {
        future = std::thread::spawn(move || {
            assert!(poll_once(&mut future).is_pending());
            assert_eq!((country(), tenant()), (None, None));
            future
        })
        .join()
        .unwrap();
    }
    assert!(poll_once(&mut future).is_ready());
    assert_eq!((country(), tenant()), (None, None));
}

#[test]
fn many_tasks_on_few_workers_each_see_their_own_value() {
    four_workers().block_on(async {
        let tasks = (0..64).map(|number| {
            tokio::spawn(context::scope(Tenant(number), async move {
                for _ in 0..YIELDS {
                    assert_eq!(tenant(), Some(number));
                    yield_now().await;
                    context::scope(Tenant(number + 1000), async move {
                        yield_now().await;
                        assert_eq!(tenant(), Some(number + 1000));
                    })
                    .await;
                }
            }))
        });
        let bystanders = (0..16).map(|_| {
            tokio::spawn(async {
                for _ in 0..YIELDS {
                    assert_eq!(tenant(), None);
                    yield_now().await;
                }
            })
        });
        for task in tasks.chain(bystanders).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_cancelled_future_sees_its_context_to_the_end() {
    let words = Arc::new(Mutex::new(Vec::new()));
    let last = LastWords(Arc::clone(&words));
    let mut future = Box::pin(context::scope(Country("ES"), async move {
        let _last = last;
        context::set(Country("FR")).unwrap();
        Pause::default().await;
        unreachable!("it is dropped before");
    }));
    assert!(poll_once(&mut future).is_pending());
    context::with(Country("IT"), || {
        drop(future);
        assert_eq!(country(), Some("IT"));
    });
    assert_eq!(*words.lock().unwrap(), [Some("FR")]);
    assert_eq!(country(), None);
}

#[test]
fn an_aborted_task_sees_its_context_to_the_end() {
    let words = Arc::new(Mutex::new(Vec::new()));
    let last = LastWords(Arc::clone(&words));
    four_workers().block_on(async {
        let task = tokio::spawn(context::scope(Country("ES"), async move {
            let _last = last;
            std::future::pending::<()>().await;
        }));
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(*words.lock().unwrap(), [Some("ES")]);
}

#[test]
fn a_future_that_was_never_polled_or_has_ended_drops_in_its_context() {
    let words = Arc::new(Mutex::new(Vec::new()));
    let (first, second) = (LastWords(Arc::clone(&words)), LastWords(Arc::clone(&words)));
    drop(context::scope(Country("ES"), async move { drop(first) }));
    // `Ready` keeps nothing, so hold the value in the future's own state.
    let mut ended = Box::pin(context::scope(
        Country("FR"),
        std::future::poll_fn(move |_| {
            let _kept = &second;
            std::task::Poll::Ready(())
        }),
    ));
    assert!(poll_once(&mut ended).is_ready());
    assert_eq!(*words.lock().unwrap(), [Some("ES"), Some("FR")]);
}

#[test]
fn a_panic_in_a_future_restores() {
    context::with(Country("IT"), || {
        let mut future = Box::pin(context::scope(Country("ES"), async {
            std::mem::forget(context::enter(Country("FR")));
            panic!("on purpose");
        }));
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(&mut future))).is_err());
        assert_eq!(country(), Some("IT"));
        drop(future);
        assert_eq!(country(), Some("IT"));
    });
    assert_eq!(country(), None);
}

#[test]
fn a_guard_held_over_await_stays_in_its_scope() {
    let mut future = Box::pin(context::scope(Country("ES"), async {
        let guard = context::enter(Country("FR"));
        Pause::default().await;
        assert_eq!(country(), Some("FR"));
        drop(guard);
        Pause::default().await;
        assert_eq!(country(), Some("ES"));
    }));
    for _ in 0..2 {
        assert!(poll_once(&mut future).is_pending());
        assert_eq!(country(), None);
    }
    assert!(poll_once(&mut future).is_ready());
}

#[test]
fn a_guard_that_is_dropped_while_its_scope_is_suspended_is_closed() {
    let slot = Rc::new(RefCell::new(None));
    let inside = Rc::clone(&slot);
    let mut future = Box::pin(context::scope(Country("ES"), async move {
        *inside.borrow_mut() = Some(context::enter(Country("FR")));
        Pause::default().await;
        assert_eq!(country(), Some("ES"));
    }));
    assert!(poll_once(&mut future).is_pending());
    slot.borrow_mut().take();
    assert!(poll_once(&mut future).is_ready());
}

#[test]
fn a_guard_from_outside_that_is_dropped_in_a_scope_leaks_neither() {
    let outside = context::enter(Country("IT"));
    let mut future = Box::pin(context::scope(Tenant(7), async move { drop(outside) }));
    assert!(poll_once(&mut future).is_ready());
    assert_eq!((country(), tenant()), (None, None));
}

#[test]
fn a_spawned_task_starts_empty_and_a_context_is_carried_by_hand() {
    for runtime in [current_thread(), four_workers()] {
        context::with(Tenant(7), || {
            runtime.block_on(context::scope(Country("ES"), async {
                assert_eq!((country(), tenant()), (Some("ES"), Some(7)));
                assert_eq!(tokio::spawn(async { (country(), tenant()) }).await.unwrap(), (None, None));
                assert_eq!(tokio::task::spawn_blocking(country).await.unwrap(), None);

                let here = Context::current();
                let task = tokio::spawn(here.clone().scope(async { (country(), tenant()) }));
                assert_eq!(task.await.unwrap(), (Some("ES"), Some(7)));
                let blocking = tokio::task::spawn_blocking(move || here.run(country));
                assert_eq!(blocking.await.unwrap(), Some("ES"));
            }));
        });
    }
}

#[test]
fn a_value_of_the_thread_is_not_seen_by_tasks_that_run_on_it() {
    context::set(Country("ES")).unwrap();
    current_thread().block_on(async {
        assert_eq!(country(), Some("ES"));
        assert_eq!(tokio::spawn(async { country() }).await.unwrap(), None);
    });
    context::remove::<Country>().unwrap();
}

#[test]
fn local_tasks_neither_inherit_a_scope_nor_see_each_others_guards() {
    let check = async {
        let one = spawn_local(async {
            assert_eq!(country(), None);
            let _guard = context::enter(Country("FR"));
            for _ in 0..YIELDS {
                yield_now().await;
                assert_eq!(country(), Some("FR"));
            }
        });
        let other = spawn_local(async {
            for _ in 0..YIELDS {
                assert_eq!(country(), None);
                yield_now().await;
            }
        });
        for _ in 0..YIELDS {
            assert_eq!(country(), Some("ES"));
            yield_now().await;
        }
        one.await.unwrap();
        other.await.unwrap();
    };
    current_thread().block_on(async {
        let local = LocalSet::new();
        context::scope(Country("ES"), local.run_until(check)).await;
        assert_eq!(country(), None);
    });
    assert_eq!(country(), None);
}

#[test]
fn a_local_task_captures_nothing_of_another() {
    current_thread().block_on(LocalSet::new().run_until(async {
        let one = spawn_local(async {
            let _guard = context::enter(Country("ES"));
            yield_now().await;
            let _guard = context::enter(Tenant(7));
            yield_now().await;
            Context::current()
        });
        let other = spawn_local(async {
            let _guard = context::enter(Country("FR"));
            yield_now().await;
            let _guard = context::enter(8_u64);
            yield_now().await;
            context::set(9_u32).unwrap();
            Context::current()
        });
        let (one, other) = (one.await.unwrap(), other.await.unwrap());
        assert_eq!((one.entries().count(), one.get::<Country>().unwrap().0), (2, "ES"));
        assert_eq!((other.entries().count(), other.get::<Country>().unwrap().0), (3, "FR"));
    }));
}

#[test]
fn blocking_on_a_future_within_a_task_keeps_its_scope() {
    four_workers().block_on(async {
        let task = context::scope(Country("ES"), async {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    yield_now().await;
                    country()
                })
            })
        });
        assert_eq!(tokio::spawn(task).await.unwrap(), Some("ES"));
    });
}

#[tokio::test]
async fn a_scope_holds_what_was_in_scope_where_it_was_made() {
    let seen = || async { (country(), tenant()) };
    let nested = context::scope(Tenant(7), async { context::scope(Country("ES"), seen()).await });
    assert_eq!(nested.await, (Some("ES"), Some(7)));
    let made_before = context::scope(Tenant(7), context::scope(Country("ES"), seen()));
    assert_eq!(made_before.await, (Some("ES"), None));
    let in_one = Context::current().and(Tenant(7)).and(Country("ES")).scope(seen());
    assert_eq!(in_one.await, (Some("ES"), Some(7)));
}
