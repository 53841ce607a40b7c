//! How the columns of a cursor are compared in MySQL and MariaDB, such that an index over them can be used.

use std::cell::RefCell;
use std::ops::Bound;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike};
use datafusion::arrow::datatypes::DataType;
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value as Parameter};

use super::guarantee::CursorColumn;
use super::quote;
use crate::cursor::Cursor;
use crate::database::bounds::{Bounds, Comparison, Part};
use crate::position::{Position, Value};

/// The cursor in SQL. `known` is what is known of its columns.
pub(super) fn bounds(cursor: &Cursor, columns: &[Column], selected: &[String], known: &[CursorColumn]) -> Bounds {
    let part = |(&number, data_type): (&usize, &DataType)| {
        let name = columns[number].name_str();
        let known = known.iter().find(|known| known.name.eq_ignore_ascii_case(&name));
        let is_bytewise = known.is_some_and(CursorColumn::is_bytewise);
        let compared = compared(&selected[number], data_type, is_bytewise);
        let is_not_null = known.is_some_and(|known| known.is_not_null);
        let null = (!is_not_null).then(|| format!("{} IS NULL", quote(&name)));
        let unfit = matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
            .then(|| format!("{compared} < '0001-01-01'"));
        let never: Vec<_> = null.into_iter().chain(unfit).collect();
        Part { compared, never: (!never.is_empty()).then(|| never.join(" OR ")) }
    };
    let now = now(&columns[cursor.columns()[0]], &cursor.types()[0]);
    // The servers look through a whole index for what is compared as rows.
    let comparison = Comparison::Expanded;
    Bounds { parts: cursor.columns().iter().zip(cursor.types()).map(part).collect(), comparison, now }
}

/// The server's time, as a column has it. Where it knows no zone, its times may be in UTC or in the server's own: the later
/// counts.
fn now(column: &Column, data_type: &DataType) -> Option<String> {
    match (data_type, column.column_type()) {
        (DataType::Timestamp(..), ColumnType::MYSQL_TYPE_TIMESTAMP | ColumnType::MYSQL_TYPE_TIMESTAMP2) => {
            Some(String::from("UTC_TIMESTAMP(6)"))
        }
        (DataType::Timestamp(..), _) => Some(String::from(
            "greatest(UTC_TIMESTAMP(6),
                      coalesce(CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', @@global.time_zone), UTC_TIMESTAMP(6)))",
        )),
        _ => None,
    }
}

fn compared(selected: &str, data_type: &DataType, is_bytewise: bool) -> String {
    match data_type {
        // Byte by byte, whatever the column's collation takes for equal.
        DataType::Utf8 if !is_bytewise => format!("CAST(CONVERT({selected} USING utf8mb4) AS BINARY)"),
        _ => selected.to_owned(),
    }
}

/// The condition for records between two positions, and the values of its places.
pub(super) fn between(bounds: &Bounds, from: &Bound<Position>, upto: &Position) -> (String, Vec<Parameter>) {
    let values = RefCell::new(Vec::new());
    let sql = bounds.between(from, upto, |_, value| match (value, parameter(value)) {
        (Value::Bytes(_), _) => format!("X'{value}'"),
        (_, Some(parameter)) => {
            values.borrow_mut().push(parameter);
            String::from("?")
        }
        (_, None) => value.to_string(),
    });
    (sql, values.into_inner())
}

/// The value as a parameter; `None` for a number that would be compared as a floating-point number then.
fn parameter(value: &Value) -> Option<Parameter> {
    Some(match value {
        Value::Integer(integer) => match (i64::try_from(*integer), u64::try_from(*integer)) {
            (Ok(integer), _) => Parameter::Int(integer),
            (_, Ok(integer)) => Parameter::UInt(integer),
            _ => return None,
        },
        Value::Decimal { .. } => return None,
        Value::Date(days) => {
            let date = NaiveDate::default().checked_add_signed(TimeDelta::days(i64::from(*days)));
            date.map_or(Parameter::NULL, |date| time(date, 0, 0))
        }
        Value::Timestamp(microseconds) => {
            DateTime::from_timestamp_micros(*microseconds).map_or(Parameter::NULL, |instant| {
                let instant = instant.naive_utc();
                time(instant.date(), instant.num_seconds_from_midnight(), instant.nanosecond() / 1000)
            })
        }
        Value::Text(_) | Value::Bytes(_) => Parameter::Bytes(value.to_string().into_bytes()),
    })
}

fn time(date: NaiveDate, seconds: u32, microseconds: u32) -> Parameter {
    // A time that no calendar of the server has is never in a source.
    let part = |part: u32| u8::try_from(part).unwrap_or(u8::MAX);
    let year = u16::try_from(date.year()).unwrap_or(u16::MAX);
    let (hours, minutes, seconds) = (part(seconds / 3600), part(seconds / 60 % 60), part(seconds % 60));
    Parameter::Date(year, part(date.month()), part(date.day()), hours, minutes, seconds, microseconds)
}
