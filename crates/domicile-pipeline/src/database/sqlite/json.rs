//! Records that are given as JSON, taken as SQLite would store and give them.

use datafusion::arrow::datatypes::DataType;
use rusqlite::types::Value as Stored;
use serde_json::Value;

use crate::database::given::from_hexadecimal;
use crate::text::decimal_from_text;

/// The value as a column of the source would hold it. Text in a column for numbers becomes a number where it is one.
///
/// Source: <https://www.sqlite.org/datatype3.html#type_affinity>
pub(super) fn stored(value: Option<&Value>, data_type: &DataType) -> Result<Stored, String> {
    Ok(match value {
        None | Some(Value::Null) => Stored::Null,
        Some(Value::Bool(flag)) => Stored::Integer((*flag).into()),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Stored::Integer(integer),
            (None, Some(real)) => Stored::Real(real),
            (None, None) => return Err(String::from("is a number that is too large")),
        },
        Some(Value::String(text)) if *data_type == DataType::Binary => {
            Stored::Blob(from_hexadecimal(text).unwrap_or_else(|| text.as_bytes().to_vec()))
        }
        Some(Value::String(text)) => number(text, data_type).unwrap_or_else(|| Stored::Text(text.clone())),
        Some(Value::Array(_)) => return Err(String::from("is a list")),
        Some(Value::Object(_)) => return Err(String::from("is an object")),
    })
}

fn number(text: &str, data_type: &DataType) -> Option<Stored> {
    match data_type {
        DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Boolean => {}
        DataType::Decimal128(_, scale) if decimal_from_text(text, *scale).is_none() => {}
        _ => return None,
    }
    let integer = text.parse().ok().map(Stored::Integer);
    let is_written_in_digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    integer.or_else(|| text.parse().ok().filter(|_| is_written_in_digits).map(Stored::Real))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_taken_as_sqlite_stores_them() {
        let decimal = DataType::Decimal128(12, 2);
        for (value, data_type, expected) in [
            (json!(null), DataType::Int64, Stored::Null),
            (json!(true), DataType::Boolean, Stored::Integer(1)),
            (json!(7), DataType::Utf8, Stored::Integer(7)),
            (json!(1.9), DataType::Int64, Stored::Real(1.9)),
            (json!("7"), DataType::Int64, Stored::Integer(7)),
            (json!("seven"), DataType::Int64, Stored::Text(String::from("seven"))),
            (json!("nan"), DataType::Float64, Stored::Text(String::from("nan"))),
            (json!("1e1"), decimal.clone(), Stored::Real(10.0)),
            (json!("10.50"), decimal, Stored::Text(String::from("10.50"))),
            (json!("007"), DataType::Utf8, Stored::Text(String::from("007"))),
            (json!("0x00ff"), DataType::Binary, Stored::Blob(vec![0, 255])),
            (json!("0xf"), DataType::Binary, Stored::Blob(b"0xf".to_vec())),
        ] {
            assert_eq!(stored(Some(&value), &data_type), Ok(expected), "{value}");
        }
        assert_eq!(stored(None, &DataType::Utf8), Ok(Stored::Null));
        assert!(stored(Some(&json!([1])), &DataType::Utf8).is_err());
    }
}
