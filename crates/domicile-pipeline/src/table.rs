//! The tables that analysers write, as their result types make them.

use std::collections::HashSet;

use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef, TimeUnit};
use serde::Serialize;

use crate::extension::extension;

/// How two partial results of one aggregate become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Merge {
    /// The sums are added.
    Sum,
    /// The counts are added.
    Count,
    /// The smaller value stays.
    Min,
    /// The larger value stays.
    Max,
}

impl Merge {
    /// The SQL aggregate function that merges partial results.
    #[must_use]
    pub(crate) fn function(self) -> &'static str {
        match self {
            Merge::Sum | Merge::Count => "sum",
            Merge::Min => "min",
            Merge::Max => "max",
        }
    }
}

/// How objects reach their table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// A new row each. A row whose key is there already is refused.
    Insert,
    /// The row with the same key is replaced.
    Replace,
    /// Merged into the row with the same key: one function a column, `None` for the key's columns.
    Merge(Vec<Option<Merge>>),
}

impl Write {
    /// How a column is merged, if it is.
    pub(crate) fn merge(&self, column: usize) -> Option<Merge> {
        match self {
            Write::Merge(merges) => merges[column],
            Write::Insert | Write::Replace => None,
        }
    }
}

/// A table that an analyser writes to, in every home.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The table's name.
    pub name: String,
    /// Names and types of the columns; only types that [`delivered_as`] gives.
    pub schema: SchemaRef,
    /// Numbers of the columns that make up the key; empty where there is none.
    pub key: Vec<usize>,
    /// How objects reach the table.
    pub write: Write,
    /// Columns that a table in a home lacks may be added to it.
    pub adds_columns: bool,
}

impl Table {
    /// Whether a column is part of the key.
    #[must_use]
    pub(crate) fn is_key(&self, column: usize) -> bool {
        self.key.contains(&column)
    }

    /// Whether a column that a table in a home lacks is added to it. A key would be NULL in the rows that are there, and an
    /// aggregate would leave out the records that were read before.
    pub(crate) fn adds(&self, column: usize) -> bool {
        self.adds_columns && !self.is_key(column) && self.write.merge(column).is_none()
    }

    /// Whether two tables have the same columns and key and are written in the same way.
    pub(crate) fn is_like(&self, other: &Table) -> bool {
        let columns = |table: &Table| -> Vec<_> {
            let column = |field: &FieldRef| {
                (field.name().clone(), field.data_type().clone(), extension(field).map(str::to_owned))
            };
            table.schema.fields().iter().map(column).collect()
        };
        columns(self) == columns(other) && self.key == other.key && self.write == other.write
    }

    /// A column whose name differs from an earlier one's in its case only, which databases take for the same.
    pub(crate) fn twice_named(&self) -> Option<&str> {
        let mut names = HashSet::new();
        let fields = self.schema.fields();
        fields.iter().map(|field| field.name().as_str()).find(|name| !names.insert(name.to_lowercase()))
    }

    /// The names of the key's columns.
    pub(crate) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|&column| self.schema.field(column).name().as_str())
    }
}

/// Why a table may not have this name, if it may not.
pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let prefixes = [
        ("domicile_", "`domicile_` begins the program's own tables"),
        ("sqlite_", "`sqlite_` begins the database's own tables"),
    ];
    prefixes.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, why)| why)
}

/// The type of an instant: a timestamp that is in UTC.
pub(crate) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The type that a result column is delivered as, or `None` if no database here can hold it.
///
/// Small integers become 64 bits wide, the layouts of text become one and all zones UTC, so that a delivery knows eleven
/// types.
#[must_use]
pub(crate) fn delivered_as(data_type: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Decimal32, Decimal64, Decimal128, Float16, Float32, Float64, Int8, Int16,
        Int32, Int64, LargeBinary, LargeUtf8, Time32, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match data_type {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => Some(Int64),
        UInt64 => Some(UInt64),
        Float16 | Float32 | Float64 => Some(Float64),
        Utf8 | LargeUtf8 | Utf8View => Some(Utf8),
        Binary | LargeBinary | BinaryView => Some(Binary),
        Boolean => Some(Boolean),
        Date32 => Some(Date32),
        // Nanoseconds and the milliseconds of Date64 would be cut off.
        Time32(_) | Time64(TimeUnit::Microsecond) => Some(Time64(TimeUnit::Microsecond)),
        Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, zone) => match zone {
            None => Some(Timestamp(TimeUnit::Microsecond, None)),
            Some(_) => Some(instant()),
        },
        Decimal32(precision, scale) | Decimal64(precision, scale) | Decimal128(precision, scale) if *scale >= 0 => {
            Some(Decimal128(*precision, *scale))
        }
        DataType::Dictionary(_, value) => delivered_as(value),
        _ => None,
    }
}
