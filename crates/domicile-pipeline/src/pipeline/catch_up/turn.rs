//! How long homes may keep a reader that others wait for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::LOOKS_EVERY;
use crate::deliver::Work;

/// A reader's time with its homes.
pub(crate) struct Turn {
    /// So long one of them may be at one thing while others wait for a reader.
    patience: Duration,
    /// The reader itself, which asks homes for their positions, and each home that it reads for.
    works: Mutex<Vec<Arc<Work>>>,
    /// There is nothing more to be read for them.
    is_all_handed_out: AtomicBool,
}

impl Turn {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, works: Mutex::default(), is_all_handed_out: AtomicBool::new(false) }
    }

    pub(crate) fn add(&self, work: Arc<Work>) {
        self.works.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    /// Lets those go that do not get on. With the last of them the reader ends.
    pub(super) fn let_go_of_stuck(&self) {
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        works.iter().filter(|work| work.is_stuck(self.patience)).for_each(|work| work.let_go.cancel());
    }

    pub(crate) fn all_is_handed_out(&self) {
        self.is_all_handed_out.store(true, Ordering::Relaxed);
    }

    /// The same, once others are done, of whom there may be some that another reader reads for, and nothing is left but to wait
    /// for these.
    pub(super) fn let_go_of_last(&self, has_others: bool) {
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.last(&works);
        if has_others || last.len() < works.len() {
            last.iter().for_each(|work| work.let_go.cancel());
        }
    }

    /// Waits until nothing is left but to wait for homes that do not get on.
    pub(crate) async fn held_up(&self) {
        while self.last(&self.works.lock().unwrap_or_else(PoisonError::into_inner)).is_empty() {
            sleep(LOOKS_EVERY).await;
        }
    }

    /// Homes that are not done, if all is handed out and none of them gets on.
    fn last<'a>(&self, works: &'a [Arc<Work>]) -> Vec<&'a Arc<Work>> {
        let is_all_handed_out = self.is_all_handed_out.load(Ordering::Relaxed);
        let last: Vec<_> = works.iter().filter(|work| is_all_handed_out && !work.is_done()).collect();
        if last.iter().all(|work| work.is_stuck(self.patience)) { last } else { Vec::new() }
    }
}
