//! Reading records from MySQL or MariaDB, in the order of an integer cursor.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Row, Value};
use serde_json::Map;

use super::connect::{Session, connect};
use super::guarantee::Settling;
use super::read::{push, raw};
use super::types::source_column;
use super::{quote, said};
use crate::batch::{Batch, BatchLimit, Position};
use crate::config::{Document, From, ServerUrl, SourceConfig, UNTOLD};
use crate::database::given::given;
use crate::database::rows::Rows;
use crate::error::{Error, Failure};
use crate::source::{Guarantee, Horizon, NotOpened, Source, Unopened};

/// Nothing of a source is written, whatever a query calls.
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

/// A table or query of a database of MySQL.
pub(crate) struct MySqlSource {
    server: ServerUrl,
    session: Option<Session>,
    reading: Reading,
    settling: Settling,
    guarantee: Guarantee,
}

/// What is fixed once the source is open.
struct Reading {
    name: String,
    relation: String,
    /// What is read, with places for the cursor's bounds and the number of records.
    sql: String,
    cursor_name: String,
    cursor: usize,
    /// A value of the environment is in what is read, so that what the server says is not told.
    conceals: bool,
    schema: SchemaRef,
}

impl MySqlSource {
    /// Opens a source without writing to it, and learns its columns.
    pub(crate) async fn open(
        server: &ServerUrl,
        config: &SourceConfig,
        document: &Document,
    ) -> Result<Self, NotOpened> {
        let unreachable = |why: &str| {
            let message = format!("the database {} cannot be opened: {why}", config.database);
            vec![Unopened::new(
                "url",
                message,
                "check that the server runs, and that this user may log in and read there",
            )]
        };
        let mut session = opened(server).await.map_err(|failure| unreachable(&failure.to_string()))?;
        let (setting, relation) = match &config.from {
            From::Table(table) => ("table", quote(table)),
            From::Query(query) => ("query", format!("({}\n) AS record", query.trim().trim_end_matches(';'))),
        };
        let statement = match session.conn.prep(format!("SELECT * FROM {relation}")).await {
            Ok(statement) => statement,
            Err(error) => return Err(refused(&mut session, setting, &said(&error), config).await.into()),
        };
        if statement.num_params() > 0 {
            let help = "there is no value for it: write the value itself";
            return Err(vec![Unopened::new(setting, "it has a `?`, which stands for a value", help)].into());
        }
        let (selected, schema) = columns(&statement.columns(), config)?;
        let number = schema.column_with_name(&config.cursor);
        let number = number.filter(|(_, field)| field.data_type() == &DataType::Int64).map(|(number, _)| number);
        let cursor = number.ok_or_else(|| NotOpened {
            // A cursor that is missing in the configuration has been reported.
            why: if config.cursor.is_empty() { Vec::new() } else { vec![Unopened::no_cursor(&schema, &config.cursor)] },
            schema: Some(Arc::clone(&schema)),
        })?;
        let settling = Settling::find(&mut session, config).await.map_err(|error| unreachable(&said(&error)))?;
        let cursor_name = quote(&config.cursor);
        let sql = format!(
            "SELECT {} FROM {relation} WHERE {cursor_name} >= ? AND {cursor_name} <= ? ORDER BY {cursor_name} LIMIT ?",
            selected.join(", ")
        );
        let reading = Reading {
            name: config.name.clone(),
            relation,
            sql,
            cursor_name,
            cursor,
            conceals: ["table", "query", "cursor"].iter().any(|name| document.conceals(&config.setting.key(*name))),
            schema,
        };
        let guarantee = settling.guarantee(config);
        Ok(Self { server: server.clone(), session: Some(session), reading, settling, guarantee })
    }

    /// The connection, which is opened again where it was lost.
    async fn connected(&mut self) -> Result<&mut Session, Error> {
        let is_alive = match &mut self.session {
            Some(session) => session.conn.ping().await.is_ok(),
            None => false,
        };
        if !is_alive {
            let session = opened(&self.server).await;
            self.session = Some(session.map_err(|failure| Error::source(&self.reading.name, failure))?);
        }
        Ok(self.session.as_mut().expect("it was opened above"))
    }
}

async fn opened(server: &ServerUrl) -> Result<Session, Failure> {
    let mut session = connect(server).await?;
    let read_only = session.conn.query_drop(READ_ONLY).await;
    read_only.map_err(|error| Failure::Failed(said(&error)))?;
    Ok(session)
}

/// Why the source's SQL is refused, and what there is to read.
async fn refused(session: &mut Session, setting: &'static str, why: &str, config: &SourceConfig) -> Vec<Unopened> {
    /// As many names as a person reads.
    const MOST: usize = 40;
    let help = match &config.from {
        From::Table(_) => {
            let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1";
            let names: Vec<String> = session.conn.query(sql).await.unwrap_or_default();
            let names = names.get(..MOST).unwrap_or(&names).join(", ");
            let names = if names.is_empty() { String::from("none") } else { names };
            format!("the tables and views of the database are: {names}")
        }
        From::Query(_) => String::from("it is SQL of MySQL: try it in its client"),
    };
    vec![Unopened::new(setting, format!("the server refuses it: {why}"), help)]
}

fn columns(columns: &[Column], config: &SourceConfig) -> Result<(Vec<String>, SchemaRef), Vec<Unopened>> {
    let mut problems = Vec::new();
    let (mut selected, mut fields) = (Vec::new(), Vec::new());
    for column in columns {
        let name = column.name_str();
        match source_column(column, config.columns.get(&*name), *name == config.cursor) {
            Ok((expression, data_type)) => {
                selected.push(expression);
                fields.push(Field::new(name, data_type, true));
            }
            Err(digits) => {
                let help = format!("say it: columns = {{ {name} = \"decimal(38,10)\" }}, or text");
                let message = format!("the column `{name}` has {digits} digits, and decimals here have at most 38");
                problems.push(Unopened::new("columns", message, help));
            }
        }
    }
    for name in config.columns.keys() {
        if !columns.iter().any(|column| column.name_str() == *name) {
            problems.push(Unopened::no_column(name));
        }
    }
    if problems.is_empty() { Ok((selected, Arc::new(Schema::new(fields)))) } else { Err(problems) }
}

#[async_trait]
impl Source for MySqlSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.reading.schema)
    }

    fn cursor(&self) -> usize {
        self.reading.cursor
    }

    fn guarantee(&self) -> &Guarantee {
        &self.guarantee
    }

    fn given(&self, objects: &[Map<String, serde_json::Value>]) -> Result<Batch, String> {
        given(&self.reading.schema, objects)
    }

    async fn horizon(&mut self, reached: Position) -> Result<Horizon, Error> {
        self.connected().await?;
        let Self { session, reading, settling, .. } = self;
        let session = session.as_mut().expect("it was opened above");
        let horizon = settling.horizon(session, &reading.relation, &reading.cursor_name, reached).await;
        horizon
            .map_err(|error| Error::source(&reading.name, reading.told(&error)))?
            .map_err(|message| Error::source(&reading.name, message))
    }

    async fn read(&mut self, after: Position, upto: Position, limit: BatchLimit) -> Result<Batch, Error> {
        self.connected().await?;
        let Self { server, session, reading, .. } = self;
        let open = session.as_mut().expect("it was opened above");
        let read = reading.batch(open, after, upto, limit).await;
        let (batch, is_cut) = read.map_err(|message| Error::source(&reading.name, message))?;
        if is_cut && let Some(rest) = session.take() {
            throw_away(server, rest).await;
        }
        Ok(batch)
    }
}

/// Ends a connection whose answer is not wanted to its end, by another one: closing it would read all the rest.
async fn throw_away(server: &ServerUrl, rest: Session) {
    if let Ok(mut other) = connect(server).await {
        // It may have ended by itself, and another can be killed by nobody but its own user.
        let _ = other.conn.query_drop(format!("KILL CONNECTION {}", rest.conn.id())).await;
        let _ = other.conn.disconnect().await;
    }
    drop(rest);
}

impl Reading {
    fn told(&self, error: &mysql_async::Error) -> String {
        if self.conceals { format!("the server fails to read it; {UNTOLD}") } else { said(error) }
    }

    /// A batch, and whether more was asked for than was read.
    async fn batch(
        &self,
        session: &mut Session,
        after: Position,
        upto: Position,
        limit: BatchLimit,
    ) -> Result<(Batch, bool), String> {
        let mut rows = Rows::new(&self.schema, limit);
        let first = after.cursor().map_or(Some(i64::MIN), |after| after.checked_add(1));
        let (Some(first), Some(last)) = (first, upto.cursor()) else {
            return Ok((rows.finish(&self.schema, after, upto), false));
        };
        let most = u64::try_from(limit.rows.saturating_add(1)).unwrap_or(u64::MAX);
        // A single statement reads in a single snapshot, which ends with it.
        let records = session.conn.exec_stream::<Row, _, _>(self.sql.as_str(), (first, last, most)).await;
        let mut records = records.map_err(|error| self.told(&error))?;
        while let Some(record) = records.next().await {
            let record = record.map_err(|error| self.told(&error))?;
            let position = match record.as_ref(self.cursor) {
                Some(Value::Int(position)) => *position,
                _ => return Err(format!("the cursor {} is not an integer of 63 bits", self.cursor_name)),
            };
            if rows.is_full() {
                let is_cut = rows.count() < limit.rows;
                let upto = rows.end_before(position)?;
                return Ok((rows.finish(&self.schema, after, upto), is_cut));
            }
            rows.begin(position);
            for column in 0..record.len() {
                let value = record.as_ref(column).unwrap_or(&Value::NULL);
                match push(&mut rows.columns[column], value) {
                    Ok(bytes) => rows.pushed(bytes),
                    Err(reason) => {
                        let raw = raw(value);
                        let bytes = raw.as_str().map_or(8, str::len);
                        rows.unfit(column, reason, raw, bytes);
                    }
                }
            }
            rows.end();
        }
        Ok((rows.finish(&self.schema, after, upto), false))
    }
}
