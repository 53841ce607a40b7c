//! How the columns of a cursor are compared in PostgreSQL, such that an index over them can be used.

use datafusion::arrow::datatypes::DataType;
use tokio_postgres::Column;

use super::quote;
use crate::cursor::Cursor;
use crate::database::bounds::{Bounds, Comparison, Part};
use crate::position::Value;

/// The cursor in SQL, and the type that values of each of its columns are written with.
pub(super) fn bounds(
    cursor: &Cursor,
    columns: &[Column],
    selected: &[String],
    not_null: &[String],
) -> (Bounds, Vec<&'static str>) {
    let part = |(&number, data_type): (&usize, &DataType)| {
        let column = &columns[number];
        let (compared, cast) = compared(column, &selected[number], data_type);
        let never =
            never(&quote(column.name()), &compared, data_type, not_null.iter().any(|name| name == column.name()));
        (Part { compared, never }, cast)
    };
    let (parts, casts): (_, Vec<_>) = cursor.columns().iter().zip(cursor.types()).map(part).unzip();
    (Bounds { parts, comparison: Comparison::Rows, now: now(casts[0]) }, casts)
}

/// The server's time, as a column that is compared as this type has it. Where a column knows no zone, its times may be in
/// UTC or in the server's own: the later counts.
fn now(cast: &str) -> Option<String> {
    match cast {
        "timestamptz" => Some(String::from("now()")),
        "timestamp" => Some(String::from(
            "greatest(now() AT TIME ZONE 'UTC',
                      now() AT TIME ZONE (SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'))",
        )),
        _ => None,
    }
}

fn compared(column: &Column, selected: &str, data_type: &DataType) -> (String, &'static str) {
    let name = quote(column.name());
    match (column.type_().name(), data_type) {
        // Also where the time in UTC is selected, which has the order of the instants themselves.
        ("timestamptz", DataType::Timestamp(..)) => (name, "timestamptz"),
        // Its bytes are in the order of its text.
        ("uuid", DataType::Utf8 | DataType::FixedSizeBinary(_)) => (name, "uuid"),
        // Byte by byte, whatever the language of the database is.
        (_, DataType::Utf8) => (format!("{selected} COLLATE \"C\""), "text"),
        (_, DataType::Timestamp(..)) => (selected.to_owned(), "timestamp"),
        (_, DataType::Date32) => (selected.to_owned(), "date"),
        (_, DataType::Binary) => (selected.to_owned(), "bytea"),
        _ => (selected.to_owned(), "numeric"),
    }
}

/// Holds for the records that are never read by a column: those with NULL, and with what no calendar and no decimal has.
fn never(name: &str, compared: &str, data_type: &DataType, is_not_null: bool) -> Option<String> {
    let unfit = match data_type {
        DataType::Date32 | DataType::Timestamp(..) => {
            Some(format!("{compared} < '0001-01-01' OR {compared} >= '10000-01-01'"))
        }
        DataType::Decimal128(..) => Some(format!("{compared} = 'NaN'")),
        _ => None,
    };
    let null = (!is_not_null).then(|| format!("{name} IS NULL"));
    let all: Vec<_> = null.into_iter().chain(unfit).collect();
    (!all.is_empty()).then(|| all.join(" OR "))
}

/// A value as SQL writes it.
pub(super) fn literal(value: &Value, cast: &str) -> String {
    match (value, cast) {
        (Value::Integer(_) | Value::Decimal { .. }, _) => value.to_string(),
        (Value::Bytes(_), "bytea") => format!("'\\x{value}'::bytea"),
        (Value::Timestamp(_), "timestamptz") => format!("'{value}+00'::timestamptz"),
        _ => format!("'{}'::{cast}", value.to_string().replace('\'', "''")),
    }
}
