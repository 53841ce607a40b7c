//! Homes that are tried again, and how often and when they are.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::error::{Error, Failure};
use crate::position::Position;

/// So often a home that fails is tried again, unless it gets on or the homes that are ahead are still read for; and so often
/// a source, unless it brings something.
pub(super) const TRIES: usize = 5;

/// How long the first wait is, and how long the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Homes that are tried again.
pub(super) struct Waiting {
    pub(super) slots: Vec<usize>,
    pub(super) due: Instant,
    /// Why the source was not read for them, if that is what they wait for.
    pub(super) source_error: Option<Error>,
    pub(super) merges_each_share: bool,
    /// Nobody else is to wait for it.
    pub(super) is_alone: bool,
    /// They took from another source until now, and have had nothing of this one.
    pub(super) is_new: bool,
}

impl Waiting {
    /// Homes that are read for at a time, for no reason yet.
    pub(super) fn until(due: Instant, slots: Vec<usize>) -> Self {
        Self { slots, due, source_error: None, merges_each_share: false, is_alone: false, is_new: false }
    }
}

/// A home that has failed, until it gets on.
pub(super) struct Failing {
    pub(super) tries: Tries,
    /// Why it has failed last.
    pub(super) why: Failure,
    /// How often it was let go.
    pub(super) let_go: u32,
    /// Where it was, as far as that is known.
    pub(super) position: Option<Position>,
}

impl Failing {
    pub(super) fn new(why: &Failure, position: Option<Position>) -> Self {
        Self { tries: Tries::new(), why: why.clone(), let_go: 0, position }
    }

    /// How long it may be at one thing while others wait. Each time that it was let go this doubles, so that one which is only
    /// slow gets on in the end.
    pub(super) fn patience(&self, others_wait: Duration) -> Duration {
        others_wait.saturating_mul(2_u32.saturating_pow(self.let_go))
    }
}

/// How often something was tried since it last got on.
pub(super) struct Tries {
    pub(super) count: usize,
    waits: ExponentialBackoff,
    has_asked_again: bool,
}

impl Tries {
    pub(super) fn new() -> Self {
        let waits = ExponentialBuilder::new().with_min_delay(WAITS.0).with_max_delay(WAITS.1).without_max_times();
        Self { count: 0, waits: waits.with_jitter().build(), has_asked_again: false }
    }

    /// How long it is waited before the next one.
    pub(super) fn wait(&mut self) -> Duration {
        self.count += 1;
        self.waits.next().unwrap_or(WAITS.1)
    }

    /// Whether a home may be asked for its position once more, which is done once.
    pub(super) fn asks_again(&mut self) -> bool {
        !std::mem::replace(&mut self.has_asked_again, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_no_two_homes_wait_alike() {
        let waits = || {
            let mut tries = Tries::new();
            std::array::from_fn::<Duration, 8, _>(|_| tries.wait())
        };
        let (one, other) = (waits(), waits());
        assert_ne!(one, other);
        for (number, wait) in one.iter().enumerate() {
            let least = (WAITS.0 * 2_u32.pow(number as u32)).min(WAITS.1);
            assert!((least..=2 * least).contains(wait), "{number}: {wait:?}");
        }
    }
}
