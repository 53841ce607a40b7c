//! What a home is at, as whoever reads for it sees that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::error::Failure;

/// Shared by a home's task and whoever reads for it.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Since when the home is at what it was given last; `None` while it waits for more.
    since: Mutex<Option<Instant>>,
    /// The home takes nothing more.
    is_done: AtomicBool,
    /// Nobody waits for the home any more.
    pub(crate) let_go: CancellationToken,
}

/// For as long as this lives, a home is at work.
pub(crate) struct AtWork<'a>(&'a Work);

impl Work {
    pub(crate) fn begin(&self) -> AtWork<'_> {
        self.set(Some(Instant::now()));
        AtWork(self)
    }

    /// Whether the home has been at one thing for as long as others may have to wait for it.
    pub(crate) fn is_stuck(&self, others_wait: Duration) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= others_wait)
    }

    pub(crate) fn end(&self) {
        self.is_done.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// What is told of a home that is let go.
pub(crate) fn let_go(others_wait: Duration) -> Failure {
    let seconds = others_wait.as_secs_f64();
    Failure::Transient(format!(
        "it has been at what it was given for {seconds} s or longer, and other homes waited for it (`delivery.others_wait_seconds`)"
    ))
}
