//! Keeping records that are not delivered, and working on them.

use async_trait::async_trait;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Statement};

use super::delivery::{BEGIN, PostgresDelivery};
use super::encoding::kept_by;
use super::failure;
use super::schema::Catalogue;
use crate::deliver::Delivery;
use crate::error::Failure;
use crate::quarantine::{Dialect, Quarantined, Resolution, Row, Store};

/// How a home keeps such records. It is found once for a connection.
pub(super) struct Quarantine {
    statement: Statement,
    /// What stands for a text in a home that has not every character.
    kept: fn(&str) -> String,
}

impl Quarantine {
    pub(super) async fn find(client: &Client) -> Result<Self, Error> {
        // What was taken over stays as it is.
        let sql = "INSERT INTO domicile_quarantine (source, position, number, cause, about, reason, record, shape,
                                                    resolution, resolved_at, first_seen, last_seen)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $9::text IS NOT NULL THEN now() END, now(), now())
                   ON CONFLICT (source, position, number) DO UPDATE
                   SET cause = excluded.cause, about = excluded.about, reason = excluded.reason,
                       record = excluded.record, shape = excluded.shape, resolution = NULL, resolved_at = NULL,
                       resolved_by = NULL, note = NULL, home = NULL, last_seen = excluded.last_seen
                   WHERE excluded.resolution IS NULL";
        Ok(Self { statement: client.prepare(sql).await?, kept: kept_by(client).await? })
    }

    /// Keeps records of a source.
    pub(super) async fn keep(&self, client: &Client, source: &str, records: &[Quarantined]) -> Result<(), Error> {
        for Quarantined { position, number, cause, about, reason, record, shape, resolution, .. } in records {
            // JSON writes a NUL character as an escape; a reason may quote what it is about.
            let said = |text: &str| (self.kept)(&text.replace('\0', "\u{fffd}"));
            let (about, reason, record) = (about.as_deref().map(said), said(reason), (self.kept)(record));
            let (position, resolution) = (position.key(), resolution.map(Resolution::name));
            let values: [&(dyn ToSql + Sync); 9] =
                [&source, &position, number, &cause.name(), &about, &reason, &record, shape, &resolution];
            client.execute(&self.statement, &values).await?;
        }
        Ok(())
    }
}

static DIALECT: Dialect = Dialect {
    place: |number| format!("${number}"),
    integer: "bigint",
    text: "text",
    time: |column| format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"),
    now: "now()",
    hold: " FOR UPDATE",
    insert: ("INSERT", " ON CONFLICT DO NOTHING"),
};

#[async_trait]
impl Store for PostgresDelivery {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn connect(&mut self) -> Result<bool, Failure> {
        self.open().await.map(|_| true)
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>, Failure> {
        let catalogue = Catalogue::read(&self.opened().1.client, &[table]).await.map_err(|error| failure(&error))?;
        Ok(catalogue.columns(table).iter().map(|column| column.name.clone()).collect())
    }

    async fn select(&mut self, sql: &str, values: &[Option<String>]) -> Result<Vec<Row>, Failure> {
        let rows = self.opened().1.client.query_typed(sql, &typed(values)).await.map_err(|error| failure(&error))?;
        Ok(rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect())
    }

    async fn execute(&mut self, sql: &str, values: &[Option<String>]) -> Result<u64, Failure> {
        self.opened().1.client.execute_typed(sql, &typed(values)).await.map_err(|error| failure(&error))
    }

    async fn kept(&mut self, reason: String, record: String) -> Result<(String, String), Failure> {
        let kept = kept_by(&self.opened().1.client).await.map_err(|error| failure(&error))?;
        Ok((kept(&reason.replace('\0', "\u{fffd}")), kept(&record)))
    }

    async fn mend(&mut self) -> Result<(), Failure> {
        self.opened().1.prepare(&[]).await
    }

    async fn prepare(&mut self) -> Result<(), Failure> {
        let (delivered, open) = self.opened();
        open.prepare(&delivered.tables).await
    }

    async fn begin_beside(&mut self) -> Result<(), Failure> {
        // Runs wait for what it has written. One that is heard nothing of for a minute is undone by the server.
        let bounded = "SET LOCAL idle_in_transaction_session_timeout = '60s'";
        self.opened().1.execute(&format!("{BEGIN}; {bounded}")).await
    }

    async fn commit_beside(&mut self) -> Result<(), Failure> {
        self.opened().1.execute("COMMIT").await
    }
}

fn typed(values: &[Option<String>]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::TEXT)).collect()
}
