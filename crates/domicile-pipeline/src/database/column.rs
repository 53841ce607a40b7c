//! Values of a database into columns of Arrow, one builder a column.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, Field};

use crate::extension::{JSON, JSONB, UUID, extension};

/// What a value of a column of unsigned integers is.
pub(super) const UNSIGNED: &str = "an integer that is not negative";

/// The values of one column, as far as they are read.
pub(super) enum Column {
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Uuid(StringBuilder),
    Json(StringBuilder),
    Bytes(BinaryBuilder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    /// With a zone, which is always UTC here.
    Instant(TimestampMicrosecondBuilder),
    Decimal {
        builder: Decimal128Builder,
        precision: u8,
        scale: i8,
        factor: f64,
    },
}

/// The same for every kind of column.
macro_rules! each {
    ($column:expr, $builder:ident => $result:expr) => {
        match $column {
            Column::Integer($builder) => $result,
            Column::Unsigned($builder) => $result,
            Column::Float($builder) => $result,
            Column::Text($builder) | Column::Uuid($builder) | Column::Json($builder) => $result,
            Column::Bytes($builder) => $result,
            Column::Boolean($builder) => $result,
            Column::Date($builder) => $result,
            Column::Time($builder) => $result,
            Column::Timestamp($builder) | Column::Instant($builder) => $result,
            Column::Decimal { builder: $builder, .. } => $result,
        }
    };
}

impl Column {
    /// An empty column of one of the types that a source has. It has room for so many values, and for so many bytes of text.
    pub(super) fn with_capacity(field: &Field, rows: usize, bytes: usize) -> Self {
        let data_type = field.data_type();
        let timestamps = || TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(data_type.clone());
        match data_type {
            DataType::Int64 => Column::Integer(Int64Builder::with_capacity(rows)),
            DataType::UInt64 => Column::Unsigned(UInt64Builder::with_capacity(rows)),
            DataType::Float64 => Column::Float(Float64Builder::with_capacity(rows)),
            DataType::Binary => Column::Bytes(BinaryBuilder::with_capacity(rows, bytes)),
            DataType::Boolean => Column::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Date32 => Column::Date(Date32Builder::with_capacity(rows)),
            DataType::Time64(_) => Column::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            DataType::Timestamp(_, None) => Column::Timestamp(timestamps()),
            DataType::Timestamp(_, Some(_)) => Column::Instant(timestamps()),
            DataType::Decimal128(precision, scale) => Column::Decimal {
                builder: Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()),
                precision: *precision,
                scale: *scale,
                factor: 10f64.powi(i32::from(*scale)),
            },
            _ => {
                let texts = StringBuilder::with_capacity(rows, bytes);
                match extension(field) {
                    Some(UUID) => Column::Uuid(texts),
                    Some(JSON | JSONB) => Column::Json(texts),
                    _ => Column::Text(texts),
                }
            }
        }
    }

    pub(super) fn push_null(&mut self) {
        each!(self, builder => builder.append_null());
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        each!(self, builder => Arc::new(builder.finish()))
    }

    /// What a value of the column is.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Column::Integer(_) => "an integer",
            Column::Unsigned(_) => UNSIGNED,
            Column::Float(_) => "a number",
            Column::Text(_) => "text in UTF-8",
            Column::Uuid(_) => "a UUID",
            Column::Json(_) => "JSON",
            Column::Bytes(_) => "a run of bytes",
            Column::Boolean(_) => "0 or 1",
            Column::Date(_) => "a date",
            Column::Time(_) => "a time of day",
            Column::Timestamp(_) => "a timestamp",
            Column::Instant(_) => "a timestamp with a time zone",
            Column::Decimal { .. } => "a decimal",
        }
    }
}
