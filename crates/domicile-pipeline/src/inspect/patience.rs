//! How long those who have answered wait for those who have not.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// For whom it is waited as long as it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    All,
    /// Once half of the databases have answered, the others are left to whoever asks them again.
    Most,
}

/// A database is waited for at least so long.
const AT_LEAST: Duration = Duration::from_millis(250);

/// And so many times as long as any other has taken.
const TIMES: u32 = 3;

/// So often it is looked whether a database has been waited for long enough.
const LOOKS_EVERY: Duration = Duration::from_millis(25);

/// What is known of how long databases take.
pub(super) struct Patience {
    wait_for: WaitFor,
    asked: usize,
    /// How many have answered, and how long the slowest of them took.
    answered: Mutex<(usize, Duration)>,
}

impl Patience {
    pub(super) fn new(wait_for: WaitFor, asked: usize) -> Self {
        Self { wait_for, asked, answered: Mutex::default() }
    }

    /// Waits for an answer; `None` if most others were there long before.
    pub(super) async fn wait<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let (began, mut answer) = (Instant::now(), pin!(answer));
        loop {
            if let Ok(answer) = timeout(LOOKS_EVERY, &mut answer).await {
                self.answered(began.elapsed());
                return Some(answer);
            }
            if self.is_at_end(began.elapsed()) {
                return None;
            }
        }
    }

    fn answered(&self, took: Duration) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered = (answered.0 + 1, answered.1.max(took));
    }

    fn is_at_end(&self, elapsed: Duration) -> bool {
        let (answered, slowest) = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        self.wait_for == WaitFor::Most && 2 * answered >= self.asked && elapsed >= AT_LEAST.max(TIMES * slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(wait_for: WaitFor, answers: &[u64]) -> Patience {
        let patience = Patience::new(wait_for, 4);
        answers.iter().for_each(|took| patience.answered(Duration::from_millis(*took)));
        patience
    }

    #[test]
    fn whoever_takes_much_longer_than_most_is_waited_for_no_more() {
        let second = Duration::from_secs(1);
        assert!(patience(WaitFor::Most, &[10, 20]).is_at_end(AT_LEAST));
        assert!(patience(WaitFor::Most, &[10, 300, 20]).is_at_end(second));
        assert!(!patience(WaitFor::Most, &[10, 20]).is_at_end(AT_LEAST / 2));
        assert!(!patience(WaitFor::Most, &[10, 350, 20]).is_at_end(second), "others are slow as well");
        assert!(!patience(WaitFor::Most, &[10]).is_at_end(60 * second), "nobody knows yet how long it takes");
        assert!(!patience(WaitFor::All, &[10, 20, 10]).is_at_end(60 * second));
    }
}
