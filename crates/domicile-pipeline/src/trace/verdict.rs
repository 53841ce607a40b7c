//! What became of a record, in one word, by all that is known of it.

use super::report::{PassageState, RowState, TracedQuarantine, TracedRecord, Verdict};
use crate::explain::Outcome;
use crate::quarantine::{Resolution, taken_over};

/// The verdict on all records of a cursor.
pub(super) fn verdict(records: &[TracedRecord], quarantine: &[TracedQuarantine]) -> Verdict {
    let kept: Vec<_> = quarantine.iter().filter(|kept| !is_taken_over(kept, quarantine)).collect();
    let of_quarantine = kept.iter().filter_map(|kept| match kept.resolution {
        None => Some(Verdict::Quarantined),
        Some(Resolution::Dropped) => Some(Verdict::Dropped),
        Some(Resolution::Ignored) => Some(Verdict::Ignored),
        Some(Resolution::Replayed) => Some(Verdict::Delivered),
        // The home that has it says what became of it.
        Some(Resolution::Moved | Resolution::Read) => None,
    });
    let mut all: Vec<_> = of_quarantine.collect();
    // What a quarantine says of the one record is what became of it, whatever the rules say now.
    let is_told = !all.is_empty() && records.len() == 1;
    for record in records.iter().filter(|record| !is_told || record.passage.state != PassageState::Passed) {
        let is_kept = !all.is_empty() && matches!(record.outcome, Outcome::Quarantined { .. });
        if !(is_kept && record.passage.state == PassageState::Passed) {
            all.push(of_record(record));
        }
    }
    all.into_iter().min().unwrap_or(Verdict::Unknown)
}

/// Whether a home has taken over what the control database keeps.
fn is_taken_over(kept: &TracedQuarantine, all: &[TracedQuarantine]) -> bool {
    let is_in_home = |other: &TracedQuarantine| other.home.is_some() && other.number == taken_over(kept.number);
    kept.home.is_none() && all.iter().any(is_in_home)
}

fn of_record(record: &TracedRecord) -> Verdict {
    match record.passage.state {
        PassageState::NotReached => return Verdict::NotReached,
        PassageState::Failing | PassageState::Blocked => return Verdict::Blocked,
        PassageState::Unreachable => return Verdict::Unknown,
        PassageState::Passed => {}
    }
    let own = || record.rows.iter().filter(|row| row.is_own);
    match record.outcome {
        Outcome::Delivered { .. } if own().any(|row| !row.elsewhere.is_empty()) => Verdict::Misplaced,
        Outcome::Delivered { .. } if own().any(|row| row.state == RowState::Missing) => Verdict::Missing,
        Outcome::Delivered { .. } if own().any(|row| row.state == RowState::Differs) => Verdict::Changed,
        // What is there was delivered, whatever else is not known.
        Outcome::Delivered { .. } if record.rows.iter().any(|row| row.state == RowState::There) => Verdict::Delivered,
        Outcome::Quarantined { .. } => Verdict::Unknown,
        _ if record.passage.why.is_some() => Verdict::Unknown,
        Outcome::Delivered { .. } => Verdict::Delivered,
        Outcome::Ignored => Verdict::Ignored,
    }
}
