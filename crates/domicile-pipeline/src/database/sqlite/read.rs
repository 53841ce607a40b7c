//! Values of SQLite into columns of Arrow, one builder a column.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder, Int64Builder,
    StringBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::{DataType, Date32Type};
use rusqlite::types::ValueRef;

use super::types::decimal_from_real;
use crate::text::{decimal_from_text, has_digits, timestamp_from_text};

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
    /// An empty column of a type that [`declared_type`](super::types::declared_type) or the configuration gives.
    /// It has room for so many values, and for so many bytes of text.
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

    /// Takes a value and returns its size in bytes. A value that does not fit becomes NULL here, and the reason is
    /// returned: the record goes to quarantine.
    #[inline]
    pub(super) fn push(&mut self, value: ValueRef<'_>) -> Result<usize, String> {
        if let (Column::Text(builder), ValueRef::Text(bytes)) = (&mut *self, value)
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            builder.append_value(text);
            return Ok(text.len() + 4);
        }
        let pushed = self.push_other(value);
        if pushed.is_err() {
            self.push_null();
        }
        pushed
    }

    fn push_other(&mut self, value: ValueRef<'_>) -> Result<usize, String> {
        match (&mut *self, value) {
            (_, ValueRef::Null) => self.push_null(),
            (Column::Integer(builder), ValueRef::Integer(integer)) => builder.append_value(integer),
            (Column::Float(builder), ValueRef::Real(real)) => builder.append_value(real),
            (Column::Float(builder), ValueRef::Integer(integer)) if (integer as f64) as i128 == i128::from(integer) => {
                builder.append_value(integer as f64);
            }
            (Column::Boolean(builder), ValueRef::Integer(flag @ (0 | 1))) => builder.append_value(flag == 1),
            (Column::Bytes(builder), ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => {
                builder.append_value(bytes);
                return Ok(bytes.len() + 4);
            }
            (Column::Text(builder), ValueRef::Integer(integer)) => builder.append_value(integer.to_string()),
            (Column::Text(builder), ValueRef::Real(real)) => builder.append_value(real.to_string()),
            (Column::Date(builder), ValueRef::Text(bytes)) => builder.append_value(date(bytes)?),
            (Column::Timestamp(builder), ValueRef::Text(bytes)) => builder.append_value(timestamp(bytes)?),
            (Column::Decimal { builder, precision, scale, factor }, number) => {
                builder.append_value(decimal(number, *precision, *scale, *factor)?);
                return Ok(16);
            }
            (column, value) => return Err(format!("{} is not {}", kind(value), column.name())),
        }
        Ok(8)
    }

    fn push_null(&mut self) {
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

    fn name(&self) -> &'static str {
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

fn kind(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "an integer",
        ValueRef::Real(_) => "a floating-point number",
        ValueRef::Text(bytes) if std::str::from_utf8(bytes).is_err() => "text that is not UTF-8",
        ValueRef::Text(_) => "text",
        ValueRef::Blob(_) => "a blob",
    }
}

#[inline]
fn decimal(value: ValueRef<'_>, precision: u8, scale: i8, factor: f64) -> Result<i128, String> {
    let unscaled = match value {
        ValueRef::Real(real) => decimal_from_real(real, factor),
        ValueRef::Integer(integer) => i128::from(integer).checked_mul(10i128.pow(u32::from(scale.unsigned_abs()))),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| decimal_from_text(text, scale)),
        ValueRef::Null | ValueRef::Blob(_) => None,
    };
    unscaled
        .filter(|unscaled| has_digits(*unscaled, precision))
        .ok_or_else(|| format!("{} is not a decimal({precision},{scale})", kind(value)))
}

fn date(bytes: &[u8]) -> Result<i32, String> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() == 10)
        .and_then(Date32Type::parse)
        .ok_or_else(|| String::from("text is not a date of the form YYYY-MM-DD"))
}

fn timestamp(bytes: &[u8]) -> Result<i64, String> {
    let time = std::str::from_utf8(bytes).ok().and_then(timestamp_from_text);
    time.ok_or_else(|| String::from("text is not a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]"))
}

/// A value as JSON, for quarantine. Bytes and broken text are written in hexadecimal.
pub(super) fn raw(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(integer) => integer.into(),
        ValueRef::Real(real) => real.into(),
        ValueRef::Text(bytes) => {
            std::str::from_utf8(bytes).map_or_else(|_| hexadecimal(bytes).into(), serde_json::Value::from)
        }
        ValueRef::Blob(bytes) => hexadecimal(bytes).into(),
    }
}

/// How many bytes of memory the value takes as JSON, about.
pub(super) fn size(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => 2 * bytes.len() + 2,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_strict() {
        assert_eq!(date(b"1970-01-02"), Ok(1));
        assert!(date(b"9999-12-31").is_ok());
        for refused in ["1970-02-30", "1970-1-2", "02.01.1970", "2024年1月", ""] {
            assert!(date(refused.as_bytes()).is_err(), "{refused}");
        }
    }
}
