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
    /// Where records that stand in no interval are, and how many.
    stray: Option<(Position, u64)>,
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
    /// had just come, only its sums are compared.
    pub(super) fn new(rows: &[Accounted], reached: &Position, comes_late: bool) -> Self {
        let mut accounting = Self { intervals: Vec::new(), stray: None, wrong: Vec::new() };
        let unbalanced = rows.iter().filter(|row| {
            let [read, delivered, ignored, quarantined] = row.counts;
            read != delivered + ignored + quarantined || row.counts.iter().any(|count| *count < 0)
        });
        for row in unbalanced {
            accounting.wrong.push(format!("the accounting up to {} does not balance: {}", row.upto, said(row.counts)));
        }
        let in_order = (!comes_late).then(|| in_order(rows)).flatten();
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
            None => self.stray.get_or_insert_with(|| (position.clone(), 0)).1 += 1,
        }
    }

    /// What is accounted for in all: read, delivered, ignored, quarantined.
    pub(super) fn kept(&self) -> [i64; 4] {
        std::array::from_fn(|place| self.intervals.iter().map(|interval| interval.kept[place]).sum())
    }

    /// How many records of the source were found.
    pub(super) fn found(&self) -> u64 {
        let in_intervals: u64 = self.intervals.iter().map(|interval| interval.found.iter().sum::<u64>()).sum();
        in_intervals + self.stray.as_ref().map_or(0, |(_, count)| *count)
    }

    /// What is wrong, with so many records in quarantine.
    pub(super) fn differences(&self, in_quarantine: u64) -> Vec<String> {
        let mut wrong = self.wrong.clone();
        let unlike = |interval: &&Interval| {
            (0..3).any(|place| u64::try_from(interval.kept[place + 1]) != Ok(interval.found[place]))
        };
        wrong.extend(self.intervals.iter().filter(unlike).map(Interval::told));
        if let Some((position, count)) = &self.stray {
            wrong.push(format!("{count} records of the source are not accounted for, the first of them at {position}"));
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

impl Interval {
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
        accounting.differences(0)
    }

    #[test]
    fn a_whole_chain_is_right_also_where_a_transaction_had_no_records() {
        let rows = [row(None, "9", [2, 2, 0, 0]), row(Some("20"), "30", [1, 1, 0, 0])];
        assert_eq!(differences(&rows, &[1, 9, 30]), [] as [&str; 0]);
        assert_eq!(differences(&[], &[]), [] as [&str; 0]);
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
