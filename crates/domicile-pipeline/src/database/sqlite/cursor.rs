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

/// The cursor in SQL. The row id is always an integer.
pub(super) fn bounds(cursor: &Cursor, schema: &Schema, is_rowid: bool) -> Bounds {
    let part = |(&number, data_type): (&usize, &DataType)| {
        let name = quote(schema.field(number).name());
        let never = (!is_rowid).then(|| never(&name, data_type));
        // Byte by byte, also where the column says otherwise.
        let compared = if *data_type == DataType::Utf8 { format!("{name} COLLATE BINARY") } else { name };
        Part { compared, never }
    };
    Bounds { parts: cursor.columns().iter().zip(cursor.types()).map(part).collect(), comparison: Comparison::Rows }
}

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
    bounds: &Bounds,
    from: &Bound<Position>,
    upto: &Position,
) -> Result<(String, Vec<Parameter>), String> {
    let values = RefCell::new(Vec::new());
    let sql = bounds.between(from, upto, |_, value| {
        values.borrow_mut().push(parameter(value));
        String::from("?")
    });
    let values = values.into_inner().into_iter().collect::<Option<_>>();
    Ok((sql, values.ok_or("the cursor has a number that SQLite does not hold exactly")?))
}

fn parameter(value: &Value) -> Option<Parameter> {
    Some(match value {
        Value::Integer(integer) => Parameter::Integer(i64::try_from(*integer).ok()?),
        Value::Decimal { scale, unscaled } => decimal_to_value(*unscaled, *scale, false)?,
        Value::Bytes(bytes) => Parameter::Blob(bytes.clone()),
        Value::Date(_) | Value::Timestamp(_) | Value::Text(_) => Parameter::Text(value.to_string()),
    })
}
