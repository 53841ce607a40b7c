//! How long homes may keep a reader that others wait for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::deliver::Work;

/// A reader's time with its homes.
pub(crate) struct Turn {
    /// So long one of them may be at one thing while others wait for a reader.
    patience: Duration,
    /// The reader itself, which asks homes for their positions, and each home that it reads for.
    works: Mutex<Vec<Arc<Work>>>,
}

impl Turn {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, works: Mutex::default() }
    }

    pub(crate) fn add(&self, work: Arc<Work>) {
        self.works.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    /// Lets those go that do not get on. With the last of them the reader ends.
    pub(super) fn let_go_of_stuck(&self) {
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        works.iter().filter(|work| work.is_stuck(self.patience)).for_each(|work| work.let_go.cancel());
    }

    /// The same, once all others are done.
    pub(super) fn let_go_of_last(&self) {
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at_work = works.iter().filter(|work| work.is_stuck(Duration::ZERO));
        if at_work.all(|work| work.is_stuck(self.patience)) {
            works.iter().filter(|work| work.is_stuck(self.patience)).for_each(|work| work.let_go.cancel());
        }
    }
}
