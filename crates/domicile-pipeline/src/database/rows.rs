//! The records of a batch while they are read.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use serde_json::Value;

use super::column::Column;
use crate::batch::{Batch, BatchLimit, Defect, Position};

/// The records of a batch, value by value.
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    limit: BatchLimit,
    defects: Vec<Defect>,
    count: usize,
    bytes: usize,
    /// How many rows are part of the batch in the end.
    keep: usize,
    last: Option<i64>,
    /// The row at which the records with the cursor `last` begin.
    last_begins: usize,
    before_last: Option<i64>,
}

impl Rows {
    /// No rows yet, with room for as many as the limit allows. Memory that is never written to costs nothing, and
    /// columns that grew while they are read would leave holes of all sizes behind.
    pub(super) fn new(schema: &Schema, limit: BatchLimit) -> Self {
        let bytes = limit.bytes / schema.fields().len().max(1);
        let column = |field: &Arc<Field>| Column::with_capacity(field.data_type(), limit.rows.min(bytes / 8), bytes);
        Self {
            columns: schema.fields().iter().map(column).collect(),
            limit,
            defects: Vec::new(),
            count: 0,
            bytes: 0,
            keep: usize::MAX,
            last: None,
            last_begins: 0,
            before_last: None,
        }
    }

    /// Whether there are as many records as a batch may have.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.count >= self.limit.rows || self.bytes >= self.limit.bytes
    }

    /// How many records there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A record with this cursor follows; a value of each column is pushed next.
    #[inline]
    pub(super) fn begin(&mut self, position: i64) {
        if self.last != Some(position) {
            self.before_last = self.last;
            self.last = Some(position);
            self.last_begins = self.count;
        }
    }

    /// A value of so many bytes was pushed.
    #[inline]
    pub(super) fn pushed(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// A value was not fit for its column, which has NULL in its place. As JSON it has so many bytes.
    pub(super) fn unfit(&mut self, column: usize, reason: String, raw: Value, bytes: usize) {
        self.bytes += bytes;
        self.defects.push(Defect { row: self.count, column, reason, raw });
    }

    /// A value of each column was pushed.
    #[inline]
    pub(super) fn end(&mut self) {
        self.count += 1;
    }

    /// Ends a batch in front of the record at `next`, so that all records of one cursor value stay in one batch, and says
    /// up to where it reaches.
    pub(super) fn end_before(&mut self, next: i64) -> Result<Position, String> {
        if self.last != Some(next) {
            return Ok(Position::from(self.last));
        }
        if let Some(before) = self.before_last {
            self.keep = self.last_begins;
            return Ok(Position::At(before));
        }
        Err(format!(
            "more records than a batch holds ({} rows, {} bytes) share the cursor {next}; raise batch.rows or batch.bytes",
            self.limit.rows, self.limit.bytes
        ))
    }

    pub(super) fn finish(mut self, schema: &SchemaRef, after: Position, upto: Position) -> Batch {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect();
        let records = RecordBatch::try_new(Arc::clone(schema), arrays)
            .expect("each column is built with the type of its field and one value a row");
        let keep = self.keep.min(records.num_rows());
        self.defects.retain(|defect| defect.row < keep);
        Batch { records: records.slice(0, keep), after, upto, defects: self.defects }
    }
}
