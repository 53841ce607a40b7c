//! The type of a column that the source does not say.

use std::fmt;
use std::str::FromStr;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

use super::findings::{listed, meant};
use crate::extension::{JSON, UUID, extended};
use crate::table::instant;

/// Decimals have at most so many digits.
const PRECISION_MAX: u8 = 38;

/// The types that need no parameters, by name.
const PLAIN: [(&str, ColumnType); 12] = [
    ("text", ColumnType::Text),
    ("integer", ColumnType::Integer),
    ("unsigned", ColumnType::Unsigned),
    ("float", ColumnType::Float),
    ("boolean", ColumnType::Boolean),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("timestamp", ColumnType::Timestamp),
    ("timestamptz", ColumnType::TimestampTz),
    ("uuid", ColumnType::Uuid),
    ("json", ColumnType::Json),
    ("bytes", ColumnType::Bytes),
];

/// The type of a source's column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `text`: UTF-8.
    Text,
    /// `integer`: 64 bits, signed.
    Integer,
    /// `unsigned`: an integer of 64 bits that is not negative.
    Unsigned,
    /// `float`: 64 bits. Not for money.
    Float,
    /// `boolean`
    Boolean,
    /// `decimal(precision,scale)`: exact; what money is.
    Decimal {
        /// How many digits it has in all, from 1 to 38.
        precision: u8,
        /// How many of them stand behind the point, up to `precision`.
        scale: u8,
    },
    /// `date`: a day.
    Date,
    /// `time`: a time of day, in microseconds.
    Time,
    /// `timestamp`: a day and a time of day without a zone, in microseconds.
    Timestamp,
    /// `timestamptz`: an instant, in microseconds. Text has to say its zone.
    TimestampTz,
    /// `uuid`: text in the usual form, or sixteen bytes.
    Uuid,
    /// `json`
    Json,
    /// `bytes`
    Bytes,
}

impl ColumnType {
    /// The type of Arrow that values of the column have.
    pub(crate) fn data_type(&self) -> DataType {
        match *self {
            ColumnType::Text | ColumnType::Uuid | ColumnType::Json => DataType::Utf8,
            ColumnType::Integer => DataType::Int64,
            ColumnType::Unsigned => DataType::UInt64,
            ColumnType::Float => DataType::Float64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
            ColumnType::Date => DataType::Date32,
            ColumnType::Time => DataType::Time64(TimeUnit::Microsecond),
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            ColumnType::TimestampTz => instant(),
            ColumnType::Bytes => DataType::Binary,
        }
    }

    /// The field of a column with this name.
    pub(crate) fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        match self {
            ColumnType::Uuid => extended(field, UUID),
            ColumnType::Json => extended(field, JSON),
            _ => field,
        }
    }
}

/// Why a text is not the type of a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidColumnType(String);

impl FromStr for ColumnType {
    type Err = InvalidColumnType;

    /// Reads a type as the file writes it, such as `decimal(12,2)`.
    ///
    /// # Errors
    ///
    /// When there is no such type; the message says which there are.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, plain)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Ok(*plain);
        }
        if text.starts_with("decimal") {
            return decimal(text).ok_or_else(|| {
                let rule = format!("write `decimal(precision,scale)` with a precision from 1 to {PRECISION_MAX}");
                InvalidColumnType(format!("{rule} and a scale up to it, such as `decimal(12,2)`"))
            });
        }
        let names = || PLAIN.iter().map(|(name, _)| *name).chain(["decimal(12,2)"]);
        Err(InvalidColumnType(match meant(text, names()) {
            Some(name) => format!("did you mean `{name}`? The types are {}", listed(names())),
            None => format!("the types are {}", listed(names())),
        }))
    }
}

/// Reads `decimal(precision,scale)`.
fn decimal(text: &str) -> Option<ColumnType> {
    let digits = text.strip_prefix("decimal")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let is_possible = (1..=PRECISION_MAX).contains(&precision) && scale <= precision;
    is_possible.then_some(ColumnType::Decimal { precision, scale })
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Decimal { precision, scale } = self {
            return write!(f, "decimal({precision},{scale})");
        }
        let plain = PLAIN.iter().find(|(_, plain)| plain == self);
        plain.map_or(Ok(()), |(name, _)| f.write_str(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnType, PLAIN};

    #[test]
    fn every_type_is_read_as_it_is_displayed() {
        for text in PLAIN.iter().map(|(name, _)| *name).chain(["decimal(12,2)"]) {
            assert_eq!(text.parse::<ColumnType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn decimals_are_bounded() {
        let decimal = |precision, scale| Ok(ColumnType::Decimal { precision, scale });
        assert_eq!("decimal(1,0)".parse(), decimal(1, 0));
        assert_eq!("decimal(38, 38)".parse(), decimal(38, 38));
        for bad in ["decimal", "decimal(12)", "decimal(0,0)", "decimal(39,2)", "decimal(4,5)", "decimal(4,-1)"] {
            let error = bad.parse::<ColumnType>().unwrap_err();
            assert!(error.to_string().contains("such as `decimal(12,2)`"), "{bad}: {error}");
        }
    }

    #[test]
    fn another_word_is_refused_with_the_types_that_there_are() {
        assert!("integr".parse::<ColumnType>().unwrap_err().to_string().starts_with("did you mean `integer`?"));
        assert!("money".parse::<ColumnType>().unwrap_err().to_string().starts_with("the types are `text`, "));
    }
}
