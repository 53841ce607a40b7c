//! What a home, or the control database, holds that is a SQLite file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::mpsc;

use super::read::push_into;
use super::schema::existing;
use super::statement::failure;
use super::{open, quote};
use crate::batch::Batch;
use crate::blocking;
use crate::database::rows::Rows;
use crate::database::{QUARANTINE, compared_of_quarantine};
use crate::error::Failure;
use crate::overlap::Mark;
use crate::quarantine::Resolution;
use crate::table::Table;
use crate::verify::{Accounted, Contents, Held, InQuarantine, KEPT_MAX, Only, ROWS_AT_ONCE, record_hash};

/// A look into one SQLite database.
pub(crate) struct SqliteContents {
    path: PathBuf,
    /// `None` where there is no file.
    connection: Option<Snapshot>,
}

struct Snapshot {
    connection: Connection,
    /// It changes with each transaction of somebody else.
    version: i64,
}

impl SqliteContents {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, connection: None }
    }

    async fn with<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<R> + Send + 'static,
    ) -> Result<Option<R>, Failure> {
        if self.connection.is_none() {
            return Ok(None);
        }
        let done = blocking::with(&mut self.connection, move |snapshot| work(&snapshot.connection)).await;
        done.map(Some).map_err(|error| failure(&error))
    }
}

#[async_trait]
impl Contents for SqliteContents {
    async fn begin(&mut self) -> Result<(), Failure> {
        let path = self.path.clone();
        let begun = blocking::run(move || begin(&path)).await;
        self.connection = begun.map_err(|error| failure(&error))?;
        Ok(())
    }

    async fn kept(&mut self, source: &str) -> Result<Held, Failure> {
        let source = source.to_owned();
        Ok(self.with(move |connection| kept(connection, &source)).await?.unwrap_or_default())
    }

    async fn rows(&mut self, table: &Table, only: Option<Only>, taker: mpsc::Sender<Batch>) -> Result<(), Failure> {
        let (name, schema) = (table.name.clone(), table.schema.clone());
        self.with(move |connection| rows(connection, (&name, only), &schema, &taker)).await.map(drop)
    }

    /// Nobody can write while it is read.
    async fn pause(&mut self) -> Result<(), Failure> {
        self.with(|connection| connection.execute_batch("COMMIT")).await.map(drop)
    }

    async fn resume(&mut self) -> Result<bool, Failure> {
        let Some(before) = self.connection.as_ref().map(|snapshot| snapshot.version) else {
            return Ok(!self.path.exists());
        };
        let version = self.with(version_in_snapshot).await?;
        Ok(version == Some(before))
    }

    async fn end(&mut self) {
        if let Some(connection) = self.connection.take() {
            blocking::run(move || drop(connection)).await;
        }
    }
}

fn begin(path: &Path) -> rusqlite::Result<Option<Snapshot>> {
    if !path.exists() {
        return Ok(None);
    }
    // Nothing is written, but a transaction that a killed run has left half-done is undone by opening.
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    let version = version_in_snapshot(&connection)?;
    Ok(Some(Snapshot { connection, version }))
}

/// Begins a snapshot, which a transaction has only once it has read.
fn version_in_snapshot(connection: &Connection) -> rusqlite::Result<i64> {
    connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    connection.query_row("PRAGMA data_version", [], |row| row.get(0))
}

fn kept(connection: &Connection, source: &str) -> rusqlite::Result<Held> {
    let mut held = Held::default();
    if existing(connection, "domicile_position")?.is_empty() {
        return Ok(held);
    }
    let most = i64::try_from(KEPT_MAX + 1).unwrap_or(i64::MAX);
    let mut statement = connection.prepare("SELECT position FROM domicile_position WHERE source = ?1")?;
    held.position = statement.query_map([source], |row| row.get(0))?.next().transpose()?.flatten();
    let mut statement = connection.prepare(
        "SELECT after, upto, read, delivered, ignored, quarantined FROM domicile_account WHERE source = ?1
         ORDER BY committed_at, rowid",
    )?;
    let accounts = statement.query_map([source], |row| {
        let counts = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok(Accounted { after: row.get(0)?, upto: row.get(1)?, counts })
    })?;
    for account in accounts {
        held.accounts.extend([account?]);
    }
    let columns = existing(connection, QUARANTINE)?;
    let compared = compared_of_quarantine(columns.iter().map(|column| column.name.as_str()));
    let mut statement = connection.prepare(&format!("{compared} ?1 LIMIT ?2"))?;
    let quarantine = statement.query_map(params![source, most], |row| {
        let (record, resolution): (String, Option<String>) = (row.get(2)?, row.get(3)?);
        Ok(InQuarantine {
            position: row.get(0)?,
            number: row.get(1)?,
            record: record_hash(&record),
            resolution: resolution.as_deref().and_then(Resolution::from_name),
            home: row.get(4)?,
        })
    })?;
    held.quarantine = quarantine.collect::<rusqlite::Result<_>>()?;
    let mut statement = connection.prepare("SELECT at, hash FROM domicile_seen WHERE source = ?1")?;
    let marks = statement.query_map([source], |row| Ok(Mark { at: row.get(0)?, hash: row.get(1)? }))?;
    held.marks = marks.collect::<rusqlite::Result<_>>()?;
    Ok(held)
}

fn rows(
    connection: &Connection,
    (table, only): (&str, Option<Only>),
    schema: &SchemaRef,
    taker: &mpsc::Sender<Batch>,
) -> rusqlite::Result<()> {
    let found = existing(connection, table)?;
    if found.is_empty() {
        return Ok(());
    }
    // SQLite takes the name of a column that it does not have for a text.
    let has = |name: &str| found.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    if let Some(field) = schema.fields().iter().find(|field| !has(field.name())) {
        return Err(rusqlite::Error::InvalidColumnName(field.name().clone()));
    }
    // Nobody has to have written them as an analyser does.
    let nullable = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = &Arc::new(Schema::new(nullable.collect::<Vec<_>>()));
    let columns: Vec<_> = schema.fields().iter().map(|field| quote(field.name())).collect();
    let some = Only::clause(only, schema, quote);
    let mut statement = connection.prepare(&format!("SELECT {} FROM {}{some}", columns.join(", "), quote(table)))?;
    let mut found = statement.query([])?;
    let mut rows = Rows::new(schema, ROWS_AT_ONCE);
    while let Some(row) = found.next()? {
        for column in 0..columns.len() {
            let value = row.get_ref(column)?;
            push_into(&mut rows, column, value);
        }
        rows.end();
        if rows.is_full() {
            let full = std::mem::replace(&mut rows, Rows::new(schema, ROWS_AT_ONCE));
            if taker.blocking_send(full.given(schema)).is_err() {
                return Ok(());
            }
        }
    }
    let _ = taker.blocking_send(rows.given(schema));
    Ok(())
}
