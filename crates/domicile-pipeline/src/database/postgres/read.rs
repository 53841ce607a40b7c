//! Values of PostgreSQL, as its binary format has them, into columns of Arrow.

use serde_json::Value;

use crate::database::column::Column;
use crate::text::has_digits;

/// Days from 1970-01-01, where Arrow begins, to 2000-01-01, where PostgreSQL does.
const DAYS_TO_2000: i32 = 10_957;
const MICROSECONDS_TO_2000: i64 = DAYS_TO_2000 as i64 * 86_400_000_000;

/// What stands for a sign in a `numeric`.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;

/// Takes a value and returns its size in bytes. A value that does not fit becomes NULL here, and the reason is returned:
/// the record goes to quarantine.
#[inline]
pub(super) fn push(column: &mut Column, value: Option<&[u8]>) -> Result<usize, String> {
    let Some(bytes) = value else {
        column.push_null();
        return Ok(8);
    };
    let pushed = push_value(column, bytes);
    if pushed.is_err() {
        column.push_null();
    }
    pushed
}

#[inline]
fn push_value(column: &mut Column, bytes: &[u8]) -> Result<usize, String> {
    match column {
        Column::Integer(builder) => builder.append_value(integer(bytes)?),
        Column::Text(builder) => {
            builder.append_value(std::str::from_utf8(bytes).map_err(|_| String::from("text is not UTF-8"))?);
            return Ok(bytes.len() + 4);
        }
        Column::Decimal { builder, precision, scale, .. } => {
            builder.append_value(decimal(bytes, *precision, *scale)?);
            return Ok(16);
        }
        Column::Timestamp(builder) => builder.append_value(timestamp(bytes)?),
        Column::Date(builder) => builder.append_value(date(bytes)?),
        Column::Boolean(builder) => match bytes {
            [flag @ (0 | 1)] => builder.append_value(*flag == 1),
            _ => return Err(broken()),
        },
        Column::Float(builder) => builder.append_value(float(bytes)?),
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
    match i32::from_be_bytes(bytes.try_into().map_err(|_| broken())?) {
        i32::MAX | i32::MIN => Err(String::from("infinity is not a date")),
        days => days.checked_add(DAYS_TO_2000).ok_or_else(|| String::from("the date is too late")),
    }
}

#[inline]
fn timestamp(bytes: &[u8]) -> Result<i64, String> {
    match i64::from_be_bytes(bytes.try_into().map_err(|_| broken())?) {
        i64::MAX | i64::MIN => Err(String::from("infinity is not a timestamp")),
        microseconds => {
            microseconds.checked_add(MICROSECONDS_TO_2000).ok_or_else(|| String::from("the timestamp is too late"))
        }
    }
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
    let mut unscaled = 0i128;
    for digit in digits.chunks_exact(2) {
        let digit = u16::from_be_bytes([digit[0], digit[1]]);
        unscaled = unscaled.checked_mul(10_000).and_then(|all| all.checked_add(digit.into())).ok_or_else(unfit)?;
    }
    // The power of ten by which what was read is to be multiplied.
    let last = i32::try_from(count).map_err(|_| broken())? - 1;
    let power = if count == 0 { 0 } else { 4 * (weight - last) + i32::from(scale) };
    let factor = 10i128.checked_pow(power.unsigned_abs());
    let unscaled = match factor {
        Some(factor) if power >= 0 => unscaled.checked_mul(factor),
        Some(factor) => (unscaled % factor == 0).then(|| unscaled / factor),
        None => (unscaled == 0).then_some(0),
    };
    let unscaled = unscaled.filter(|unscaled| has_digits(*unscaled, precision)).ok_or_else(unfit)?;
    Ok(if sign == NEGATIVE { -unscaled } else { unscaled })
}

/// A value that does not fit, as JSON, for quarantine: text where it is text, and its bytes in hexadecimal otherwise.
pub(super) fn raw(column: &Column, value: Option<&[u8]>) -> Value {
    let Some(bytes) = value else { return Value::Null };
    let text = std::str::from_utf8(bytes).ok().filter(|_| matches!(column, Column::Text(_)));
    text.map_or_else(|| hexadecimal(bytes).into(), Value::from)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn times_begin_in_2000_and_have_an_end() {
        assert_eq!(date(&0i32.to_be_bytes()), Ok(10_957));
        assert!(date(&i32::MAX.to_be_bytes()).is_err());
        assert!(date(&(i32::MAX - 1).to_be_bytes()).is_err());
        assert_eq!(timestamp(&1i64.to_be_bytes()), Ok(946_684_800_000_001));
        assert!(timestamp(&i64::MIN.to_be_bytes()).is_err());
        assert!(timestamp(&(i64::MAX - 1).to_be_bytes()).is_err());
    }
}
