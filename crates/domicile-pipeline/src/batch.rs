//! A bounded run of records, read in one snapshot of the source.

use datafusion::arrow::array::RecordBatch;

use crate::position::Position;

/// At most so much is read at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimit {
    /// Records in a batch.
    pub rows: usize,
    /// Bytes of the values in a batch; the record that reaches the limit is still part of it.
    pub bytes: usize,
}

/// A value of the source that its column's type cannot hold. Its record goes to quarantine.
#[derive(Clone, Debug)]
pub(crate) struct Defect {
    /// The record's row in the batch.
    pub row: usize,
    /// The column's number in the source's schema.
    pub column: usize,
    /// Why the value does not fit.
    pub reason: String,
    /// The value as the source holds it.
    pub raw: serde_json::Value,
}

/// Records in the order of their cursor, and what is wrong with some of them.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The records; a defective value is NULL here.
    pub records: RecordBatch,
    /// Every record of the source up to here has been read.
    pub upto: Position,
    /// Values that did not fit, in the order of their rows.
    pub defects: Vec<Defect>,
}

impl Batch {
    /// What is wrong with the record in a row.
    #[must_use]
    pub(crate) fn defects_of(&self, row: usize) -> &[Defect] {
        let begin = self.defects.partition_point(|defect| defect.row < row);
        let end = self.defects.partition_point(|defect| defect.row <= row);
        &self.defects[begin..end]
    }
}
