//! Connecting to a database of which it is not known that it answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// How a database answered the last time, and whose turn it is to find out.
///
/// One that answers is connected to by as many as want to. One that has not answered yet, or did not the last time, is
/// tried by one at a time: the others wait, and hold nothing that another home could need. Who has waited for an attempt
/// that fails has failed with it, so that a home that is down takes the time of one attempt from each, and not of all
/// those before.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    answers: AtomicBool,
    turn: tokio::sync::Mutex<()>,
    failed: Mutex<Failed>,
}

#[derive(Debug, Default)]
struct Failed {
    count: u64,
    // None since it has answered.
    last: Option<(Instant, Arc<sqlx::Error>)>,
}

impl Attempts {
    /// Waits until the database answers, which is `None`, or for the turn to try it.
    ///
    /// # Errors
    ///
    /// What the attempt failed with that was waited for.
    pub(crate) async fn turn(&self) -> Result<Option<MutexGuard<'_, ()>>, Arc<sqlx::Error>> {
        if self.answers() {
            return Ok(None);
        }
        let before = self.failed().count;
        let turn = self.turn.lock().await;
        if self.answers() {
            return Ok(None);
        }
        match &*self.failed() {
            Failed { count, last: Some((_, why)) } if *count != before => Err(Arc::clone(why)),
            _ => Ok(Some(turn)),
        }
    }

    /// Notes that the database answers.
    pub(crate) fn has_answered(&self) {
        if !self.answers() && !self.answers.swap(true, Ordering::AcqRel) {
            self.failed().last = None;
        }
    }

    /// Notes that the database does not answer.
    pub(crate) fn has_failed(&self, why: Arc<sqlx::Error>) {
        self.answers.store(false, Ordering::Release);
        let mut failed = self.failed();
        failed.count += 1;
        failed.last = Some((Instant::now(), why));
    }

    /// Whether it answered the last time.
    pub(crate) fn answers(&self) -> bool {
        self.answers.load(Ordering::Acquire)
    }

    /// Whether it did not answer the last time; not so before it was tried.
    pub(crate) fn is_down(&self) -> bool {
        self.failed().last.is_some()
    }

    /// Whether it did not answer the last time, and that is not so long ago.
    pub(crate) fn is_down_since_less_than(&self, time: Duration) -> bool {
        self.failed().last.as_ref().is_some_and(|(at, _)| at.elapsed() < time)
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Failed> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
