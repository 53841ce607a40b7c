//! What a home, or the control database, holds that is a database of MySQL or MariaDB.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt};
use mysql_async::consts::ColumnType as Wire;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Error, Row};
use tokio::sync::mpsc;

use super::charset::partial;
use super::connect::{Session, connect};
use super::read::push_values;
use super::schema::existing;
use super::types::source_column;
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

/// A look into one database of MySQL.
pub(crate) struct MySqlContents {
    server: ServerUrl,
    session: Option<Session>,
}

impl MySqlContents {
    pub(crate) fn new(server: ServerUrl) -> Self {
        Self { server, session: None }
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("the snapshot was begun before")
    }
}

#[async_trait]
impl Contents for MySqlContents {
    async fn begin(&mut self) -> Result<(), Failure> {
        let mut session = connect(&self.server).await?;
        let begun = session.conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await;
        begun.map_err(|error| failure(&error))?;
        self.session = Some(session);
        Ok(())
    }

    async fn kept(&mut self, source: &str) -> Result<Held, Failure> {
        kept(self.session(), source).await.map_err(|error| failure(&error))
    }

    async fn rows(&mut self, table: &Table, only: Option<Only>, taker: mpsc::Sender<Batch>) -> Result<(), Failure> {
        let session = self.session();
        let read = async {
            if existing(session, &table.name).await?.is_empty() {
                return Ok(());
            }
            let columns = columns(session, table, only).await?;
            columns.rows(session, &taker).await
        };
        read.await.map_err(|error: Error| failure(&error))
    }

    /// Nobody waits for it.
    async fn pause(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn resume(&mut self) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn end(&mut self) {
        if let Some(session) = self.session.take() {
            let _ = session.conn.disconnect().await;
        }
    }
}

/// A row of a quarantine, as it is compared.
type Kept = (String, i64, String, Option<String>, Option<String>);

/// Behind and up to which position, and the counts.
type Account = (Option<String>, String, i64, i64, i64, i64);

async fn kept(session: &mut Session, source: &str) -> Result<Held, Error> {
    if existing(session, "domicile_position").await?.is_empty() {
        return Ok(Held::default());
    }
    let columns = existing(session, QUARANTINE).await?;
    let compared = compared_of_quarantine(columns.iter().map(|column| column.name.as_str()));
    let conn = &mut session.conn;
    let most = KEPT_MAX as u64 + 1;
    let position = "SELECT position FROM domicile_position WHERE source = ?";
    let position: Option<Option<String>> = conn.exec_first(position, (source,)).await?;
    let accounts =
        "SELECT `after`, upto, `read`, delivered, ignored, quarantined FROM domicile_account WHERE source = ?
                    ORDER BY committed_at";
    let account = |(after, upto, read, delivered, ignored, quarantined): Account| Accounted {
        after,
        upto,
        counts: [read, delivered, ignored, quarantined],
    };
    let rows = conn.exec_stream::<Account, _, _>(accounts, (source,)).await?;
    let accounts = rows.map_ok(account).try_collect().await?;
    let quarantine = format!("{compared} ? LIMIT ?");
    let in_quarantine = |(position, number, record, resolution, home): Kept| InQuarantine {
        position,
        number,
        record: record_hash(&record),
        resolution: resolution.as_deref().and_then(Resolution::from_name),
        home,
    };
    // One by one, because of the records.
    let rows = conn.exec_stream::<Kept, _, _>(quarantine, (source, most)).await?;
    let quarantine = rows.map_ok(in_quarantine).try_collect().await?;
    let marks = "SELECT at, hash FROM domicile_seen WHERE source = ? LIMIT ?";
    let marks = conn.exec_map(marks, (source, most), |(at, hash)| Mark { at, hash }).await?;
    Ok(Held { position: position.flatten(), accounts, quarantine, marks })
}

/// How the rows of a table are read.
struct Columns {
    sql: String,
    schema: SchemaRef,
}

async fn columns(session: &mut Session, table: &Table, only: Option<Only>) -> Result<Columns, Error> {
    let names: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
    let some = Only::clause(only, &table.schema, quote);
    let relation = format!("(SELECT {} FROM {}{some}) AS record", names.join(", "), quote(&table.name));
    let statement = session.conn.prep(format!("SELECT * FROM {relation}")).await?;
    let found = statement.columns();
    let charsets = partial(session, &relation, &found).await?;
    let (mut selected, mut fields) = (Vec::new(), Vec::new());
    for ((column, field), charset) in found.iter().zip(table.schema.fields()).zip(&charsets) {
        let wanted = read_as(field).filter(|wanted| !is_as_it_is(column, field.data_type(), wanted));
        let wanted = match wanted {
            Some(ColumnType::Integer | ColumnType::Unsigned) if column.column_type() == Wire::MYSQL_TYPE_NEWDECIMAL => {
                Some(WHOLE)
            }
            wanted => wanted,
        };
        let is_flag = *field.data_type() == DataType::Boolean;
        // What its own type does not say, the wanted one does.
        if let Ok((expression, field)) = source_column(column, charset.as_deref(), wanted.as_ref(), !is_flag) {
            selected.push(expression);
            fields.push(field);
        }
    }
    let sql = format!("SELECT {} FROM {relation}", selected.join(", "));
    Ok(Columns { sql, schema: Arc::new(Schema::new(fields)) })
}

/// Whether a column has the values as they are wanted, though it does not say so: a `datetime` is the instant in UTC.
fn is_as_it_is(column: &Column, data_type: &DataType, wanted: &ColumnType) -> bool {
    let is_datetime = matches!(column.column_type(), Wire::MYSQL_TYPE_DATETIME | Wire::MYSQL_TYPE_DATETIME2);
    is_datetime && matches!(data_type, DataType::Timestamp(..)) && *wanted == ColumnType::TimestampTz
}

impl Columns {
    async fn rows(&self, session: &mut Session, taker: &mpsc::Sender<Batch>) -> Result<(), Error> {
        let mut found = session.conn.exec_stream::<Row, _, _>(&self.sql, ()).await?;
        let mut rows = Rows::new(&self.schema, ROWS_AT_ONCE);
        while let Some(row) = found.next().await {
            let row = row?;
            push_values(&mut rows, &row);
            rows.end();
            if rows.is_full() {
                let full = std::mem::replace(&mut rows, Rows::new(&self.schema, ROWS_AT_ONCE));
                if taker.send(full.given(&self.schema)).await.is_err() {
                    return Ok(());
                }
            }
        }
        let _ = taker.send(rows.given(&self.schema)).await;
        Ok(())
    }
}
