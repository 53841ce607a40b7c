//! Writing to a home, or to the control database, that is a database of MySQL or MariaDB.

use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use mysql_async::Error;
use mysql_async::prelude::Queryable;

use super::connect::{Session, WAIT_BRIEFLY, WAIT_LONG, connect};
use super::failure;
use super::identity::identity;
use super::privilege::check_privileges;
use super::quarantine::keep;
use super::schema::{LOCK_TABLES, UNLOCK_TABLES, existing, make_own_tables, make_table, misfits};
use super::statement::Writer;
use crate::account::Account;
use crate::config::ServerUrl;
use crate::database::MARKER;
use crate::database::progress::{Progress, Row, outdated};
use crate::deliver::{Delivered, Delivery, Misfit, Opened, Owner};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::Quarantined;
use crate::table::Table;

/// So many records are remembered by one statement.
const MARKS_AT_ONCE: usize = 1_000;

/// One source's way into one database of MySQL.
pub(crate) struct MySqlDelivery {
    server: ServerUrl,
    delivered: Delivered,
    pub(super) open: Option<Open>,
}

/// An open connection, and what this run knows of the home.
pub(super) struct Open {
    pub(super) session: Session,
    position: Position,
    epoch: i64,
    /// This run's epoch is written: an older run can no longer commit.
    claimed: bool,
    /// By table, once the tables are there.
    writers: Vec<Writer>,
}

impl MySqlDelivery {
    pub(crate) fn new(server: ServerUrl, delivered: Delivered) -> Self {
        Self { server, delivered, open: None }
    }

    pub(super) fn opened(&mut self) -> (&Delivered, &mut Open) {
        (&self.delivered, self.open.as_mut().expect("the database was opened before"))
    }
}

#[async_trait]
impl Delivery for MySqlDelivery {
    async fn inspect(&mut self) -> Result<Opened, Failure> {
        let mut session = connect(&self.server).await?;
        let Progress { position, epoch, owners } = progress(&mut session, &self.delivered.source).await?;
        let identity = if owners.is_empty() { identity(&mut session).await? } else { None };
        let marker = marker(&mut session).await?;
        let mut all = Vec::new();
        for (number, table) in self.delivered.tables.iter().enumerate() {
            let columns = existing(&mut session, &table.name).await.map_err(|error| failure(&error))?;
            if position != Position::Start && columns.is_empty() {
                all.push(Misfit::unread(number, table, &position));
            }
            all.extend(misfits(&mut session, number, table).await.map_err(|error| failure(&error))?);
        }
        self.open = Some(Open::new(session, position.clone(), epoch));
        Ok(Opened { position, epoch, owners, marker, identity, misfits: all })
    }

    /// Nobody waits for it.
    fn commit_interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }

    async fn open(&mut self) -> Result<Position, Failure> {
        if let Some(open) = &self.open {
            return Ok(open.position.clone());
        }
        let mut session = connect(&self.server).await?;
        let Progress { position, epoch, .. } = progress(&mut session, &self.delivered.source).await?;
        self.open = Some(Open::new(session, position.clone(), epoch));
        Ok(position)
    }

    fn epoch(&self) -> i64 {
        self.open.as_ref().map_or(0, Open::next_epoch)
    }

    async fn begin(&mut self, control: Option<&str>, idle: Duration) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        let begin = format!("SET wait_timeout = {}; START TRANSACTION", idle.as_secs_f64().ceil());
        if open.claimed {
            return open.execute(&begin).await;
        }
        open.prepare(delivered).await?;
        fault::at(Point::TablesMade);
        open.execute(&begin).await?;
        open.claim(delivered, control).await
    }

    async fn stir(&mut self) -> Result<(), Failure> {
        self.opened().1.execute("DO 0").await
    }

    fn check(&self, table: usize, objects: &RecordBatch) -> Result<(), Failure> {
        let open = self.open.as_ref().expect("a transaction has begun");
        open.writers[table].check(&self.delivered.tables[table], objects)
    }

    async fn check_access(&mut self) -> Result<(), Failure> {
        let mut session = connect(&self.server).await?;
        let read_only: Option<String> =
            session.conn.query_first("SELECT @@global.read_only").await.map_err(|error| failure(&error))?;
        if read_only.is_some_and(|read_only| !matches!(read_only.as_str(), "0" | "OFF")) {
            return Err(Failure::Failed(String::from("the server is read-only, as a replica is")));
        }
        check_privileges(&mut session, &self.delivered).await?;
        let _ = session.conn.disconnect().await;
        Ok(())
    }

    async fn write(&mut self, objects: Vec<(usize, RecordBatch)>) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        // What is refused is undone as a whole, and the transaction can go on.
        open.execute("SAVEPOINT share").await?;
        let written = open.write(&delivered.tables, &objects).await;
        match &written {
            Ok(()) => open.execute("RELEASE SAVEPOINT share").await?,
            Err(Failure::Refused(_)) => open.execute("ROLLBACK TO SAVEPOINT share; RELEASE SAVEPOINT share").await?,
            Err(_) => {}
        }
        written
    }

    async fn quarantine(&mut self, records: Vec<Quarantined>) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.quarantine(&delivered.source, records).await.map_err(|error| failure(&error))
    }

    async fn seen(&mut self) -> Result<Vec<Mark>, Failure> {
        let (delivered, open) = self.opened();
        open.seen(&delivered.source).await.map_err(|error| failure(&error))
    }

    async fn remember(&mut self, marks: Vec<Mark>, begin: i64) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.remember(&delivered.source, &marks, begin).await.map_err(|error| failure(&error).of_no_record())
    }

    async fn complete(
        &mut self,
        merged: Vec<(usize, RecordBatch)>,
        upto: Position,
        account: Account,
    ) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.write(&delivered.tables, &merged).await?;
        fault::at(Point::Merged);
        open.complete(&delivered.source, &upto, account).await
    }

    async fn commit(&mut self, upto: Position) -> Result<(), Failure> {
        self.opened().1.commit(upto).await
    }

    async fn rollback(&mut self) {
        if let Some(open) = &mut self.open {
            // A connection that is broken has nothing to undo.
            let _ = open.execute(&format!("ROLLBACK; {WAIT_LONG}")).await;
        }
    }

    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let _ = open.session.conn.disconnect().await;
        }
    }
}

async fn progress(session: &mut Session, source: &str) -> Result<Progress, Failure> {
    let columns = existing(session, "domicile_position").await.map_err(|error| failure(&error))?;
    if columns.is_empty() {
        return Ok(Progress::START);
    }
    if !columns.iter().any(|column| column.name == "origin") {
        return Err(outdated());
    }
    let sql = "SELECT source, position, epoch, control, home, origin FROM domicile_position";
    let row = |(source, position, epoch, control, home, origin)| {
        let owner = Owner { control, home, origin };
        Row { source, position, epoch, owner }
    };
    let rows = session.conn.exec_map(sql, (), row).await.map_err(|error| failure(&error))?;
    Progress::of(source, rows)
}

async fn marker(session: &mut Session) -> Result<Option<String>, Failure> {
    if existing(session, MARKER).await.map_err(|error| failure(&error))?.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT home FROM domicile_home";
    let found: Option<Option<String>> = session.conn.query_first(sql).await.map_err(|error| failure(&error))?;
    Ok(found.flatten())
}

impl Open {
    fn new(session: Session, position: Position, epoch: i64) -> Self {
        Self { session, position, epoch, claimed: false, writers: Vec::new() }
    }

    pub(super) async fn execute(&mut self, sql: &str) -> Result<(), Failure> {
        self.session.conn.query_drop(sql).await.map_err(|error| failure(&error))
    }

    /// Makes what is missing, in front of the first transaction: what makes a table ends a transaction that is open.
    pub(super) async fn prepare(&mut self, delivered: &Delivered) -> Result<(), Failure> {
        self.execute(WAIT_BRIEFLY).await?;
        let locked: Result<Option<Option<i64>>, Error> = self.session.conn.query_first(LOCK_TABLES).await;
        if locked.map_err(|error| failure(&error))?.flatten() != Some(1) {
            return Err(Failure::Transient(String::from("another run has been making tables for a minute")));
        }
        let made = self.make_tables(delivered).await;
        self.execute(&format!("{UNLOCK_TABLES}; {WAIT_LONG}")).await?;
        made.map_err(|error| failure(&error).of_no_record())?;
        for (number, table) in delivered.tables.iter().enumerate() {
            let columns = existing(&mut self.session, &table.name).await.map_err(|error| failure(&error))?;
            let declared = table.schema.fields().iter().filter_map(|field| {
                let is_it = |name: &str| name.eq_ignore_ascii_case(field.name());
                columns.iter().find(|column| is_it(&column.name)).map(|column| column.declared.clone())
            });
            let declared: Vec<_> = declared.collect();
            if declared.len() < table.schema.fields().len() {
                return Err(Failure::Failed(format!("columns of the table `{}` were dropped meanwhile", table.name)));
            }
            let writer = Writer::new(&self.session, number, table, declared);
            writer.prepare(&mut self.session).await?;
            self.writers.push(writer);
        }
        Ok(())
    }

    async fn make_tables(&mut self, delivered: &Delivered) -> Result<(), Error> {
        make_own_tables(&mut self.session).await?;
        for table in delivered.tables.iter() {
            make_table(&mut self.session, table).await?;
        }
        // Who looks takes no lock on what is there, which another run may hold for long.
        let there = "SELECT 1 FROM domicile_position WHERE source = ?";
        let Delivered { source, home, origin, .. } = delivered;
        if self.session.conn.exec_first::<u8, _, _>(there, (source,)).await?.is_none() {
            let insert = "INSERT INTO domicile_position (source, home, origin, epoch, updated_at)
                          VALUES (?, ?, ?, 0, UTC_TIMESTAMP(6))";
            self.session.conn.exec_drop(insert, (source, home, origin)).await?;
        }
        Ok(())
    }

    /// The first transaction of a run takes the next epoch, so that an older run that is still under way cannot commit any
    /// more.
    async fn claim(&mut self, delivered: &Delivered, control: Option<&str>) -> Result<(), Failure> {
        let claim = "UPDATE domicile_position SET epoch = ? + 1, control = ?
                     WHERE source = ? AND home <=> ? AND origin = ? AND epoch = ? AND position <=> ?
                       AND (control IS NULL OR control <=> ?)";
        let Delivered { source, home, origin, .. } = delivered;
        let position = self.position.stored();
        let values = (self.epoch, control, source, home, origin, self.epoch, position, control);
        self.session.conn.exec_drop(claim, values).await.map_err(|error| failure(&error))?;
        if self.session.conn.affected_rows() == 1 { Ok(()) } else { Err(self.overtaken()) }
    }

    async fn write(&mut self, tables: &[Table], objects: &[(usize, RecordBatch)]) -> Result<(), Failure> {
        for (table, objects) in objects {
            self.writers[*table].write(&mut self.session, &tables[*table], objects).await?;
        }
        Ok(())
    }

    async fn quarantine(&mut self, source: &str, records: Vec<Quarantined>) -> Result<(), Error> {
        keep(&mut self.session, source, records).await
    }

    async fn seen(&mut self, source: &str) -> Result<Vec<Mark>, Error> {
        // What is there now, and not what was there when the transaction first looked.
        let sql = "SELECT at, hash FROM domicile_seen WHERE source = ? LOCK IN SHARE MODE";
        self.session.conn.exec_map(sql, (source,), |(at, hash)| Mark { at, hash }).await
    }

    async fn remember(&mut self, source: &str, marks: &[Mark], begin: i64) -> Result<(), Error> {
        let forget = "DELETE FROM domicile_seen WHERE source = ? AND at < ?";
        self.session.conn.exec_drop(forget, (source, begin)).await?;
        for marks in marks.chunks(MARKS_AT_ONCE) {
            let sql = format!("INSERT INTO domicile_seen VALUES {}", vec!["(?, ?, ?)"; marks.len()].join(", "));
            let values = marks.iter().flat_map(|mark| [source.into(), mark.at.into(), mark.hash.as_str().into()]);
            let values: Vec<mysql_async::Value> = values.collect();
            self.session.conn.exec_drop(sql, values).await?;
        }
        Ok(())
    }

    async fn complete(&mut self, source: &str, upto: &Position, account: Account) -> Result<(), Failure> {
        let epoch = self.next_epoch();
        let (after, reached) = (self.position.stored(), upto.stored());
        let sql = "UPDATE domicile_position SET position = ?, updated_at = UTC_TIMESTAMP(6)
                   WHERE source = ? AND epoch = ? AND position <=> ?";
        let moved = self.session.conn.exec_drop(sql, (&reached, source, epoch, &after)).await;
        moved.map_err(|error| failure(&error))?;
        if self.session.conn.affected_rows() != 1 {
            return Err(self.overtaken());
        }
        fault::at(Point::PositionWritten);
        if account.read > 0 {
            let Account { read, delivered, ignored, quarantined } = account;
            // What came late is accounted for where the home has got to already.
            let sql = "INSERT INTO domicile_account VALUES (?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))
                       ON DUPLICATE KEY UPDATE `read` = `read` + VALUES(`read`), delivered = delivered + VALUES(delivered),
                           ignored = ignored + VALUES(ignored), quarantined = quarantined + VALUES(quarantined),
                           committed_at = VALUES(committed_at)";
            let values = (source, self.position.key(), upto.key(), read, delivered, ignored, quarantined);
            self.session.conn.exec_drop(sql, values).await.map_err(|error| failure(&error).of_no_record())?;
            fault::at(Point::Accounted);
        }
        Ok(())
    }

    async fn commit(&mut self, upto: Position) -> Result<(), Failure> {
        self.execute(&format!("COMMIT; {WAIT_LONG}")).await?;
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
