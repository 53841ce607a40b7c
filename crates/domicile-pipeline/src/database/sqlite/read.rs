//! Values of SQLite into columns of Arrow.

use rusqlite::types::ValueRef;

use super::types::decimal_from_real;
use crate::database::column::{Column, UNSIGNED};
use crate::database::given::push_text;
use crate::database::rows::Rows;
use crate::extension::uuid_of_bytes;
use crate::text::{decimal_from_text, has_digits};

/// Takes a value and returns its size in bytes. A value that does not fit becomes NULL here, and the reason is returned:
/// the record goes to quarantine.
#[inline]
pub(super) fn push(column: &mut Column, value: ValueRef<'_>) -> Result<usize, String> {
    if let (Column::Text(builder), ValueRef::Text(bytes)) = (&mut *column, value)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        builder.append_value(text);
        return Ok(text.len() + 4);
    }
    let pushed = push_other(column, value);
    if pushed.is_err() {
        column.push_null();
    }
    pushed
}

/// Takes a value into a column of the rows, with what does not fit as a defect of its record.
#[inline]
pub(super) fn push_into(rows: &mut Rows, column: usize, value: ValueRef<'_>) {
    match push(&mut rows.columns[column], value) {
        Ok(bytes) => rows.pushed(bytes),
        Err(reason) => rows.unfit(column, reason, raw(value), size(value)),
    }
}

fn push_other(column: &mut Column, value: ValueRef<'_>) -> Result<usize, String> {
    match (&mut *column, value) {
        (_, ValueRef::Null) => column.push_null(),
        (Column::Integer(builder), ValueRef::Integer(integer)) => builder.append_value(integer),
        (Column::Unsigned(builder), ValueRef::Integer(integer)) => {
            builder.append_value(u64::try_from(integer).map_err(|_| format!("a value is not {UNSIGNED}"))?);
        }
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
        // A column of another affinity than text makes numbers of JSON that is one.
        (Column::Json(builder), ValueRef::Integer(integer)) => builder.append_value(integer.to_string()),
        (Column::Json(builder), ValueRef::Real(real)) if real.is_finite() => builder.append_value(real.to_string()),
        (Column::Uuid(builder), ValueRef::Blob(bytes)) => {
            builder.append_value(uuid_of_bytes(bytes).ok_or("a blob is not a UUID")?);
            return Ok(40);
        }
        (Column::Unsigned(_) | Column::Json(_) | Column::Uuid(_), ValueRef::Text(bytes)) => {
            return push_as_text(column, bytes, "");
        }
        (Column::Date(_), ValueRef::Text(bytes)) => return push_as_text(column, bytes, " of the form YYYY-MM-DD"),
        (Column::Time(_), ValueRef::Text(bytes)) => {
            return push_as_text(column, bytes, " of the form HH:MM:SS[.ffffff]");
        }
        (Column::Timestamp(_), ValueRef::Text(bytes)) => {
            return push_as_text(column, bytes, " of the form YYYY-MM-DD HH:MM:SS[.ffffff]");
        }
        (Column::Instant(_), ValueRef::Text(bytes)) => {
            return push_as_text(column, bytes, " of the form YYYY-MM-DD HH:MM:SS[.ffffff]±HH:MM");
        }
        (Column::Decimal { builder, precision, scale, factor }, number) => {
            builder.append_value(decimal(number, *precision, *scale, *factor)?);
            return Ok(16);
        }
        (column, value) => return Err(format!("{} is not {}", kind(value), column.name())),
    }
    Ok(8)
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

fn push_as_text(column: &mut Column, bytes: &[u8], form: &str) -> Result<usize, String> {
    let pushed = std::str::from_utf8(bytes).ok().and_then(|text| push_text(column, text));
    pushed.map(|()| bytes.len() + 4).ok_or_else(|| format!("text is not {}{form}", column.name()))
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
