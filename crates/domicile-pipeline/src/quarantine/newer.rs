//! Rows that are replaced by their key: the last record of the source decides, not the last that is delivered. What is
//! replayed is older than what has been delivered since, so that the source is asked who made a row last.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{filter_record_batch, take_record_batch};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use domicile::{Context, Home};
use serde_json::Value;

use super::kept::{Key as Kept, Quarantine, cleared};
use super::record_json;
use crate::analyse::Analysers;
use crate::batch::{Batch, BatchLimit};
use crate::blocking;
use crate::cursor::Cursor;
use crate::error::Failure;
use crate::locate::{Fate, Locator, NearMisses};
use crate::plan::Planned;
use crate::position::Position;
use crate::table::{Table, Write};

/// A table, and the key of a row.
type Key = (usize, OwnedRow);

/// The rows that records make by replacing others, and where the last record of the source is that makes them and was
/// delivered, if one was.
#[derive(Default)]
pub(super) struct Newer {
    last: HashMap<Key, Option<Position>>,
    maker: Option<Maker>,
}

/// The home for which rows are looked at.
#[derive(Clone)]
struct Maker {
    slot: usize,
    home: Home,
    locator: Arc<Locator>,
    analysers: Arc<Analysers>,
    cursor: Cursor,
}

/// What two databases keep of a source's records that have not been delivered, by the texts of their positions.
pub(super) struct Undelivered<'a> {
    source: &'a str,
    kept: Vec<(&'a mut Quarantine, HashMap<String, Vec<Kept>>)>,
}

/// The records of a batch that have not been delivered, by the numbers of their rows.
type LeftOut = HashSet<usize>;

impl<'a> Undelivered<'a> {
    pub(super) async fn of(
        source: &'a str,
        home: &'a mut Quarantine,
        control: Option<&'a mut Quarantine>,
    ) -> Result<Self, Failure> {
        let mut kept = Vec::new();
        for quarantine in [Some(home), control].into_iter().flatten() {
            let keys = quarantine.undelivered(source).await?;
            kept.push((quarantine, keys));
        }
        Ok(Self { source, kept })
    }

    /// Those of a batch. Of several records with one cursor they are told by what is kept of them; where that does not tell all of
    /// them, because columns have changed since, none of these records is known to have been delivered.
    async fn of_batch(&mut self, cursor: &Cursor, batch: &Batch) -> Result<LeftOut, Failure> {
        let mut at: HashMap<String, Vec<usize>> = HashMap::new();
        for row in 0..batch.records.num_rows() {
            if let Some(key) = cursor.at(&batch.records, row).key()
                && self.kept.iter().any(|(_, kept)| kept.contains_key(&key))
            {
                at.entry(key).or_default().push(row);
            }
        }
        let mut left_out = LeftOut::new();
        for (key, rows) in at {
            let mut kept = HashSet::new();
            for (quarantine, keys) in self.kept.iter_mut().filter(|_| rows.len() > 1) {
                if let Some(keys) = keys.get(&key) {
                    kept.extend(quarantine.cleared(self.source, keys).await?);
                }
            }
            let record = |row| Value::Object(record_json(&batch.records, row, batch.defects_of(row))).to_string();
            let is_kept = |row: &usize| !kept.is_empty() && kept.contains(&cleared(&record(*row)));
            let told: Vec<_> = rows.iter().copied().filter(is_kept).collect();
            let are_all_told = !kept.is_empty() && told.len() >= kept.len();
            left_out.extend(if are_all_told { told } else { rows });
        }
        Ok(left_out)
    }
}

impl Planned {
    /// Whether there are rows of which the last record decides. Where records come late, it is the order in which they came.
    pub(super) fn replaces(&self) -> bool {
        self.overlap.is_none() && self.writing.analysers.tables().iter().any(|table| table.write == Write::Replace)
    }

    /// Asks the source who makes the rows last that these records make, up to where the home has got.
    pub(super) async fn newer(
        &mut self,
        (slot, home): (usize, &Home),
        records: &RecordBatch,
        reached: &Position,
        undelivered: &mut Undelivered<'_>,
        limit: BatchLimit,
    ) -> Result<Newer, Failure> {
        let maker = Maker {
            slot,
            home: home.clone(),
            locator: Arc::clone(&self.locator),
            analysers: Arc::clone(&self.writing.analysers),
            cursor: self.source.cursor().clone(),
        };
        let Some(mut from) = (records.num_rows() > 0).then(|| maker.cursor.at(records, 0).behind()) else {
            return Ok(Newer::default());
        };
        let (made_by, records) = (maker.clone(), records.clone());
        let made = blocking::caught(blocking::run(move || made_by.keys(&records))).await.map_err(Failure::Failed)?;
        let last = made.into_iter().map(|key| (key, None)).collect();
        let mut newer = Some(Newer { last, maker: Some(maker.clone()) });
        while !matches!(&from, Bound::Excluded(after) if after >= reached) {
            let batch = self.source.read(&from, reached, limit).await;
            let batch = batch.map_err(|error| Failure::Failed(error.to_string()))?;
            from = batch.upto.behind();
            let left_out = undelivered.of_batch(&maker.cursor, &batch).await?;
            let maker = maker.clone();
            let noted = blocking::with(&mut newer, move |newer| maker.note(newer, &batch, &left_out)).await;
            noted.map_err(Failure::Failed)?;
        }
        Ok(newer.unwrap_or_default())
    }
}

impl Maker {
    /// Notes which rows delivered records of a batch make.
    fn note(&self, newer: &mut Newer, batch: &Batch, left_out: &LeftOut) -> Result<(), String> {
        let judged = self.locator.judge(&batch.records)?;
        let mut near_misses = NearMisses::default();
        let is_delivered = |row: &usize| {
            matches!(self.locator.fate(batch, &judged, *row, &mut near_misses), Fate::Delivered(slot, _) if slot == self.slot)
                && !left_out.contains(row)
        };
        let rows: Vec<u32> = (0..batch.records.num_rows())
            .filter(is_delivered)
            .map(|row| u32::try_from(row).expect("a batch has fewer than 2^32 records"))
            .collect();
        let records = take_record_batch(&batch.records, &UInt32Array::from(rows)).map_err(|error| error.to_string())?;
        let wanted = self.keys(&records).into_iter().filter(|key| newer.last.contains_key(key)).collect();
        let mut found = HashMap::new();
        self.find_last(&records, wanted, &mut found);
        newer.last.extend(found.into_iter().map(|(key, position)| (key, Some(position))));
        Ok(())
    }

    /// Finds the last records that make rows which these records make: first it is looked for in the second half of them.
    fn find_last(&self, records: &RecordBatch, wanted: HashSet<Key>, found: &mut HashMap<Key, Position>) {
        let rows = records.num_rows();
        if rows <= 1 || wanted.is_empty() {
            found.extend(wanted.into_iter().map(|key| (key, self.cursor.at(records, 0))));
            return;
        }
        let (first, second) = (records.slice(0, rows / 2), records.slice(rows / 2, rows - rows / 2));
        let made: HashSet<_> = self.keys(&second).into_iter().collect();
        let (in_second, in_first) = wanted.into_iter().partition(|key| made.contains(key));
        self.find_last(&second, in_second, found);
        self.find_last(&first, in_first, found);
    }

    /// The keys of the rows that records make by replacing others. Records that an analyser refuses make none.
    fn keys(&self, records: &RecordBatch) -> Vec<Key> {
        let context = Context::empty().and(self.home.clone());
        let Ok(objects) = context.run(|| self.analysers.analyse(records)) else {
            let rows = records.num_rows();
            return match rows {
                0 | 1 => Vec::new(),
                _ => {
                    let halves = [records.slice(0, rows / 2), records.slice(rows / 2, rows - rows / 2)];
                    halves.iter().flat_map(|half| self.keys(half)).collect()
                }
            };
        };
        let tables = self.analysers.tables();
        let replaced = objects.iter().filter(|(number, _)| tables[*number].write == Write::Replace);
        replaced.flat_map(|(number, rows)| keys_of(*number, &tables[*number], rows)).collect()
    }
}

impl Newer {
    /// The rows that some of the records make, without those that a later record has made since.
    pub(super) fn without_older(
        &self,
        records: &RecordBatch,
        (number, table): (usize, &Table),
        rows: RecordBatch,
    ) -> Result<RecordBatch, String> {
        let Some(maker) = self.maker.as_ref().filter(|_| table.write == Write::Replace) else { return Ok(rows) };
        let keys = keys_of(number, table, &rows);
        let wanted: HashSet<_> =
            keys.iter().filter(|key| matches!(self.last.get(key), Some(Some(_)))).cloned().collect();
        let mut made_by = HashMap::new();
        maker.find_last(records, wanted, &mut made_by);
        let is_older = |key: &Key| {
            let delivered = self.last.get(key).and_then(Option::as_ref);
            delivered.is_some_and(|delivered| made_by.get(key).is_some_and(|position| position < delivered))
        };
        let keep: BooleanArray = keys.iter().map(|key| Some(!is_older(key))).collect();
        filter_record_batch(&rows, &keep).map_err(|error| error.to_string())
    }
}

fn keys_of(number: usize, table: &Table, rows: &RecordBatch) -> Vec<Key> {
    let columns: Vec<ArrayRef> = table.key.iter().map(|column| Arc::clone(rows.column(*column))).collect();
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converted = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns));
    let converted = converted.expect("keys have types that are ordered");
    converted.iter().map(|row| (number, row.owned())).collect()
}
