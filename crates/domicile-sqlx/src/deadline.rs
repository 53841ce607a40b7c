//! How long it is waited for a connection.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

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

    /// Waits for the answer of a database, no longer than leaves as much time to each of the others; `None` if it is
    /// too late.
    pub(crate) async fn answer<T>(self, answer: impl Future<Output = T>) -> Option<T> {
        let now = Instant::now();
        let share = self.at.saturating_duration_since(now) / self.databases;
        timeout_at(now + share, answer).await.ok()
    }

    /// How long it is waited in all.
    pub(crate) fn wait(self) -> Duration {
        self.wait
    }
}
