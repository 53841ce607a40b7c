//! The records of a batch while they are read.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use serde_json::Value;

use super::column::Column;
use crate::batch::{Batch, BatchLimit, Defect};
use crate::cursor::{Cursor, MOST_BYTES};
use crate::position::Position;

/// The records of a batch, value by value.
pub(super) struct Rows {
    pub(super) columns: Vec<Column>,
    limit: BatchLimit,
    defects: Vec<Defect>,
    count: usize,
    bytes: usize,
}

impl Rows {
    /// No rows yet, with room for as many as the limit allows. Memory that is never written to costs nothing, and
    /// columns that grew while they are read would leave holes of all sizes behind.
    pub(super) fn new(schema: &Schema, limit: BatchLimit) -> Self {
        let bytes = limit.bytes / schema.fields().len().max(1);
        let rows = limit.rows.min(bytes / 8) + 1;
        let column = |field: &Arc<Field>| Column::with_capacity(field, rows, bytes);
        Self { columns: schema.fields().iter().map(column).collect(), limit, defects: Vec::new(), count: 0, bytes: 0 }
    }

    /// Room for one record.
    pub(super) fn one(schema: &Schema) -> Self {
        Self::new(schema, BatchLimit { rows: 1, bytes: 1024 })
    }

    /// Whether there are as many records as a batch may have. One more is read, by which it is known where the batch ends.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.count >= self.limit.rows || self.bytes >= self.limit.bytes
    }

    /// Whether there is a record more than a batch may have, whatever their sizes are.
    pub(super) fn is_beyond_count(&self) -> bool {
        self.count > self.limit.rows
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

    /// The records that were given, in any order.
    pub(super) fn given(mut self, schema: &SchemaRef) -> Batch {
        let records = self.records(schema);
        Batch { records, upto: Position::Start, defects: self.defects }
    }

    /// The last records up to a position.
    pub(super) fn last(mut self, schema: &SchemaRef, cursor: &Cursor, upto: &Position) -> Result<Batch, String> {
        let records = self.in_order(schema, cursor)?.0;
        Ok(Batch { records, upto: upto.clone(), defects: self.defects })
    }

    /// A batch that ends in front of the last record, so that all records of one cursor value stay in one batch.
    pub(super) fn before_last(mut self, schema: &SchemaRef, cursor: &Cursor) -> Result<Batch, String> {
        let (records, keep) = self.in_order(schema, cursor)?;
        if keep == 0 {
            let next = cursor.at(&records, records.num_rows() - 1);
            return Err(format!(
                "more records than a batch holds ({} rows, {} bytes) share the cursor {next}; raise batch.rows or batch.bytes",
                self.limit.rows, self.limit.bytes
            ));
        }
        let upto = cursor.at(&records, keep - 1);
        self.defects.retain(|defect| defect.row < keep);
        Ok(Batch { records: records.slice(0, keep), upto, defects: self.defects })
    }

    /// The position of the one record, whose columns are those of the cursor.
    pub(super) fn position(mut self, schema: &SchemaRef) -> Result<Position, String> {
        let cursor = Cursor::whole(schema);
        let records = self.records(schema);
        if let Some((_, why)) = self.unplaced(&records, &cursor) {
            return Err(format!("its last record {why}"));
        }
        Ok(if records.num_rows() == 0 { Position::Start } else { cursor.at(&records, 0) })
    }

    /// The first record that has no value in the cursor, and why it has none.
    fn unplaced(&self, records: &RecordBatch, cursor: &Cursor) -> Option<(usize, String)> {
        let (row, column, name) = cursor.null(records)?;
        let is_it = |defect: &&Defect| defect.row == row && defect.column == column;
        let reason = self.defects.iter().find(is_it).map_or("it is NULL", |defect| &defect.reason);
        Some((row, format!("has no value in the cursor `{name}`: {reason}")))
    }

    /// The records, and how many of them have another cursor than the last.
    fn in_order(&mut self, schema: &SchemaRef, cursor: &Cursor) -> Result<(RecordBatch, usize), String> {
        let records = self.records(schema);
        if let Some((row, why)) = self.unplaced(&records, cursor) {
            let which = match row.checked_sub(1) {
                Some(before) => format!("the record that follows {}", cursor.at(&records, before)),
                None => String::from("the first record that is read"),
            };
            return Err(format!("{which} {why}"));
        }
        if let Some(name) = cursor.overlong(&records) {
            return Err(format!("a record has more than {MOST_BYTES} bytes in the cursor `{name}`"));
        }
        let before_last = cursor.before_last(&records)?;
        Ok((records, before_last))
    }

    fn records(&mut self, schema: &SchemaRef) -> RecordBatch {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Column::finish).collect();
        RecordBatch::try_new(Arc::clone(schema), arrays)
            .expect("each column is built with the type of its field and one value a row")
    }
}
