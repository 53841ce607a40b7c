//! Values of PostgreSQL, as its binary format has them, into columns of Arrow.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use serde_json::Value;

use crate::database::column::{Column, UNSIGNED};
use crate::database::given::push_text;
use crate::database::rows::Rows;
use crate::text::{DAY_MICROSECONDS, has_day, has_digits, has_time, is_time_of_day};

/// Days from 1970-01-01, where Arrow begins, to 2000-01-01, where PostgreSQL does.
const DAYS_TO_2000: i32 = 10_957;
const MICROSECONDS_TO_2000: i64 = DAYS_TO_2000 as i64 * DAY_MICROSECONDS;

/// What stands for a sign in a `numeric`.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

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
fn broken() -> String {
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

/// A `numeric` as a decimal of this scale.
///
/// It is a run of digits to the base of 10,000, of which the first counts 10,000 to the power of `weight`.
/// Source: `numeric_send` in <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c>
#[inline]
fn decimal(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, String> {
    let (head, digits) = bytes.split_at_checked(8).ok_or_else(broken)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), i32::from(word(2).cast_signed()), word(4));
    match sign {
        POSITIVE | NEGATIVE => {}
        NAN => return Err(String::from("NaN is not a decimal")),
        _ => return Err(String::from("infinity is not a decimal")),
    }
    if digits.len() != 2 * count {
        return Err(broken());
    }
    let unfit = || format!("a number is not a decimal({precision},{scale})");
    // The power of ten by which what is read is to be multiplied, or how many digits at its end are to be zeroes: of a
    // number with 38 digits there is no room for those.
    let last = i32::try_from(count).map_err(|_| broken())? - 1;
    let power = if count == 0 { 0 } else { 4 * (weight - last) + i32::from(scale) };
    let zeroes = if power < 0 { power.unsigned_abs() as usize } else { 0 };
    let whole = count.saturating_sub(zeroes.div_ceil(4));
    let (whole, rest) = digits.split_at(2 * whole);
    let mut unscaled = 0i128;
    for group in whole.chunks_exact(2) {
        let group = u16::from_be_bytes([group[0], group[1]]);
        unscaled = unscaled.checked_mul(10_000).and_then(|all| all.checked_add(group.into())).ok_or_else(unfit)?;
    }
    if let Some((group, others)) = rest.split_first_chunk() {
        let kept = (2 * rest.len()).saturating_sub(zeroes);
        let factor = [1, 10, 100, 1000][kept];
        let group = i128::from(u16::from_be_bytes(*group));
        if group * factor % 10_000 != 0 || others.iter().any(|byte| *byte != 0) {
            return Err(unfit());
        }
        let last = group * factor / 10_000;
        unscaled = unscaled.checked_mul(factor).and_then(|all| all.checked_add(last)).ok_or_else(unfit)?;
    }
    if power > 0 {
        let factor = 10i128.checked_pow(power.unsigned_abs());
        let multiplied = factor.map_or((unscaled == 0).then_some(0), |factor| unscaled.checked_mul(factor));
        unscaled = multiplied.ok_or_else(unfit)?;
    }
    let unscaled = Some(unscaled).filter(|unscaled| has_digits(*unscaled, precision)).ok_or_else(unfit)?;
    Ok(if sign == NEGATIVE { -unscaled } else { unscaled })
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

/// A `numeric` in digits, such as `-12.50`, unless there are more of them than a person reads.
fn numeric_text(bytes: &[u8]) -> Option<String> {
    const MOST_GROUPS: i32 = 250;
    const MOST_SCALE: usize = 1000;
    let (head, digits) = bytes.split_at_checked(8)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (weight, sign, scale) = (i32::from(word(2).cast_signed()), word(4), usize::from(word(6)));
    if weight > MOST_GROUPS || scale > MOST_SCALE {
        return None;
    }
    let sign = match sign {
        POSITIVE => "",
        NEGATIVE => "-",
        NAN => return Some(String::from("NaN")),
        INFINITY => return Some(String::from("Infinity")),
        MINUS_INFINITY => return Some(String::from("-Infinity")),
        _ => return None,
    };
    let group = |place: i32| {
        let at = 2 * usize::try_from(weight - place).ok()?;
        let digit = digits.get(at..at + 2)?;
        Some(u16::from_be_bytes([digit[0], digit[1]]))
    };
    let padded = |place| format!("{:04}", group(place).unwrap_or(0));
    let whole: String = (0..=weight).rev().map(padded).collect();
    let groups = i32::try_from(scale.div_ceil(4)).ok()?;
    let fraction: String = (1..=groups).map(|place| padded(-place)).collect();
    let whole = whole.trim_start_matches('0');
    let (whole, point) = (if whole.is_empty() { "0" } else { whole }, if scale > 0 { "." } else { "" });
    Some(format!("{sign}{whole}{point}{}", fraction.get(..scale)?))
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
    use crate::text::decimal_text;

    /// A `numeric` as the server sends it.
    fn numeric(sign: u16, weight: i16, digits: &[u16]) -> Vec<u8> {
        let count = u16::try_from(digits.len()).unwrap();
        let head = [count, weight.cast_unsigned(), sign, 2];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_numeric_is_read_to_the_last_digit_or_refused() {
        for (sign, weight, digits, expected) in [
            (POSITIVE, 0, &[123, 4500][..], Some(12_345)),
            (NEGATIVE, 0, &[123, 4500], Some(-12_345)),
            (POSITIVE, 1, &[1, 0], Some(1_000_000)),
            (POSITIVE, 1, &[1], Some(1_000_000)),
            (POSITIVE, -1, &[100], Some(1)),
            (POSITIVE, -1, &[10], None),
            (POSITIVE, 0, &[], Some(0)),
            (POSITIVE, 2, &[99, 9999, 9999, 9900], Some(999_999_999_999)),
            (POSITIVE, 2, &[100], None),
            (POSITIVE, 100, &[1], None),
            (POSITIVE, -100, &[1], None),
            (NAN, 0, &[], None),
            (0xd000, 0, &[], None),
        ] {
            assert_eq!(decimal(&numeric(sign, weight, digits), 12, 2).ok(), expected, "{sign:x} {weight} {digits:?}");
        }
        assert!(decimal(&[0; 7], 12, 2).is_err());
        assert!(decimal(&numeric(POSITIVE, 0, &[1])[..9], 12, 2).is_err());
    }

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
        for (sign, weight, digits, expected) in [
            (NEGATIVE, 0, &[123, 4500][..], "-123.45"),
            (POSITIVE, 1, &[1], "10000.00"),
            (POSITIVE, -1, &[100], "0.01"),
            (POSITIVE, -2, &[1], "0.00"),
            (POSITIVE, 0, &[], "0.00"),
            (NAN, 0, &[], "NaN"),
            (INFINITY, 0, &[], "Infinity"),
            (MINUS_INFINITY, 0, &[], "-Infinity"),
        ] {
            assert_eq!(of(DataType::Decimal128(1, 0), &numeric(sign, weight, digits)), expected);
        }
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
        fn a_numeric_of_any_digits_is_read_to_the_last_one(unscaled in -10i128.pow(38) + 1..10i128.pow(38), scale in 0i8..=38) {
            let bytes = encoded(unscaled, scale);
            prop_assert_eq!(decimal(&bytes, 38, scale), Ok(unscaled));
            prop_assert_eq!(numeric_text(&bytes), Some(decimal_text(unscaled, scale)));
        }

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

    /// A decimal as the server sends it.
    fn encoded(unscaled: i128, scale: i8) -> Vec<u8> {
        let scale = usize::from(scale.unsigned_abs());
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
        let fraction = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
        let groups: Vec<u16> = [whole.as_bytes(), fraction.as_bytes()]
            .concat()
            .chunks(4)
            .map(|group| std::str::from_utf8(group).unwrap().parse().unwrap())
            .collect();
        let weight = i16::try_from(whole.len() / 4).unwrap() - 1;
        let sign = if unscaled < 0 { NEGATIVE } else { POSITIVE };
        let mut bytes = numeric(sign, weight, &groups);
        bytes[6..8].copy_from_slice(&u16::try_from(scale).unwrap().to_be_bytes());
        bytes
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
