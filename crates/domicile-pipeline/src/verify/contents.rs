//! What a home, or the control database, holds.

use std::hash::BuildHasher;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, SchemaRef, UInt64Type};
use tokio::sync::mpsc;

use crate::batch::{Batch, BatchLimit};
use crate::config::ColumnType;
use crate::error::Failure;
use crate::extension::{JSON, JSONB, UUID, extension};
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::{Resolution, cleared};
use crate::table::Table;

/// Rows of a home that are in memory at once for a table.
pub(crate) const ROWS_AT_ONCE: BatchLimit = BatchLimit { rows: 4_096, bytes: 1_024 * 1_024 };

/// So much is kept of a source in one database, at most, to be compared with what the source gives.
pub(crate) const KEPT_MAX: usize = 1_000_000;

/// A look into one database.
///
/// An implementation MUST answer everything from one snapshot, from [`begin`](Self::begin) on, MUST NOT write, and MUST NOT
/// gather the rows of a table. A database that is not there, and a table that is not, has no rows.
#[async_trait]
pub(crate) trait Contents: Send {
    /// Begins the snapshot.
    async fn begin(&mut self) -> Result<(), Failure>;
    /// What is kept of a source beside its rows.
    async fn kept(&mut self, source: &str) -> Result<Held, Failure>;
    /// Gives the rows of a table, all or some, in any order, as the database has them. Nobody may want the rest.
    async fn rows(&mut self, table: &Table, only: Option<Only>, taker: mpsc::Sender<Batch>) -> Result<(), Failure>;
    /// Lets others write, where they would wait for the snapshot to end.
    async fn pause(&mut self) -> Result<(), Failure>;
    /// Goes on in the snapshot: `false` if it has ended by a pause, and the database was written to meanwhile.
    async fn resume(&mut self) -> Result<bool, Failure>;
    /// Ends the snapshot, and closes the database.
    async fn end(&mut self);
}

/// Rows that have this whole number in a column, by the column's number.
#[derive(Clone, Copy)]
pub(crate) struct Only {
    column: usize,
    number: i128,
}

impl Only {
    /// The first value of a column, if it is a whole number.
    pub(crate) fn of(column: usize, values: &ArrayRef) -> Option<Self> {
        let number = match values.data_type() {
            _ if values.is_null(0) => return None,
            DataType::Int64 => values.as_primitive::<Int64Type>().value(0).into(),
            DataType::UInt64 => values.as_primitive::<UInt64Type>().value(0).into(),
            _ => return None,
        };
        Some(Self { column, number })
    }

    /// What stands behind the table in a query; nothing where all rows are wanted.
    pub(crate) fn clause(only: Option<Self>, schema: &SchemaRef, quote: impl Fn(&str) -> String) -> String {
        only.map_or_else(String::new, |Self { column, number }| {
            format!(" WHERE {} = {number}", quote(schema.field(column).name()))
        })
    }
}

/// What a database keeps of a source.
#[derive(Default)]
pub(crate) struct Held {
    /// As it is stored; `None` at the start.
    pub(crate) position: Option<String>,
    pub(crate) accounts: Accounts,
    pub(crate) quarantine: Vec<InQuarantine>,
    pub(crate) marks: Vec<Mark>,
}

/// A row of `domicile_account`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accounted {
    pub(crate) after: Option<String>,
    pub(crate) upto: String,
    /// Read, delivered, ignored, quarantined.
    pub(crate) counts: [i64; 4],
}

/// So many rows of `domicile_account` are kept apart.
const APART: usize = 100_000;

/// Rows of `domicile_account` in the order in which they were committed. Of more than are kept apart, those that follow on one
/// another are one, so that there is room for what a home accounts for in years.
#[derive(Default)]
pub(crate) struct Accounts {
    pub(super) rows: Vec<Accounted>,
    /// Behind those that are kept apart one begins in front of an earlier one, because a clock was put back: they may be one with
    /// others than those that they follow on.
    pub(super) are_mixed: bool,
}

impl Extend<Accounted> for Accounts {
    fn extend<I: IntoIterator<Item = Accounted>>(&mut self, rows: I) {
        for row in rows {
            let count = self.rows.len();
            match self.rows.last_mut().filter(|_| count >= APART) {
                Some(last) if row.follows(last) => {
                    last.upto = row.upto;
                    last.counts.iter_mut().zip(row.counts).for_each(|(sum, count)| *sum += count);
                    continue;
                }
                Some(last) => self.are_mixed |= !row.begins_behind(last),
                None => {}
            }
            // Who has more is refused.
            if count <= KEPT_MAX {
                self.rows.push(row);
            }
        }
    }
}

impl Accounted {
    fn after(&self) -> Option<Position> {
        Position::from_stored(self.after.as_deref()).ok()
    }

    fn upto(&self) -> Option<Position> {
        Position::from_stored(Some(&self.upto)).ok()
    }

    /// Whether it begins where another one ends, or behind it: a transaction without records is not accounted for.
    fn begins_behind(&self, other: &Self) -> bool {
        self.after().zip(other.upto()).is_some_and(|(after, upto)| after >= upto)
    }

    /// Whether it can be one with another that it begins behind.
    fn follows(&self, other: &Self) -> bool {
        let is_sound = self.after().zip(self.upto()).is_some_and(|(after, upto)| after < upto);
        is_sound && self.begins_behind(other) && self.is_balanced() && other.is_balanced()
    }

    /// Whether what was read is what became of it.
    pub(super) fn is_balanced(&self) -> bool {
        let [read, delivered, ignored, quarantined] = self.counts;
        read == delivered + ignored + quarantined && self.counts.iter().all(|count| *count >= 0)
    }
}

/// A row of `domicile_quarantine`.
pub(crate) struct InQuarantine {
    pub(crate) position: String,
    pub(crate) number: i64,
    /// Stands for what is kept of the record.
    pub(crate) record: u64,
    pub(crate) resolution: Option<Resolution>,
    /// The home that it was moved to.
    pub(crate) home: Option<String>,
}

impl Held {
    /// Says so where there is more than is compared.
    pub(crate) fn check_size(&self) -> Result<(), Failure> {
        let all = [(self.accounts.rows.len(), "domicile_account"), (self.quarantine.len(), "domicile_quarantine")];
        match all.into_iter().find(|(rows, _)| *rows > KEPT_MAX) {
            Some((_, table)) => Err(Failure::Failed(format!(
                "more than {KEPT_MAX} rows of {table} are of this source, which are too many to be verified"
            ))),
            None => Ok(()),
        }
    }
}

/// What stands for a record in quarantine, also where only its hash is kept.
pub(crate) fn record_hash(record: &str) -> u64 {
    foldhash::quality::FixedState::default().hash_one(cleared(record))
}

/// The type that a column is to be read as, so that each value of the field is read as what it is; `None` for the column's
/// own.
pub(crate) fn read_as(field: &Field) -> Option<ColumnType> {
    Some(match (field.data_type(), extension(field)) {
        (DataType::Int64, _) => ColumnType::Integer,
        (DataType::UInt64, _) => ColumnType::Unsigned,
        (DataType::Float64, _) => ColumnType::Float,
        (DataType::Boolean, _) => ColumnType::Boolean,
        (DataType::Binary, _) => ColumnType::Bytes,
        (DataType::Date32, _) => ColumnType::Date,
        (DataType::Time64(_), _) => ColumnType::Time,
        (DataType::Timestamp(_, None), _) => ColumnType::Timestamp,
        (DataType::Timestamp(..), _) => ColumnType::TimestampTz,
        (DataType::Decimal128(precision, scale), _) => {
            ColumnType::Decimal { precision: *precision, scale: scale.cast_unsigned() }
        }
        (_, Some(UUID)) => ColumnType::Uuid,
        (_, Some(JSON | JSONB)) => ColumnType::Json,
        (DataType::Utf8, _) => ColumnType::Text,
        _ => return None,
    })
}

/// Integers that a home keeps as decimals, of as many digits as those have.
pub(crate) const WHOLE: ColumnType = ColumnType::Decimal { precision: 38, scale: 0 };

/// Rows as the table's schema has them. What does not fit is NULL.
pub(crate) fn as_of_table(table: &Table, rows: &RecordBatch) -> Result<RecordBatch, String> {
    let columns = table.schema.fields().iter().zip(rows.columns()).map(|(field, column)| {
        if column.data_type() == field.data_type() { Ok(Arc::clone(column)) } else { cast(column, field.data_type()) }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    let schema = table.schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = datafusion::arrow::datatypes::Schema::new(schema.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| error.to_string())
}
