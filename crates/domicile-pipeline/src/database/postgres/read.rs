//! Values of PostgreSQL, as its binary format has them, into columns of Arrow.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use serde_json::Value;

use super::numeric::{decimal, numeric_text};
use crate::database::column::{Column, UNSIGNED};
use crate::database::given::push_text;
use crate::database::rows::Rows;
use crate::text::{DAY_MICROSECONDS, has_day, has_time, is_time_of_day};

/// Days from 1970-01-01, where Arrow begins, to 2000-01-01, where PostgreSQL does.
const DAYS_TO_2000: i32 = 10_957;
const MICROSECONDS_TO_2000: i64 = DAYS_TO_2000 as i64 * DAY_MICROSECONDS;

/// How the server sends the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As the binary format has the column's own type.
    Binary,
    /// As text, of which the column's type is made here, so that what is none can be told record by record.
    Text,
}

/// Takes a value and returns its size in bytes. A value that does not fit becomes NULL here, and the reason is returned:
/// the record goes to quarantine.
#[inline]
pub(super) fn push(column: &mut Column, format: Format, value: Option<&[u8]>) -> Result<usize, String> {
    let Some(bytes) = value else {
        column.push_null();
        return Ok(8);
    };
    let pushed = match format {
        Format::Binary => push_value(column, bytes),
        Format::Text => push_as_text(column, bytes),
    };
    if pushed.is_err() {
        column.push_null();
    }
    pushed
}

/// Takes a value into a column of the rows, with what does not fit as a defect of its record.
#[inline]
pub(super) fn push_into(rows: &mut Rows, column: usize, format: Format, value: Option<&[u8]>) {
    match push(&mut rows.columns[column], format, value) {
        Ok(bytes) => rows.pushed(bytes),
        Err(reason) => {
            let raw = raw(&rows.columns[column], format, value);
            rows.unfit(column, reason, raw, 2 * value.map_or(0, <[u8]>::len) + 2);
        }
    }
}

fn push_as_text(column: &mut Column, bytes: &[u8]) -> Result<usize, String> {
    let text = utf8(bytes)?;
    push_text(column, text).ok_or_else(|| format!("a value is not {}", column.name()))?;
    Ok(bytes.len() + 4)
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| String::from("text is not UTF-8"))
}

#[inline]
fn push_value(column: &mut Column, bytes: &[u8]) -> Result<usize, String> {
    match column {
        Column::Integer(builder) => builder.append_value(integer(bytes)?),
        // The server makes such text itself.
        Column::Text(builder) | Column::Uuid(builder) | Column::Json(builder) => {
            builder.append_value(utf8(bytes)?);
            return Ok(bytes.len() + 4);
        }
        Column::Decimal { builder, precision, scale, .. } => {
            builder.append_value(decimal(bytes, *precision, *scale)?);
            return Ok(16);
        }
        Column::Timestamp(builder) | Column::Instant(builder) => builder.append_value(timestamp(bytes)?),
        Column::Date(builder) => builder.append_value(date(bytes)?),
        Column::Time(builder) => builder.append_value(time(bytes)?),
        Column::Boolean(builder) => match bytes {
            [flag @ (0 | 1)] => builder.append_value(*flag == 1),
            _ => return Err(broken()),
        },
        Column::Float(builder) => builder.append_value(float(bytes)?),
        Column::Unsigned(builder) => {
            let integer = integer(bytes)?;
            let unsigned = u64::try_from(integer).map_err(|_| format!("a value is not {UNSIGNED}"))?;
            builder.append_value(unsigned);
        }
        Column::Bytes(builder) => {
            builder.append_value(bytes);
            return Ok(bytes.len() + 4);
        }
    }
    Ok(8)
}

/// What the server sends for a type of fixed length has another one.
pub(super) fn broken() -> String {
    String::from("the server sends a value of another length than that of its type")
}

#[inline]
pub(super) fn integer(bytes: &[u8]) -> Result<i64, String> {
    match bytes.len() {
        8 => Ok(i64::from_be_bytes(bytes.try_into().expect("there are 8 bytes"))),
        4 => Ok(i32::from_be_bytes(bytes.try_into().expect("there are 4 bytes")).into()),
        2 => Ok(i16::from_be_bytes(bytes.try_into().expect("there are 2 bytes")).into()),
        _ => Err(broken()),
    }
}

fn float(bytes: &[u8]) -> Result<f64, String> {
    match bytes.len() {
        8 => Ok(f64::from_be_bytes(bytes.try_into().expect("there are 8 bytes"))),
        4 => Ok(f32::from_be_bytes(bytes.try_into().expect("there are 4 bytes")).into()),
        _ => Err(broken()),
    }
}

fn date(bytes: &[u8]) -> Result<i32, String> {
    let days = i32::from_be_bytes(bytes.try_into().map_err(|_| broken())?);
    let days = days.checked_add(DAYS_TO_2000).filter(|days| has_day(*days));
    days.ok_or_else(|| String::from("the date is not in the years 1 to 9999"))
}

fn time(bytes: &[u8]) -> Result<i64, String> {
    let microseconds = i64::from_be_bytes(bytes.try_into().map_err(|_| broken())?);
    let time = Some(microseconds).filter(|time| is_time_of_day(*time));
    time.ok_or_else(|| String::from("24:00:00 is not a time of day"))
}

#[inline]
fn timestamp(bytes: &[u8]) -> Result<i64, String> {
    let microseconds = i64::from_be_bytes(bytes.try_into().map_err(|_| broken())?);
    let time = microseconds.checked_add(MICROSECONDS_TO_2000).filter(|time| has_time(*time));
    time.ok_or_else(|| String::from("the timestamp is not in the years 1 to 9999"))
}

/// A value that does not fit, as JSON, for quarantine: the text that the server has for it, and else its bytes in
/// hexadecimal.
pub(super) fn raw(column: &Column, format: Format, value: Option<&[u8]>) -> Value {
    let Some(bytes) = value else { return Value::Null };
    let text = match (column, format) {
        (_, Format::Text) | (Column::Text(_) | Column::Uuid(_) | Column::Json(_), _) => {
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
        (Column::Decimal { .. }, _) => numeric_text(bytes),
        (Column::Date(_), _) => bytes.try_into().ok().map(i32::from_be_bytes).and_then(date_text),
        (Column::Timestamp(_) | Column::Instant(_), _) => {
            bytes.try_into().ok().map(i64::from_be_bytes).and_then(timestamp_text)
        }
        (Column::Time(_), _) => (bytes == DAY_MICROSECONDS.to_be_bytes()).then(|| String::from("24:00:00")),
        (Column::Unsigned(_), _) => integer(bytes).ok().map(|integer| integer.to_string()),
        _ => None,
    };
    text.unwrap_or_else(|| hexadecimal(bytes)).into()
}

fn date_text(days: i32) -> Option<String> {
    match days {
        i32::MAX => Some(String::from("infinity")),
        i32::MIN => Some(String::from("-infinity")),
        days => {
            let date = NaiveDate::from_ymd_opt(2000, 1, 1)?.checked_add_signed(TimeDelta::try_days(days.into())?)?;
            let (year, era) = if date.year() > 0 { (date.year(), "") } else { (1 - date.year(), " BC") };
            Some(format!("{year:04}-{}{era}", date.format("%m-%d")))
        }
    }
}

fn timestamp_text(microseconds: i64) -> Option<String> {
    match microseconds {
        i64::MAX => Some(String::from("infinity")),
        i64::MIN => Some(String::from("-infinity")),
        microseconds => {
            let date = date_text(i32::try_from(microseconds.div_euclid(DAY_MICROSECONDS)).ok()?)?;
            let (date, era) = date.strip_suffix(" BC").map_or((date.as_str(), ""), |date| (date, " BC"));
            let of_day = microseconds.rem_euclid(DAY_MICROSECONDS);
            let seconds = u32::try_from(of_day / 1_000_000).ok()?;
            let nanoseconds = u32::try_from(of_day % 1_000_000).ok()? * 1000;
            let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds)?;
            Some(format!("{date} {}{era}", time.format("%H:%M:%S%.f")))
        }
    }
}

/// Bytes as quarantine writes them.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Array;
    use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
    use proptest::prelude::*;

    use super::*;
    use crate::extension::{JSON, UUID, extended};
    use crate::table::instant;

    #[test]
    fn times_begin_in_2000_and_are_in_the_years_that_all_databases_have() {
        assert_eq!(date(&0i32.to_be_bytes()), Ok(10_957));
        for days in [i32::MAX, i32::MIN, i32::MAX - 1, -730_120, 2_921_940] {
            assert!(date(&days.to_be_bytes()).is_err(), "{days}");
        }
        for days in [-730_119i32, 2_921_939] {
            assert!(date(&days.to_be_bytes()).is_ok(), "{days}");
        }
        assert_eq!(timestamp(&1i64.to_be_bytes()), Ok(946_684_800_000_001));
        for time in [i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert!(timestamp(&time.to_be_bytes()).is_err(), "{time}");
        }
        assert_eq!(time(&(DAY_MICROSECONDS - 1).to_be_bytes()), Ok(DAY_MICROSECONDS - 1));
        assert!(time(&DAY_MICROSECONDS.to_be_bytes()).is_err());
    }

    #[test]
    fn what_does_not_fit_is_told_as_the_server_writes_it() {
        let of = |data_type: DataType, bytes: &[u8]| {
            let column = Column::with_capacity(&Field::new("value", data_type, true), 0, 0);
            raw(&column, Format::Binary, Some(bytes)).as_str().unwrap().to_owned()
        };
        for (days, expected) in [(-730_120, "0001-12-31 BC"), (2_921_940, "10000-01-01"), (i32::MIN, "-infinity")] {
            assert_eq!(of(DataType::Date32, &days.to_be_bytes()), expected);
        }
        let timestamps = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (time, expected) in [(i64::MAX, "infinity"), (-63_082_281_600_000_001, "0001-12-31 23:59:59.999999 BC")] {
            assert_eq!(of(timestamps.clone(), &time.to_be_bytes()), expected);
        }
        assert_eq!(of(DataType::Boolean, &[2]), "0x02");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, kind in 0..13usize, as_text: bool) {
            let field = field_of_each_kind(kind);
            let format = if as_text { Format::Text } else { Format::Binary };
            let mut column = Column::with_capacity(&field, 1, 0);
            let pushed = push(&mut column, format, Some(&bytes));
            let told = raw(&column, format, Some(&bytes));
            prop_assert!(pushed.is_ok() || told.is_string());
            prop_assert_eq!(column.finish().len(), 1);
        }
    }

    fn field_of_each_kind(kind: usize) -> Field {
        let plain = [
            DataType::Int64,
            DataType::UInt64,
            DataType::Float64,
            DataType::Utf8,
            DataType::Binary,
            DataType::Boolean,
            DataType::Date32,
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            instant(),
            DataType::Decimal128(12, 2),
        ];
        let text = Field::new("value", DataType::Utf8, true);
        match kind {
            11 => extended(text, UUID),
            12 => extended(text, JSON),
            _ => Field::new("value", plain[kind].clone(), true),
        }
    }
}
