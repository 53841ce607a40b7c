//! Decimals and timestamps as text, to the last digit: what does not fit is refused, never cut off.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::arrow::array::{Array, ArrayRef, Decimal128Array, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};

/// A decimal in digits, for example `-12.50`.
pub(crate) fn decimal_text(unscaled: i128, scale: i8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale.unsigned_abs());
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// A decimal from plain digits with an optional sign and point. More digits behind the point than `scale` must be 0.
pub(crate) fn decimal_from_text(text: &str, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::from(scale.unsigned_abs());
    let (fraction, rest) = fraction.split_at_checked(scale).unwrap_or((fraction, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let nothing = whole.is_empty() && fraction.is_empty();
    if nothing || !all_digits(whole) || !all_digits(fraction) || rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let padded = format!("{whole}{fraction:0<scale$}");
    let unscaled = padded.parse::<i128>().ok()?;
    Some(if negative { -unscaled } else { unscaled })
}

/// Whether a decimal has at most so many digits.
pub(crate) fn has_digits(unscaled: i128, precision: u8) -> bool {
    unscaled.unsigned_abs() < 10u128.pow(u32::from(precision))
}

/// Microseconds since 1970. Only of a timestamp without a zone: one with a zone would have to be moved, and its text
/// would be lost. Nor may digits beyond the microsecond be lost.
pub(crate) fn timestamp_from_text(text: &str) -> Option<i64> {
    if !is_shaped_as_timestamp(text.as_bytes()) {
        return None;
    }
    const FORMATS: [&str; 4] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let time = FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let midnight = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    // A leap second has more than a second's nanoseconds here, and would become the second after it.
    let is_kept = |nanoseconds: u32| nanoseconds.is_multiple_of(1000) && nanoseconds < 1_000_000_000;
    let time = time.or_else(midnight)?.and_utc();
    is_kept(time.timestamp_subsec_nanos()).then(|| time.timestamp_micros())
}

/// `YYYY-MM-DD`, and behind a space or a T `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`: chrono takes other widths as well, so
/// that it would guess a year.
fn is_shaped_as_timestamp(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"dddd-dd-dd dd:dd:dd.";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        separator => byte == separator,
    };
    let is_whole = matches!(text.len(), 10 | 16 | 19 | 21..);
    is_whole && text.iter().zip(SHAPE).all(fits) && text.iter().skip(SHAPE.len()).all(u8::is_ascii_digit)
}

/// The columns with text in place of the types that [`read`] reads: libraries cut off what does not fit these.
pub(crate) fn taken(fields: &Fields) -> Vec<FieldRef> {
    let taken = |field: &FieldRef| match field.data_type() {
        found if is_read(found) => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    };
    fields.iter().map(taken).collect()
}

/// Whether values of a type are taken as text and read by [`read`].
pub(crate) fn is_read(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Timestamp(..))
}

/// Texts as values of a type that [`is_read`], or what one of them is not.
pub(crate) fn read(texts: &StringArray, data_type: &DataType) -> Result<ArrayRef, String> {
    let (values, wanted): (ArrayRef, _) = match data_type {
        DataType::Decimal128(precision, scale) => {
            let decimal =
                |text: &str| decimal_from_text(text, *scale).filter(|unscaled| has_digits(*unscaled, *precision));
            let decimals: Decimal128Array = texts.iter().map(|text| text.and_then(decimal)).collect();
            (Arc::new(decimals.with_data_type(data_type.clone())), format!("a decimal({precision},{scale})"))
        }
        _ => {
            let times = texts.iter().map(|text| text.and_then(timestamp_from_text));
            let wanted = String::from("a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]");
            (Arc::new(times.collect::<TimestampMicrosecondArray>()), wanted)
        }
    };
    if values.null_count() == texts.null_count() { Ok(values) } else { Err(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_with_their_scale() {
        assert_eq!(decimal_text(-5, 2), "-0.05");
        assert_eq!(decimal_text(1250, 2), "12.50");
        assert_eq!(decimal_text(7, 0), "7");
    }

    #[test]
    fn decimal_text_is_strict() {
        assert_eq!(decimal_from_text("-12.5", 2), Some(-1250));
        assert_eq!(decimal_from_text("12.500", 2), Some(1250));
        assert_eq!(decimal_from_text("12.505", 2), None);
        assert_eq!(decimal_from_text("1e3", 2), None);
        assert_eq!(decimal_from_text("", 2), None);
        assert_eq!(decimal_from_text(".", 2), None);
        assert_eq!(decimal_from_text("+.5", 2), Some(50));
    }

    #[test]
    fn timestamps_keep_every_digit_or_are_refused() {
        assert_eq!(timestamp_from_text("1970-01-01 00:00:01.000002"), Some(1_000_002));
        assert_eq!(timestamp_from_text("1970-01-01T00:01"), Some(60_000_000));
        assert_eq!(timestamp_from_text("1970-01-02"), Some(86_400_000_000));
        assert!(timestamp_from_text("0001-01-01 00:00:00").is_some());
        assert!(timestamp_from_text("2016-12-31 23:59:59").is_some());
        assert!(timestamp_from_text("9999-12-31 23:59:59.999999").is_some());
        for refused in [
            "1970-01-01 00:00:00.0000001",
            "2016-12-31 23:59:60",
            "1970-01-01 00:00:00Z",
            "1970-01-01 00:00:00+01:00",
            "2024年1月1日",
            "24-1-1 1:2",
            "  2024-01-01  10:00:00",
            "+2024-01-01 10:00",
            "2024-01-01 10",
            "2024-01-01 10:00:00.",
            "",
        ] {
            assert_eq!(timestamp_from_text(refused), None, "{refused}");
        }
    }

    #[test]
    fn one_text_that_is_none_is_told() {
        let read = |texts: Vec<Option<&str>>| super::read(&StringArray::from(texts), &DataType::Decimal128(4, 2));
        assert_eq!(read(vec![Some("1.50"), None, Some("-0.1")]).unwrap().null_count(), 1);
        for wrong in ["1.505", "100", "one"] {
            assert_eq!(read(vec![Some("1.50"), Some(wrong)]).unwrap_err(), "a decimal(4,2)", "{wrong}");
        }
    }
}
