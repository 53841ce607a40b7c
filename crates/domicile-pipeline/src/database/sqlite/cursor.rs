//! How the columns of a cursor are compared in SQLite, whose columns hold values of any type.

use std::cell::RefCell;
use std::ops::Bound;

use datafusion::arrow::datatypes::{DataType, Schema};
use rusqlite::types::Value as Parameter;

use super::quote;
use super::types::decimal_to_value;
use crate::cursor::Cursor;
use crate::database::bounds::{Bounds, Comparison, Part};
use crate::position::{Position, Value};

/// A cursor in SQL.
pub(super) struct Reach {
    pub(super) bounds: Bounds,
    /// The first of several columns, where it is a time or a text: a row that begins with more than a column can be found by
    /// no index, but a range can, of the time itself and of what is compared.
    ranges: Vec<String>,
}

/// The cursor in SQL. The row id is always an integer.
pub(super) fn reach(cursor: &Cursor, schema: &Schema, is_rowid: bool) -> Reach {
    let is_one = cursor.columns().len() == 1;
    let part = |(&number, data_type): (&usize, &DataType)| {
        let name = quote(schema.field(number).name());
        let never = (!is_rowid).then(|| never(&name, data_type));
        let compared = match data_type {
            // Byte by byte, also where the column says otherwise.
            DataType::Utf8 => format!("{name} COLLATE BINARY"),
            // One time can have several texts, which are in order, but not equal.
            DataType::Timestamp(..) if !is_one => {
                format!("substr({name} || substr('0000-00-00 00:00:00.000000', length({name}) + 1), 1, 26)")
            }
            _ => name,
        };
        Part { compared, never }
    };
    let parts: Vec<Part> = cursor.columns().iter().zip(cursor.types()).map(part).collect();
    let ranges = match cursor.types() {
        [DataType::Timestamp(..), _, ..] => {
            vec![quote(schema.field(cursor.columns()[0]).name()), parts[0].compared.clone()]
        }
        [DataType::Utf8, _, ..] => vec![parts[0].compared.clone()],
        _ => Vec::new(),
    };
    let now = matches!(cursor.types().first(), Some(DataType::Timestamp(..))).then(|| String::from(NOW));
    Reach { bounds: Bounds { parts, comparison: Comparison::Rows, now }, ranges }
}

/// The time to the last microsecond that it may be. Times may be in UTC or in this machine's zone: the later counts.
const NOW: &str = "max(strftime('%Y-%m-%d %H:%M:%f999', 'now'), strftime('%Y-%m-%d %H:%M:%f999', 'now', 'localtime'))";

/// Holds for the records whose value is of another type, which has another order.
fn never(name: &str, data_type: &DataType) -> String {
    let is_of_type = match data_type {
        DataType::Int64 | DataType::UInt64 => format!("typeof({name}) = 'integer'"),
        DataType::Decimal128(..) => format!("typeof({name}) IN ('integer', 'real')"),
        DataType::Binary | DataType::FixedSizeBinary(_) => format!("typeof({name}) = 'blob'"),
        // Times that are written in one form only have the order of their texts.
        DataType::Date32 => format!("typeof({name}) = 'text' AND length({name}) = 10"),
        DataType::Timestamp(..) => format!("typeof({name}) = 'text' AND substr({name}, 11, 1) IN ('', ' ')"),
        _ => format!("typeof({name}) = 'text'"),
    };
    format!("NOT ({is_of_type})")
}

/// The condition for records between two positions, and the values of its places.
pub(super) fn between(
    reach: &Reach,
    from: &Bound<Position>,
    upto: &Position,
) -> Result<(String, Vec<Parameter>), String> {
    let values = RefCell::new(Vec::new());
    let place = |text: Option<Parameter>| {
        values.borrow_mut().push(text);
        String::from("?")
    };
    let (begin, is_included) = match from {
        Bound::Unbounded => (Vec::new(), false),
        Bound::Excluded(position) => (position.values(), false),
        Bound::Included(position) => (position.values(), true),
    };
    let mut range = String::new();
    for compared in &reach.ranges {
        if let Some(first) = begin.first() {
            range = format!("{range}{compared} >= {} AND ", place(shortest(first)));
        }
        let last = upto.values().first().and_then(parameter);
        range = format!("{range}{compared} <= {} AND ", place(last));
    }
    let mut left = if is_included && reach.ranges.is_empty() { begin.len() } else { 0 };
    let sql = reach.bounds.between(from, upto, |_, value| {
        // The first values are those to begin with, for all of whose texts it holds.
        let is_first = left > 0;
        left = left.saturating_sub(1);
        place(if is_first { shortest(value) } else { parameter(value) })
    });
    let values = values.into_inner().into_iter().collect::<Option<_>>();
    Ok((range + &sql, values.ok_or("the cursor has a number that SQLite does not hold exactly")?))
}

fn parameter(value: &Value) -> Option<Parameter> {
    Some(match value {
        Value::Integer(integer) => Parameter::Integer(i64::try_from(*integer).ok()?),
        Value::Decimal { scale, unscaled } => decimal_to_value(*unscaled, *scale, false)?,
        Value::Bytes(bytes) => Parameter::Blob(bytes.clone()),
        Value::Date(_) | Value::Timestamp(_) | Value::Text(_) => Parameter::Text(value.to_string()),
    })
}

/// The first of the texts that a time can have: without zeroes at its end.
fn shortest(value: &Value) -> Option<Parameter> {
    if !matches!(value, Value::Timestamp(_)) {
        return parameter(value);
    }
    let text = value.to_string();
    let text = text.trim_end_matches('0');
    let text = text.strip_suffix('.').unwrap_or(text);
    let text = text.strip_suffix(":00").unwrap_or(text);
    Some(Parameter::Text(text.strip_suffix(" 00:00").unwrap_or(text).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_text_of_a_time_is_in_front_of_all_others() {
        for (microseconds, expected) in [
            (0, "1970-01-01"),
            (1, "1970-01-01 00:00:00.000001"),
            (500_000, "1970-01-01 00:00:00.5"),
            (1_000_000, "1970-01-01 00:00:01"),
            (60_000_000, "1970-01-01 00:01"),
            (36_000_000_000, "1970-01-01 10:00"),
        ] {
            let shortest = shortest(&Value::Timestamp(microseconds));
            assert_eq!(shortest, Some(Parameter::Text(expected.to_owned())));
        }
    }
}
