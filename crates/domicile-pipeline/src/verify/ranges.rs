//! The ranges that rows are compared by: those of the numbers that stand for their keys.

use std::collections::HashMap;

/// Ranges of the keys of a table, at most and at least.
const MOST_RANGES: usize = 4_096;
const FEWEST_RANGES: usize = 64;
/// Bytes of memory that the ranges of all tables take together.
const BYTES: usize = 16 * 1_024 * 1_024;

/// What is known of the rows in one range: how many there are, and the sum of the numbers that stand for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    digest: u128,
}

impl Sum {
    fn add(&mut self, digest: u128) {
        self.rows += 1;
        self.digest = self.digest.wrapping_add(digest);
    }
}

/// How many ranges there are for each of so many tables.
pub(super) fn count_ranges(tables: usize) -> usize {
    let most = BYTES / (2 * size_of::<Sum>() * tables.max(1));
    let power = most.max(1).ilog2();
    (1 << power).clamp(FEWEST_RANGES, MOST_RANGES)
}

/// The number of the range that a key is in.
pub(super) fn range_of(id: u128, ranges: usize) -> usize {
    (id >> (u128::BITS - ranges.ilog2())) as usize
}

/// The ranges of a table that are worked on: some of those from one to another.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    pub(super) ranges: usize,
    pub(super) from: usize,
    pub(super) upto: usize,
    /// By table, which ranges; all where it is empty.
    pub(super) only: Vec<Vec<bool>>,
}

impl Selection {
    pub(super) fn all(ranges: usize) -> Self {
        Self { ranges, from: 0, upto: ranges, only: Vec::new() }
    }

    pub(super) fn has(&self, table: usize, id: u128) -> bool {
        let range = range_of(id, self.ranges);
        (self.from..self.upto).contains(&range) && self.only.get(table).is_none_or(|only| only[range])
    }

    /// Whether anything of a table is worked on.
    pub(super) fn has_any(&self, table: usize) -> bool {
        self.only.get(table).is_none_or(|only| only.contains(&true))
    }

    /// Leaves the upper half for later, because both take too much memory.
    pub(super) fn halve(&mut self) -> bool {
        let half = (self.upto - self.from) / 2;
        self.upto = self.from + half.max(1);
        half > 0
    }

    /// The ranges behind these, as many again; `None` at the end.
    pub(super) fn next(&self) -> Option<Self> {
        let width = self.upto - self.from;
        let next = Self { from: self.upto, upto: (self.upto + width).min(self.ranges), ..self.clone() };
        (next.from < next.upto).then_some(next)
    }
}

/// The rows that a home has and those that it should have, range by range.
pub(super) struct Ranges {
    held: Vec<Sum>,
    made: Vec<Sum>,
}

impl Ranges {
    pub(super) fn new(ranges: usize) -> Self {
        Self { held: vec![Sum::default(); ranges], made: vec![Sum::default(); ranges] }
    }

    pub(super) fn hold(&mut self, id: u128, digest: u128) {
        let range = range_of(id, self.held.len());
        self.held[range].add(digest);
    }

    pub(super) fn make(&mut self, id: u128, digest: u128) {
        let range = range_of(id, self.made.len());
        self.made[range].add(digest);
    }

    pub(super) fn rows(&self) -> u64 {
        self.held.iter().map(|sum| sum.rows).sum()
    }

    /// The ranges that differ.
    pub(super) fn differing(&self) -> impl Iterator<Item = usize> {
        (0..self.held.len()).filter(|range| self.held[*range] != self.made[*range])
    }

    /// How many rows there are in a range, or should be.
    pub(super) fn rows_in(&self, range: usize) -> u64 {
        self.held[range].rows + self.made[range].rows
    }

    /// At least so many keys differ in a range that does.
    pub(super) fn differing_in(&self, range: usize) -> u64 {
        self.held[range].rows.abs_diff(self.made[range].rows).max(1)
    }
}

/// The rows of ranges that differ, key by key.
#[derive(Default)]
pub(super) struct Keys(pub(super) HashMap<u128, Key>);

/// The rows of one key.
#[derive(Default)]
pub(super) struct Key {
    pub(super) held: Sum,
    pub(super) made: Sum,
    /// For people.
    pub(super) told: Option<String>,
}

impl Key {
    /// The number that stands for the row that is there, if it is one.
    pub(super) fn held_digest(&self) -> Option<u128> {
        (self.held.rows == 1).then_some(self.held.digest)
    }
}

impl Keys {
    pub(super) fn hold(&mut self, id: u128, digest: u128, told: impl FnOnce() -> Option<String>) {
        let key = self.0.entry(id).or_default();
        key.held.add(digest);
        if key.told.is_none() {
            key.told = told();
        }
    }

    pub(super) fn make(&mut self, id: u128, digest: u128, told: impl FnOnce() -> Option<String>) {
        let key = self.0.entry(id).or_default();
        key.made.add(digest);
        if key.told.is_none() {
            key.told = told();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_halved_and_followed_by_the_rest() {
        let mut selection = Selection::all(64);
        assert!(selection.halve());
        assert!(selection.halve());
        let mut from = vec![selection.from];
        while let Some(next) = selection.next() {
            from.push(next.from);
            selection = next;
        }
        assert_eq!(from, [0, 16, 32, 48]);
        let mut one = Selection { upto: 1, ..Selection::all(64) };
        assert!(!one.halve(), "one range is not divided");
    }

    #[test]
    fn the_rows_of_a_range_are_the_same_in_any_order_and_differ_by_one() {
        let mut ranges = Ranges::new(64);
        for digest in [1, 2, 3] {
            ranges.hold(u128::MAX, digest);
        }
        for digest in [3, 1, 2] {
            ranges.make(u128::MAX, digest);
        }
        assert_eq!(ranges.differing().count(), 0);
        ranges.make(0, 7);
        assert_eq!(ranges.differing().collect::<Vec<_>>(), [0]);
        let mut held = Ranges::new(64);
        [1, 2, 3].into_iter().for_each(|digest| held.hold(u128::MAX, digest));
        assert_eq!(held.differing().collect::<Vec<_>>(), [63]);
        assert_eq!((held.rows_in(63), held.differing_in(63)), (3, 3));
    }

    #[test]
    fn the_memory_of_ranges_is_bounded() {
        for tables in [0, 1, 75, 300, 1_000] {
            let ranges = count_ranges(tables);
            assert!(ranges.is_power_of_two() && (FEWEST_RANGES..=MOST_RANGES).contains(&ranges), "{tables}");
        }
        assert_eq!(count_ranges(1), MOST_RANGES);
    }
}
