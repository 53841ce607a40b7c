//! Which Arrow type a declared SQLite type is, how decimals stand in SQLite, and how text becomes time.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use rusqlite::types::Value;

use crate::extension::{JSON, UUID, extended};
use crate::table::instant;
use crate::text::decimal_text;

/// A double holds every decimal of so many significant digits such that it can be read back exactly.
const EXACT_DIGITS_LIMIT: u64 = 1_000_000_000_000_000;

/// What SQLite does to a value that is stored in a column, by the column's declared type.
///
/// Source: <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if has("INT") {
            Affinity::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || declared.is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}

/// The type of the column `name` that a declared type stands for, or `None` where it doesn't say enough (NUMERIC without a scale, none).
pub(super) fn declared_field(name: &str, declared: &str) -> Option<Field> {
    let upper = declared.trim().to_ascii_uppercase();
    let text = |extension: &str| Some(extended(Field::new(name, DataType::Utf8, true), extension));
    match upper.as_str() {
        "UUID" => text(UUID),
        "JSON" => text(JSON),
        _ => Some(Field::new(name, declared_type(&upper)?, true)),
    }
}

fn declared_type(upper: &str) -> Option<DataType> {
    let (name, arguments) =
        upper.split_once('(').map_or((upper, None), |(name, rest)| (name.trim(), rest.trim_end().strip_suffix(')')));
    match name {
        "DECIMAL" | "NUMERIC" | "DEC" | "NUMBER" => decimal_type(arguments?),
        "BOOLEAN" | "BOOL" => Some(DataType::Boolean),
        "DATE" => Some(DataType::Date32),
        "TIME" => Some(DataType::Time64(TimeUnit::Microsecond)),
        "DATETIME" | "TIMESTAMP" => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => Some(instant()),
        // It has an affinity to integers by its letters alone.
        "INTERVAL" => None,
        _ => match Affinity::of(name) {
            Affinity::Integer => Some(DataType::Int64),
            Affinity::Text => Some(DataType::Utf8),
            Affinity::Real => Some(DataType::Float64),
            Affinity::Blob if !name.is_empty() => Some(DataType::Binary),
            Affinity::Blob | Affinity::Numeric => None,
        },
    }
}

fn decimal_type(arguments: &str) -> Option<DataType> {
    let mut numbers = arguments.split(',').map(|number| number.trim().parse::<u8>());
    let precision = numbers.next()?.ok()?;
    let scale = numbers.next().map_or(Ok(0), |scale| scale).ok()?;
    let sound = (1..=38).contains(&precision) && scale <= precision && numbers.next().is_none();
    sound.then(|| DataType::Decimal128(precision, scale.cast_signed()))
}

/// The type that a table made here declares for a column.
pub(super) fn declaration(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 | DataType::UInt64 => String::from("INTEGER"),
        DataType::Float64 => String::from("REAL"),
        DataType::Boolean => String::from("BOOLEAN"),
        DataType::Binary => String::from("BLOB"),
        DataType::Date32 => String::from("DATE"),
        DataType::Time64(_) => String::from("TIME"),
        DataType::Timestamp(_, None) => String::from("DATETIME"),
        DataType::Timestamp(..) => String::from("TIMESTAMPTZ"),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        _ => String::from("TEXT"),
    }
}

/// Whether a column of this declared type keeps every value of `data_type` such that it can be read back.
pub(super) fn fits(data_type: &DataType, declared: &str) -> bool {
    let affinity = Affinity::of(declared);
    // ANY keeps what it is given in a STRICT table only; elsewhere the word means NUMERIC.
    match data_type {
        DataType::Int64 | DataType::UInt64 | DataType::Boolean => {
            matches!(affinity, Affinity::Integer | Affinity::Numeric)
        }
        DataType::Float64 => matches!(affinity, Affinity::Real | Affinity::Numeric),
        // A REAL column makes a double of every integer, also of one that a double cannot hold.
        DataType::Decimal128(_, 0) => matches!(affinity, Affinity::Integer | Affinity::Numeric | Affinity::Text),
        DataType::Decimal128(..) => matches!(affinity, Affinity::Numeric | Affinity::Text),
        DataType::Utf8 => affinity == Affinity::Text,
        DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..) => {
            matches!(affinity, Affinity::Text | Affinity::Numeric)
        }
        DataType::Binary => affinity == Affinity::Blob,
        _ => false,
    }
}

/// A decimal as a column of SQLite keeps it exactly: an integer or a double of at most 15 significant digits, or text
/// in a column for text. `None` when a column for numbers cannot keep it.
pub(super) fn decimal_to_value(unscaled: i128, scale: i8, text: bool) -> Option<Value> {
    if text {
        return Some(Value::Text(decimal_text(unscaled, scale)));
    }
    let (unscaled, scale) = without_trailing_zeros(unscaled, scale);
    match (u64::try_from(unscaled.unsigned_abs()), i64::try_from(unscaled)) {
        (_, Ok(integer)) if scale == 0 => Some(Value::Integer(integer)),
        (Ok(digits), _) if digits < EXACT_DIGITS_LIMIT && scale <= 22 => {
            Some(Value::Real(unscaled as f64 / 10f64.powi(i32::from(scale))))
        }
        _ => None,
    }
}

/// The double that a decimal of at most 15 digits is kept as, without looking for trailing zeros: the common case.
#[inline]
pub(super) fn decimal_to_real(unscaled: i128, factor: f64) -> Option<f64> {
    let small = i64::try_from(unscaled).ok()?;
    (small.unsigned_abs() < EXACT_DIGITS_LIMIT).then(|| small as f64 / factor)
}

fn without_trailing_zeros(mut unscaled: i128, mut scale: i8) -> (i128, i8) {
    while scale > 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    (unscaled, scale)
}

/// The decimal that a double stands for: the one of at most 15 significant digits that is nearest to it and back.
#[inline]
pub(super) fn decimal_from_real(real: f64, factor: f64) -> Option<i128> {
    let scaled = (real * factor).round();
    if scaled.abs() < EXACT_DIGITS_LIMIT as f64 && scaled / factor == real {
        return Some(scaled as i128);
    }
    decimal_from_digits(real, factor)
}

/// The same for one whose digits end in front of the last place, so that it has more than 15 of them with its zeroes.
fn decimal_from_digits(real: f64, factor: f64) -> Option<i128> {
    let text = format!("{real:.14e}");
    let (digits, power) = text.split_once('e').filter(|_| text.parse() == Ok(real))?;
    let unscaled: i128 = digits.replace('.', "").parse().ok()?;
    let power = power.parse::<i32>().ok()? - 14 + factor.log10().round() as i32;
    let shift = 10i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 { unscaled.checked_mul(shift) } else { (unscaled % shift == 0).then_some(unscaled / shift) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_says_its_arrow_type() {
        for (declared, shown) in [
            ("NUMERIC(10,2)", "Decimal128(10, 2)"),
            ("decimal ( 12 , 4 )", "Decimal128(12, 4)"),
            ("NVARCHAR(160)", "Utf8"),
            ("bigint", "Int64"),
            ("time", "Time64(µs)"),
            ("Timestamp", "Timestamp(µs)"),
            ("timestamp with time zone", "Timestamp(µs, \"UTC\")"),
            ("TIMESTAMPTZ", "Timestamp(µs, \"UTC\")"),
            ("uuid", "uuid"),
            ("JSON", "json"),
        ] {
            let field = declared_field("value", declared);
            assert_eq!(field.map(|field| crate::extension::shown(&field)), Some(shown.to_owned()), "{declared}");
        }
        for declared in ["NUMERIC", "NUMERIC(40,2)", "", "INTERVAL"] {
            assert_eq!(declared_field("value", declared), None, "{declared}: nothing is guessed");
        }
    }

    #[test]
    fn decimals_stand_exactly_or_not_at_all() {
        assert_eq!(decimal_to_value(12_345, 2, false), Some(Value::Real(123.45)));
        assert_eq!(decimal_to_value(12_300, 2, false), Some(Value::Integer(123)));
        assert_eq!(decimal_to_value(999_999_999_999_999, 2, false), Some(Value::Real(9_999_999_999_999.99)));
        assert_eq!(decimal_to_value(1_000_000_000_000_001, 2, false), None);
        let text = Value::Text(String::from("10000000000000.01"));
        assert_eq!(decimal_to_value(1_000_000_000_000_001, 2, true), Some(text));
    }

    #[test]
    fn a_double_is_read_as_the_decimal_it_was_written_from() {
        for unscaled in (0..2_000_000).step_by(7).chain([999_999_999_999_999]) {
            let real = decimal_to_real(unscaled, 100.0).unwrap();
            assert_eq!(decimal_from_real(real, 100.0), Some(unscaled));
        }
        assert_eq!(decimal_from_real(9_999_999_999_999.99, 1e10), Some(99_999_999_999_999_900_000_000));
        assert_eq!(decimal_from_real(-0.5, 1e38), Some(-5 * 10i128.pow(37)));
        assert_eq!(decimal_from_real(1.005, 100.0), None, "three digits do not fit two");
        assert_eq!(decimal_from_real(0.1 + 0.2, 100.0), None, "noise is not a price");
        assert_eq!(decimal_from_real(f64::NAN, 100.0), None);
    }

    #[test]
    fn text_never_goes_into_a_numeric_column() {
        assert!(!fits(&DataType::Utf8, "NUMERIC"), "'007' would become 7");
        assert!(fits(&DataType::Utf8, "VARCHAR(3)"));
        assert!(fits(&DataType::Decimal128(12, 2), "NUMERIC"));
        assert!(!fits(&DataType::Decimal128(12, 2), "INTEGER"));
        assert!(!fits(&DataType::Decimal128(18, 0), "REAL"), "9007199254740993 would become 9007199254740992");
        assert!(!fits(&DataType::Int64, "TEXT"));
    }
}
