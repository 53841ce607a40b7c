//! The memory of scopes: what is allocated, counted by the allocator of this program, and what is used again.

use std::sync::Arc;

use allocation_counter::measure;
use domicile::{Context, RoutingKey, context};

use crate::values::{Country, Tenant, country, poll_once, tenant};

/// Counts what an operation allocates in `TIMES` repetitions.
fn allocations(mut operation: impl FnMut()) -> u64 {
    measure(|| (0..TIMES).for_each(|_| operation())).count_total
}

const TIMES: u64 = 100;

#[test]
fn a_poll_allocates_nothing() {
    let mut future = Box::pin(context::scope(Country("ES"), std::future::pending::<()>()));
    let _ = poll_once(&mut future);
    assert_eq!(allocations(|| assert!(poll_once(&mut future).is_pending())), 0);
    // Also with a scope of a guard in it, which is put aside and taken up again.
    let mut future = Box::pin(context::scope(Country("ES"), async {
        let _guard = context::enter(Country("FR"));
        std::future::poll_fn(|_| {
            assert_eq!(tenant(), None);
            std::task::Poll::<()>::Pending
        })
        .await;
    }));
    let _ = (poll_once(&mut future), poll_once(&mut future));
    assert_eq!(allocations(|| assert!(poll_once(&mut future).is_pending())), 0);
}

#[test]
fn a_scope_of_a_plain_value_uses_the_memory_of_the_last() {
    let nested = || {
        context::with(Country("ES"), || {
            let _guard = context::enter(Tenant(7));
            assert_eq!(tenant(), Some(7));
        });
    };
    nested();
    assert_eq!(allocations(nested), 0);
    // To lend a value it is made one that can be shared. Its memory stays with the scope, too.
    let read = || context::with(Country("ES"), || assert_eq!(country(), Some("ES")));
    read();
    assert_eq!(allocations(read), 0);
}

#[test]
fn a_scope_of_another_value_allocates_the_value() {
    let key = RoutingKey::new("ES");
    let scope = || context::with(key.clone(), || context::read::<RoutingKey, _>(|key| assert!(key.is_some())));
    scope();
    assert_eq!(allocations(scope), TIMES);
}

#[test]
fn large_values_and_deep_scopes_leave_no_memory_behind() {
    #[derive(Debug)]
    struct Large([u8; 1 << 14]);
    let left = measure(|| {
        context::with(Large([7; 1 << 14]), || context::read::<Large, _>(|large| assert_eq!(large.unwrap().0[0], 7)));
    });
    assert!(left.bytes_current < 1 << 10, "{left:?}");
    fn nest(depth: u32) {
        if depth > 0 {
            context::with(Tenant(depth), || nest(depth - 1));
        }
    }
    let left = measure(|| nest(1000));
    // What a slot takes is known to the stack only; a thousand of them with their values take more than this.
    assert!(left.count_current < 50, "{left:?}");
}

#[test]
fn what_was_shared_of_a_scope_is_not_touched_by_the_next() {
    let shared = context::with(Tenant(1), || context::get::<Tenant>().unwrap());
    assert_eq!(Arc::strong_count(&shared), 1, "the scope has no share any more");
    let weak = context::with(Tenant(2), || {
        // Not a share in it, but the means to get one.
        Arc::downgrade(&context::get::<Tenant>().unwrap())
    });
    assert!(weak.upgrade().is_none(), "the scope is left");
    let captured = context::with(Tenant(3), Context::current);
    context::with(Tenant(4), || {
        assert_eq!((tenant(), shared.0, captured.get::<Tenant>().unwrap().0), (Some(4), 1, 3));
    });
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_scope_in_the_memory_of_another_tells_its_own_origin() {
    let line = |context: Context| context.entry::<Tenant>().unwrap().origin().location().unwrap().line();
    context::with(Tenant(1), || ());
    assert_eq!(line(context::with(Tenant(2), Context::current)), line!());
}

#[test]
fn a_scope_in_the_memory_of_another_is_its_own_tasks() {
    context::with(Tenant(1), || ());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seen = runtime.block_on(async {
        context::with(Tenant(2), || ());
        tokio::spawn(async { context::with(Tenant(3), tenant) }).await.unwrap()
    });
    assert_eq!(seen, Some(3));
}

#[test]
fn what_is_lent_stays_as_it_is_when_its_scope_is_closed_and_another_opened() {
    let guard = context::enter(Tenant(1));
    let guard = context::read::<Tenant, _>(|lent| {
        let lent = lent.unwrap();
        drop(guard);
        let other = context::enter(Tenant(2));
        assert_eq!((lent.0, tenant()), (1, Some(2)));
        context::set(Tenant(3)).unwrap();
        assert_eq!((lent.0, tenant()), (1, Some(3)));
        other
    });
    drop(guard);
    assert_eq!(tenant(), None);
}

#[test]
fn what_is_lent_may_be_shared_meanwhile() {
    context::with(Tenant(1), || {
        context::with(Country("ES"), || {
            context::read::<Tenant, _>(|lent| {
                assert_eq!(context::get::<Tenant>().as_deref(), lent);
                assert_eq!(Context::current().get::<Tenant>().as_deref(), lent);
                assert_eq!(context::read::<Tenant, _>(|again| again.copied()), lent.copied());
            });
        });
    });
}
