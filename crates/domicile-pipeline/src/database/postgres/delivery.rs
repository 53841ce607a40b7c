//! Writing to a home, or to the control database, that is a database of PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use futures::future::try_join_all;
use futures::try_join;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::connect::connect;
use super::failure;
use super::privilege::check_privileges;
use super::quarantine::Quarantine;
use super::schema::{Catalogue, LOCK_TABLES, OWN_TABLES, create_own_tables, make_table, mend_quarantine};
use super::statement::Writer;
use crate::account::Account;
use crate::config::ServerUrl;
use crate::control::quoted;
use crate::database::progress::{Progress, Row, outdated};
use crate::database::{MARKER, POSITION};
use crate::deliver::{Delivered, Delivery, Misfit, Opened, Owner};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::Quarantined;
use crate::table::Table;

/// Constraints that are deferred are asked for at each statement, so that the record is known that breaks one.
pub(super) const BEGIN: &str = "BEGIN; SET CONSTRAINTS ALL IMMEDIATE";

/// One source's way into one database of PostgreSQL.
pub(crate) struct PostgresDelivery {
    server: ServerUrl,
    delivered: Delivered,
    pub(super) open: Option<Open>,
}

/// An open connection, and what this run knows of the home.
pub(super) struct Open {
    pub(super) client: Client,
    position: Position,
    epoch: i64,
    /// The tables as they were when the home was looked at.
    found: Option<Catalogue>,
    /// This run's epoch is written: an older run can no longer commit.
    claimed: bool,
    /// By table, once the tables are there.
    writers: Vec<Writer>,
    /// How records are put into quarantine, once some are.
    quarantine: Option<Quarantine>,
}

/// A parameter of a statement.
type Value<'a> = dyn ToSql + Sync + 'a;

impl PostgresDelivery {
    pub(crate) fn new(server: ServerUrl, delivered: Delivered) -> Self {
        Self { server, delivered, open: None }
    }

    pub(super) fn opened(&mut self) -> (&Delivered, &mut Open) {
        (&self.delivered, self.open.as_mut().expect("the database was opened before"))
    }
}

#[async_trait]
impl Delivery for PostgresDelivery {
    async fn inspect(&mut self) -> Result<Opened, Failure> {
        let client = connect(&self.server).await?;
        let tables = &self.delivered.tables;
        let names: Vec<_> = all_names(tables).into_iter().chain([MARKER]).collect();
        let catalogue = Catalogue::read(&client, &names).await.map_err(|error| failure(&error))?;
        let Progress { position, epoch, owners } = progress(&client, &catalogue, &self.delivered.source).await?;
        let identity = if owners.is_empty() { Some(identity(&client).await?) } else { None };
        let marker = if catalogue.columns(MARKER).is_empty() { None } else { marker(&client).await? };
        let mut misfits = Vec::new();
        for (number, table) in tables.iter().enumerate() {
            if position != Position::Start && catalogue.columns(&table.name).is_empty() {
                misfits.push(Misfit::unread(number, table, &position));
            }
            misfits.extend(catalogue.misfits(number, table));
        }
        self.open = Some(Open::new(client, position.clone(), epoch, Some(catalogue)));
        Ok(Opened { position, epoch, owners, marker, identity, misfits })
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
        let client = connect(&self.server).await?;
        let catalogue = Catalogue::read(&client, &[POSITION]).await.map_err(|error| failure(&error))?;
        let Progress { position, epoch, .. } = progress(&client, &catalogue, &self.delivered.source).await?;
        self.open = Some(Open::new(client, position.clone(), epoch, None));
        Ok(position)
    }

    fn epoch(&self) -> i64 {
        self.open.as_ref().map_or(0, Open::next_epoch)
    }

    async fn begin(&mut self, control: Option<&str>, idle: Duration) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        let lock = format!("hashtextextended('domicile run ' || {}, 0)", quoted(&delivered.source));
        let begin = format!(
            "{BEGIN}; SET LOCAL idle_in_transaction_session_timeout TO {}; SELECT pg_advisory_xact_lock_shared({lock})",
            idle.as_millis()
        );
        if open.claimed {
            return open.execute(&begin).await;
        }
        open.claim(delivered, control, &format!("{}; {begin}", end_sessions(&lock))).await
    }

    async fn stir(&mut self) -> Result<(), Failure> {
        self.opened().1.execute("SELECT 1").await
    }

    fn check(&self, table: usize, objects: &RecordBatch) -> Result<(), Failure> {
        let open = self.open.as_ref().expect("a transaction has begun");
        open.writers[table].check(&self.delivered.tables[table], objects)
    }

    async fn check_access(&mut self) -> Result<(), Failure> {
        let failed = |message: &str| Err(Failure::Failed(String::from(message)));
        let client = connect(&self.server).await?;
        let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
        let row = client.query_one(sql, &[]).await.map_err(|error| failure(&error))?;
        match (row.get(0), row.get(1)) {
            (true, _) => failed("the server is a standby, which cannot be written to"),
            (_, true) => failed("transactions are read-only for this user or in this database"),
            _ => check_privileges(&client, &self.delivered).await,
        }
    }

    async fn write(&mut self, objects: Vec<(usize, RecordBatch)>) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        // What is refused is undone as a whole, and the transaction can go on.
        open.execute("SAVEPOINT share").await?;
        let written = open.write(&delivered.tables, &objects).await;
        match &written {
            Ok(()) => open.execute("RELEASE share").await?,
            Err(Failure::Refused(_)) => open.execute("ROLLBACK TO share; RELEASE share").await?,
            Err(_) => {}
        }
        written
    }

    async fn quarantine(&mut self, records: Vec<Quarantined>) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.quarantine(&delivered.source, &records).await
    }

    async fn seen(&mut self) -> Result<Vec<Mark>, Failure> {
        let (delivered, open) = self.opened();
        open.seen(&delivered.source).await
    }

    async fn remember(&mut self, marks: Vec<Mark>, begin: i64) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.remember(&delivered.source, marks, begin).await
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
        if let Some(open) = &self.open {
            // A connection that is broken has nothing to undo.
            let _ = open.execute("ROLLBACK").await;
        }
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

/// The statement that ends what is left of older runs, whose lease this one has now. A server waits without end for one that
/// stands still in the middle of a COPY.
fn end_sessions(lock: &str) -> String {
    format!(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory' AND (l.classid::bigint << 32 | l.objid::bigint) = {lock} AND l.objsubid = 1
           AND a.datname = current_database() AND a.usename = current_user"
    )
}

async fn progress(client: &Client, catalogue: &Catalogue, source: &str) -> Result<Progress, Failure> {
    let mut columns = catalogue.columns(POSITION).iter();
    if columns.len() == 0 {
        return Ok(Progress::START);
    }
    if !columns.any(|column| column.name == "origin") {
        return Err(outdated());
    }
    let sql = "SELECT source, position, epoch, control, home, origin FROM domicile_position";
    let rows = client.query_typed(sql, &[]).await.map_err(|error| failure(&error))?;
    let row = |row: &tokio_postgres::Row| Row {
        source: row.get(0),
        position: row.get(1),
        epoch: row.get(2),
        owner: Owner { control: row.get(3), home: row.get(4), origin: row.get(5) },
    };
    Progress::of(source, rows.iter().map(row).collect())
}

/// What no other database has: when its server was started, to the microsecond, and where tables without a schema are made.
async fn identity(client: &Client) -> Result<String, Failure> {
    let sql = "SELECT concat_ws(' ', pg_postmaster_start_time(), current_database(), current_schema())";
    let row = client.query_typed(sql, &[]).await.map_err(|error| failure(&error))?;
    Ok(row[0].get(0))
}

async fn marker(client: &Client) -> Result<Option<String>, Failure> {
    let rows = client.query_typed("SELECT home FROM domicile_home", &[]).await.map_err(|error| failure(&error))?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

/// The names of all tables that are written to.
fn all_names(tables: &[Table]) -> Vec<&str> {
    OWN_TABLES.iter().map(|(name, _)| *name).chain(tables.iter().map(|table| table.name.as_str())).collect()
}

/// The statements that make what is missing.
fn missing(tables: &[Table], catalogue: &Catalogue) -> Vec<String> {
    let mut made = create_own_tables(&OWN_TABLES, catalogue);
    made.extend(mend_quarantine(catalogue));
    made.extend(tables.iter().filter_map(|table| make_table(table, catalogue.columns(&table.name))));
    made
}

impl Open {
    fn new(client: Client, position: Position, epoch: i64, found: Option<Catalogue>) -> Self {
        Self { client, position, epoch, found, claimed: false, writers: Vec::new(), quarantine: None }
    }

    pub(super) async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.client.batch_execute(sql).await.map_err(|error| failure(&error))
    }

    /// The first transaction of a run makes what is missing and takes the next epoch, so that an older run that is
    /// still under way cannot commit any more.
    async fn claim(&mut self, delivered: &Delivered, control: Option<&str>, begin: &str) -> Result<(), Failure> {
        let tables = &delivered.tables;
        let catalogue = match self.found.take().filter(|found| missing(tables, found).is_empty()) {
            Some(found) => {
                self.execute(begin).await?;
                found
            }
            None => self.make_tables(tables, begin).await?,
        };
        fault::at(Point::TablesMade);
        let writers = tables.iter().map(|table| Writer::new(&self.client, table, &catalogue));
        let (writers, ()) = try_join!(try_join_all(writers), self.take_epoch(delivered, control))?;
        self.writers = writers;
        Ok(())
    }

    /// Makes what is missing, and learns how the tables are written.
    pub(super) async fn prepare(&mut self, tables: &[Table]) -> Result<(), Failure> {
        let catalogue = self.make_tables(tables, BEGIN).await?;
        let writers = tables.iter().map(|table| Writer::new(&self.client, table, &catalogue));
        self.writers = try_join_all(writers).await?;
        self.execute("COMMIT").await
    }

    /// Begins a transaction that makes what is missing, one run at a time.
    async fn make_tables(&self, tables: &[Table], begin: &str) -> Result<Catalogue, Failure> {
        self.execute(&format!("{begin}; {LOCK_TABLES}")).await?;
        let names = all_names(tables);
        let catalogue = Catalogue::read(&self.client, &names).await.map_err(|error| failure(&error))?;
        let missing = missing(tables, &catalogue);
        if missing.is_empty() {
            return Ok(catalogue);
        }
        self.execute(&missing.join("; ")).await?;
        Catalogue::read(&self.client, &names).await.map_err(|error| failure(&error))
    }

    async fn take_epoch(&self, delivered: &Delivered, control: Option<&str>) -> Result<(), Failure> {
        let Delivered { source, home, origin, .. } = delivered;
        let insert = "INSERT INTO domicile_position (source, home, origin, epoch, updated_at)
                      VALUES ($1, $2, $3, 0, now()) ON CONFLICT DO NOTHING";
        let claim = "UPDATE domicile_position SET epoch = $4 + 1, control = $6
                     WHERE source = $1 AND home IS NOT DISTINCT FROM $2 AND origin = $3
                       AND epoch = $4 AND position IS NOT DISTINCT FROM $5
                       AND (control IS NULL OR control IS NOT DISTINCT FROM $6)";
        let position = self.position.stored();
        let row: [(&Value<'_>, Type); 3] = [(source, Type::TEXT), (home, Type::TEXT), (origin, Type::TEXT)];
        let seen: [(&Value<'_>, Type); 3] =
            [(&self.epoch, Type::INT8), (&position, Type::TEXT), (&control, Type::TEXT)];
        let values: Vec<_> = row.iter().chain(&seen).cloned().collect();
        let (_, claimed) =
            try_join!(self.client.execute_typed(insert, &row), self.client.execute_typed(claim, &values))
                .map_err(|error| failure(&error))?;
        if claimed == 1 { Ok(()) } else { Err(self.overtaken()) }
    }

    async fn write(&mut self, tables: &[Table], objects: &[(usize, RecordBatch)]) -> Result<(), Failure> {
        for (table, objects) in objects {
            self.writers[*table].write(&self.client, &tables[*table], objects).await?;
        }
        Ok(())
    }

    async fn quarantine(&mut self, source: &str, records: &[Quarantined]) -> Result<(), Failure> {
        if self.quarantine.is_none() {
            self.quarantine = Some(Quarantine::find(&self.client).await.map_err(|error| failure(&error))?);
        }
        let quarantine = self.quarantine.as_ref().expect("it was found above");
        quarantine.keep(&self.client, source, records).await.map_err(|error| failure(&error))
    }

    async fn seen(&self, source: &str) -> Result<Vec<Mark>, Failure> {
        let sql = "SELECT at, hash FROM domicile_seen WHERE source = $1";
        let rows = self.client.query_typed(sql, &[(&source, Type::TEXT)]).await.map_err(|error| failure(&error))?;
        Ok(rows.iter().map(|row| Mark { at: row.get(0), hash: row.get(1) }).collect())
    }

    async fn remember(&self, source: &str, marks: Vec<Mark>, begin: i64) -> Result<(), Failure> {
        let forget = "DELETE FROM domicile_seen WHERE source = $1 AND at < $2";
        let forgotten: [(&Value<'_>, Type); 2] = [(&source, Type::TEXT), (&begin, Type::INT8)];
        self.client.execute_typed(forget, &forgotten).await.map_err(|error| failure(&error))?;
        let sql = "INSERT INTO domicile_seen SELECT $1, * FROM unnest($2::bigint[], $3::text[])";
        let (times, hashes): (Vec<_>, Vec<_>) = marks.into_iter().map(|Mark { at, hash }| (at, hash)).unzip();
        let values: [(&Value<'_>, Type); 3] =
            [(&source, Type::TEXT), (&times, Type::INT8_ARRAY), (&hashes, Type::TEXT_ARRAY)];
        self.client.execute_typed(sql, &values).await.map(drop).map_err(|error| failure(&error))
    }

    async fn complete(&mut self, source: &str, upto: &Position, account: Account) -> Result<(), Failure> {
        let epoch = self.next_epoch();
        let (after, reached) = (self.position.stored(), upto.stored());
        let moving = "UPDATE domicile_position SET position = $4, updated_at = now()
                      WHERE source = $1 AND epoch = $2 AND position IS NOT DISTINCT FROM $3";
        let values: [(&Value<'_>, Type); 4] =
            [(&source, Type::TEXT), (&epoch, Type::INT8), (&after, Type::TEXT), (&reached, Type::TEXT)];
        let moved = self.client.execute_typed(moving, &values).await;
        if moved.map_err(|error| failure(&error))? != 1 {
            return Err(self.overtaken());
        }
        fault::at(Point::PositionWritten);
        if account.read > 0 {
            // What came late is accounted for where the home has got to already.
            let sql = "INSERT INTO domicile_account AS stored VALUES ($1, $2, $3, $4, $5, $6, $7, now())
                       ON CONFLICT (source, upto) DO UPDATE SET
                           read = stored.read + excluded.read, delivered = stored.delivered + excluded.delivered,
                           ignored = stored.ignored + excluded.ignored,
                           quarantined = stored.quarantined + excluded.quarantined, committed_at = excluded.committed_at";
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let Account { read, delivered, ignored, quarantined } = account;
            let counts = [read, delivered, ignored, quarantined].map(number);
            let (after, reached) = (self.position.key(), upto.key());
            let texts: [(&Value<'_>, Type); 3] = [(&source, Type::TEXT), (&after, Type::TEXT), (&reached, Type::TEXT)];
            let values: Vec<_> =
                texts.into_iter().chain(counts.iter().map(|count| (count as &Value<'_>, Type::INT8))).collect();
            self.client.execute_typed(sql, &values).await.map_err(|error| failure(&error))?;
            fault::at(Point::Accounted);
        }
        Ok(())
    }

    async fn commit(&mut self, upto: Position) -> Result<(), Failure> {
        self.execute("COMMIT").await?;
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
