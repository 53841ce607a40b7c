//! How long it is waited for a connection.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// Who has spent all but this part of the time before a database was asked was late itself.
const LATE: u32 = 10;

/// Why there is no answer of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It was asked in time, and is silent.
    Silent,
    /// It was asked so late that this says nothing about it.
    AskedLate,
}

/// The one deadline of a connection, over all that has to be waited for until it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    wait: Duration,
    at: Instant,
    databases: u32,
}

impl Deadline {
    pub(crate) fn after(wait: Duration) -> Self {
        Self { wait, at: Instant::now() + wait, databases: 1 }
    }

    /// The same deadline, where so many databases are left that may be asked one after the other.
    pub(crate) fn for_one_of(self, databases: usize) -> Self {
        Self { databases: u32::try_from(databases).unwrap_or(u32::MAX).max(1), ..self }
    }

    /// Waits for one's turn; `None` if it is too late.
    pub(crate) async fn turn<T>(self, turn: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.at, turn).await.ok()
    }

    /// Waits for the answer of a database, no longer than leaves as much time to each of the others.
    pub(crate) async fn answer<T>(self, answer: impl Future<Output = T>) -> Result<T, NoAnswer> {
        let now = Instant::now();
        let left = self.at.saturating_duration_since(now);
        let why = if left < self.wait / LATE { NoAnswer::AskedLate } else { NoAnswer::Silent };
        timeout_at(now + left / self.databases, answer).await.map_err(|_| why)
    }

    /// How long it is waited in all.
    pub(crate) fn wait(self) -> Duration {
        self.wait
    }
}
