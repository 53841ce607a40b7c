//! Which records of a source are in the quarantine of a database.

use std::collections::HashMap;

use super::contents::{InQuarantine, record_hash};
use crate::overlap::Mark;
use crate::position::Position;

/// The records in quarantine, by the key of their position.
#[derive(Default)]
pub(super) struct Quarantine {
    records: HashMap<String, Vec<InQuarantine>>,
    pub(super) count: u64,
}

/// A record that is looked for.
pub(super) struct Wanted<'a> {
    pub(super) position: &'a Position,
    /// By what it is known, where records are read again.
    pub(super) mark: Option<&'a Mark>,
    /// It is the only one of its cursor.
    pub(super) is_single: bool,
    /// By the rules of the source it belongs in quarantine.
    pub(super) is_due: bool,
}

impl Quarantine {
    pub(super) fn new(all: Vec<InQuarantine>) -> Self {
        let count = all.len() as u64;
        let mut records: HashMap<String, Vec<InQuarantine>> = HashMap::new();
        for record in all {
            records.entry(record.position.clone()).or_default().push(record);
        }
        Self { records, count }
    }

    /// Whether a record is in it. Of records with one cursor, those that somebody has refused are told apart by what is kept
    /// of them.
    pub(super) fn has(&self, wanted: &Wanted<'_>, record: impl FnOnce() -> String) -> bool {
        if self.records.is_empty() {
            return false;
        }
        let Some(there) = wanted.position.key().and_then(|key| self.records.get(&key)) else { return false };
        match wanted.mark {
            Some(mark) => there.iter().any(|kept| kept.number == mark.number()),
            None if wanted.is_single || wanted.is_due => true,
            None => {
                let record = record_hash(&record());
                there.iter().any(|kept| kept.record == record)
            }
        }
    }
}
