//! Values of MySQL into columns of Arrow.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use mysql_async::Value;

use crate::database::column::Column;
use crate::database::given::push_text;
use crate::text::has_digits;

/// Takes a value and returns its size in bytes. A value that does not fit becomes NULL here, and the reason is returned:
/// the record goes to quarantine.
#[inline]
pub(super) fn push(column: &mut Column, value: &Value) -> Result<usize, String> {
    if matches!(value, Value::NULL) {
        column.push_null();
        return Ok(8);
    }
    let pushed = push_value(column, value);
    if pushed.is_err() {
        column.push_null();
    }
    pushed
}

fn push_value(column: &mut Column, value: &Value) -> Result<usize, String> {
    match (&mut *column, value) {
        (Column::Integer(builder), Value::Int(integer)) => builder.append_value(*integer),
        (Column::Decimal { builder, precision, scale: 0, .. }, Value::Int(_) | Value::UInt(_)) => {
            let whole = Some(whole(value)).filter(|whole| has_digits(*whole, *precision));
            builder.append_value(whole.ok_or("a number is not an integer of so few digits")?);
            return Ok(16);
        }
        (Column::Boolean(builder), Value::Int(flag @ (0 | 1))) => builder.append_value(*flag == 1),
        (Column::Float(builder), Value::Double(number)) => builder.append_value(*number),
        (Column::Float(builder), Value::Float(number)) => builder.append_value(f64::from(*number)),
        (Column::Date(builder), Value::Date(..)) => {
            let date = time(value).filter(|time| time.time() == NaiveTime::MIN);
            let date = date.ok_or_else(|| format!("{} is not a day", shown(value)))?;
            builder.append_value(date.num_days_from_ce() - NaiveDate::default().num_days_from_ce());
        }
        (Column::Timestamp(builder), Value::Date(..)) => {
            let time = time(value).ok_or_else(|| format!("{} is not a time", shown(value)))?;
            builder.append_value(time.and_utc().timestamp_micros());
        }
        (Column::Bytes(builder), Value::Bytes(bytes)) => {
            builder.append_value(bytes);
            return Ok(bytes.len() + 4);
        }
        (column, Value::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| String::from("text is not UTF-8"))?;
            push_text(column, text).ok_or_else(|| format!("a value is not {}", column.name()))?;
            return Ok(bytes.len() + 4);
        }
        (column, _) => return Err(format!("a value is not {}", column.name())),
    }
    Ok(8)
}

fn whole(value: &Value) -> i128 {
    match value {
        Value::UInt(integer) => i128::from(*integer),
        Value::Int(integer) => i128::from(*integer),
        _ => unreachable!("it is asked of integers"),
    }
}

/// The time of a date, unless it is one of those that MySQL has and no calendar: a month or a day that is 0.
fn time(value: &Value) -> Option<NaiveDateTime> {
    let Value::Date(year, month, day, hour, minute, second, micros) = *value else { return None };
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
    date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)
        .filter(|time| time.nanosecond() < 1_000_000_000)
}

/// A date as MySQL writes it.
fn shown(value: &Value) -> String {
    value.as_sql(true).trim_matches('\'').to_owned()
}

/// A value that does not fit, as JSON, for quarantine: text where it is text, and its bytes in hexadecimal otherwise.
pub(super) fn raw(value: &Value) -> serde_json::Value {
    match value {
        Value::NULL => serde_json::Value::Null,
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}")).into(),
        },
        Value::Int(integer) => (*integer).into(),
        Value::UInt(integer) => (*integer).into(),
        other => shown(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::{DataType, Date32Type, Decimal128Type, TimeUnit, TimestampMicrosecondType};

    use super::*;

    fn column(data_type: &DataType) -> Column {
        Column::with_capacity(data_type, 4, 16)
    }

    #[test]
    fn a_date_that_no_calendar_has_is_refused() {
        let mut days = column(&DataType::Date32);
        assert!(push(&mut days, &Value::Date(1970, 1, 2, 0, 0, 0, 0)).is_ok());
        for (year, month, day) in [(0, 0, 0), (2024, 0, 1), (2024, 2, 30)] {
            assert!(push(&mut days, &Value::Date(year, month, day, 0, 0, 0, 0)).unwrap_err().ends_with("is not a day"));
        }
        assert_eq!(days.finish().as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), [Some(1), None, None, None]);
        let mut times = column(&DataType::Timestamp(TimeUnit::Microsecond, None));
        assert!(push(&mut times, &Value::Date(1970, 1, 1, 0, 0, 1, 2)).is_ok());
        let zero = push(&mut times, &Value::Date(0, 0, 0, 0, 0, 0, 0)).unwrap_err();
        assert_eq!(zero, "0000-00-00 is not a time");
        assert_eq!(times.finish().as_primitive::<TimestampMicrosecondType>().value(0), 1_000_002);
    }

    #[test]
    fn numbers_keep_all_their_digits_or_are_refused() {
        let mut whole = column(&DataType::Decimal128(20, 0));
        assert!(push(&mut whole, &Value::UInt(u64::MAX)).is_ok());
        assert_eq!(whole.finish().as_primitive::<Decimal128Type>().value(0), i128::from(u64::MAX));
        let mut money = column(&DataType::Decimal128(4, 2));
        for (text, fits) in [("12.34", true), ("123.45", false), ("1.234", false), ("one", false)] {
            assert_eq!(push(&mut money, &Value::Bytes(text.into())).is_ok(), fits, "{text}");
        }
        assert!(push(&mut column(&DataType::Int64), &Value::UInt(u64::MAX)).is_err());
        assert!(push(&mut column(&DataType::Boolean), &Value::Int(2)).is_err());
        assert!(push(&mut column(&DataType::Utf8), &Value::Bytes(vec![0xff])).is_err());
    }
}
