//! Decimals and times as text, to the last digit: what does not fit is refused, never cut off.

use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use datafusion::arrow::array::{
    Array, ArrayRef, Decimal128Array, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};

use crate::extension::{UUID, extension, is_json, uuid};

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

/// The first day of the year 1 and the last one of 9999, counted from 1970: dates that every database keeps.
pub(crate) const DAYS: RangeInclusive<i32> = -719_162..=2_932_896;
pub(crate) const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Whether a day, counted from 1970, is in the years 1 to 9999.
pub(crate) fn has_day(days: i32) -> bool {
    DAYS.contains(&days)
}

/// Whether a time, in microseconds since 1970, is in the years 1 to 9999.
pub(crate) fn has_time(microseconds: i64) -> bool {
    i32::try_from(microseconds.div_euclid(DAY_MICROSECONDS)).is_ok_and(has_day)
}

/// Whether a time of day, in microseconds, is one: the end of a day is the next one's beginning.
pub(crate) fn is_time_of_day(microseconds: i64) -> bool {
    (0..DAY_MICROSECONDS).contains(&microseconds)
}

/// Days since 1970, of a date of the form `YYYY-MM-DD`.
pub(crate) fn date_from_text(text: &str) -> Option<i32> {
    let microseconds = timestamp_from_text(text).filter(|_| text.len() == 10)?;
    i32::try_from(microseconds.div_euclid(DAY_MICROSECONDS)).ok()
}

/// Microseconds since midnight, of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`.
pub(crate) fn time_from_text(text: &str) -> Option<i64> {
    timestamp_from_text(&format!("1970-01-01 {text}"))
}

/// Microseconds since 1970 in UTC. Only of a timestamp with a zone, as `Z` or as hours and minutes from UTC.
pub(crate) fn instant_from_text(text: &str) -> Option<i64> {
    // A date has the first two of these signs as well.
    let begin = text.get(10..)?.find(['Z', 'z', '+', '-'])? + 10;
    let (time, zone) = text.split_at(begin);
    let microseconds = timestamp_from_text(time).filter(|_| time.len() > 10)?;
    let instant = microseconds.checked_sub(1_000_000 * zone_from_text(zone)?)?;
    has_time(instant).then_some(instant)
}

/// The seconds by which a zone is ahead of UTC: of `Z`, or of a sign and `HH`, `HHMM`, `HH:MM` or `HH:MM:SS`.
fn zone_from_text(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes() {
        b"Z" | b"z" => return Some(0),
        [b'+', ..] => (1, &text[1..]),
        [b'-', ..] => (-1, &text[1..]),
        _ => return None,
    };
    let parts: Vec<&str> = match digits.len() {
        4 => vec![digits.get(..2)?, digits.get(2..)?],
        _ => digits.split(':').collect(),
    };
    let is_part = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() > 3 || !parts.iter().all(is_part) {
        return None;
    }
    let numbers: Vec<i64> = parts.iter().map_while(|part| part.parse().ok()).collect();
    let [hours, minutes, seconds] = [0, 1, 2].map(|part| numbers.get(part).copied().unwrap_or(0));
    (hours < 24 && minutes < 60 && seconds < 60).then_some(sign * (3600 * hours + 60 * minutes + seconds))
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
    let microseconds = time.timestamp_micros();
    (is_kept(time.timestamp_subsec_nanos()) && has_time(microseconds)).then_some(microseconds)
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
        _ if is_read(field) => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    };
    fields.iter().map(taken).collect()
}

/// Whether values of a column are taken as text and read by [`read`].
pub(crate) fn is_read(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Decimal128(..) | DataType::Timestamp(..) | DataType::Time64(_))
        || extension(field).is_some()
}

/// Texts as values of a column that [`is_read`], or what one of them is not.
pub(crate) fn read(texts: &StringArray, field: &Field) -> Result<ArrayRef, String> {
    let (values, wanted): (ArrayRef, _) = match (field.data_type(), extension(field)) {
        (DataType::Decimal128(precision, scale), _) => {
            let decimal =
                |text: &str| decimal_from_text(text, *scale).filter(|unscaled| has_digits(*unscaled, *precision));
            let decimals: Decimal128Array = texts.iter().map(|text| text.and_then(decimal)).collect();
            let decimals = decimals.with_data_type(field.data_type().clone());
            (Arc::new(decimals), format!("a decimal({precision},{scale})"))
        }
        (DataType::Time64(_), _) => {
            let times: Time64MicrosecondArray = texts.iter().map(|text| text.and_then(time_from_text)).collect();
            (Arc::new(times), String::from("a time of the form HH:MM:SS[.ffffff]"))
        }
        (DataType::Timestamp(_, None), _) => {
            let times: TimestampMicrosecondArray =
                texts.iter().map(|text| text.and_then(timestamp_from_text)).collect();
            (Arc::new(times), String::from("a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]"))
        }
        (DataType::Timestamp(..), _) => {
            let times: TimestampMicrosecondArray = texts.iter().map(|text| text.and_then(instant_from_text)).collect();
            let times = times.with_data_type(field.data_type().clone());
            (Arc::new(times), String::from("a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]±HH:MM"))
        }
        (_, Some(UUID)) => {
            let uuids: StringArray = texts.iter().map(|text| text.and_then(uuid)).collect();
            (Arc::new(uuids), String::from("a UUID"))
        }
        _ => {
            let json: StringArray = texts.iter().map(|text| text.filter(|text| is_json(text))).collect();
            (Arc::new(json), String::from("JSON"))
        }
    };
    if values.null_count() == texts.null_count() { Ok(values) } else { Err(wanted) }
}

/// A text with the escapes of JSON for what is not in ASCII.
pub(crate) fn escaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            all.push(character);
            continue;
        }
        let units = character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        all.push_str(&units);
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            "0000-01-01 00:00:00",
            "",
        ] {
            assert_eq!(timestamp_from_text(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_instant_says_its_zone() {
        let noon = timestamp_from_text("2024-01-01 12:00:00").unwrap();
        for text in [
            "2024-01-01 12:00:00Z",
            "2024-01-01T12:00+00",
            "2024-01-01 13:00:00+01:00",
            "2024-01-01 06:30:00-0530",
            "2024-01-01 12:00:01.000000+00:00:01",
        ] {
            assert_eq!(instant_from_text(text), Some(noon), "{text}");
        }
        for refused in [
            "2024-01-01 12:00:00",
            "2024-01-01Z",
            "2024-01-01 12:00:00 CET",
            "2024-01-01 12:00:00+1",
            "2024-01-01 12:00:00+24:00",
            "2024-01-01 12:00:00+00:00:00:00",
            "9999-12-31 23:59:59-00:01",
            "0001-01-01 00:00:00+00:01",
            "2024-01-01 12:00:00é",
            "",
        ] {
            assert_eq!(instant_from_text(refused), None, "{refused}");
        }
    }

    #[test]
    fn dates_and_times_of_day_are_strict() {
        assert_eq!(date_from_text("1970-01-02"), Some(1));
        assert_eq!(date_from_text("0001-01-01"), Some(*DAYS.start()));
        assert_eq!(date_from_text("9999-12-31"), Some(*DAYS.end()));
        for refused in ["0000-12-31", "1970-02-30", "1970-1-2", "02.01.1970", "2024年1月", "1970-01-01 00:00", ""] {
            assert_eq!(date_from_text(refused), None, "{refused}");
        }
        assert_eq!(time_from_text("00:01"), Some(60_000_000));
        assert_eq!(time_from_text("23:59:59.999999"), Some(DAY_MICROSECONDS - 1));
        for refused in ["24:00:00", "-01:00:00", "1:02:03", "12:00:00.0000001", "12", ""] {
            assert_eq!(time_from_text(refused), None, "{refused}");
        }
    }

    #[test]
    fn one_text_that_is_none_is_told() {
        let field = Field::new("amount", DataType::Decimal128(4, 2), true);
        let read = |texts: Vec<Option<&str>>| super::read(&StringArray::from(texts), &field);
        assert_eq!(read(vec![Some("1.50"), None, Some("-0.1")]).unwrap().null_count(), 1);
        for wrong in ["1.505", "100", "one"] {
            assert_eq!(read(vec![Some("1.50"), Some(wrong)]).unwrap_err(), "a decimal(4,2)", "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn json_with_escapes_is_the_same_json(text: String) {
            let json = serde_json::Value::from(text).to_string();
            let kept = escaped(&json);
            prop_assert!(kept.is_ascii());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&kept).unwrap().to_string(), json);
        }
    }
}
