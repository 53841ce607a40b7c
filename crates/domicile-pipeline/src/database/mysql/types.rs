//! Which type of Arrow a column of MySQL is read as, and which type keeps which type of Arrow.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use mysql_async::Column;
use mysql_async::consts::{ColumnFlags, ColumnType as Wire};

use super::charset::translated;
use super::connect::Kind;
use super::quote;
use crate::config::ColumnType;
use crate::database::fit::Found;
use crate::extension::{JSON, UUID, extended, extension};
use crate::table::{Table, instant};

/// The number of the character set of bytes.
pub(super) const BINARY: u16 = 63;

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
    let field = table.schema.field(column);
    match field.data_type() {
        DataType::Int64 => String::from("bigint"),
        DataType::UInt64 => String::from("bigint unsigned"),
        DataType::Float64 => String::from("double"),
        DataType::Boolean => String::from("tinyint(1)"),
        DataType::Binary if table.is_key(column) => format!("varbinary({length})"),
        DataType::Binary => String::from("longblob"),
        DataType::Date32 => String::from("date"),
        DataType::Time64(_) => String::from("time(6)"),
        // An instant as well, in UTC: a `timestamp` ends in 2038.
        DataType::Timestamp(..) => String::from("datetime(6)"),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        _ if extension(field) == Some(UUID) => format!("varchar(36) CHARACTER SET utf8mb4 COLLATE {collation}"),
        _ if table.is_key(column) => format!("varchar({length}) CHARACTER SET utf8mb4 COLLATE {collation}"),
        _ => format!("longtext CHARACTER SET utf8mb4 COLLATE {collation}"),
    }
}

/// What stops a table from being made with a column.
pub(super) fn undeclarable(kind: Kind, table: &Table, column: usize) -> Option<Found> {
    let DataType::Decimal128(precision, scale) = *table.schema.field(column).data_type() else { return None };
    let most = kind.most_scale();
    (scale > most).then(|| {
        let name = format!("`{}.{}`", table.name, table.schema.field(column).name());
        let message = format!(
            "{name} would be a decimal({precision},{scale}), and the server has at most {most} digits behind the point"
        );
        let whole = precision - scale.cast_unsigned().min(precision);
        let precision = (whole + most.cast_unsigned()).clamp(1, 38);
        (message, format!("cast the analyser's result: to DECIMAL({precision},{most}), or to TEXT"))
    })
}

/// A column's type as `information_schema.columns` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// For example `bigint`.
    pub(super) name: String,
    /// All of it, for example `bigint(20) unsigned`.
    pub(super) full: String,
    /// The same, with the labels of an `enum` as they are.
    pub(super) full_case: String,
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
    pub(super) fn integers(&self) -> Option<(i128, i128)> {
        let bits = match self.name.as_str() {
            "tinyint" => 8,
            "smallint" => 16,
            "mediumint" => 24,
            "int" => 32,
            "bigint" => 64,
            _ => return None,
        };
        let half = 1i128 << (bits - 1);
        Some(if self.is_unsigned() { (0, 2 * half - 1) } else { (-half, half - 1) })
    }

    /// How many digits there are before and behind the point, for a type of decimals.
    pub(super) fn decimals(&self) -> Option<(u64, u64)> {
        let (precision, scale) = (self.precision?, self.scale.unwrap_or(0));
        (self.name == "decimal").then_some((precision - scale, scale))
    }

    /// The labels of an `enum`, as `information_schema` writes them.
    pub(super) fn labels(&self) -> Option<Vec<String>> {
        let list = self.full_case.strip_prefix("enum('")?.strip_suffix("')")?;
        Some(list.split("','").map(|label| label.replace("''", "'")).collect())
    }

    /// Whether every value of the field is kept as it is, or refused.
    pub(super) fn keeps(&self, field: &Field) -> bool {
        let name = self.name.as_str();
        let is_text = matches!(name, "varchar" | "tinytext" | "text" | "mediumtext" | "longtext");
        let keeps_microseconds = self.time_digits == Some(MICROSECONDS);
        match field.data_type() {
            DataType::Int64 | DataType::UInt64 => self.integers().is_some() || self.decimals().is_some(),
            // With digits after it, or as `float`, it would round.
            DataType::Float64 => self.full == "double",
            DataType::Boolean => self.integers().is_some(),
            DataType::Utf8 => match extension(field) {
                // The server has one for each UUID. A `char` would lose spaces at its end, and none is there.
                Some(UUID) => is_text || matches!(name, "uuid" | "char"),
                // What is in a `json` of MySQL loses the digits of numbers that no `double` has.
                Some(_) => is_text,
                // What is in a `char` loses spaces at its end, and in a `binary` it gains zeroes.
                None => is_text || self.labels().is_some(),
            },
            DataType::Binary => matches!(name, "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"),
            DataType::Date32 => name == "date",
            DataType::Time64(_) => name == "time" && keeps_microseconds,
            // A `timestamp` is an instant, and it is not known in which zone the time is.
            DataType::Timestamp(_, None) => name == "datetime" && keeps_microseconds,
            DataType::Timestamp(..) => matches!(name, "datetime" | "timestamp") && keeps_microseconds,
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

/// What is selected of a column, and its field; of a decimal that has too many digits, how many it has. `charset` is its
/// character set, if not all of its text need be one in Unicode.
pub(super) fn source_column(
    column: &Column,
    charset: Option<&str>,
    configured: Option<&ColumnType>,
    is_cursor: bool,
) -> Result<(String, Field), u32> {
    let name = column.name_str();
    let quoted = quote(&name);
    let plain = |data_type| Ok(Field::new(&*name, data_type, true));
    let is_unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let (selected, found) = match column.column_type() {
        Wire::MYSQL_TYPE_TINY if column.column_length() == 1 && !is_cursor => {
            (quoted.clone(), plain(DataType::Boolean))
        }
        Wire::MYSQL_TYPE_LONGLONG if is_unsigned => (quoted.clone(), plain(DataType::UInt64)),
        Wire::MYSQL_TYPE_TINY
        | Wire::MYSQL_TYPE_SHORT
        | Wire::MYSQL_TYPE_INT24
        | Wire::MYSQL_TYPE_LONG
        | Wire::MYSQL_TYPE_LONGLONG
        | Wire::MYSQL_TYPE_YEAR => (quoted.clone(), plain(DataType::Int64)),
        Wire::MYSQL_TYPE_BIT => (format!("CAST({quoted} AS UNSIGNED)"), plain(DataType::UInt64)),
        Wire::MYSQL_TYPE_FLOAT | Wire::MYSQL_TYPE_DOUBLE => (quoted.clone(), plain(DataType::Float64)),
        Wire::MYSQL_TYPE_DECIMAL | Wire::MYSQL_TYPE_NEWDECIMAL => {
            (quoted.clone(), decimal_type(column, is_unsigned).and_then(plain))
        }
        Wire::MYSQL_TYPE_DATE | Wire::MYSQL_TYPE_NEWDATE => (quoted.clone(), plain(DataType::Date32)),
        Wire::MYSQL_TYPE_TIME | Wire::MYSQL_TYPE_TIME2 => {
            (quoted.clone(), plain(DataType::Time64(TimeUnit::Microsecond)))
        }
        Wire::MYSQL_TYPE_DATETIME | Wire::MYSQL_TYPE_DATETIME2 => {
            (quoted.clone(), plain(DataType::Timestamp(TimeUnit::Microsecond, None)))
        }
        // The session is in UTC, so that an instant is the time there.
        Wire::MYSQL_TYPE_TIMESTAMP | Wire::MYSQL_TYPE_TIMESTAMP2 => (quoted.clone(), plain(instant())),
        Wire::MYSQL_TYPE_GEOMETRY => (format!("ST_AsText({quoted})"), plain(DataType::Utf8)),
        // As it is: what CAST makes of a text that is too long to be sent is NULL.
        Wire::MYSQL_TYPE_TINY_BLOB
        | Wire::MYSQL_TYPE_MEDIUM_BLOB
        | Wire::MYSQL_TYPE_LONG_BLOB
        | Wire::MYSQL_TYPE_BLOB
        | Wire::MYSQL_TYPE_VARCHAR
        | Wire::MYSQL_TYPE_VAR_STRING
        | Wire::MYSQL_TYPE_STRING
        | Wire::MYSQL_TYPE_ENUM
        | Wire::MYSQL_TYPE_SET => {
            let is_binary = column.character_set() == BINARY;
            let selected = charset.map_or_else(|| quoted.clone(), |charset| translated(&quoted, charset));
            (selected, plain(if is_binary { DataType::Binary } else { DataType::Utf8 }))
        }
        Wire::MYSQL_TYPE_JSON => (quoted.clone(), plain(DataType::Utf8).map(|field| extended(field, JSON))),
        // All other types have their text.
        _ => (as_text(&quoted), plain(DataType::Utf8)),
    };
    let Some(configured) = configured else { return Ok((selected, found?)) };
    let field = configured.field(&name);
    let is_found = |is_it: &dyn Fn(&DataType) -> bool| found.as_ref().is_ok_and(|found| is_it(found.data_type()));
    // A conversion by the server makes zeroes and NULL of what it does not understand. From text it is made here.
    let is_as_it_is = is_found(&|found| found == field.data_type() || matches!(found, DataType::Utf8 | DataType::Binary))
        // The time in UTC.
        || (*configured == ColumnType::Timestamp && is_found(&|found| *found == instant()));
    Ok((if is_as_it_is { selected } else { as_text(&quoted) }, field))
}

fn as_text(quoted: &str) -> String {
    format!("CAST({quoted} AS CHAR CHARACTER SET utf8mb4)")
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
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Schema;

    use super::*;
    use crate::table::Write;

    fn declared(full: &str) -> Declared {
        let name = full.split(['(', ' ']).next().unwrap();
        let mut numbers = full.split(['(', ',', ')']).filter_map(|number| number.parse().ok());
        let first: Option<u64> = numbers.next();
        Declared {
            name: name.to_owned(),
            full: full.to_owned(),
            full_case: full.to_owned(),
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
        assert_eq!(declared("bigint(20)").integers(), Some((i64::MIN.into(), i64::MAX.into())));
        assert_eq!(declared("bigint(20) unsigned").integers(), Some((0, u64::MAX.into())));
        assert_eq!(declared("double").integers(), None);
    }

    #[test]
    fn nothing_is_rounded_cut_off_or_padded() {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let of_day = DataType::Time64(TimeUnit::Microsecond);
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
            ("enum('a','it''s')", &DataType::Utf8, true),
            ("set('a')", &DataType::Utf8, false),
            ("json", &DataType::Utf8, false),
            ("binary(3)", &DataType::Binary, false),
            ("varbinary(3)", &DataType::Binary, true),
            ("datetime(6)", &time, true),
            ("datetime", &time, false),
            ("timestamp(6)", &time, false),
            ("timestamp(6)", &instant(), true),
            ("timestamp", &instant(), false),
            ("datetime(6)", &instant(), true),
            ("time(6)", &of_day, true),
            ("time", &of_day, false),
            ("bigint(20)", &DataType::UInt64, true),
            ("bigint(20)", &DataType::Int64, true),
            ("double", &DataType::Int64, false),
        ] {
            let field = Field::new("value", data_type.clone(), true);
            assert_eq!(declared(full).keeps(&field), keeps, "{full} {data_type}");
        }
        let uuid = extended(Field::new("value", DataType::Utf8, true), UUID);
        for full in ["uuid", "char(36)", "varchar(36)"] {
            assert!(declared(full).keeps(&uuid), "{full}");
        }
        assert_eq!(declared("enum('a','it''s')").labels(), Some(vec![String::from("a"), String::from("it's")]));
    }

    #[test]
    fn a_decimal_of_more_digits_behind_the_point_than_the_server_has_is_refused() {
        let table = |scale| {
            let amount = Field::new("amount", DataType::Decimal128(38, scale), true);
            let schema = Arc::new(Schema::new(vec![amount]));
            Table { name: String::from("t"), schema, key: Vec::new(), write: Write::Insert, adds_columns: false }
        };
        assert_eq!(undeclarable(Kind::MySql, &table(30), 0), None);
        assert_eq!(undeclarable(Kind::MariaDb, &table(38), 0), None);
        let (message, help) = undeclarable(Kind::MySql, &table(31), 0).unwrap();
        assert!(message.contains("`t.amount` would be a decimal(38,31)"), "{message}");
        assert_eq!(help, "cast the analyser's result: to DECIMAL(37,30), or to TEXT");
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
