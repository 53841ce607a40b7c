//! The context carried over to streams, threads and rayon's workers: by one explicit call, and never without.

use std::sync::{Arc, Mutex};

use domicile::{Context, context};
use futures::{Stream, StreamExt, executor::block_on, stream};
use rayon::prelude::*;

use crate::values::{Country, LastWords, Pause, Tenant, country, tenant};

/// A lazy stream of the country that is in scope when each item is made, with a pause before each.
fn countries(count: usize) -> impl Stream<Item = Option<&'static str>> {
    stream::iter(0..count).then(|_| async {
        Pause::default().await;
        country()
    })
}

#[test]
fn a_stream_keeps_the_scope_that_it_was_made_in() {
    let carried = context::with(Country("ES"), || Context::current().scope_stream(countries(3)));
    let seen: Vec<_> = context::with(Country("FR"), || wake_and_collect(carried));
    assert_eq!(seen, [Some("ES"); 3]);
    // Without the call it sees whatever is there when it is polled.
    let bare = context::with(Country("ES"), || countries(1));
    assert_eq!(context::with(Country("FR"), || wake_and_collect(bare)), [Some("FR")]);
}

/// Polls a stream to its end; each pending poll is followed by another.
fn wake_and_collect<T>(stream: impl Stream<Item = T>) -> Vec<T> {
    let mut stream = Box::pin(stream);
    let mut items = Vec::new();
    let mut wakeup = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        match stream.as_mut().poll_next(&mut wakeup) {
            std::task::Poll::Ready(Some(item)) => items.push(item),
            std::task::Poll::Ready(None) => return items,
            std::task::Poll::Pending => {}
        }
    }
}

#[test]
fn two_streams_that_take_turns_do_not_see_each_other() {
    let of = |name| Context::empty().and(Country(name)).scope_stream(countries(4));
    let seen = wake_and_collect(of("ES").zip(of("FR")).map(|both| (both, country())));
    assert_eq!(seen, [((Some("ES"), Some("FR")), None); 4]);
}

#[test]
fn what_a_stream_sets_stays_its_own_from_item_to_item() {
    let counting = stream::unfold((), |()| async {
        let next = tenant().map_or(1, |tenant| tenant + 1);
        context::set(Tenant(next)).unwrap();
        (next < 4).then_some((next, ()))
    });
    let counting = Context::empty().scope_stream(counting);
    assert_eq!(block_on(counting.collect::<Vec<_>>()), [1, 2, 3]);
    assert_eq!(tenant(), None);
}

#[test]
fn a_stream_that_ends_or_is_dropped_sees_its_context_to_the_last() {
    let words = Arc::new(Mutex::new(Vec::new()));
    for is_read_to_its_end in [true, false] {
        let last = LastWords(Arc::clone(&words));
        let items = stream::iter(0..3).map(move |item| {
            let _kept_until_the_end = &last;
            item
        });
        let mut carried = Context::empty().and(Country("ES")).scope_stream(items);
        assert_eq!(block_on(carried.next()), Some(0));
        assert_eq!(carried.size_hint(), (2, Some(2)));
        if is_read_to_its_end {
            assert_eq!(block_on(carried.by_ref().collect::<Vec<_>>()), [1, 2]);
            assert_eq!((block_on(carried.next()), carried.size_hint()), (None, (0, Some(0))), "it stays at its end");
        }
        drop(carried);
    }
    assert_eq!(*words.lock().unwrap(), [Some("ES"), Some("ES")]);
    assert_eq!(country(), None);
}

#[test]
fn a_stream_that_panics_leaves_nothing_behind() {
    let panics = stream::iter(0..2).map(|item| if item == 1 { panic!("as planned, in {:?}", country()) } else { item });
    let mut carried = Context::empty().and(Country("ES")).scope_stream(panics);
    assert_eq!(block_on(carried.next()), Some(0));
    let next = std::panic::AssertUnwindSafe(|| block_on(carried.next()));
    let panic = std::panic::catch_unwind(next).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "as planned, in Some(\"ES\")");
    assert_eq!(country(), None);
}

#[test]
#[cfg_attr(miri, ignore = "crossbeam-epoch, which rayon uses, breaks Stacked Borrows")]
fn rayons_workers_start_empty_and_are_given_the_context_by_one_call() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    context::with(Country("ES"), || {
        let bare: Vec<_> = pool.install(|| (0..64).into_par_iter().map(|_| country()).collect());
        assert_eq!(bare, [None; 64]);
        let here = Context::current();
        let carried: Vec<_> = pool.install(|| (0..64).into_par_iter().map(|_| here.run(country)).collect());
        assert_eq!(carried, [Some("ES"); 64]);
        // The workers are the same as before, and nothing has stayed on them.
        let after: Vec<_> = pool.install(|| (0..64).into_par_iter().map(|_| country()).collect());
        assert_eq!(after, [None; 64]);
    });
}
