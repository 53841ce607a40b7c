//! The bare setter and deleter, and where they are refused.

use domicile::context;
use tokio::runtime::Builder;

use crate::values::{Country, Tenant, country, tenant};

#[test]
fn with_no_scope_a_value_belongs_to_the_thread() {
    assert_eq!(context::set(Country("ES")).unwrap(), None);
    assert_eq!(country(), Some("ES"));
    assert_eq!(std::thread::spawn(country).join().unwrap(), None);
    assert_eq!(context::remove::<Country>().unwrap().as_deref(), Some(&Country("ES")));
    assert_eq!(country(), None);
    assert_eq!(context::remove::<Country>().unwrap(), None);
}

#[test]
fn within_a_scope_a_value_is_gone_when_the_scope_is_left() {
    context::with(Country("ES"), || {
        context::with(Tenant(7), || {
            assert_eq!(context::set(Country("FR")).unwrap().as_deref(), Some(&Country("ES")));
            assert_eq!(country(), Some("FR"));
            context::remove::<Country>().unwrap();
            assert_eq!((country(), tenant()), (None, Some(7)));
        });
        assert_eq!(country(), Some("ES"));
    });
    assert_eq!(country(), None);
}

#[test]
fn in_a_task_without_a_scope_it_is_refused_and_says_where() {
    for runtime in [&mut Builder::new_current_thread(), &mut Builder::new_multi_thread()] {
        let line = line!() + 2;
        let spawned = runtime.build().unwrap().block_on(async {
            tokio::spawn(async { (context::set(Country("ES")), context::remove::<Country>()) }).await.unwrap()
        });
        let error = spawned.0.unwrap_err();
        assert!(error.is_unscoped_set());
        let message = error.to_string();
        assert!(message.contains(&format!("cannot set Country at {}:{line}", file!())), "{message}");
        assert!(message.contains("context::scope"), "{message}");
        assert!(spawned.1.unwrap_err().is_unscoped_set());
    }
}

#[test]
fn in_a_task_within_a_scope_it_is_accepted() {
    for runtime in [&mut Builder::new_current_thread(), &mut Builder::new_multi_thread()] {
        let task = context::scope(Tenant(7), async {
            context::set(Country("ES")).unwrap();
            tokio::task::yield_now().await;
            let seen = country();
            context::remove::<Tenant>().unwrap();
            tokio::task::yield_now().await;
            (seen, tenant())
        });
        let seen = runtime.build().unwrap().block_on(async { tokio::spawn(task).await.unwrap() });
        assert_eq!(seen, (Some("ES"), None));
    }
    assert_eq!((country(), tenant()), (None, None));
}

#[test]
fn outside_of_a_task_a_runtime_that_runs_refuses_it_too() {
    // So that the thread has a value of its own, which is no scope.
    context::set(Tenant(7)).unwrap();
    Builder::new_current_thread().build().unwrap().block_on(async {
        assert!(context::set(Country("ES")).unwrap_err().is_unscoped_set());
        context::scope(Tenant(8), async { assert!(context::set(Country("ES")).is_ok()) }).await;
    });
    assert_eq!((country(), tenant()), (None, Some(7)));
}

#[test]
fn the_scope_of_another_task_on_the_same_thread_does_not_count() {
    let runtime = Builder::new_current_thread().build().unwrap();
    context::with(Tenant(7), || {
        runtime.block_on(async {
            let refused = tokio::spawn(async { context::set(Country("ES")) }).await.unwrap();
            assert!(refused.unwrap_err().is_unscoped_set());
            assert!(context::set(Country("ES")).is_ok());
            assert_eq!(country(), Some("ES"));
        });
    });
}
