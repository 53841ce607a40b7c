//! Values of a database into columns of Arrow, one builder a column.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::DataType;

/// The values of one column, as far as they are read.
pub(super) enum Column {
    Integer(Int64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Decimal { builder: Decimal128Builder, precision: u8, scale: i8, factor: f64 },
}

impl Column {
    /// An empty column of one of the types that a source has. It has room for so many values, and for so many bytes of text.
    pub(super) fn with_capacity(data_type: &DataType, rows: usize, bytes: usize) -> Self {
        match data_type {
            DataType::Int64 => Column::Integer(Int64Builder::with_capacity(rows)),
            DataType::Float64 => Column::Float(Float64Builder::with_capacity(rows)),
            DataType::Binary => Column::Bytes(BinaryBuilder::with_capacity(rows, bytes)),
            DataType::Boolean => Column::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Date32 => Column::Date(Date32Builder::with_capacity(rows)),
            DataType::Timestamp(..) => Column::Timestamp(TimestampMicrosecondBuilder::with_capacity(rows)),
            DataType::Decimal128(precision, scale) => Column::Decimal {
                builder: Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()),
                precision: *precision,
                scale: *scale,
                factor: 10f64.powi(i32::from(*scale)),
            },
            _ => Column::Text(StringBuilder::with_capacity(rows, bytes)),
        }
    }

    pub(super) fn push_null(&mut self) {
        match self {
            Column::Integer(builder) => builder.append_null(),
            Column::Float(builder) => builder.append_null(),
            Column::Text(builder) => builder.append_null(),
            Column::Bytes(builder) => builder.append_null(),
            Column::Boolean(builder) => builder.append_null(),
            Column::Date(builder) => builder.append_null(),
            Column::Timestamp(builder) => builder.append_null(),
            Column::Decimal { builder, .. } => builder.append_null(),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Integer(builder) => Arc::new(builder.finish()),
            Column::Float(builder) => Arc::new(builder.finish()),
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::Bytes(builder) => Arc::new(builder.finish()),
            Column::Boolean(builder) => Arc::new(builder.finish()),
            Column::Date(builder) => Arc::new(builder.finish()),
            Column::Timestamp(builder) => Arc::new(builder.finish()),
            Column::Decimal { builder, .. } => Arc::new(builder.finish()),
        }
    }

    /// What a value of the column is.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Column::Integer(_) => "an integer",
            Column::Float(_) => "a number",
            Column::Text(_) => "text in UTF-8",
            Column::Bytes(_) => "a run of bytes",
            Column::Boolean(_) => "0 or 1",
            Column::Date(_) => "a date",
            Column::Timestamp(_) => "a timestamp",
            Column::Decimal { .. } => "a decimal",
        }
    }
}
