//! Which type of Arrow a column of MySQL is read as, and which type keeps which type of Arrow.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use mysql_async::Column;
use mysql_async::consts::{ColumnFlags, ColumnType as Wire};

use super::connect::Kind;
use super::quote;
use crate::config::ColumnType;
use crate::table::Table;

/// The number of the character set of bytes.
const BINARY: u16 = 63;

/// The digits of a `datetime` behind the second that keep all of ours.
const MICROSECONDS: u64 = 6;
/// An index of InnoDB takes so many bytes of a row, and a character of `utf8mb4` is up to four.
/// Source: <https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html>
const KEY_CHARACTERS: usize = 3072 / 4;
/// As many characters as a key's column has where there is room.
const KEY_COLUMN_CHARACTERS: usize = 255;

/// The type that a table made here declares for a column. `text` and `blob` cannot be a key, so that a key's columns have
/// a length.
pub(super) fn declaration(kind: Kind, table: &Table, column: usize) -> String {
    let is_long = |column: &usize| matches!(table.schema.field(*column).data_type(), DataType::Utf8 | DataType::Binary);
    let long = table.key.iter().filter(|column| is_long(column)).count().max(1);
    let length = (KEY_CHARACTERS / long).min(KEY_COLUMN_CHARACTERS);
    let collation = kind.collation();
    match table.schema.field(column).data_type() {
        DataType::Int64 => String::from("bigint"),
        DataType::Float64 => String::from("double"),
        DataType::Boolean => String::from("tinyint(1)"),
        DataType::Binary if table.is_key(column) => format!("varbinary({length})"),
        DataType::Binary => String::from("longblob"),
        DataType::Date32 => String::from("date"),
        DataType::Timestamp(..) => String::from("datetime(6)"),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        _ if table.is_key(column) => format!("varchar({length}) CHARACTER SET utf8mb4 COLLATE {collation}"),
        _ => format!("longtext CHARACTER SET utf8mb4 COLLATE {collation}"),
    }
}

/// A column's type as `information_schema.columns` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// For example `bigint`.
    pub(super) name: String,
    /// All of it, for example `bigint(20) unsigned`.
    pub(super) full: String,
    pub(super) precision: Option<u64>,
    pub(super) scale: Option<u64>,
    /// How long a text or a run of bytes may be: `varchar` counts characters, all others bytes.
    pub(super) length: Option<u64>,
    pub(super) time_digits: Option<u64>,
    pub(super) collation: Option<String>,
    pub(super) not_null: bool,
}

impl Declared {
    /// Whether negative numbers are refused.
    pub(super) fn is_unsigned(&self) -> bool {
        self.full.contains("unsigned")
    }

    /// The least and the greatest integer, for a type of integers.
    pub(super) fn integers(&self) -> Option<(i64, i64)> {
        let bits = match self.name.as_str() {
            "tinyint" => 8,
            "smallint" => 16,
            "mediumint" => 24,
            "int" => 32,
            "bigint" => 64,
            _ => return None,
        };
        let greatest = i64::MAX >> (64 - bits);
        // The upper half of a `bigint unsigned` is none of ours.
        Some(if self.is_unsigned() {
            (0, greatest.saturating_mul(2).saturating_add(1))
        } else {
            (-greatest - 1, greatest)
        })
    }

    /// How many digits there are before and behind the point, for a type of decimals.
    pub(super) fn decimals(&self) -> Option<(u64, u64)> {
        let (precision, scale) = (self.precision?, self.scale.unwrap_or(0));
        (self.name == "decimal").then_some((precision - scale, scale))
    }

    /// Whether every value of `data_type` is kept as it is, or refused.
    pub(super) fn keeps(&self, data_type: &DataType) -> bool {
        let name = self.name.as_str();
        match data_type {
            DataType::Int64 => self.integers().is_some() || self.decimals().is_some(),
            // With digits after it, or as `float`, it would round.
            DataType::Float64 => self.full == "double",
            DataType::Boolean => self.integers().is_some(),
            // What is in a `char` loses spaces at its end, and in a `binary` it gains zeroes.
            DataType::Utf8 => matches!(name, "varchar" | "tinytext" | "text" | "mediumtext" | "longtext"),
            DataType::Binary => matches!(name, "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"),
            DataType::Date32 => name == "date",
            // A `timestamp` is an instant, and it is not known in which zone the time is.
            DataType::Timestamp(..) => name == "datetime" && self.time_digits == Some(MICROSECONDS),
            // A smaller scale would round. Digits before the point that there is no room for are refused.
            DataType::Decimal128(_, scale) => {
                self.decimals().is_some_and(|(_, kept)| u64::from(scale.unsigned_abs()) <= kept)
            }
            _ => false,
        }
    }

    /// Whether two texts that differ are two keys. Most collations take some for the same that differ by their case, their
    /// accents or the spaces at their end.
    pub(super) fn tells_keys_apart(&self, kind: Kind) -> bool {
        self.collation.as_deref().is_none_or(|collation| collation == kind.collation())
    }
}

/// What is selected of a column, and its type; of a decimal that has too many digits, how many it has.
pub(super) fn source_column(
    column: &Column,
    configured: Option<&ColumnType>,
    is_cursor: bool,
) -> Result<(String, DataType), u32> {
    let name = quote(&column.name_str());
    let text = format!("CAST({name} AS CHAR CHARACTER SET utf8mb4)");
    let flags = column.flags();
    let is_unsigned = flags.contains(ColumnFlags::UNSIGNED_FLAG);
    let (selected, found) = match column.column_type() {
        Wire::MYSQL_TYPE_TINY if column.column_length() == 1 && !is_cursor => (name.clone(), Ok(DataType::Boolean)),
        // A cursor counts up from 0, and does not get to where its sign would be.
        Wire::MYSQL_TYPE_LONGLONG if is_unsigned && !is_cursor => (name.clone(), Ok(DataType::Decimal128(20, 0))),
        Wire::MYSQL_TYPE_TINY
        | Wire::MYSQL_TYPE_SHORT
        | Wire::MYSQL_TYPE_INT24
        | Wire::MYSQL_TYPE_LONG
        | Wire::MYSQL_TYPE_LONGLONG => (name.clone(), Ok(DataType::Int64)),
        Wire::MYSQL_TYPE_FLOAT | Wire::MYSQL_TYPE_DOUBLE => (name.clone(), Ok(DataType::Float64)),
        Wire::MYSQL_TYPE_DECIMAL | Wire::MYSQL_TYPE_NEWDECIMAL => (name.clone(), decimal_type(column, is_unsigned)),
        Wire::MYSQL_TYPE_DATE | Wire::MYSQL_TYPE_NEWDATE => (name.clone(), Ok(DataType::Date32)),
        // The session is in UTC, so that an instant is the time there.
        Wire::MYSQL_TYPE_DATETIME
        | Wire::MYSQL_TYPE_TIMESTAMP
        | Wire::MYSQL_TYPE_DATETIME2
        | Wire::MYSQL_TYPE_TIMESTAMP2 => (name.clone(), Ok(DataType::Timestamp(TimeUnit::Microsecond, None))),
        Wire::MYSQL_TYPE_BIT => (format!("CAST({name} + 0 AS CHAR CHARACTER SET utf8mb4)"), Ok(DataType::Utf8)),
        Wire::MYSQL_TYPE_GEOMETRY => (format!("ST_AsText({name})"), Ok(DataType::Utf8)),
        // As it is: what CAST makes of a text that is too long to be sent is NULL.
        Wire::MYSQL_TYPE_TINY_BLOB
        | Wire::MYSQL_TYPE_MEDIUM_BLOB
        | Wire::MYSQL_TYPE_LONG_BLOB
        | Wire::MYSQL_TYPE_BLOB
        | Wire::MYSQL_TYPE_VARCHAR
        | Wire::MYSQL_TYPE_VAR_STRING
        | Wire::MYSQL_TYPE_STRING => {
            (name.clone(), Ok(if column.character_set() == BINARY { DataType::Binary } else { DataType::Utf8 }))
        }
        Wire::MYSQL_TYPE_ENUM | Wire::MYSQL_TYPE_SET | Wire::MYSQL_TYPE_JSON => (name.clone(), Ok(DataType::Utf8)),
        // All other types have their text.
        _ => (text.clone(), Ok(DataType::Utf8)),
    };
    match configured.map(ColumnType::data_type) {
        None => Ok((selected, found?)),
        Some(data_type) if found.as_ref() == Ok(&data_type) => Ok((selected, data_type)),
        // A conversion by the server makes zeroes and NULL of what it does not understand. From text it is made here.
        Some(data_type) if matches!(found, Ok(DataType::Utf8 | DataType::Binary)) => Ok((selected, data_type)),
        Some(data_type) => Ok((text, data_type)),
    }
}

/// The length of a decimal counts its digits, its point and its sign.
fn decimal_type(column: &Column, is_unsigned: bool) -> Result<DataType, u32> {
    let scale = column.decimals();
    let digits = column.column_length().saturating_sub(u32::from(scale > 0) + u32::from(!is_unsigned)).max(1);
    let precision = u8::try_from(digits).ok().filter(|precision| *precision <= 38 && scale <= *precision);
    precision.map(|precision| DataType::Decimal128(precision, scale.cast_signed())).ok_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(full: &str) -> Declared {
        let name = full.split(['(', ' ']).next().unwrap();
        let mut numbers = full.split(['(', ',', ')']).filter_map(|number| number.parse().ok());
        let first: Option<u64> = numbers.next();
        Declared {
            name: name.to_owned(),
            full: full.to_owned(),
            precision: first,
            scale: numbers.next(),
            time_digits: first.or(Some(0)),
            ..Declared::default()
        }
    }

    #[test]
    fn an_integer_has_its_bounds() {
        assert_eq!(declared("tinyint(4)").integers(), Some((-128, 127)));
        assert_eq!(declared("mediumint(8) unsigned").integers(), Some((0, 16_777_215)));
        assert_eq!(declared("int(11)").integers(), Some((i32::MIN.into(), i32::MAX.into())));
        assert_eq!(declared("bigint(20)").integers(), Some((i64::MIN, i64::MAX)));
        assert_eq!(declared("bigint(20) unsigned").integers(), Some((0, i64::MAX)));
        assert_eq!(declared("double").integers(), None);
    }

    #[test]
    fn nothing_is_rounded_cut_off_or_padded() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let money = DataType::Decimal128(12, 2);
        for (full, data_type, keeps) in [
            ("decimal(12,2)", &money, true),
            ("decimal(12,3)", &money, true),
            ("decimal(12,1)", &money, false),
            ("double", &money, false),
            ("double", &DataType::Float64, true),
            ("double(8,2)", &DataType::Float64, false),
            ("float", &DataType::Float64, false),
            ("varchar(3)", &DataType::Utf8, true),
            ("char(3)", &DataType::Utf8, false),
            ("enum('a')", &DataType::Utf8, false),
            ("binary(3)", &DataType::Binary, false),
            ("varbinary(3)", &DataType::Binary, true),
            ("datetime(6)", &time, true),
            ("datetime", &time, false),
            ("timestamp(6)", &time, false),
            ("bigint(20)", &DataType::Int64, true),
            ("double", &DataType::Int64, false),
        ] {
            assert_eq!(declared(full).keeps(data_type), keeps, "{full} {data_type}");
        }
    }

    #[test]
    fn keys_differ_by_every_byte() {
        let of = |collation: &str| Declared { collation: Some(collation.to_owned()), ..Declared::default() };
        assert!(of("utf8mb4_nopad_bin").tells_keys_apart(Kind::MariaDb));
        assert!(of("utf8mb4_0900_bin").tells_keys_apart(Kind::MySql));
        assert!(!of("utf8mb4_bin").tells_keys_apart(Kind::MariaDb), "it takes no account of spaces at the end");
        assert!(!of("utf8mb4_general_ci").tells_keys_apart(Kind::MySql));
        assert!(Declared::default().tells_keys_apart(Kind::MySql), "bytes have no collation");
    }
}
