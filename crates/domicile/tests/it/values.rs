//! The values that the tests set, and what they share to look at them.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Wakeup, Poll, Waker};

use domicile::context;

/// The value that most tests set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Country(pub(crate) &'static str);

/// A value of another type beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenant(pub(crate) u32);

pub(crate) fn country() -> Option<&'static str> {
    context::read::<Country, _>(|country| country.map(|country| country.0))
}

pub(crate) fn tenant() -> Option<u32> {
    context::copied::<Tenant>().map(|tenant| tenant.0)
}

/// Writes down, when it is dropped, which country was in scope then.
pub(crate) struct LastWords(pub(crate) Arc<Mutex<Vec<Option<&'static str>>>>);

impl Drop for LastWords {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(country());
    }
}

/// Polls a future once, without any runtime.
pub(crate) fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Wakeup::from_waker(Waker::noop()))
}

/// Is pending once.
#[derive(Default)]
pub(crate) struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Wakeup<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
