//! The readers of a run for homes that are not ahead: so many at once for all sources together.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::turn::Turn;

/// Readers at once, beside those of the homes which are ahead.
pub(super) const READERS: usize = 4;

/// Who reads for homes that catch up.
pub(crate) struct Readers {
    places: Arc<Semaphore>,
    /// Of each, the number of its source.
    turns: Mutex<Vec<(usize, Weak<Turn>)>>,
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(READERS)), turns: Mutex::default() }
    }

    /// Waits for a place, which whoever came first has first.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed")
    }

    pub(super) fn are_all_at_work(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// The time of one that begins to read a source.
    pub(super) fn begin(&self, source: usize, patience: Duration) -> Arc<Turn> {
        let turn = Arc::new(Turn::new(patience));
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|(_, turn)| turn.strong_count() > 0);
        turns.push((source, Arc::downgrade(&turn)));
        turn
    }

    /// Lets homes go that do not get on: those of one source, or of all.
    pub(super) fn let_go_of_stuck(&self, source: Option<usize>) {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = turns.iter().filter(|(of, _)| source.is_none_or(|source| source == *of));
        wanted.filter_map(|(_, turn)| turn.upgrade()).for_each(|turn| turn.let_go_of_stuck());
    }
}
