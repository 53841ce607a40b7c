//! Rows that are replaced by their key: the last record of the source decides, not the last that is delivered. What is
//! replayed is older than what has been delivered since, so that the source is asked who made a row last.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{filter_record_batch, take_record_batch};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use domicile::{Context, Home};

use crate::analyse::Analysers;
use crate::batch::{Batch, BatchLimit};
use crate::blocking;
use crate::cursor::Cursor;
use crate::locate::{Fate, Locator, NearMisses};
use crate::plan::Planned;
use crate::position::Position;
use crate::table::{Table, Write};

/// A table, and the key of a row.
type Key = (usize, OwnedRow);

/// The rows that records make by replacing others, and who makes them last.
#[derive(Default)]
pub(super) struct Newer {
    keys: HashMap<Key, Made>,
}

struct Made {
    /// The records that make it, in their order.
    by: Vec<Position>,
    /// The last record of the source that makes it and was delivered.
    last: Option<Position>,
}

/// The home for which rows are looked at.
#[derive(Clone)]
struct Maker {
    slot: usize,
    home: Home,
    locator: Arc<Locator>,
    analysers: Arc<Analysers>,
    cursor: Cursor,
    /// The keys of positions whose records have not been delivered.
    undelivered: Arc<HashSet<String>>,
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
        undelivered: HashSet<String>,
        limit: BatchLimit,
    ) -> Result<Newer, String> {
        let maker = Maker {
            slot,
            home: home.clone(),
            locator: Arc::clone(&self.locator),
            analysers: Arc::clone(&self.writing.analysers),
            cursor: self.source.cursor().clone(),
            undelivered: Arc::new(undelivered),
        };
        let (made_by, records) = (maker.clone(), records.clone());
        let made = blocking::caught(blocking::run(move || made_by.made(&records))).await;
        let mut newer = Some(made.unwrap_or_else(Err)?);
        let first = newer.iter().flat_map(|newer| newer.keys.values()).filter_map(|made| made.by.first());
        let Some(first) = first.min().cloned() else { return Ok(Newer::default()) };
        let mut from = first.behind();
        while !matches!(&from, Bound::Excluded(after) if after >= reached) {
            let batch = self.source.read(&from, reached, limit).await.map_err(|error| error.to_string())?;
            from = batch.upto.behind();
            let maker = maker.clone();
            blocking::with(&mut newer, move |newer| maker.note(newer, &batch)).await?;
        }
        Ok(newer.unwrap_or_default())
    }
}

impl Maker {
    /// The rows that these records make, each by itself.
    fn made(&self, records: &RecordBatch) -> Result<Newer, String> {
        let mut newer = Newer::default();
        for row in 0..records.num_rows() {
            let position = self.cursor.at(records, row);
            for key in self.keys(&records.slice(row, 1)) {
                let made = newer.keys.entry(key).or_insert(Made { by: Vec::new(), last: None });
                made.by.push(position.clone());
            }
        }
        Ok(newer)
    }

    /// Notes which rows delivered records of a batch make.
    fn note(&self, newer: &mut Newer, batch: &Batch) -> Result<(), String> {
        let judged = self.locator.judge(&batch.records)?;
        let mut near_misses = NearMisses::default();
        let is_delivered = |row: &usize| {
            matches!(self.locator.fate(batch, &judged, *row, &mut near_misses), Fate::Delivered(slot, _) if slot == self.slot)
                && self.cursor.at(&batch.records, *row).key().is_none_or(|key| !self.undelivered.contains(&key))
        };
        let rows: Vec<u32> = (0..batch.records.num_rows())
            .filter(is_delivered)
            .map(|row| u32::try_from(row).expect("a batch has fewer than 2^32 records"))
            .collect();
        let records = take_record_batch(&batch.records, &UInt32Array::from(rows)).map_err(|error| error.to_string())?;
        let mut parts = vec![records];
        // Only parts that make such a row are looked at record by record.
        while let Some(part) = parts.pop() {
            let rows = part.num_rows();
            if rows == 0 || !self.keys(&part).iter().any(|key| newer.keys.contains_key(key)) {
                continue;
            }
            if rows > 1 {
                parts.extend([part.slice(rows / 2, rows - rows / 2), part.slice(0, rows / 2)]);
                continue;
            }
            let position = self.cursor.at(&part, 0);
            for key in self.keys(&part) {
                if let Some(made) = newer.keys.get_mut(&key) {
                    made.last = made.last.take().max(Some(position.clone()));
                }
            }
        }
        Ok(())
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
    /// The rows of a part of the records, from one position to another, without those that a later record has made since.
    pub(super) fn without_older(
        &self,
        (first, last): (&Position, &Position),
        (number, table): (usize, &Table),
        rows: RecordBatch,
    ) -> Result<RecordBatch, String> {
        if self.keys.is_empty() || table.write != Write::Replace {
            return Ok(rows);
        }
        let is_last = |key: &Key| {
            let Some(Made { by, last: Some(delivered) }) = self.keys.get(key) else { return true };
            let in_part = by.iter().filter(|position| (first..=last).contains(position));
            in_part.max().is_none_or(|position| position >= delivered)
        };
        let keep: BooleanArray = keys_of(number, table, &rows).iter().map(|key| Some(is_last(key))).collect();
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
