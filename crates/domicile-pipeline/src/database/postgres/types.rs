//! Which type of Arrow a column of PostgreSQL is read as, which type keeps which type of Arrow, and how it is sent.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::quote;
use crate::config::ColumnType;
use crate::source::Unopened;

/// The precision of a `timestamp` that keeps all of ours.
const MICROSECONDS: i32 = 6;

/// The type that a table made here declares for a column.
pub(super) fn declaration(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 => String::from("bigint"),
        DataType::Float64 => String::from("double precision"),
        DataType::Boolean => String::from("boolean"),
        DataType::Binary => String::from("bytea"),
        DataType::Date32 => String::from("date"),
        DataType::Timestamp(..) => String::from("timestamp"),
        DataType::Decimal128(precision, scale) => format!("numeric({precision},{scale})"),
        _ => String::from("text"),
    }
}

/// A column's type as the catalogue has it: `typname` and `atttypmod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) modifier: i32,
}

impl Declared {
    /// The precision and the scale of a `numeric`, if it is declared with them.
    ///
    /// Source: `numerictypmodin` in <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c>
    pub(super) fn decimals(&self) -> Option<(i32, i32)> {
        let packed = (self.name == "numeric" && self.modifier >= 4).then_some(self.modifier - 4)?;
        // The scale has eleven bits and a sign.
        Some((packed >> 16, ((packed & 0x7ff) ^ 1024) - 1024))
    }

    /// How many characters a `varchar` may have, if it is declared with that.
    pub(super) fn most_characters(&self) -> Option<usize> {
        (self.name == "varchar" && self.modifier >= 4).then(|| usize::try_from(self.modifier - 4).unwrap_or(usize::MAX))
    }

    /// The type that values are made before they are sent, so that they arrive as what the column is; `None` for a column
    /// that does not keep every value of `data_type` as it is, or refuses it.
    pub(super) fn sent_as(&self, data_type: &DataType) -> Option<DataType> {
        let keeps_microseconds = self.modifier < 0 || self.modifier == MICROSECONDS;
        let sent = match (data_type, self.name.as_str()) {
            (DataType::Int64, "int8") => DataType::Int64,
            (DataType::Int64, "int4") => DataType::Int32,
            (DataType::Int64, "int2") => DataType::Int16,
            (DataType::Int64, "numeric") if self.decimals().is_none_or(|(_, scale)| scale >= 0) => {
                DataType::Decimal128(19, 0)
            }
            (DataType::Float64, "float8") => DataType::Float64,
            (DataType::Boolean, "bool") => DataType::Boolean,
            (DataType::Utf8, "text" | "varchar") => DataType::Utf8,
            (DataType::Binary, "bytea") => DataType::Binary,
            (DataType::Date32, "date") => DataType::Date32,
            (DataType::Timestamp(..), "timestamp") if keeps_microseconds => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            // A smaller scale would round. Digits in front of the point that there is no room for are refused.
            (DataType::Decimal128(precision, scale), "numeric")
                if self.decimals().is_none_or(|(_, kept)| kept >= i32::from(*scale)) =>
            {
                DataType::Decimal128(*precision, *scale)
            }
            _ => return None,
        };
        Some(sent)
    }
}

/// A column of the source: what is selected of it, and its type.
pub(super) struct SourceColumn {
    pub(super) selected: String,
    pub(super) data_type: DataType,
}

/// How a column is read; `None` if its type does not say what it holds.
pub(super) fn source_column(name: &str, declared: &Declared, configured: Option<&ColumnType>) -> Option<SourceColumn> {
    let name = quote(name);
    let (selected, found) = match declared.name.as_str() {
        "int2" | "int4" | "int8" => (name.clone(), Some(DataType::Int64)),
        "float4" | "float8" => (name.clone(), Some(DataType::Float64)),
        "bool" => (name.clone(), Some(DataType::Boolean)),
        "bytea" => (name.clone(), Some(DataType::Binary)),
        "date" => (name.clone(), Some(DataType::Date32)),
        "timestamp" => (name.clone(), Some(DataType::Timestamp(TimeUnit::Microsecond, None))),
        // An instant, whatever zone the session is in.
        "timestamptz" => (format!("{name} AT TIME ZONE 'UTC'"), Some(DataType::Timestamp(TimeUnit::Microsecond, None))),
        "numeric" => (name.clone(), decimal_type(declared)),
        "text" | "varchar" => (name.clone(), Some(DataType::Utf8)),
        // All other types have their text.
        _ => (format!("{name}::text"), Some(DataType::Utf8)),
    };
    match configured.map(ColumnType::data_type) {
        None => Some(SourceColumn { selected, data_type: found? }),
        Some(data_type) if found.as_ref() == Some(&data_type) => Some(SourceColumn { selected, data_type }),
        // The server converts it, and says which value it cannot convert.
        Some(data_type) => Some(SourceColumn { selected: format!("({name})::{}", declaration(&data_type)), data_type }),
    }
}

fn decimal_type(declared: &Declared) -> Option<DataType> {
    let (precision, scale) = declared.decimals()?;
    let precision = u8::try_from(precision).ok().filter(|precision| *precision <= 38)?;
    let scale = i8::try_from(scale).ok().filter(|scale| *scale >= 0 && scale.cast_unsigned() <= precision)?;
    Some(DataType::Decimal128(precision, scale))
}

pub(super) fn untyped(name: &str, declared: &Declared) -> Unopened {
    let why = match declared.decimals() {
        Some((precision, scale)) => {
            format!("is a numeric({precision},{scale}), and decimals here have at most 38 digits")
        }
        None => String::from("is a numeric without a precision, which does not say how many digits it holds"),
    };
    let help = format!("say it: columns = {{ {name} = \"decimal(38,10)\" }}, or text");
    Unopened::new("columns", format!("the column `{name}` {why}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, modifier: i32) -> Declared {
        Declared { name: name.to_owned(), modifier }
    }

    #[test]
    fn a_modifier_says_how_much_there_is_room_for() {
        assert_eq!(declared("numeric", ((12 << 16) | 2) + 4).decimals(), Some((12, 2)));
        assert_eq!(declared("numeric", ((3 << 16) | 0x7fe) + 4).decimals(), Some((3, -2)));
        assert_eq!(declared("numeric", -1).decimals(), None);
        assert_eq!(declared("varchar", 7).most_characters(), Some(3));
        assert_eq!(declared("text", -1).most_characters(), None);
    }

    #[test]
    fn nothing_is_rounded_cut_off_or_padded() {
        let money = DataType::Decimal128(12, 2);
        assert_eq!(declared("numeric", ((12 << 16) | 2) + 4).sent_as(&money), Some(money.clone()));
        assert_eq!(declared("numeric", ((12 << 16) | 1) + 4).sent_as(&money), None);
        assert_eq!(declared("float8", -1).sent_as(&money), None);
        assert_eq!(declared("bpchar", 7).sent_as(&DataType::Utf8), None);
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(declared("timestamp", -1).sent_as(&time), Some(time.clone()));
        assert_eq!(declared("timestamp", 3).sent_as(&time), None);
        assert_eq!(declared("timestamptz", -1).sent_as(&time), None, "it is not known in which zone the time is");
    }
}
