//! How far a home has got in a source, as it is compared, stored and told.

use std::fmt::{self, Write};
use std::ops::Bound;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value as Json};
use sha2::{Digest, Sha256};

use crate::text::{decimal_from_text, decimal_text, escaped};

/// How far a home has got in a source: everything up to here is delivered, ignored by rule or in quarantine.
///
/// Positions of one source are ordered as the source is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Position {
    /// Nothing has been read yet.
    #[default]
    Start,
    /// Every record whose cursor, an integer, is at most this is dealt with.
    At(i128),
    /// Every record whose cursor is at most this is dealt with: a cursor of several columns, or of one that is no integer.
    Of(Values),
}

/// The values of a cursor's columns, in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Values(Arc<[Value]>);

/// The value of one column. Text and bytes are compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Integer(i128),
    Decimal {
        scale: i8,
        unscaled: i128,
    },
    /// Days since 1970.
    Date(i32),
    /// Microseconds since 1970, in UTC where the source knows a zone.
    Timestamp(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// An index of PostgreSQL or MySQL takes the source and so many characters, and a hash.
const KEY_CHARACTERS: usize = 400;

const DATE: &str = "%Y-%m-%d";
const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.6f";

impl Position {
    /// The position of a record with these values of the cursor's columns.
    pub(crate) fn of(mut values: Vec<Value>) -> Self {
        match values.as_mut_slice() {
            [Value::Integer(integer)] => Self::At(*integer),
            _ => Self::Of(Values(values.into())),
        }
    }

    /// The cursor value, if it is an integer; `None` at the start.
    #[must_use]
    pub fn integer(&self) -> Option<i128> {
        match self {
            Position::At(cursor) => Some(*cursor),
            Position::Start | Position::Of(_) => None,
        }
    }

    /// The values of the cursor's columns, none at the start.
    pub(crate) fn values(&self) -> Vec<Value> {
        match self {
            Position::Start => Vec::new(),
            Position::At(integer) => vec![Value::Integer(*integer)],
            Position::Of(Values(values)) => values.to_vec(),
        }
    }

    /// Where reading goes on from here.
    pub(crate) fn behind(&self) -> Bound<Self> {
        if *self == Position::Start { Bound::Unbounded } else { Bound::Excluded(self.clone()) }
    }

    /// The text that stands for it in a database; `None` at the start. An integer is written in digits, other values as
    /// JSON, each with what kind of value it is. The text of a position is always the same, and ASCII, which every encoding
    /// has.
    pub(crate) fn stored(&self) -> Option<String> {
        match self {
            Position::Start => None,
            Position::At(integer) => Some(integer.to_string()),
            Position::Of(values) => Some(escaped(&values.to_json().to_string())),
        }
    }

    /// The text that stands for it in a table with a key over it: what is stored or, where that is too long for an index, how
    /// it begins and a hash of all of it.
    pub(crate) fn key(&self) -> Option<String> {
        let stored = self.stored()?;
        let Some(begin) = stored.get(..KEY_CHARACTERS).filter(|begin| begin.len() < stored.len()) else {
            return Some(stored);
        };
        let mut key = format!("{begin}... SHA-256 ");
        Sha256::digest(&stored).iter().for_each(|byte| write!(key, "{byte:02x}").expect("a String takes it"));
        Some(key)
    }

    /// The position that a text of a database stands for.
    pub(crate) fn from_stored(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else { return Ok(Position::Start) };
        let position = match text.parse() {
            Ok(integer) => Some(Position::At(integer)),
            Err(_) => serde_json::from_str(text).ok().and_then(|json| Values::from_json(&json)).map(Position::Of),
        };
        // In another spelling it would not be found again.
        position
            .filter(|position| position.stored().as_deref() == Some(text))
            .ok_or_else(|| String::from("domicile_position holds a position that Domicile has not written"))
    }
}

impl Values {
    fn to_json(&self) -> Json {
        let value = |value: &Value| Json::Object(Map::from_iter([(value.kind().to_owned(), value.to_json())]));
        self.0.iter().map(value).collect()
    }

    fn from_json(json: &Json) -> Option<Self> {
        let value = |json: &Json| {
            let object = json.as_object().filter(|object| object.len() == 1)?;
            object.iter().next().and_then(|(kind, json)| Value::from_json(kind, json))
        };
        Some(Self(json.as_array()?.iter().map(value).collect::<Option<_>>()?))
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Integer(_) => "integer",
            Value::Decimal { .. } => "decimal",
            Value::Date(_) => "date",
            Value::Timestamp(_) => "timestamp",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Value::Integer(integer) => {
                Number::from_i128(*integer).map_or_else(|| Json::from(integer.to_string()), Json::from)
            }
            other => Json::from(other.to_string()),
        }
    }

    fn from_json(kind: &str, json: &Json) -> Option<Self> {
        match json {
            Json::Number(number) if kind == "integer" => number.as_i128().map(Value::Integer),
            _ => Self::from_text(kind, json.as_str()?),
        }
    }

    /// The value of a kind that stands as this text.
    pub(crate) fn from_text(kind: &str, text: &str) -> Option<Self> {
        Some(match kind {
            "integer" => Value::Integer(text.parse().ok()?),
            "decimal" => {
                let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                let scale = i8::try_from(scale).ok()?;
                Value::Decimal { scale, unscaled: decimal_from_text(text, scale)? }
            }
            "date" => Value::Date(date_from_text(text)?),
            "timestamp" => Value::Timestamp(timestamp_from_text(text)?),
            "text" => Value::Text(text.to_owned()),
            "bytes" => Value::Bytes(bytes_from_text(text)?),
            _ => return None,
        })
    }
}

fn date_from_text(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, DATE).ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn timestamp_from_text(text: &str) -> Option<i64> {
    Some(NaiveDateTime::parse_from_str(text, TIMESTAMP).ok()?.and_utc().timestamp_micros())
}

fn bytes_from_text(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(integer) => write!(f, "{integer}"),
            Value::Decimal { scale, unscaled } => f.write_str(&decimal_text(*unscaled, *scale)),
            Value::Date(days) => {
                let date = NaiveDate::default().checked_add_signed(TimeDelta::days(i64::from(*days)));
                write!(f, "{}", date.unwrap_or(NaiveDate::MAX).format(DATE))
            }
            Value::Timestamp(microseconds) => {
                let time = DateTime::from_timestamp_micros(*microseconds).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC);
                write!(f, "{}", time.format(TIMESTAMP))
            }
            Value::Text(text) => f.write_str(text),
            Value::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, value) in self.0.iter().enumerate() {
            write!(f, "{}{value}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Start => f.write_str("the start"),
            Position::At(cursor) => write!(f, "{cursor}"),
            Position::Of(values) => write!(f, "{values}"),
        }
    }
}

/// As it is stored: nothing at the start, an integer, or a list of values, each with its kind.
impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Position::Start => serializer.serialize_unit(),
            Position::At(integer) => integer.serialize(serializer),
            Position::Of(values) => values.to_json().serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[Value]) -> Position {
        Position::of(values.to_vec())
    }

    #[test]
    fn a_position_is_read_as_it_was_stored() {
        let time = |microseconds| Value::Timestamp(microseconds);
        for (position, stored) in [
            (of(&[Value::Integer(42)]), "42"),
            (Position::At(u64::MAX.into()), "18446744073709551615"),
            (of(&[time(1), Value::Integer(-7)]), r#"[{"timestamp":"1970-01-01 00:00:00.000001"},{"integer":-7}]"#),
            (of(&[Value::Decimal { scale: 2, unscaled: 1250 }]), r#"[{"decimal":"12.50"}]"#),
            (of(&[Value::Date(-1)]), r#"[{"date":"1969-12-31"}]"#),
            (of(&[Value::Text(String::from("a\"é\n"))]), r#"[{"text":"a\"\u00e9\n"}]"#),
            (of(&[Value::Bytes(vec![0, 255])]), r#"[{"bytes":"00ff"}]"#),
        ] {
            assert_eq!(position.stored().as_deref(), Some(stored));
            assert_eq!(Position::from_stored(Some(stored)), Ok(position));
        }
        assert_eq!(Position::Start.stored(), None);
        assert_eq!(Position::from_stored(None), Ok(Position::Start));
        for other in ["", "042", "4.2", "[1]", r#"[{"date": "1969-12-31"}]"#, r#"[{"decimal":"+1"}]"#, "[{}]", "null"] {
            assert!(Position::from_stored(Some(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn the_key_of_a_position_has_room_in_an_index_and_is_its_own() {
        let text = |text: &str| of(&[Value::Text(text.to_owned())]);
        let (short, long) = (text("a"), text(&"é".repeat(60_000)));
        assert_eq!(
            (short.key(), Position::At(7).key(), Position::Start.key()),
            (short.stored(), Some("7".into()), None)
        );
        let longest = text(&"a".repeat(KEY_CHARACTERS - r#"[{"text":""}]"#.len()));
        assert_eq!(longest.key(), longest.stored());
        let key = long.key().unwrap();
        assert_eq!((key.len(), key.starts_with(r#"[{"text":"\u00e9\u00e9"#)), (KEY_CHARACTERS + 76, true));
        assert_ne!(key, text(&format!("{}a", "é".repeat(59_999))).key().unwrap());
    }

    #[test]
    fn positions_are_ordered_by_their_first_value_and_then_the_next() {
        let time = |microseconds, id| of(&[Value::Timestamp(microseconds), Value::Integer(id)]);
        let ordered = [Position::Start, time(-1, 9), time(0, 1), time(0, 2), time(1, 0)];
        assert!(ordered.is_sorted());
        assert!(of(&[Value::Timestamp(0)]) < time(0, i128::MIN), "what has fewer values stands in front");
        assert!(of(&[Value::Text(String::from("Z"))]) < of(&[Value::Text(String::from("a"))]));
        assert!(Position::At(i64::MAX.into()) < Position::At(u64::MAX.into()));
    }

    #[test]
    fn a_position_is_told_without_its_kinds() {
        assert_eq!(of(&[Value::Date(0), Value::Text(String::from("x"))]).to_string(), "1970-01-01, x");
        assert_eq!(Position::Start.to_string(), "the start");
    }
}
