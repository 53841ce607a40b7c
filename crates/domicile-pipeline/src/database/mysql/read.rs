//! Values of MySQL into columns of Arrow.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use mysql_async::{Row, Value};

use super::charset::UNTRANSLATED;
use crate::database::column::{Column, UNSIGNED};
use crate::database::given::push_text;
use crate::database::rows::Rows;
use crate::extension::uuid_of_bytes;
use crate::text::{has_digits, is_time_of_day};

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
        (Column::Unsigned(builder), Value::UInt(integer)) => builder.append_value(*integer),
        (Column::Unsigned(builder), Value::Int(integer)) => {
            builder.append_value(u64::try_from(*integer).map_err(|_| format!("a value is not {UNSIGNED}"))?);
        }
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
        (Column::Timestamp(builder) | Column::Instant(builder), Value::Date(..)) => {
            let time = time(value).ok_or_else(|| format!("{} is not a time", shown(value)))?;
            builder.append_value(time.and_utc().timestamp_micros());
        }
        (Column::Time(builder), Value::Time(..)) => {
            let time = time_of_day(value).ok_or_else(|| format!("{} is not a time of day", shown(value)))?;
            builder.append_value(time);
        }
        (Column::Bytes(builder), Value::Bytes(bytes)) => {
            builder.append_value(bytes);
            return Ok(bytes.len() + 4);
        }
        (Column::Text(_), Value::Bytes(bytes)) if bytes.first() == Some(&UNTRANSLATED) => {
            return Err(String::from("text has a character that is not in Unicode"));
        }
        (Column::Uuid(builder), Value::Bytes(bytes)) if bytes.len() == 16 => {
            builder.append_value(uuid_of_bytes(bytes).ok_or("a value is not a UUID")?);
            return Ok(40);
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

/// The microseconds of a time, unless it is one of those that MySQL has and no day: it counts up to 838 hours, or below 0.
fn time_of_day(value: &Value) -> Option<i64> {
    let Value::Time(is_negative, days, hours, minutes, seconds, microseconds) = *value else { return None };
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    let time = (!is_negative && days == 0).then_some(1_000_000 * seconds + i64::from(microseconds))?;
    is_time_of_day(time).then_some(time)
}

/// The time of a date, unless it is one of those that MySQL has and no calendar: a year, a month or a day that is 0.
fn time(value: &Value) -> Option<NaiveDateTime> {
    let Value::Date(year, month, day, hour, minute, second, micros) = *value else { return None };
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).filter(|date| date.year() > 0)?;
    date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)
        .filter(|time| time.nanosecond() < 1_000_000_000)
}

/// A date or a time as MySQL writes it.
fn shown(value: &Value) -> String {
    let Value::Time(is_negative, days, hours, minutes, seconds, microseconds) = *value else {
        return value.as_sql(true).trim_matches('\'').to_owned();
    };
    let (sign, hours) = (if is_negative { "-" } else { "" }, 24 * u64::from(days) + u64::from(hours));
    let fraction = if microseconds > 0 { format!(".{microseconds:06}") } else { String::new() };
    format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}")
}

/// Takes the values of a record, with what does not fit as a defect of it.
pub(super) fn push_values(rows: &mut Rows, record: &Row) {
    for column in 0..rows.columns.len() {
        let value = record.as_ref(column).unwrap_or(&Value::NULL);
        match push(&mut rows.columns[column], value) {
            Ok(bytes) => rows.pushed(bytes),
            Err(reason) => {
                let raw = raw(value);
                let bytes = raw.as_str().map_or(8, str::len);
                rows.unfit(column, reason, raw, bytes);
            }
        }
    }
}

/// A value that does not fit, as JSON, for quarantine: text where it is text, and its bytes in hexadecimal otherwise.
pub(super) fn raw(value: &Value) -> serde_json::Value {
    match value {
        Value::NULL => serde_json::Value::Null,
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => {
                let bytes = bytes.strip_prefix(&[UNTRANSLATED]).unwrap_or(bytes);
                bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}")).into()
            }
        },
        Value::Int(integer) => (*integer).into(),
        Value::UInt(integer) => (*integer).into(),
        other => shown(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::{
        DataType, Date32Type, Decimal128Type, Field, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
        UInt64Type,
    };

    use super::*;

    fn column(data_type: &DataType) -> Column {
        Column::with_capacity(&Field::new("value", data_type.clone(), true), 4, 16)
    }

    #[test]
    fn a_date_that_no_calendar_has_is_refused() {
        let mut days = column(&DataType::Date32);
        assert!(push(&mut days, &Value::Date(1970, 1, 2, 0, 0, 0, 0)).is_ok());
        for (year, month, day) in [(0, 0, 0), (0, 1, 1), (2024, 2, 30)] {
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
        let mut unsigned = column(&DataType::UInt64);
        for (value, fits) in [(Value::UInt(u64::MAX), true), (Value::Int(7), true), (Value::Int(-1), false)] {
            assert_eq!(push(&mut unsigned, &value).is_ok(), fits, "{value:?}");
        }
        assert_eq!(unsigned.finish().as_primitive::<UInt64Type>().value(0), u64::MAX);
        assert!(push(&mut column(&DataType::Int64), &Value::UInt(u64::MAX)).is_err());
        assert!(push(&mut column(&DataType::Boolean), &Value::Int(2)).is_err());
        assert!(push(&mut column(&DataType::Utf8), &Value::Bytes(vec![0xff])).is_err());
    }

    #[test]
    fn a_time_that_no_day_has_is_refused() {
        let mut times = column(&DataType::Time64(TimeUnit::Microsecond));
        assert!(push(&mut times, &Value::Time(false, 0, 23, 59, 59, 999_999)).is_ok());
        for (value, told) in [
            (Value::Time(true, 0, 0, 0, 1, 0), "-00:00:01 is not a time of day"),
            (Value::Time(false, 34, 22, 59, 59, 0), "838:59:59 is not a time of day"),
        ] {
            assert_eq!(push(&mut times, &value).unwrap_err(), told);
        }
        assert_eq!(times.finish().as_primitive::<Time64MicrosecondType>().value(0), 86_399_999_999);
    }

    #[test]
    fn text_that_is_not_in_unicode_is_told_as_it_stands_there() {
        let value = Value::Bytes(vec![UNTRANSLATED, 0x81, 0xad]);
        let told = push(&mut column(&DataType::Utf8), &value).unwrap_err();
        assert_eq!((told.as_str(), raw(&value)), ("text has a character that is not in Unicode", "0x81ad".into()));
    }
}
