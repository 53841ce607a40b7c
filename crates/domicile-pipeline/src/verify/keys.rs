//! Comparing key by key, where ranges differ.

use std::sync::Arc;

use domicile::Home;

use super::fresh::{Fresh, OfHome, OfSource, OfTable};
use super::ranges::{Key, Selection};
use super::report::{Difference, DifferenceKind, VerifiedAccount, VerifiedTable};
use crate::account::Account;
use crate::batch::Batch;

/// So many keys that differ are told of a table.
const TOLD: usize = 20;

impl Fresh {
    /// Chooses the ranges whose keys are compared; `false` if none differs.
    pub(super) fn select_differing(&mut self) -> bool {
        let ranges = self.selection.ranges;
        let mut only = vec![vec![false; ranges]; self.tables.len()];
        let mut left = self.bounds.rows_by_key;
        let mut differs = false;
        for (table, only) in only.iter_mut().enumerate() {
            let mut rows = vec![0; ranges];
            for of in self.homes.iter_mut().map(|home| &mut home.tables[table]) {
                let differing: Vec<_> = of.ranges.differing().collect();
                of.differs = !differing.is_empty();
                differing.into_iter().for_each(|range| rows[range] += of.ranges.rows_in(range));
            }
            let mut is_first = true;
            for range in (0..ranges).filter(|range| rows[*range] > 0) {
                // One is looked through in any case.
                if rows[range] > left && !is_first {
                    break;
                }
                (only[range], is_first, differs) = (true, false, true);
                left = left.saturating_sub(rows[range]);
            }
        }
        self.selection = Arc::new(Selection { only, ..Selection::all(ranges) });
        differs
    }

    /// Takes rows of a home's table that differs.
    pub(super) fn hold(&mut self, home: usize, number: usize, batch: &Batch) -> Result<(), String> {
        let OfTable { keys, .. } = &mut self.homes[home].tables[number];
        let (selection, held) = (&self.selection, &mut self.held);
        self.tables[number].each(batch, |id, digest, told| {
            if selection.has(number, id) {
                keys.hold(id, digest, told);
                held.insert((number, digest));
            }
        })
    }

    /// What was found in a table of a home.
    pub(super) fn report(&self, homes: &[Home], home: &OfHome, number: usize) -> VerifiedTable {
        let OfTable { ranges, keys, .. } = &home.tables[number];
        let keys = keys.0.iter().filter(|(id, _)| self.selection.has(number, **id));
        let mut differences: Vec<_> = keys.filter_map(|(_, key)| self.difference(homes, number, key)).collect();
        differences.sort();
        let selected = |range: &usize| {
            let chosen = self.selection.only.get(number).is_some_and(|only| only[*range]);
            chosen && (self.selection.from..self.selection.upto).contains(range)
        };
        let others: Vec<_> = ranges.differing().filter(|range| !selected(range)).collect();
        let in_others: u64 = others.iter().map(|range| ranges.differing_in(*range)).sum();
        let differing = differences.len() as u64 + in_others;
        differences.truncate(TOLD);
        VerifiedTable {
            table: self.tables[number].table.name.clone(),
            rows: ranges.rows(),
            differing,
            is_at_least: !others.is_empty(),
            differences,
        }
    }

    fn difference(&self, homes: &[Home], table: usize, key: &Key) -> Option<Difference> {
        let kind = match (key.held.rows, key.made.rows) {
            _ if key.held == key.made => return None,
            (0, _) => DifferenceKind::Missing,
            (_, 0) => DifferenceKind::Unexpected,
            (held, made) if held > made => DifferenceKind::Repeated,
            (held, made) if held < made => DifferenceKind::Missing,
            _ => DifferenceKind::Changed,
        };
        let maker = key.held_digest().and_then(|digest| self.makers.get(&(table, digest)));
        let belongs_in = maker.filter(|_| kind == DifferenceKind::Unexpected).map(|maker| homes[*maker].to_string());
        Some(Difference { key: key.told.clone(), kind, belongs_in })
    }
}

impl OfSource {
    /// What was found of the accounting of a source.
    pub(super) fn report(&self, source: &str, is_control: bool) -> VerifiedAccount {
        let [read, delivered, ignored, quarantined] =
            self.accounting.kept().map(|count| u64::try_from(count).unwrap_or_default());
        VerifiedAccount {
            source: source.to_owned(),
            position: self.position.clone(),
            account: Account { read, delivered, ignored, quarantined },
            in_source: self.accounting.found(),
            in_quarantine: self.quarantine.count,
            ignored_elsewhere: self.accounting.ignored_elsewhere(is_control),
            differences: self.differences(is_control),
        }
    }
}
