//! What a home, or the control database, holds that is a database of PostgreSQL.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::connect::{Reader, connect_to_read};
use super::copy::Records;
use super::read::{Format, push_into};
use super::schema::Catalogue;
use super::types::{Declared, source_column};
use super::{failure, quote};
use crate::batch::Batch;
use crate::config::{ColumnType, ServerUrl};
use crate::database::rows::Rows;
use crate::database::{QUARANTINE, compared_of_quarantine};
use crate::error::Failure;
use crate::overlap::Mark;
use crate::quarantine::Resolution;
use crate::table::Table;
use crate::verify::{
    Accounted, Contents, Held, InQuarantine, KEPT_MAX, Only, ROWS_AT_ONCE, WHOLE, read_as, record_hash,
};

/// A look into one database of PostgreSQL.
pub(crate) struct PostgresContents {
    server: ServerUrl,
    client: Option<Reader>,
}

impl PostgresContents {
    pub(crate) fn new(server: ServerUrl) -> Self {
        Self { server, client: None }
    }

    fn client(&self) -> &Client {
        self.client.as_deref().expect("the snapshot was begun before")
    }
}

#[async_trait]
impl Contents for PostgresContents {
    async fn begin(&mut self) -> Result<(), Failure> {
        let client = connect_to_read(&self.server).await?;
        let begun = client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1").await;
        begun.map_err(|error| failure(&error))?;
        self.client = Some(client);
        Ok(())
    }

    async fn kept(&mut self, source: &str) -> Result<Held, Failure> {
        kept(self.client(), source).await.map_err(|error| failure(&error))
    }

    async fn rows(&mut self, table: &Table, only: Option<Only>, taker: mpsc::Sender<Batch>) -> Result<(), Failure> {
        let client = self.client();
        if !is_there(client, &table.name).await.map_err(|error| failure(&error))? {
            return Ok(());
        }
        let columns = columns(client, table, only).await.map_err(|error| failure(&error))?;
        columns.rows(client, &taker).await
    }

    /// Nobody waits for it.
    async fn pause(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn resume(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn end(&mut self) {
        self.client = None;
    }
}

async fn is_there(client: &Client, table: &str) -> Result<bool, Error> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    Ok(client.query_typed(sql, &[(&quote(table), Type::TEXT)]).await?[0].get(0))
}

async fn kept(client: &Client, source: &str) -> Result<Held, Error> {
    if !is_there(client, "domicile_position").await? {
        return Ok(Held::default());
    }
    let most = i64::try_from(KEPT_MAX + 1).unwrap_or(i64::MAX);
    let position = "SELECT position FROM domicile_position WHERE source = $1";
    let accounts = "SELECT after, upto, read, delivered, ignored, quarantined FROM domicile_account WHERE source = $1
                    ORDER BY committed_at";
    let catalogue = Catalogue::read(client, &[QUARANTINE]).await?;
    let columns = catalogue.columns(QUARANTINE).iter().map(|column| column.name.as_str());
    let quarantine = format!("{} $1 LIMIT $2", compared_of_quarantine(columns));
    let marks = "SELECT at, hash FROM domicile_seen WHERE source = $1 LIMIT $2";
    let of_source: [(&(dyn ToSql + Sync), Type); 2] = [(&source, Type::TEXT), (&most, Type::INT8)];
    let account = |row: &Row| {
        let counts = [row.get(2), row.get(3), row.get(4), row.get(5)];
        Accounted { after: row.get(0), upto: row.get(1), counts }
    };
    let in_quarantine = |row: &Row| InQuarantine {
        position: row.get(0),
        number: row.get(1),
        record: record_hash(row.get(2)),
        resolution: row.get::<_, Option<&str>>(3).and_then(Resolution::from_name),
        home: row.get(4),
    };
    Ok(Held {
        position: client.query_typed(position, &of_source[..1]).await?.first().and_then(|row| row.get(0)),
        accounts: {
            let rows = client.query_typed_raw(accounts, of_source[..1].iter().cloned()).await?;
            rows.map_ok(|row| account(&row)).try_collect().await?
        },
        quarantine: {
            // One by one, because of the records.
            let rows = client.query_typed_raw(&quarantine, of_source.iter().cloned()).await?;
            rows.map_ok(|row| in_quarantine(&row)).try_collect().await?
        },
        marks: {
            let rows = client.query_typed(marks, &of_source).await?;
            rows.iter().map(|row| Mark { at: row.get(0), hash: row.get(1) }).collect()
        },
    })
}

/// How the rows of a table are read.
struct Columns {
    sql: String,
    formats: Vec<Format>,
    schema: SchemaRef,
}

async fn columns(client: &Client, table: &Table, only: Option<Only>) -> Result<Columns, Error> {
    let names: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
    let from = quote(&table.name);
    let statement = client.prepare(&format!("SELECT {} FROM {from}", names.join(", "))).await?;
    let (mut selected, mut formats, mut fields) = (Vec::new(), Vec::new(), Vec::new());
    for (column, field) in statement.columns().iter().zip(table.schema.fields()) {
        let declared = Declared::of(column);
        let read_as = match read_as(field) {
            Some(ColumnType::Integer | ColumnType::Unsigned) if declared.name == "numeric" => Some(WHOLE),
            read_as => read_as,
        };
        if let Some(column) = source_column(column.name(), &declared, read_as.as_ref()) {
            selected.push(column.selected);
            formats.push(column.format);
            fields.push(column.field);
        }
    }
    let some = Only::clause(only, &table.schema, quote);
    let sql = format!("COPY (SELECT {} FROM {from}{some}) TO STDOUT (FORMAT binary)", selected.join(", "));
    Ok(Columns { sql, formats, schema: Arc::new(Schema::new(fields)) })
}

impl Columns {
    async fn rows(&self, client: &Client, taker: &mpsc::Sender<Batch>) -> Result<(), Failure> {
        let copied = client.copy_out(&self.sql).await.map_err(|error| failure(&error))?;
        let mut copied = std::pin::pin!(copied);
        let mut records = Records::new(self.formats.len());
        let mut rows = Rows::new(&self.schema, ROWS_AT_ONCE);
        while let Some(bytes) = copied.next().await {
            records.push(&bytes.map_err(|error| failure(&error))?);
            while let Some(record) = records.next().map_err(Failure::Failed)? {
                for (column, value) in record.values().enumerate() {
                    push_into(&mut rows, column, self.formats[column], value);
                }
                rows.end();
            }
            if rows.is_full() {
                let full = std::mem::replace(&mut rows, Rows::new(&self.schema, ROWS_AT_ONCE));
                if taker.send(full.given(&self.schema)).await.is_err() {
                    return Ok(());
                }
            }
        }
        if !records.has_ended() {
            return Err(Failure::Failed(String::from("the server's COPY was cut off")));
        }
        let _ = taker.send(rows.given(&self.schema)).await;
        Ok(())
    }
}
