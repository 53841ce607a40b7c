//! Records that come late: what is read again, and which of it has been dealt with before.
//!
//! Where nothing in a source tells which records are still to come, as with a timestamp that the application sets, each
//! run reads again what lies within the overlap. A home remembers the records that it has dealt with there, so that those
//! that came late arrive, and the others do not arrive twice.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Schema};
use sha2::{Digest, Sha256};

use crate::config::OverlapConfig;
use crate::cursor::Cursor;
use crate::locate::Share;
use crate::position::{Position, Value};

/// A home remembers at most so many records of a source.
pub(crate) const MARKS_MAX: usize = 1_000_000;

/// All homes together remember at most so many while they are delivered to, in some 200 MB.
const MARKS_IN_MEMORY: usize = 4_000_000;

/// What is read again, and by what records are known.
#[derive(Clone, Debug)]
pub(crate) struct Overlap {
    span: Duration,
    cursor: Cursor,
    /// The columns that tell apart records of one cursor.
    identity: Cursor,
}

/// What a home remembers of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The time that its cursor begins with, in microseconds since 1970.
    pub(crate) at: i64,
    /// Stands for its cursor and its identity: 128 bits of a hash, in hexadecimal.
    pub(crate) hash: String,
}

/// How many records all homes remember that are delivered to.
pub(crate) type InAll = Arc<AtomicUsize>;

impl Mark {
    fn key(&self) -> u128 {
        u128::from_str_radix(&self.hash, 16).expect("a hash has hexadecimal digits")
    }

    /// A number that tells the record from others with its cursor.
    pub(crate) fn number(&self) -> i64 {
        i64::from_str_radix(&self.hash[..15], 16).expect("a hash has hexadecimal digits")
    }
}

impl Overlap {
    /// The overlap that is configured, or the setting that does not fit the source's columns, with why.
    pub(crate) fn find(
        config: &OverlapConfig,
        schema: &Schema,
        cursor: &Cursor,
    ) -> Result<Self, (&'static str, String)> {
        if !matches!(cursor.types().first(), Some(DataType::Timestamp(..))) {
            let why = format!("the cursor {} does not begin with a timestamp", cursor.named());
            return Err(("overlap", why));
        }
        let identity = Cursor::find(schema, &config.identity).map_err(|wrong| {
            let why = wrong.map_or_else(String::new, |(name, why)| format!("`{name}` {why}"));
            ("identity", why)
        })?;
        Ok(Self { span: config.span, cursor: cursor.clone(), identity })
    }

    /// The numbers of the columns by which records are known.
    pub(crate) fn columns(&self) -> &[usize] {
        self.identity.columns()
    }

    /// From when on records are read again by a home that has got to a position; `None` where nothing is.
    pub(crate) fn begin(&self, position: &Position) -> Option<i64> {
        let Some(Value::Timestamp(at)) = position.values().into_iter().next() else { return None };
        Some(at.saturating_sub(i64::try_from(self.span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// From where on a home reads.
    pub(crate) fn from(&self, position: &Position) -> Bound<Position> {
        match self.begin(position) {
            Some(begin) => Bound::Included(Position::of(vec![Value::Timestamp(begin)])),
            None => Bound::Unbounded,
        }
    }

    /// How many of the records, which are in the order of the cursor, stand in front of a time.
    pub(crate) fn count_before(&self, records: &RecordBatch, begin: Option<i64>) -> usize {
        begin.map_or(0, |begin| self.cursor.count_before(records, &Value::Timestamp(begin)))
    }

    /// What is remembered of a record.
    pub(crate) fn mark(&self, records: &RecordBatch, row: usize) -> Mark {
        let values = self.cursor.at(records, row).values();
        let at = if let Some(Value::Timestamp(at)) = values.first() { *at } else { 0 };
        let mut hasher = Sha256::new();
        let identity = self.identity.values(records, row);
        for value in values.into_iter().map(Some).chain(identity) {
            let text = value.map(|value| value.to_string());
            // The length keeps the end of one value from being taken for the beginning of the next.
            let length = text.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            hasher.update(length.to_le_bytes());
            hasher.update(text.unwrap_or_default());
        }
        let mut hash = String::with_capacity(32);
        hasher.finalize()[..16].iter().for_each(|byte| write!(hash, "{byte:02x}").expect("a String takes it"));
        Mark { at, hash }
    }
}

/// What a home remembers, with what is new in its open transaction.
pub(crate) struct Known {
    marks: HashMap<u128, i64>,
    /// So many of them are counted in all.
    counted: usize,
    in_all: InAll,
    /// No record in front of this time is remembered from earlier, and none at all without it.
    oldest: Option<i64>,
    new: Vec<Mark>,
    in_share: HashSet<u128>,
}

impl Drop for Known {
    fn drop(&mut self) {
        self.in_all.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

impl Known {
    pub(crate) fn new(in_all: &InAll) -> Self {
        let in_all = Arc::clone(in_all);
        let (marks, in_share) = (HashMap::new(), HashSet::new());
        Self { marks, counted: 0, in_all, oldest: None, new: Vec::new(), in_share }
    }

    /// Learns what the home remembers by now.
    pub(crate) fn learn(&mut self, marks: Vec<Mark>) {
        self.oldest = marks.iter().map(|mark| mark.at).chain(self.oldest).min();
        self.marks.extend(marks.into_iter().map(|mark| (mark.key(), mark.at)));
    }

    /// Leaves out of a share what has been dealt with before, and notes the rest.
    pub(crate) fn leave_out(&mut self, overlap: &Overlap, share: &mut Share) -> Result<(), String> {
        self.in_share.clear();
        let begin = overlap.begin(&share.upto).unwrap_or(i64::MIN);
        let rows = share.records.num_rows();
        // What comes in front is neither remembered from earlier nor to be remembered.
        let first = overlap.count_before(&share.records, Some(begin.min(self.oldest.unwrap_or(i64::MAX))));
        let mut are_new = vec![true; first];
        for row in first..rows {
            are_new.push(self.is_new(overlap.mark(&share.records, row), begin)?);
        }
        share.records =
            filter_record_batch(&share.records, &BooleanArray::from(are_new)).map_err(|error| error.to_string())?;
        for mark in std::mem::take(&mut share.ignored_marks) {
            if !self.is_new(mark, begin)? {
                share.ignored -= 1;
            }
        }
        let mut quarantined = Vec::new();
        for record in std::mem::take(&mut share.quarantined) {
            if record.mark.clone().map_or(Ok(true), |mark| self.is_new(mark, begin))? {
                quarantined.push(record);
            }
        }
        share.quarantined = quarantined;
        Ok(())
    }

    fn is_new(&mut self, mark: Mark, begin: i64) -> Result<bool, String> {
        let key = mark.key();
        if !self.in_share.insert(key) {
            let why = "two records have the same cursor and the same `identity`: name the columns that tell them apart";
            return Err(String::from(why));
        }
        if self.marks.contains_key(&key) {
            return Ok(false);
        }
        if mark.at >= begin {
            self.marks.insert(key, mark.at);
            self.new.push(mark);
        }
        Ok(true)
    }

    /// Forgets what is in front of a time, and gives what is new behind it.
    pub(crate) fn take_new(&mut self, begin: i64) -> Result<Vec<Mark>, String> {
        self.marks.retain(|_, at| *at >= begin);
        if self.marks.len() > MARKS_MAX {
            return Err(format!(
                "{} records lie within the `overlap`, and at most {MARKS_MAX} are remembered; make it shorter",
                self.marks.len()
            ));
        }
        let others = self.in_all.fetch_sub(self.counted, Ordering::Relaxed) - self.counted;
        self.counted = self.marks.len();
        self.in_all.fetch_add(self.counted, Ordering::Relaxed);
        if others + self.counted > MARKS_IN_MEMORY {
            return Err(format!(
                "{} records of all homes lie within the `overlap`, and at most {MARKS_IN_MEMORY} are remembered; make it shorter",
                others + self.counted
            ));
        }
        let mut new = std::mem::take(&mut self.new);
        new.retain(|mark| mark.at >= begin);
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn records(rows: &[(i64, Option<i64>, &str)]) -> RecordBatch {
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.0)));
        let id: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
        let name: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2)));
        RecordBatch::try_from_iter([("at", at), ("id", id), ("name", name)]).unwrap()
    }

    fn overlap(records: &RecordBatch, identity: &[&str]) -> Overlap {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let cursor = Cursor::find(&records.schema(), &names(&["at"])).unwrap();
        let config = OverlapConfig { span: Duration::from_micros(10), identity: names(identity) };
        Overlap::find(&config, &records.schema(), &cursor).unwrap()
    }

    fn share(records: &RecordBatch, upto: i64) -> Share {
        Share {
            slot: 0,
            upto: Position::of(vec![Value::Timestamp(upto)]),
            records: records.clone(),
            ignored: 0,
            ignored_marks: Vec::new(),
            quarantined: Vec::new(),
            taken_over: Vec::new(),
        }
    }

    #[test]
    fn what_was_dealt_with_is_left_out_and_what_came_late_is_not() {
        let first = records(&[(1, Some(1), "a"), (95, Some(1), "a"), (100, Some(2), "a")]);
        let overlap = overlap(&first, &["id", "name"]);
        let mut known = Known::new(&InAll::default());
        let mut all = share(&first, 100);
        known.leave_out(&overlap, &mut all).unwrap();
        assert_eq!(all.records.num_rows(), 3);
        let marks = known.take_new(90).unwrap();
        assert_eq!(marks.iter().map(|mark| mark.at).collect::<Vec<_>>(), [95, 100], "the first is out of reach");

        let again = records(&[
            (95, Some(1), "a"),
            (95, None, "a"),
            (95, Some(1), "aa"),
            (100, Some(2), "a"),
            (101, Some(2), "a"),
        ]);
        let mut again = share(&again, 101);
        let mut known = Known::new(&InAll::default());
        known.learn(marks);
        known.leave_out(&overlap, &mut again).unwrap();
        assert_eq!(again.records, records(&[(95, None, "a"), (95, Some(1), "aa"), (101, Some(2), "a")]));
        assert_eq!(known.take_new(101).unwrap().len(), 1);
    }

    #[test]
    fn an_identity_that_tells_nobody_apart_is_told() {
        let two = records(&[(100, Some(1), "a"), (100, Some(1), "b")]);
        let leave_out = |identity: &[&str]| {
            Known::new(&InAll::default()).leave_out(&overlap(&two, identity), &mut share(&two, 100))
        };
        assert!(leave_out(&["id"]).unwrap_err().contains("tell them apart"));
        assert_eq!(leave_out(&["id", "name"]), Ok(()));
    }

    #[test]
    fn an_overlap_of_too_many_records_is_told() {
        let mark = |number: usize| Mark { at: 5, hash: number.to_string() };
        let known = |count: usize| {
            let mut known = Known::new(&InAll::default());
            known.learn((0..count).map(mark).collect());
            known.take_new(0)
        };
        assert_eq!(known(MARKS_MAX), Ok(Vec::new()));
        assert!(known(MARKS_MAX + 1).unwrap_err().contains("make it shorter"));
    }

    #[test]
    fn an_overlap_of_too_many_records_of_all_homes_is_told() {
        let in_all = InAll::new(AtomicUsize::new(MARKS_IN_MEMORY - 2));
        let mark = |number: usize| Mark { at: 5, hash: number.to_string() };
        let known = |count: usize| {
            let mut known = Known::new(&in_all);
            known.learn((0..count).map(mark).collect());
            let taken = known.take_new(0).and_then(|_| known.take_new(0));
            (known, taken)
        };
        let (first, taken) = known(1);
        assert!(taken.is_ok() && known(1).1.is_ok());
        assert!(known(2).1.unwrap_err().contains("of all homes lie within the `overlap`"));
        drop(first);
        assert!(known(2).1.is_ok(), "what is done remembers nothing");
    }
}
