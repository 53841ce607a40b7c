//! Stops where too many records would go to quarantine: then it is not the records that are wrong, but a rule or a table.

use std::collections::HashMap;

use crate::error::Failure;
use crate::quarantine::Cause;

/// So many records there have to be before the share of those in quarantine says anything.
const SHARE_COUNTS_FROM: u64 = 1_000;

/// So many kinds of reasons are told apart.
const KINDS_MAX: usize = 100;

/// How many records may go to quarantine at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoisonLimits {
    /// The share of a batch, or of a home's transaction, from 0 to 1; it counts where that has 1,000 records or more.
    pub share_max: f64,
    /// The number in a batch, or in a home's transaction; `None` for any.
    pub records_max: Option<u64>,
}

/// Records that go to quarantine, by the kind of reason. Nothing of a record stands in it but its routing key.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    count: u64,
    kinds: HashMap<String, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, cause: Cause, about: Option<&str>) {
        self.count += 1;
        let kind = about.unwrap_or_else(|| cause.name());
        if let Some(count) = self.kinds.get_mut(kind) {
            *count += 1;
        } else if self.kinds.len() < KINDS_MAX {
            self.kinds.insert(kind.to_owned(), 1);
        }
    }

    fn most_frequent(&self) -> Option<(&str, u64)> {
        let kinds = self.kinds.iter().map(|(kind, count)| (kind.as_str(), *count));
        kinds.max_by(|(kind, count), (other, more)| count.cmp(more).then(other.cmp(kind)))
    }
}

impl PoisonLimits {
    /// Fails if of so many records of a home too many go to its quarantine.
    pub(super) fn check(&self, read: u64, tally: &Tally) -> Result<(), Failure> {
        let Some(passed) = self.passed(read, tally, "go to quarantine") else { return Ok(()) };
        Err(Failure::Blocked {
            message: format!("{passed}; nothing of them is kept, and the home stays where it is"),
            help: String::from(
                "put right what the reason names, in the home or in the analyser; or raise the limit, if the records \
                 themselves are wrong",
            ),
        })
    }

    /// Fails if too many records of a batch have no home.
    pub(crate) fn check_homeless(&self, read: u64, tally: &Tally) -> Result<(), String> {
        let Some(passed) = self.passed(read, tally, "of a batch have no home") else { return Ok(()) };
        Err(format!(
            "{passed}; nothing of the batch is delivered. Put `key` right, place the keys in a home, or leave the records out \
             by `ignore`; or raise the limit, if the records themselves are wrong"
        ))
    }

    /// Which limit is passed, and how.
    fn passed(&self, read: u64, tally: &Tally, what: &str) -> Option<String> {
        let count = tally.count;
        #[expect(clippy::cast_precision_loss, reason = "it is a share of no more records than fit into memory")]
        let is_share_passed = read >= SHARE_COUNTS_FROM && count as f64 > self.share_max * read as f64;
        let limit = match self.records_max {
            Some(max) if count > max => format!("`delivery.poison_records_max` ({max})"),
            _ if is_share_passed => format!("`delivery.poison_share_max` ({})", self.share_max),
            _ => return None,
        };
        let (kind, times) = tally.most_frequent()?;
        Some(format!(
            "{count} of {read} records {what}, which is more than {limit} allows; the most frequent reason, {times} times: \
             {kind}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{PoisonLimits, Tally};
    use crate::quarantine::Cause;

    fn tally(count: u64) -> Tally {
        let mut tally = Tally::default();
        (0..count).for_each(|_| tally.add(Cause::NoKey, None));
        tally
    }

    fn passes(limits: PoisonLimits, read: u64, count: u64) -> bool {
        limits.check(read, &tally(count)).is_err() && limits.check_homeless(read, &tally(count)).is_err()
    }

    #[test]
    fn a_share_counts_once_there_are_enough_records() {
        let limits = PoisonLimits { share_max: 0.5, records_max: None };
        assert!(passes(limits, 1_000, 501));
        assert!(!passes(limits, 1_000, 500) && !passes(limits, 999, 999));
        assert!(!passes(PoisonLimits { share_max: 1.0, ..limits }, 5_000, 5_000));
        assert!(passes(PoisonLimits { share_max: 0.0, ..limits }, 5_000, 1));
    }

    #[test]
    fn a_number_counts_at_once() {
        let limits = PoisonLimits { share_max: 1.0, records_max: Some(2) };
        assert!(passes(limits, 3, 3) && !passes(limits, 3, 2));
        let none = PoisonLimits { records_max: Some(0), ..limits };
        assert!(passes(none, 1, 1) && !passes(none, 1, 0));
    }

    #[test]
    fn the_most_frequent_reason_is_told() {
        let mut tally = tally(2);
        (0..3).for_each(|_| tally.add(Cause::UnknownKey, Some("Atlantis")));
        let limits = PoisonLimits { share_max: 1.0, records_max: Some(4) };
        let told = limits.check_homeless(9, &tally).unwrap_err();
        let expected = "5 of 9 records of a batch have no home, which is more than `delivery.poison_records_max` (4) allows; the \
                        most frequent reason, 3 times: Atlantis";
        assert!(told.starts_with(expected), "{told}");
    }
}
