//! Writing to a home, or to the control database, that is a SQLite file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::deferred::Deferred;
use super::schema::{existing, make_own_tables, make_table, misfits};
use super::statement::{Writer, failure};
use super::types::{Affinity, declaration};
use super::{create, merge, open};
use crate::account::Account;
use crate::blocking;
use crate::database::MARKER;
use crate::database::progress::{Progress, Row, outdated};
use crate::deliver::{Delivered, Delivery, Misfit, Opened, Owner};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::{Quarantined, Resolution};
use crate::table::Table;

/// One source's way into one SQLite database.
pub(crate) struct SqliteDelivery {
    pub(super) path: PathBuf,
    delivered: Arc<Delivered>,
    pub(super) open: Option<Open>,
}

/// An open connection, and what this run knows of the home.
pub(super) struct Open {
    pub(super) connection: Connection,
    position: Position,
    epoch: i64,
    /// This run's epoch is written: an older run can no longer commit.
    claimed: bool,
    /// By table, once the tables are there.
    writers: Vec<Writer>,
    /// What SQLite itself asks at the commit only.
    deferred: Deferred,
}

impl SqliteDelivery {
    pub(crate) fn new(path: PathBuf, delivered: Delivered) -> Self {
        Self { path, delivered: Arc::new(delivered), open: None }
    }

    pub(super) async fn with_open<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Delivered, &mut Open) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let delivered = Arc::clone(&self.delivered);
        blocking::with(&mut self.open, move |open| work(&delivered, open)).await
    }
}

#[async_trait]
impl Delivery for SqliteDelivery {
    async fn inspect(&mut self) -> Result<Opened, Failure> {
        let (path, delivered) = (self.path.clone(), Arc::clone(&self.delivered));
        blocking::run(move || {
            if !path.exists() {
                return Ok(Opened::default());
            }
            // Nothing is written, but a transaction that a killed run has left half-done is undone by opening.
            let connection = open(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| failure(&error))?;
            inspect(&connection, &delivered)
        })
        .await
    }

    /// Whoever else writes to the file waits for it.
    fn commit_interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }

    async fn open(&mut self) -> Result<Position, Failure> {
        let (path, delivered) = (self.path.clone(), Arc::clone(&self.delivered));
        let open = blocking::run(move || open_for_writing(&path, &delivered)).await?;
        let position = open.position.clone();
        self.open = Some(open);
        Ok(position)
    }

    fn epoch(&self) -> i64 {
        self.open.as_ref().map_or(0, Open::next_epoch)
    }

    async fn begin(&mut self, control: Option<&str>, _: Duration) -> Result<(), Failure> {
        let control = control.map(str::to_owned);
        self.with_open(move |delivered, open| open.begin(delivered, control.as_deref())).await
    }

    /// Nobody listens.
    async fn stir(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn check(&self, table: usize, objects: &RecordBatch) -> Result<(), Failure> {
        let open = self.open.as_ref().expect("a transaction has begun");
        open.writers[table].check(&self.delivered.tables[table], objects)
    }

    async fn check_access(&mut self) -> Result<(), Failure> {
        let path = self.path.clone();
        blocking::run(move || check_writable(&path)).await
    }

    async fn write(&mut self, objects: Vec<(usize, RecordBatch)>) -> Result<(), Failure> {
        self.with_open(move |delivered, open| open.write_or_undo(delivered, &objects)).await
    }

    async fn quarantine(&mut self, records: Vec<Quarantined>) -> Result<(), Failure> {
        self.with_open(move |delivered, open| open.quarantine(delivered, &records).map_err(|error| failure(&error)))
            .await
    }

    async fn seen(&mut self) -> Result<Vec<Mark>, Failure> {
        self.with_open(|delivered, open| open.seen(delivered).map_err(|error| failure(&error))).await
    }

    async fn remember(&mut self, marks: Vec<Mark>, begin: i64) -> Result<(), Failure> {
        self.with_open(move |delivered, open| open.remember(delivered, &marks, begin).map_err(|error| failure(&error)))
            .await
    }

    async fn complete(
        &mut self,
        merged: Vec<(usize, RecordBatch)>,
        upto: Position,
        account: Account,
    ) -> Result<(), Failure> {
        self.with_open(move |delivered, open| {
            open.write(delivered, &merged)?;
            fault::at(Point::Merged);
            open.complete(&delivered.source, &upto, account)
        })
        .await
    }

    async fn commit(&mut self, upto: Position) -> Result<(), Failure> {
        self.with_open(|_, open| open.commit(upto)).await
    }

    async fn rollback(&mut self) {
        if self.open.is_some() {
            // After some errors SQLite has rolled back by itself, and there is nothing left to do.
            let _ = self.with_open(|_, open| open.execute("ROLLBACK")).await;
        }
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            blocking::run(move || drop(open)).await;
        }
    }
}

/// Whether the file, or the folder that it is to be made in, may be written as far as its permissions say.
fn check_writable(path: &Path) -> Result<(), Failure> {
    let failed = |message: &str| Err(Failure::Failed(String::from(message)));
    let ancestor = path.ancestors().find(|ancestor| ancestor.exists() || ancestor.as_os_str().is_empty());
    let existing = ancestor.filter(|ancestor| !ancestor.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = existing.metadata().map_err(|error| Failure::Failed(error.to_string()))?;
    if (existing == path) == metadata.is_dir() {
        return failed("the path is a folder, or leads through a file");
    }
    // A transaction needs a journal beside the file.
    let folder = if metadata.is_dir() { existing } else { existing.parent().unwrap_or(Path::new(".")) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if [existing, folder].into_iter().any(|path| !may_write(path)) {
        return failed("the file or its folder is read-only for this user");
    }
    Ok(())
}

#[cfg(unix)]
fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.permissions().readonly())
}

fn inspect(connection: &Connection, delivered: &Delivered) -> Result<Opened, Failure> {
    let Progress { position, epoch, owners } = progress(connection, &delivered.source)?;
    let mut all = Vec::new();
    for (number, table) in delivered.tables.iter().enumerate() {
        let columns = existing(connection, &table.name).map_err(|error| failure(&error))?;
        if position != Position::Start && columns.is_empty() {
            all.push(Misfit::unread(number, table, &position));
        }
        all.extend(misfits(connection, number, table).map_err(|error| failure(&error))?);
    }
    let marker = marker(connection).map_err(|error| failure(&error))?;
    // That two paths lead to one file is seen without opening it.
    Ok(Opened { position, epoch, owners, marker, identity: None, misfits: all })
}

fn marker(connection: &Connection) -> rusqlite::Result<Option<String>> {
    if existing(connection, MARKER)?.is_empty() {
        return Ok(None);
    }
    let found = connection.query_row("SELECT home FROM domicile_home", [], |row| row.get(0)).optional()?;
    Ok(found.flatten())
}

fn open_for_writing(path: &Path, delivered: &Delivered) -> Result<Open, Failure> {
    let connection = create(path)?;
    let prepare = || {
        // Rows are appended and aggregates are written once a transaction, so few pages are touched twice.
        connection.pragma_update(None, "cache_size", -128)?;
        merge::install(&connection)
    };
    prepare().map_err(|error| failure(&error))?;
    let Progress { position, epoch, .. } = progress(&connection, &delivered.source)?;
    Ok(Open { connection, position, epoch, claimed: false, writers: Vec::new(), deferred: Deferred::default() })
}

fn progress(connection: &Connection, source: &str) -> Result<Progress, Failure> {
    let columns = existing(connection, "domicile_position").map_err(|error| failure(&error))?;
    if columns.is_empty() {
        return Ok(Progress::START);
    }
    if !columns.iter().any(|column| column.name == "origin") {
        return Err(outdated());
    }
    let rows = || {
        let sql = "SELECT source, position, epoch, control, home, origin FROM domicile_position";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            let owner = Owner { control: row.get(3)?, home: row.get(4)?, origin: row.get(5)? };
            Ok(Row { source: row.get(0)?, position: row.get(1)?, epoch: row.get(2)?, owner })
        })?;
        rows.collect::<rusqlite::Result<_>>()
    };
    Progress::of(source, rows().map_err(|error| failure(&error))?)
}

fn writers(connection: &Connection, tables: &[Table]) -> rusqlite::Result<Vec<Writer>> {
    let writer = |table: &Table| {
        let columns = existing(connection, &table.name)?;
        let affinity_of = |name: &str| {
            let column = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            column.map(|column| Affinity::of(&column.declared))
        };
        let affinities =
            table.schema.fields().iter().map(|field| {
                affinity_of(field.name()).unwrap_or_else(|| Affinity::of(&declaration(field.data_type())))
            });
        Ok(Writer::new(table, affinities.collect()))
    };
    tables.iter().map(writer).collect()
}

impl Open {
    pub(super) fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        self.connection.execute_batch(sql).map_err(|error| failure(&error))
    }

    fn begin(&mut self, delivered: &Delivered, control: Option<&str>) -> Result<(), Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        if self.claimed {
            return Ok(());
        }
        self.claim(delivered, control).map_err(|error| failure(&error))?.then_some(()).ok_or_else(|| self.overtaken())
    }

    /// Makes what is missing, and learns how the tables are written.
    pub(super) fn prepare(&mut self, delivered: &Delivered) -> rusqlite::Result<()> {
        make_own_tables(&self.connection)?;
        for table in delivered.tables.iter() {
            make_table(&self.connection, table)?;
        }
        self.writers = writers(&self.connection, &delivered.tables)?;
        self.deferred = Deferred::watch(&self.connection, &delivered.tables)?;
        Ok(())
    }

    /// The first transaction of a run makes what is missing and takes the next epoch, so that an older run that is
    /// still under way cannot commit any more.
    fn claim(&mut self, delivered: &Delivered, control: Option<&str>) -> rusqlite::Result<bool> {
        self.prepare(delivered)?;
        fault::at(Point::TablesMade);
        let Delivered { source, home, origin, .. } = delivered;
        self.connection.execute(
            "INSERT INTO domicile_position (source, home, origin, epoch, updated_at)
             VALUES (?1, ?2, ?3, 0, datetime('now')) ON CONFLICT DO NOTHING",
            params![source, home, origin],
        )?;
        let claimed = self.connection.execute(
            "UPDATE domicile_position SET epoch = ?4 + 1, control = ?6
             WHERE source = ?1 AND home IS ?2 AND origin = ?3 AND epoch = ?4 AND position IS ?5
               AND (control IS NULL OR control IS ?6)",
            params![source, home, origin, self.epoch, self.position.stored(), control],
        )?;
        Ok(claimed == 1)
    }

    /// What is refused is undone as a whole, and the transaction can go on.
    fn write_or_undo(&mut self, delivered: &Delivered, objects: &[(usize, RecordBatch)]) -> Result<(), Failure> {
        self.execute("SAVEPOINT share")?;
        let written = self.write(delivered, objects);
        match &written {
            Ok(()) => self.execute("RELEASE share")?,
            Err(Failure::Refused(_)) => self.execute("ROLLBACK TO share; RELEASE share")?,
            Err(_) => {}
        }
        written
    }

    fn write(&self, delivered: &Delivered, objects: &[(usize, RecordBatch)]) -> Result<(), Failure> {
        objects.iter().try_for_each(|(table, objects)| {
            self.writers[*table].write(&self.connection, &delivered.tables[*table], objects)
        })?;
        self.deferred.check(&self.connection)
    }

    fn quarantine(&mut self, delivered: &Delivered, records: &[Quarantined]) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            // What was taken over stays as it is.
            "INSERT INTO domicile_quarantine (source, position, number, cause, about, reason, record, shape, resolution,
                                              resolved_at, first_seen, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, iif(?9 IS NULL, NULL, datetime('now')), datetime('now'),
                     datetime('now'))
             ON CONFLICT DO UPDATE SET cause = excluded.cause, about = excluded.about, reason = excluded.reason,
                                       record = excluded.record, shape = excluded.shape, resolution = NULL,
                                       resolved_at = NULL, resolved_by = NULL, note = NULL, home = NULL,
                                       last_seen = excluded.last_seen
                                   WHERE excluded.resolution IS NULL",
        )?;
        for Quarantined { position, number, cause, about, reason, record, shape, resolution, .. } in records {
            let resolution = resolution.map(Resolution::name);
            let (key, cause) = (position.key(), cause.name());
            let source = &delivered.source;
            statement.execute(params![source, key, number, cause, about, reason, record, shape, resolution])?;
        }
        Ok(())
    }

    fn seen(&mut self, delivered: &Delivered) -> rusqlite::Result<Vec<Mark>> {
        let mut statement = self.connection.prepare("SELECT at, hash FROM domicile_seen WHERE source = ?1")?;
        let marks = statement.query_map([&delivered.source], |row| Ok(Mark { at: row.get(0)?, hash: row.get(1)? }))?;
        marks.collect()
    }

    fn remember(&mut self, delivered: &Delivered, marks: &[Mark], begin: i64) -> rusqlite::Result<()> {
        let forget = "DELETE FROM domicile_seen WHERE source = ?1 AND at < ?2";
        self.connection.execute(forget, params![delivered.source, begin])?;
        let mut statement = self.connection.prepare_cached("INSERT INTO domicile_seen VALUES (?1, ?2, ?3)")?;
        marks.iter().try_for_each(|mark| statement.execute(params![delivered.source, mark.at, mark.hash]).map(drop))
    }

    fn complete(&mut self, source: &str, upto: &Position, account: Account) -> Result<(), Failure> {
        let epoch = self.next_epoch();
        let write = || -> rusqlite::Result<usize> {
            let Account { read, delivered, ignored, quarantined } = account;
            let (after, reached) = (self.position.stored(), upto.stored());
            let moved = self.connection.execute(
                "UPDATE domicile_position SET position = ?4, updated_at = datetime('now')
                 WHERE source = ?1 AND epoch = ?2 AND position IS ?3",
                params![source, epoch, after, reached],
            )?;
            if moved == 1 {
                fault::at(Point::PositionWritten);
            }
            if moved == 1 && read > 0 {
                self.connection.execute(
                    // What came late is accounted for where the home has got to already.
                    "INSERT INTO domicile_account VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, datetime('now'))
                     ON CONFLICT DO UPDATE SET
                         read = read + excluded.read, delivered = delivered + excluded.delivered,
                         ignored = ignored + excluded.ignored, quarantined = quarantined + excluded.quarantined,
                         committed_at = excluded.committed_at",
                    params![source, self.position.key(), upto.key(), read, delivered, ignored, quarantined],
                )?;
                fault::at(Point::Accounted);
            }
            Ok(moved)
        };
        if write().map_err(|error| failure(&error))? != 1 {
            return Err(self.overtaken());
        }
        Ok(())
    }

    fn commit(&mut self, upto: Position) -> Result<(), Failure> {
        self.execute("COMMIT")?;
        (self.position, self.epoch, self.claimed) = (upto, self.next_epoch(), true);
        Ok(())
    }

    /// The epoch of this run, which is written or will be with the next commit.
    fn next_epoch(&self) -> i64 {
        if self.claimed { self.epoch } else { self.epoch + 1 }
    }

    fn overtaken(&self) -> Failure {
        Failure::overtaken(&self.position)
    }
}
