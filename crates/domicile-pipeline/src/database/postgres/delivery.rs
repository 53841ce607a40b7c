//! Writing to a home, or to the control database, that is a database of PostgreSQL.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use tokio_postgres::{Client, Statement};

use super::connect::connect;
use super::failure;
use super::schema::{LOCK_TABLES, OWN_TABLES, add_columns, create_table, existing, misfits};
use super::statement::Writer;
use crate::account::Account;
use crate::batch::Position;
use crate::config::ServerUrl;
use crate::database::progress::Progress;
use crate::deliver::{Delivery, Misfit, Opened};
use crate::error::Failure;
use crate::quarantine::Quarantined;
use crate::table::Table;

/// One source's way into one database of PostgreSQL.
pub(crate) struct PostgresDelivery {
    server: ServerUrl,
    source: String,
    /// Which control database the position belongs to.
    control: Option<String>,
    tables: Arc<[Table]>,
    open: Option<Open>,
}

/// An open connection, and what this run knows of the home.
struct Open {
    client: Client,
    position: Position,
    epoch: i64,
    /// This run's epoch is written: an older run can no longer commit.
    claimed: bool,
    /// What is prepared once the tables are there.
    prepared: Option<Prepared>,
}

struct Prepared {
    /// By table.
    writers: Vec<Writer>,
    move_position: Statement,
    account: Statement,
}

impl PostgresDelivery {
    pub(crate) fn new(server: ServerUrl, source: &str, control: Option<&str>, tables: Arc<[Table]>) -> Self {
        Self { server, source: source.to_owned(), control: control.map(str::to_owned), tables, open: None }
    }

    fn opened(&mut self) -> &mut Open {
        self.open.as_mut().expect("the database was opened before")
    }
}

#[async_trait]
impl Delivery for PostgresDelivery {
    async fn inspect(&mut self) -> Result<Opened, Failure> {
        let client = connect(&self.server).await?;
        let progress = progress(&client, &self.source).await?;
        let (position, is_foreign) = (progress.position, progress.is_foreign_to(self.control.as_deref()));
        let mut all = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            let columns = existing(&client, &table.name).await.map_err(|error| failure(&error))?;
            if position != Position::Start && columns.is_empty() {
                all.push(Misfit::unread(number, table, position));
            }
            all.extend(misfits(&client, number, table).await.map_err(|error| failure(&error))?);
        }
        Ok(Opened { position, is_foreign, misfits: all })
    }

    async fn open(&mut self) -> Result<Position, Failure> {
        let client = connect(&self.server).await?;
        let Progress { position, epoch, .. } = progress(&client, &self.source).await?;
        self.open = Some(Open { client, position, epoch, claimed: false, prepared: None });
        Ok(position)
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        let Self { source, control, tables, open, .. } = self;
        let open = open.as_mut().expect("the database was opened before");
        open.execute("BEGIN").await?;
        if open.claimed { Ok(()) } else { open.claim(source, control.as_deref(), tables).await }
    }

    fn check(&self, table: usize, objects: &RecordBatch) -> Result<(), Failure> {
        let open = self.open.as_ref().expect("a transaction has begun");
        open.prepared().writers[table].check(&self.tables[table], objects)
    }

    async fn check_access(&mut self) -> Result<(), Failure> {
        let client = connect(&self.server).await?;
        let sql = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
                          has_schema_privilege(current_schema(), 'CREATE')";
        let row = client.query_one(sql, &[]).await.map_err(|error| failure(&error))?;
        let failed = |message: &str| Err(Failure::Failed(String::from(message)));
        match (row.get(0), row.get(1), row.get::<_, Option<bool>>(2)) {
            (true, ..) => failed("the server is a standby, which cannot be written to"),
            (_, true, _) => failed("transactions are read-only for this user or in this database"),
            (.., Some(true)) => Ok(()),
            _ => failed("this user may not make tables in the first schema of its search_path"),
        }
    }

    async fn write(&mut self, objects: Vec<(usize, RecordBatch)>) -> Result<(), Failure> {
        let tables = Arc::clone(&self.tables);
        let open = self.opened();
        // What is refused is undone as a whole, and the transaction can go on.
        open.execute("SAVEPOINT share").await?;
        let written = open.write(&tables, &objects).await;
        match &written {
            Ok(()) => open.execute("RELEASE share").await?,
            Err(Failure::Refused(_)) => open.execute("ROLLBACK TO share; RELEASE share").await?,
            Err(_) => {}
        }
        written
    }

    async fn quarantine(&mut self, records: Vec<Quarantined>) -> Result<(), Failure> {
        let source = self.source.clone();
        self.opened().quarantine(&source, &records).await
    }

    async fn commit(
        &mut self,
        merged: Vec<(usize, RecordBatch)>,
        upto: Position,
        account: Account,
    ) -> Result<(), Failure> {
        let (tables, source) = (Arc::clone(&self.tables), self.source.clone());
        let open = self.opened();
        open.write(&tables, &merged).await?;
        open.commit(&source, upto, account).await
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

async fn progress(client: &Client, source: &str) -> Result<Progress, Failure> {
    if existing(client, "domicile_position").await.map_err(|error| failure(&error))?.is_empty() {
        return Ok(Progress::START);
    }
    let sql = "SELECT position, epoch, control FROM domicile_position WHERE source = $1";
    let found = client.query_opt(sql, &[&source]).await.map_err(|error| failure(&error))?;
    Ok(found.map_or(Progress::START, |row| Progress {
        position: Position::from(row.get::<_, Option<i64>>(0)),
        epoch: row.get(1),
        control: row.get(2),
    }))
}

impl Open {
    async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.client.batch_execute(sql).await.map_err(|error| failure(&error))
    }

    fn prepared(&self) -> &Prepared {
        self.prepared.as_ref().expect("a transaction has begun")
    }

    /// The first transaction of a run makes what is missing and takes the next epoch, so that an older run that is
    /// still under way cannot commit any more.
    async fn claim(&mut self, source: &str, control: Option<&str>, tables: &[Table]) -> Result<(), Failure> {
        let all = tables.iter().map(create_table).collect::<Vec<_>>().join("; ");
        self.execute(&format!("{LOCK_TABLES}; {OWN_TABLES} {all}")).await?;
        let mut writers = Vec::new();
        for (number, table) in tables.iter().enumerate() {
            let mut columns = existing(&self.client, &table.name).await.map_err(|error| failure(&error))?;
            let added = add_columns(table, &columns);
            if !added.is_empty() {
                self.execute(&added).await?;
                columns = existing(&self.client, &table.name).await.map_err(|error| failure(&error))?;
            }
            let declared = table.schema.fields().iter().filter_map(|field| {
                columns.iter().find(|column| column.name == *field.name()).map(|column| column.declared.clone())
            });
            let declared: Vec<_> = declared.collect();
            if declared.len() < table.schema.fields().len() {
                return Err(Failure::Failed(format!("columns of the table `{}` were dropped meanwhile", table.name)));
            }
            writers.push(Writer::new(&self.client, number, table, declared).await?);
        }
        self.prepared = Some(self.prepare(writers).await.map_err(|error| failure(&error))?);
        let insert = "INSERT INTO domicile_position VALUES ($1, NULL, NULL, 0, now()) ON CONFLICT DO NOTHING";
        self.client.execute(insert, &[&source]).await.map_err(|error| failure(&error))?;
        let claim = "UPDATE domicile_position SET epoch = $2 + 1, control = $4
                     WHERE source = $1 AND epoch = $2 AND position IS NOT DISTINCT FROM $3
                       AND (control IS NULL OR control IS NOT DISTINCT FROM $4)";
        let claimed = self.client.execute(claim, &[&source, &self.epoch, &self.position.cursor(), &control]).await;
        if claimed.map_err(|error| failure(&error))? == 1 { Ok(()) } else { Err(self.overtaken()) }
    }

    async fn prepare(&self, writers: Vec<Writer>) -> Result<Prepared, tokio_postgres::Error> {
        let move_position = "UPDATE domicile_position SET position = $4, updated_at = now()
                             WHERE source = $1 AND epoch = $2 AND position IS NOT DISTINCT FROM $3";
        let account = "INSERT INTO domicile_account VALUES ($1, $2, $3, $4, $5, $6, $7, now())";
        Ok(Prepared {
            writers,
            move_position: self.client.prepare(move_position).await?,
            account: self.client.prepare(account).await?,
        })
    }

    async fn write(&self, tables: &[Table], objects: &[(usize, RecordBatch)]) -> Result<(), Failure> {
        for (table, objects) in objects {
            self.prepared().writers[*table].write(&self.client, &tables[*table], objects).await?;
        }
        Ok(())
    }

    async fn quarantine(&self, source: &str, records: &[Quarantined]) -> Result<(), Failure> {
        let sql = "INSERT INTO domicile_quarantine VALUES ($1, $2, $3, $4, $5, $6, now(), now())
                   ON CONFLICT (source, position, number) DO UPDATE
                   SET cause = excluded.cause, reason = excluded.reason, record = excluded.record,
                       last_seen = excluded.last_seen";
        let statement = self.client.prepare(sql).await.map_err(|error| failure(&error))?;
        // All records of one cursor value come in one share, so a number tells them apart, also when they are equal.
        let mut numbers: HashMap<i64, i64> = HashMap::new();
        for Quarantined { position, cause, reason, record } in records {
            let number = numbers.entry(*position).or_insert(0);
            // JSON writes a NUL character as an escape; a reason may quote what it is about.
            let reason = reason.replace('\0', "\u{fffd}");
            let written =
                self.client.execute(&statement, &[&source, position, &*number, &cause.name(), &reason, record]).await;
            written.map_err(|error| failure(&error))?;
            *number += 1;
        }
        Ok(())
    }

    async fn commit(&mut self, source: &str, upto: Position, account: Account) -> Result<(), Failure> {
        let epoch = if self.claimed { self.epoch } else { self.epoch + 1 };
        let (after, reached) = (self.position.cursor(), upto.cursor());
        let moved = self.client.execute(&self.prepared().move_position, &[&source, &epoch, &after, &reached]).await;
        if moved.map_err(|error| failure(&error))? != 1 {
            return Err(self.overtaken());
        }
        if account.read > 0 {
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let Account { read, delivered, ignored, quarantined } = account;
            let [read, delivered, ignored, quarantined] = [read, delivered, ignored, quarantined].map(number);
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
                [&source, &after, &reached, &read, &delivered, &ignored, &quarantined];
            let written = self.client.execute(&self.prepared().account, &values).await;
            written.map_err(|error| failure(&error))?;
        }
        self.execute("COMMIT").await?;
        (self.position, self.epoch, self.claimed) = (upto, epoch, true);
        Ok(())
    }

    fn overtaken(&self) -> Failure {
        Failure::overtaken(self.position)
    }
}
