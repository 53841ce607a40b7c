//! Which records of a source are in the quarantine of a database.

use std::collections::{BTreeSet, HashMap};

use super::contents::{InQuarantine, record_hash};
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::taken_over;

/// The records in quarantine, by the key of their position.
#[derive(Default)]
pub(super) struct Quarantine {
    records: HashMap<String, Vec<InQuarantine>>,
    pub(super) count: u64,
    /// Where records are that were taken over from the control database and wait, until one of the home is met there.
    strangers: BTreeSet<String>,
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
        // What a home has taken over is accounted for where it was.
        let count = all.iter().filter(|record| record.number >= 0).count() as u64;
        let waits = |kept: &&InQuarantine| kept.number < 0 && kept.resolution.is_none();
        let strangers = all.iter().filter(waits).map(|kept| kept.position.clone()).collect();
        let mut records: HashMap<String, Vec<InQuarantine>> = HashMap::new();
        for record in all {
            records.entry(record.position.clone()).or_default().push(record);
        }
        Self { records, count, strangers }
    }

    /// A record of the home is at this position.
    pub(super) fn meets(&mut self, position: &Position) {
        if !self.strangers.is_empty()
            && let Some(key) = position.key()
        {
            self.strangers.remove(&key);
        }
    }

    /// Where records wait that no record of the home stands for: what they hold is in the wrong database.
    pub(super) fn strangers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.strangers.iter().map(String::as_str)
    }

    /// What is in it of a record, whatever became of that. Of records with one cursor, those that somebody has refused are told
    /// apart by what is kept of them.
    pub(super) fn find(&self, wanted: &Wanted<'_>, record: impl FnOnce() -> String) -> Option<&InQuarantine> {
        let mut there = self.at(wanted.position)?.iter().filter(|kept| kept.number >= 0);
        match wanted.mark {
            Some(mark) => there.find(|kept| kept.number == mark.number()),
            None if wanted.is_single => there.next(),
            None => {
                let record = record_hash(&record());
                let found = there.clone().find(|kept| kept.record == record);
                found.or_else(|| there.find(|kept| wanted.is_due && kept.resolution.is_none()))
            }
        }
    }

    /// What a home has of a record with this number that it has taken over from the control database.
    pub(super) fn taken_over(&self, position: &Position, number: i64) -> Option<&InQuarantine> {
        self.at(position)?.iter().find(|kept| kept.number == taken_over(number))
    }

    fn at(&self, position: &Position) -> Option<&Vec<InQuarantine>> {
        if self.records.is_empty() { None } else { self.records.get(&position.key()?) }
    }
}
