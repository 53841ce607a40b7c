//! Whether the accounting of a database is whole in itself, and says of each of its transactions what the source says.

use super::contents::Accounted;
use crate::position::Position;

/// So many things that are wrong with the accounting are told of one database.
const TOLD: usize = 5;

/// What became of a record, as far as a fresh computation says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Became {
    Delivered,
    Ignored,
    Quarantined,
}

/// The accounting of one source in one database, beside which the source's records are counted.
pub(super) struct Accounting {
    /// In the order of their positions or, where that is not known, one for all.
    intervals: Vec<Interval>,
    /// Where the first of the records is that stand in no interval, and how many of them became what.
    stray: Option<(Position, [u64; 3])>,
    /// What is wrong with it in itself.
    wrong: Vec<String>,
}

/// What one transaction has accounted for.
#[derive(Clone, Debug, Default)]
struct Interval {
    after: Position,
    /// `None` for all there is.
    upto: Option<Position>,
    /// Read, delivered, ignored, quarantined.
    kept: [i64; 4],
    found: [u64; 3],
}

impl Accounting {
    /// The accounting of a database that has got to a position. Where records that come late are accounted for as if they
    /// had just come, or it is not known which transaction is which, only its sums are compared.
    pub(super) fn new(rows: &[Accounted], reached: &Position, only_sums: bool) -> Self {
        let mut accounting = Self { intervals: Vec::new(), stray: None, wrong: Vec::new() };
        for row in rows.iter().filter(|row| !row.is_balanced()) {
            accounting.wrong.push(format!("the accounting up to {} does not balance: {}", row.upto, said(row.counts)));
        }
        let in_order = (!only_sums).then(|| in_order(rows)).flatten();
        match in_order {
            Some(intervals) => accounting.check_chain(&intervals, reached),
            None => {
                let sum = |place: usize| rows.iter().map(|row| row.counts[place]).sum();
                let all = Interval { kept: std::array::from_fn(sum), ..Interval::default() };
                accounting.intervals = vec![all];
            }
        }
        accounting
    }

    /// Each transaction begins where an earlier one has ended, or behind it: one that had no records is not accounted for.
    fn check_chain(&mut self, intervals: &[Interval], reached: &Position) {
        let mut end = &Position::Start;
        for interval in intervals {
            let upto = interval.upto.as_ref().unwrap_or(reached);
            if interval.after >= *upto {
                self.wrong.push(format!("the accounting up to {upto} begins at {}", interval.after));
            } else if interval.after < *end {
                self.wrong.push(format!("the accounting up to {upto} begins at {}, in front of {end}", interval.after));
            }
            end = upto;
        }
        if end > reached {
            self.wrong.push(format!("the accounting goes up to {end}, and the position is {reached}"));
        }
        self.intervals = intervals.to_vec();
    }

    fn interval(&mut self, position: &Position) -> Option<&mut Interval> {
        let is_before = |interval: &Interval| interval.upto.as_ref().is_some_and(|upto| upto < position);
        let place = self.intervals.partition_point(is_before);
        self.intervals.get_mut(place).filter(|interval| interval.after < *position)
    }

    /// Counts a record.
    pub(super) fn count(&mut self, position: &Position, became: Became) {
        match self.interval(position) {
            Some(interval) => interval.found[became as usize] += 1,
            None => self.stray.get_or_insert_with(|| (position.clone(), [0; 3])).1[became as usize] += 1,
        }
    }

    /// What is accounted for in all: read, delivered, ignored, quarantined.
    pub(super) fn kept(&self) -> [i64; 4] {
        std::array::from_fn(|place| self.intervals.iter().map(|interval| interval.kept[place]).sum())
    }

    /// How many records of the source were found.
    pub(super) fn found(&self) -> u64 {
        let in_intervals: u64 = self.intervals.iter().map(|interval| interval.found.iter().sum::<u64>()).sum();
        in_intervals + self.stray.as_ref().map_or(0, |(_, counts)| counts.iter().sum())
    }

    /// How many records that are ignored the control database accounts for, though they have a home by the rules of now: they
    /// had none when they were read, and nothing is kept of which they were. In the control database that is how many it has
    /// too many, and in a home how many it lacks.
    pub(super) fn ignored_elsewhere(&self, is_control: bool) -> u64 {
        let in_intervals =
            self.intervals.iter().map(|interval| interval.ignored_elsewhere(is_control).unwrap_or_default());
        in_intervals.sum::<u64>() + self.stray.as_ref().map_or(0, |(_, counts)| strays(counts, is_control).1)
    }

    /// What is wrong, with so many records in quarantine.
    pub(super) fn differences(&self, in_quarantine: u64, is_control: bool) -> Vec<String> {
        let mut wrong = self.wrong.clone();
        let unlike = |interval: &&Interval| interval.ignored_elsewhere(is_control).is_none();
        wrong.extend(self.intervals.iter().filter(unlike).map(Interval::told));
        if let Some((position, counts)) = &self.stray {
            let (count, _) = strays(counts, is_control);
            if count > 0 {
                let first = format!("the first of them at {position}");
                wrong.push(format!("{count} records of the source are not accounted for, {first}"));
            }
        }
        let quarantined = self.kept()[3];
        if u64::try_from(quarantined) != Ok(in_quarantine) {
            wrong.push(format!(
                "{quarantined} records are accounted for as quarantined, and {in_quarantine} are in quarantine"
            ));
        }
        let more = wrong.len().saturating_sub(TOLD);
        wrong.truncate(TOLD);
        if more > 0 {
            wrong.push(format!("and {more} more like these"));
        }
        wrong
    }
}

/// How many records ought to stand in an interval and do not, and how many of those may be accounted for elsewhere.
fn strays(counts: &[u64; 3], is_control: bool) -> (u64, u64) {
    let [delivered, ignored, quarantined] = *counts;
    if is_control { (delivered + ignored + quarantined, 0) } else { (delivered + quarantined, ignored) }
}

impl Interval {
    /// How many records that are ignored are accounted for in the control database in place of their home; `None` where that
    /// is not all that differs.
    fn ignored_elsewhere(&self, is_control: bool) -> Option<u64> {
        let [_, delivered, ignored, quarantined] = self.kept.map(|count| u64::try_from(count).ok());
        let [found_delivered, found_ignored, found_quarantined] = self.found;
        if (delivered, quarantined) != (Some(found_delivered), Some(found_quarantined)) {
            return None;
        }
        let (more, less) = if is_control { (ignored?, found_ignored) } else { (found_ignored, ignored?) };
        more.checked_sub(less)
    }

    fn told(&self) -> String {
        let [delivered, ignored, quarantined] = self.found;
        let whole = delivered + ignored + quarantined;
        let place = self.upto.as_ref().map_or_else(String::new, |upto| format!(" from {} up to {upto}", self.after));
        format!(
            "the accounting{place} says {}, and the source {whole} = {delivered} + {ignored} + {quarantined}",
            said(self.kept)
        )
    }
}

fn said([read, delivered, ignored, quarantined]: [i64; 4]) -> String {
    format!("{read} read = {delivered} delivered + {ignored} ignored + {quarantined} quarantined")
}

/// The rows in the order of their positions; `None` where one is too long to be kept as what it is.
fn in_order(rows: &[Accounted]) -> Option<Vec<Interval>> {
    let position = |text: Option<&str>| Position::from_stored(text).ok();
    let interval = |row: &Accounted| {
        let (after, upto) = (position(row.after.as_deref())?, position(Some(&row.upto))?);
        Some(Interval { after, upto: Some(upto), kept: row.counts, ..Interval::default() })
    };
    let mut intervals = rows.iter().map(interval).collect::<Option<Vec<_>>>()?;
    intervals.sort_by(|one, other| one.upto.cmp(&other.upto));
    Some(intervals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(after: Option<&str>, upto: &str, counts: [i64; 4]) -> Accounted {
        Accounted { after: after.map(str::to_owned), upto: upto.to_owned(), counts }
    }

    /// What is wrong with rows when the source has a record at each of these, all of them delivered.
    fn differences(rows: &[Accounted], records: &[i128]) -> Vec<String> {
        let mut accounting = Accounting::new(rows, &Position::At(30), false);
        records.iter().for_each(|record| accounting.count(&Position::At(*record), Became::Delivered));
        accounting.differences(0, false)
    }

    #[test]
    fn a_whole_chain_is_right_also_where_a_transaction_had_no_records() {
        let rows = [row(None, "9", [2, 2, 0, 0]), row(Some("20"), "30", [1, 1, 0, 0])];
        assert_eq!(differences(&rows, &[1, 9, 30]), [] as [&str; 0]);
        assert_eq!(differences(&[], &[]), [] as [&str; 0]);
    }

    #[test]
    fn records_that_are_ignored_may_be_accounted_for_where_they_had_no_home() {
        let rows = [row(None, "9", [3, 2, 1, 0])];
        for (ignored, of_home, of_control) in [(1, Some(0), Some(0)), (2, Some(1), None), (0, None, Some(1))] {
            let mut accounting = Accounting::new(&rows, &Position::At(9), false);
            (0..2).for_each(|_| accounting.count(&Position::At(1), Became::Delivered));
            (0..ignored).for_each(|_| accounting.count(&Position::At(2), Became::Ignored));
            for (is_control, elsewhere) in [(false, of_home), (true, of_control)] {
                assert_eq!(accounting.ignored_elsewhere(is_control), elsewhere.unwrap_or(0), "{ignored} {is_control}");
                assert_eq!(
                    accounting.differences(0, is_control).is_empty(),
                    elsewhere.is_some(),
                    "{ignored} {is_control}"
                );
            }
        }
        let mut accounting = Accounting::new(&rows[..0], &Position::At(9), false);
        accounting.count(&Position::At(2), Became::Ignored);
        assert_eq!((accounting.ignored_elsewhere(false), accounting.ignored_elsewhere(true)), (1, 0));
        assert_eq!((accounting.differences(0, false).len(), accounting.differences(0, true).len()), (0, 1));
    }

    #[test]
    fn each_change_is_told() {
        let first = row(None, "9", [2, 2, 0, 0]);
        for (rows, records, told) in [
            (vec![row(None, "9", [2, 1, 0, 0])], vec![1], "up to 9 does not balance"),
            (vec![row(None, "9", [3, 3, 0, 0])], vec![1, 2], "from the start up to 9 says 3 read = 3 delivered"),
            (vec![first.clone(), row(Some("8"), "30", [0; 4])], vec![1, 2], "begins at 8, in front of 9"),
            (vec![first.clone(), row(Some("40"), "31", [0; 4])], vec![1, 2], "up to 31 begins at 40"),
            (
                vec![first.clone()],
                vec![1, 2, 10, 11],
                "2 records of the source are not accounted for, the first of them at 10",
            ),
            (vec![first.clone(), row(Some("9"), "31", [0; 4])], vec![1, 2], "goes up to 31, and the position is 30"),
        ] {
            let found = differences(&rows, &records);
            assert!(found.iter().any(|found| found.contains(told)), "{told}: {found:?}");
        }
    }
}
