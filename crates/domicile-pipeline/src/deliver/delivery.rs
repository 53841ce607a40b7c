//! What every database that takes deliveries has to keep to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;

use crate::account::Account;
use crate::error::Failure;
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::Quarantined;
use crate::table::Table;

/// What a home, or the control database, holds before a run.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) position: Position,
    /// The epoch of the last run that has committed.
    pub(crate) epoch: i64,
    /// Whose every position in it is, by source.
    pub(crate) owners: Vec<(String, Owner)>,
    /// The home that it says that it is, by a marker.
    pub(crate) marker: Option<String>,
    /// What no other database has, where it has no position yet and can tell.
    pub(crate) identity: Option<String>,
    /// What stops the tables that are there from taking the analysers' objects.
    pub(crate) misfits: Vec<Misfit>,
}

/// Whose a position is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The id of the control database.
    pub(crate) control: Option<String>,
    /// The home that the database is; a control database is none.
    pub(crate) home: Option<String>,
    /// Where the source's records are.
    pub(crate) origin: Option<String>,
}

/// What is delivered to a database.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) source: String,
    /// Where the source's records are.
    pub(crate) origin: String,
    /// The home that the database is; a control database is none.
    pub(crate) home: Option<String>,
    pub(crate) tables: Arc<[Table]>,
}

/// A table that is there and does not fit.
pub(crate) struct Misfit {
    /// The number of the table.
    pub(crate) table: usize,
    pub(crate) message: String,
    pub(crate) fix: String,
}

impl Misfit {
    /// A table that is missing, though the home has got beyond the start.
    pub(crate) fn unread(number: usize, table: &Table, position: &Position) -> Self {
        Self {
            table: number,
            message: format!("there is no table `{}`, but records up to {position} have been read", table.name),
            fix: String::from(
                "records are read once: move a new analyser to a [[source]] of another name; put a table that was dropped \
                 back from a backup, or empty the database, so that it is read from the start",
            ),
        }
    }
}

/// One source's way into one database that takes deliveries.
///
/// An implementation MUST write rows, quarantine, accounting and position in one transaction, and MUST commit only if
/// the position and the epoch in the database are still those that this run has read or written (otherwise
/// [`Failure::Overtaken`]). It MUST tell [`Failure::Refused`] (the objects are at fault; none of them is kept and
/// the transaction goes on) from [`Failure::Failed`] and [`Failure::Transient`] (nothing of the transaction can be kept),
/// and SHOULD tell the latter, which may pass by itself. It MUST NOT change data before [`begin`](Self::begin).
#[async_trait]
pub(crate) trait Delivery: Send {
    /// Reads the position and checks the tables, without a trace: a missing database is not made. Where opening takes long,
    /// the database is open after it.
    async fn inspect(&mut self) -> Result<Opened, Failure>;
    /// How long a transaction lasts at most, unless the configuration says it.
    fn commit_interval(&self) -> Duration;
    /// Whether the database is open.
    fn is_open(&self) -> bool;
    /// Opens the database for writing and reads the position; one that is open has the position that was read before.
    async fn open(&mut self) -> Result<Position, Failure>;
    /// The epoch that a database which is open has after the next commit.
    fn epoch(&self) -> i64;
    /// Begins a transaction; the first one makes missing tables and takes the next epoch, for a run that belongs to a
    /// control database. Where the database can tell, it undoes a transaction that it hears nothing of for so long.
    async fn begin(&mut self, control: Option<&str>, idle: Duration) -> Result<(), Failure>;
    /// Lets the database hear of a transaction that is open.
    async fn stir(&mut self) -> Result<(), Failure>;
    /// Whether the table's columns can hold every value; the tables are known since [`begin`](Self::begin).
    fn check(&self, table: usize, objects: &RecordBatch) -> Result<(), Failure>;
    /// Whether the database may be written to, as far as that can be told without writing.
    async fn check_access(&mut self) -> Result<(), Failure>;
    /// Writes objects of tables, by their numbers: all of them, or none if some are refused.
    async fn write(&mut self, objects: Vec<(usize, RecordBatch)>) -> Result<(), Failure>;
    /// Keeps records in the database's quarantine. Those that are taken over from the control database stay as they are where
    /// they are known.
    async fn quarantine(&mut self, records: Vec<Quarantined>) -> Result<(), Failure>;
    /// What the database remembers of records that may be read again; asked for in a transaction.
    async fn seen(&mut self) -> Result<Vec<Mark>, Failure>;
    /// Remembers more of them, and forgets those that are older than a time.
    async fn remember(&mut self, marks: Vec<Mark>, begin: i64) -> Result<(), Failure>;
    /// Merges partial results into tables, by their numbers, and writes the new position and the accounting: all that a
    /// transaction has but its COMMIT.
    async fn complete(
        &mut self,
        merged: Vec<(usize, RecordBatch)>,
        upto: Position,
        account: Account,
    ) -> Result<(), Failure>;
    /// Commits a transaction that is complete up to this position.
    async fn commit(&mut self, upto: Position) -> Result<(), Failure>;
    /// Undoes the transaction, if there is one.
    async fn rollback(&mut self);
    /// Closes the database.
    async fn close(&mut self);
}
