//! Objects that replace each other within one write.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::arrow::row::{RowConverter, SortField};

use crate::error::Failure;
use crate::table::Table;

/// The objects without those that a later one of the same key replaces.
pub(super) fn last_of_each_key(table: &Table, objects: &RecordBatch) -> Result<RecordBatch, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let key: Vec<ArrayRef> = table.key.iter().map(|&column| equal_if_same(objects.column(column))).collect();
    let fields = key.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&key));
    let rows = rows.map_err(|error| failed(&error))?;
    let last: HashMap<_, _> = rows.iter().zip(0u32..).map(|(key, row)| (key.owned(), row)).collect();
    if last.len() == objects.num_rows() {
        return Ok(objects.clone());
    }
    let mut kept: Vec<u32> = last.into_values().collect();
    kept.sort_unstable();
    take_record_batch(objects, &UInt32Array::from(kept)).map_err(|error| failed(&error))
}

/// Zero is one number for a database, and two for a key in bytes.
fn equal_if_same(array: &ArrayRef) -> ArrayRef {
    match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => Arc::new(floats.unary::<_, Float64Type>(|float| float + 0.0)),
        None => Arc::clone(array),
    }
}
