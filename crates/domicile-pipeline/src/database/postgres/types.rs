//! Which type of Arrow a column of PostgreSQL is read as, which type keeps which type of Arrow, and how it is sent.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use tokio_postgres::Column;

use super::quote;
use super::read::Format;
use crate::config::ColumnType;
use crate::extension::{JSON, JSONB, UUID, extended, extension};
use crate::source::Unopened;
use crate::table::{Table, instant};

/// The precision of a `timestamp` that keeps all of ours.
const MICROSECONDS: i32 = 6;
/// The digits of the greatest unsigned integer.
const UNSIGNED_DIGITS: u8 = 20;

/// What has no type of Arrow, and a text that the server reads as it has written it, whatever it is set to.
const WRITTEN: [&str; 34] = [
    "uuid",
    "json",
    "jsonb",
    "interval",
    "timetz",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "varbit",
    "xml",
    "tsvector",
    "tsquery",
    "pg_lsn",
    "jsonpath",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "tsmultirange",
    "tstzmultirange",
    "datemultirange",
];
/// What else arrays are of.
const ELEMENTS: [&str; 14] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "text",
    "varchar",
    "bytea",
    "date",
    "time",
    "timestamp",
    "timestamptz",
];
/// Types whose values have no order, so that they cannot be a key.
const UNORDERED: [&str; 9] = ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"];
/// Types of which one value may be written as several texts, as a day is that of 24 hours: what objects are told apart by
/// would not be what rows are. So may arrays of them.
const AMBIGUOUS: [&str; 8] =
    ["interval", "jsonb", "numrange", "nummultirange", "numeric", "float4", "float8", "jsonpath"];

/// The name of a type as SQL writes it and as fields are marked with it, if it is one of those that are read as text and
/// written as what they are.
fn written_name(name: &str) -> Option<String> {
    match name.strip_prefix('_') {
        Some(element) => [&WRITTEN[..], &ELEMENTS].concat().contains(&element).then(|| format!("{element}[]")),
        // A `bit` of unknown length would be one bit.
        None if name == "bit" => Some(String::from("varbit")),
        None => WRITTEN.contains(&name).then(|| name.to_owned()),
    }
}

/// Whether several texts of a type may be one value, which `name` is as fields are marked with it.
pub(super) fn is_ambiguous(name: &str) -> bool {
    AMBIGUOUS.contains(&name.trim_end_matches("[]"))
}

/// The type that a table made here declares for a column.
pub(super) fn declaration(table: &Table, column: usize) -> String {
    let field = table.schema.field(column);
    match (field.data_type(), extension(field)) {
        (DataType::Int64, _) => String::from("bigint"),
        (DataType::UInt64, _) => format!("numeric({UNSIGNED_DIGITS},0)"),
        (DataType::Float64, _) => String::from("double precision"),
        (DataType::Boolean, _) => String::from("boolean"),
        (DataType::Binary, _) => String::from("bytea"),
        (DataType::Date32, _) => String::from("date"),
        (DataType::Time64(_), _) => String::from("time"),
        (DataType::Timestamp(_, None), _) => String::from("timestamp"),
        (DataType::Timestamp(..), _) => String::from("timestamptz"),
        (DataType::Decimal128(precision, scale), _) => format!("numeric({precision},{scale})"),
        (_, Some(name)) if !(table.is_key(column) && (UNORDERED.contains(&name) || is_ambiguous(name))) => {
            name.to_owned()
        }
        _ => String::from("text"),
    }
}

/// A column's type as the catalogue has it: `typname` and `atttypmod`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) modifier: i32,
    /// Its values are the labels of a type that somebody has made.
    pub(super) is_enum: bool,
    /// As SQL writes it.
    pub(super) shown: String,
}

/// How values reach a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// As values of this type, whose binary form is that of the column's.
    As(DataType),
    /// As the sixteen bytes of a UUID.
    Uuid,
    /// As a version and text.
    Jsonb,
    /// As text that the server makes the column's type of.
    Cast,
}

impl Declared {
    /// The type of a column that a statement gives.
    pub(super) fn of(column: &Column) -> Self {
        Self { name: column.type_().name().to_owned(), modifier: column.type_modifier(), ..Self::default() }
    }

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

    /// How values are sent so that they arrive as what the column is; `None` for a column that does not keep every value of
    /// the field as it is, or refuses it.
    pub(super) fn sent(&self, field: &Field) -> Option<Sent> {
        match (field.data_type(), extension(field)) {
            (DataType::Utf8, Some(extension)) => self.sent_written(extension),
            (DataType::Utf8, None) => self.takes_text().then_some(Sent::As(DataType::Utf8)),
            (data_type, _) => self.sent_as(data_type).map(Sent::As),
        }
    }

    fn takes_text(&self) -> bool {
        self.is_enum || matches!(self.name.as_str(), "text" | "varchar")
    }

    /// How text that stands for a type is sent.
    fn sent_written(&self, extension: &str) -> Option<Sent> {
        let is_json = matches!(extension, JSON | JSONB);
        match self.name.as_str() {
            UUID if extension == UUID => Some(Sent::Uuid),
            JSON if is_json => Some(Sent::As(DataType::Utf8)),
            JSONB if is_json => Some(Sent::Jsonb),
            // Fewer digits behind the second would round.
            "interval" | "timetz" if self.modifier >= 0 => None,
            _ if self.takes_text() => Some(Sent::As(DataType::Utf8)),
            // A number of bits would cut off, or pad.
            "bit" => None,
            name => (written_name(name).as_deref() == Some(extension) && self.modifier < 0).then_some(Sent::Cast),
        }
    }

    fn sent_as(&self, data_type: &DataType) -> Option<DataType> {
        let keeps_microseconds = self.modifier < 0 || self.modifier == MICROSECONDS;
        let keeps_integers = self.decimals().is_none_or(|(_, scale)| scale >= 0);
        let sent = match (data_type, self.name.as_str()) {
            (DataType::Int64 | DataType::UInt64, "int8") => DataType::Int64,
            (DataType::Int64 | DataType::UInt64, "int4") => DataType::Int32,
            (DataType::Int64 | DataType::UInt64, "int2") => DataType::Int16,
            (DataType::Int64, "numeric") if keeps_integers => DataType::Decimal128(19, 0),
            (DataType::UInt64, "numeric") if keeps_integers => DataType::Decimal128(UNSIGNED_DIGITS, 0),
            (DataType::Float64, "float8") => DataType::Float64,
            (DataType::Boolean, "bool") => DataType::Boolean,
            (DataType::Binary, "bytea") => DataType::Binary,
            (DataType::Date32, "date") => DataType::Date32,
            // The server counts the microseconds of a day as we do.
            (DataType::Time64(_), "time") if keeps_microseconds => DataType::Int64,
            (DataType::Timestamp(_, None), "timestamp") | (DataType::Timestamp(_, Some(_)), "timestamptz")
                if keeps_microseconds =>
            {
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

/// A column of the source: what is selected of it, how it is sent, and its field.
pub(super) struct SourceColumn {
    pub(super) selected: String,
    pub(super) format: Format,
    pub(super) field: Field,
}

/// How a column is read; `None` if its type does not say what it holds.
pub(super) fn source_column(name: &str, declared: &Declared, configured: Option<&ColumnType>) -> Option<SourceColumn> {
    let quoted = quote(name);
    let plain = |data_type| Some(Field::new(name, data_type, true));
    let text = || Field::new(name, DataType::Utf8, true);
    let as_text = format!("{quoted}::text");
    let (selected, found) = match declared.name.as_str() {
        "int2" | "int4" | "int8" => (quoted.clone(), plain(DataType::Int64)),
        "oid" => (format!("{quoted}::int8"), plain(DataType::Int64)),
        "float4" | "float8" => (quoted.clone(), plain(DataType::Float64)),
        "bool" => (quoted.clone(), plain(DataType::Boolean)),
        "bytea" => (quoted.clone(), plain(DataType::Binary)),
        "date" => (quoted.clone(), plain(DataType::Date32)),
        "time" => (quoted.clone(), plain(DataType::Time64(TimeUnit::Microsecond))),
        "timestamp" => (quoted.clone(), plain(DataType::Timestamp(TimeUnit::Microsecond, None))),
        "timestamptz" => (quoted.clone(), plain(instant())),
        "numeric" => (quoted.clone(), decimal_type(declared).and_then(plain)),
        "text" | "varchar" => (quoted.clone(), Some(text())),
        // All other types have their text.
        name => (as_text.clone(), Some(written_name(name).map_or_else(text, |name| extended(text(), &name)))),
    };
    let Some(configured) = configured else {
        return Some(SourceColumn { selected, format: Format::Binary, field: found? });
    };
    let field = configured.field(name);
    let is_instant = declared.name == "timestamptz" && *configured == ColumnType::Timestamp;
    Some(match (declared.name.as_str(), configured) {
        _ if found.as_ref().is_some_and(|found| is_like(found, &field)) => {
            SourceColumn { selected, format: Format::Binary, field }
        }
        // The time in UTC.
        _ if is_instant => {
            SourceColumn { selected: format!("{quoted} AT TIME ZONE 'UTC'"), format: Format::Binary, field }
        }
        // As many digits as there are; which do not fit is seen here.
        ("numeric", ColumnType::Decimal { .. }) => SourceColumn { selected: quoted, format: Format::Binary, field },
        _ => SourceColumn { selected: as_text, format: Format::Text, field },
    })
}

fn is_like(one: &Field, other: &Field) -> bool {
    one.data_type() == other.data_type() && extension(one) == extension(other)
}

fn decimal_type(declared: &Declared) -> Option<DataType> {
    let (precision, scale) = declared.decimals()?;
    let precision = u8::try_from(precision).ok().filter(|precision| *precision <= 38)?;
    let scale = i8::try_from(scale).ok().filter(|scale| *scale >= 0 && scale.cast_unsigned() <= precision)?;
    Some(DataType::Decimal128(precision, scale))
}

pub(super) fn untyped(name: &str, declared: &Declared) -> Unopened {
    let why = match declared.decimals() {
        Some((precision, scale)) if precision > 38 => {
            format!("is a numeric({precision},{scale}), and decimals here have at most 38 digits")
        }
        Some((precision, scale)) => {
            let why = "the digits behind the point of decimals here are some of all their digits";
            format!("is a numeric({precision},{scale}), and {why}")
        }
        None => String::from("is a numeric without a precision, which does not say how many digits it holds"),
    };
    let help = format!("say it: columns = {{ {name} = \"decimal(38,10)\" }}, or text");
    Unopened::new("columns", format!("the column `{name}` {why}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extension::shown;

    fn declared(name: &str, modifier: i32) -> Declared {
        Declared { name: name.to_owned(), modifier, ..Declared::default() }
    }

    fn field(data_type: DataType) -> Field {
        Field::new("value", data_type, true)
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
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let of_day = DataType::Time64(TimeUnit::Microsecond);
        let sent =
            |name: &str, modifier: i32, data_type: &DataType| declared(name, modifier).sent(&field(data_type.clone()));
        assert_eq!(sent("numeric", ((12 << 16) | 2) + 4, &money), Some(Sent::As(money.clone())));
        assert_eq!(sent("numeric", ((12 << 16) | 1) + 4, &money), None);
        assert_eq!(sent("float8", -1, &money), None);
        assert_eq!(sent("bpchar", 7, &DataType::Utf8), None);
        assert_eq!(sent("timestamp", -1, &time), Some(Sent::As(time.clone())));
        assert_eq!(sent("timestamp", 3, &time), None);
        assert_eq!(sent("timestamptz", -1, &time), None, "it is not known in which zone the time is");
        assert_eq!(sent("timestamp", -1, &instant()), None, "its zone would be lost");
        assert_eq!(sent("timestamptz", -1, &instant()), Some(Sent::As(time)));
        assert_eq!(sent("time", -1, &of_day), Some(Sent::As(DataType::Int64)));
        assert_eq!(sent("time", 0, &of_day), None);
        assert_eq!(sent("int8", -1, &DataType::UInt64), Some(Sent::As(DataType::Int64)));
    }

    #[test]
    fn what_is_written_as_text_arrives_as_what_it_is() {
        let sent = |name: &str, modifier: i32, extension: &str| {
            declared(name, modifier).sent(&extended(field(DataType::Utf8), extension))
        };
        let text = Some(Sent::As(DataType::Utf8));
        for (name, extension, expected) in [
            ("uuid", "uuid", Some(Sent::Uuid)),
            ("text", "uuid", text.clone()),
            ("json", "json", text.clone()),
            ("jsonb", "json", Some(Sent::Jsonb)),
            ("jsonb", "uuid", None),
            ("_int4", "int4[]", Some(Sent::Cast)),
            ("_int4", "int8[]", None),
            ("interval", "interval", Some(Sent::Cast)),
            ("varbit", "varbit", Some(Sent::Cast)),
            ("bit", "varbit", None),
        ] {
            assert_eq!(sent(name, -1, extension), expected, "{extension} in {name}");
        }
        assert_eq!(sent("interval", 0, "interval"), None, "it would be rounded");
        assert_eq!(declared("uuid", -1).sent(&field(DataType::Utf8)), None, "any text is none");
        assert_eq!(declared("_text", -1).sent(&field(DataType::Utf8)), None);
        let mood = Declared { is_enum: true, ..declared("mood", -1) };
        assert_eq!(mood.sent(&field(DataType::Utf8)), text, "the server refuses what is no label");
    }

    #[test]
    fn a_source_says_what_its_columns_hold() {
        let read = |name: &str, configured: Option<&str>| {
            let configured = configured.map(|text| text.parse().unwrap());
            let column = source_column("v", &declared(name, -1), configured.as_ref());
            column.map(|column| (column.selected, column.format, shown(&column.field)))
        };
        for (name, configured, selected, format, expected) in [
            ("timestamptz", None, "\"v\"", Format::Binary, "Timestamp(µs, \"UTC\")"),
            ("timestamptz", Some("timestamp"), "\"v\" AT TIME ZONE 'UTC'", Format::Binary, "Timestamp(µs)"),
            ("timestamptz", Some("text"), "\"v\"::text", Format::Text, "Utf8"),
            ("numeric", Some("decimal(38,10)"), "\"v\"", Format::Binary, "Decimal128(38, 10)"),
            ("numeric", Some("text"), "\"v\"::text", Format::Text, "Utf8"),
            ("text", Some("integer"), "\"v\"::text", Format::Text, "Int64"),
            ("text", Some("text"), "\"v\"", Format::Binary, "Utf8"),
            ("text", Some("uuid"), "\"v\"::text", Format::Text, "uuid"),
            ("uuid", Some("uuid"), "\"v\"::text", Format::Binary, "uuid"),
            ("uuid", None, "\"v\"::text", Format::Binary, "uuid"),
            ("_text", None, "\"v\"::text", Format::Binary, "text[]"),
            ("mood", None, "\"v\"::text", Format::Binary, "Utf8"),
            ("bit", None, "\"v\"::text", Format::Binary, "varbit"),
        ] {
            let expected = Some((selected.to_owned(), format, expected.to_owned()));
            assert_eq!(read(name, configured), expected, "{name} {configured:?}");
        }
        assert_eq!(read("numeric", None), None, "a scale is never guessed");
    }
}
