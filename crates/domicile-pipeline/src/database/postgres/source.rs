//! Reading records from PostgreSQL, in the order of an integer cursor.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use serde_json::{Map, Value};
use tokio_postgres::{Client, Statement};

use super::connect::connect_to_read;
use super::copy::Records;
use super::guarantee::Settling;
use super::read::{integer, push, raw};
use super::types::{Declared, SourceColumn, source_column, untyped};
use super::{quote, said};
use crate::batch::{Batch, BatchLimit, Position};
use crate::config::{Document, From, ServerUrl, SourceConfig, UNTOLD};
use crate::database::given::given;
use crate::database::rows::Rows;
use crate::error::Error;
use crate::source::{Guarantee, Horizon, NotOpened, Source, Unopened};

/// A table or query of a database of PostgreSQL.
pub(crate) struct PostgresSource {
    server: ServerUrl,
    client: Option<Client>,
    reading: Reading,
    settling: Settling,
    guarantee: Guarantee,
}

/// What is fixed once the source is open.
struct Reading {
    name: String,
    relation: String,
    /// By column, what is selected so that it comes as the schema says.
    selected: Vec<String>,
    cursor_name: String,
    cursor: usize,
    /// A value of the environment is in what is read, so that what the server says is not told.
    conceals: bool,
    schema: SchemaRef,
}

impl PostgresSource {
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
        let client = connect_to_read(server).await.map_err(|failure| unreachable(&failure.to_string()))?;
        let (setting, relation) = match &config.from {
            From::Table(table) => ("table", quote(table)),
            From::Query(query) => ("query", format!("({}\n) AS record", query.trim().trim_end_matches(';'))),
        };
        let statement = match client.prepare(&format!("SELECT * FROM {relation}")).await {
            Ok(statement) => statement,
            Err(error) => return Err(refused(&client, setting, &said(&error), config).await.into()),
        };
        let (selected, schema) = columns(&statement, config)?;
        let number = schema.column_with_name(&config.cursor);
        let number = number.filter(|(_, field)| field.data_type() == &DataType::Int64).map(|(number, _)| number);
        let cursor = number.ok_or_else(|| NotOpened {
            // A cursor that is missing in the configuration has been reported.
            why: if config.cursor.is_empty() { Vec::new() } else { vec![Unopened::no_cursor(&schema, &config.cursor)] },
            schema: Some(Arc::clone(&schema)),
        })?;
        let settling = Settling::find(&client, config).await.map_err(|error| unreachable(&said(&error)))?;
        let reading = Reading {
            name: config.name.clone(),
            relation,
            selected,
            cursor_name: quote(&config.cursor),
            cursor,
            conceals: ["table", "query", "cursor"].iter().any(|name| document.conceals(&config.setting.key(*name))),
            schema,
        };
        let guarantee = settling.guarantee(config);
        Ok(Self { server: server.clone(), client: Some(client), reading, settling, guarantee })
    }

    /// The connection, which is opened again where it was lost.
    async fn connected(&mut self) -> Result<&Client, Error> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let client = connect_to_read(&self.server).await;
            let client = client.map_err(|failure| Error::source(&self.reading.name, failure))?;
            self.client = Some(client);
        }
        Ok(self.client.as_ref().expect("it was opened above"))
    }
}

/// Why the source's SQL is refused, and what there is to read.
async fn refused(client: &Client, setting: &'static str, why: &str, config: &SourceConfig) -> Vec<Unopened> {
    /// As many names as a person reads.
    const MOST: i64 = 40;
    let sql = "SELECT coalesce(string_agg(name, ', '), 'none') FROM (
                   SELECT table_name::text AS name FROM information_schema.tables
                   WHERE table_schema = ANY (current_schemas(false)) ORDER BY 1 LIMIT $1) AS names";
    let help = match &config.from {
        From::Table(_) => {
            let names = client.query_one(sql, &[&MOST]).await.map(|row| row.get::<_, String>(0));
            format!("the tables and views of its search_path are: {}", names.unwrap_or_default())
        }
        From::Query(_) => String::from("it is SQL of PostgreSQL: try it in psql"),
    };
    vec![Unopened::new(setting, format!("PostgreSQL refuses it: {why}"), help)]
}

fn columns(statement: &Statement, config: &SourceConfig) -> Result<(Vec<String>, SchemaRef), Vec<Unopened>> {
    let mut problems = Vec::new();
    let (mut selected, mut fields) = (Vec::new(), Vec::new());
    for column in statement.columns() {
        let declared = Declared { name: column.type_().name().to_owned(), modifier: column.type_modifier() };
        match source_column(column.name(), &declared, config.columns.get(column.name())) {
            Some(SourceColumn { selected: expression, data_type }) => {
                selected.push(expression);
                fields.push(Field::new(column.name(), data_type, true));
            }
            None => problems.push(untyped(column.name(), &declared)),
        }
    }
    for name in config.columns.keys() {
        if !statement.columns().iter().any(|column| column.name() == name) {
            problems.push(Unopened::no_column(name));
        }
    }
    if problems.is_empty() { Ok((selected, Arc::new(Schema::new(fields)))) } else { Err(problems) }
}

#[async_trait]
impl Source for PostgresSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.reading.schema)
    }

    fn cursor(&self) -> usize {
        self.reading.cursor
    }

    fn guarantee(&self) -> &Guarantee {
        &self.guarantee
    }

    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String> {
        given(&self.reading.schema, objects)
    }

    async fn horizon(&mut self, reached: Position) -> Result<Horizon, Error> {
        self.connected().await?;
        let Self { client, reading, settling, .. } = self;
        let client = client.as_ref().expect("it was opened above");
        let horizon = settling.horizon(client, &reading.relation, &reading.cursor_name, reached).await;
        horizon
            .map_err(|error| Error::source(&reading.name, reading.told(&error)))?
            .map_err(|message| Error::source(&reading.name, message))
    }

    async fn read(&mut self, after: Position, upto: Position, limit: BatchLimit) -> Result<Batch, Error> {
        self.connected().await?;
        let client = self.client.as_ref().expect("it was opened above");
        let read = self.reading.batch(client, after, upto, limit).await;
        let (batch, is_all) = read.map_err(|message| Error::source(&self.reading.name, message))?;
        if !is_all {
            // The rest may be large, and is not wanted. To cancel the statement could hit the next one instead.
            self.client = None;
        }
        Ok(batch)
    }
}

impl Reading {
    fn told(&self, error: &tokio_postgres::Error) -> String {
        if self.conceals { format!("PostgreSQL fails to read it; {UNTOLD}") } else { said(error) }
    }

    /// A batch, and whether all that the server sends for it has been read, but for a record at most.
    async fn batch(
        &self,
        client: &Client,
        after: Position,
        upto: Position,
        limit: BatchLimit,
    ) -> Result<(Batch, bool), String> {
        let Some(last) = upto.cursor() else {
            return Ok((Rows::new(&self.schema, limit).finish(&self.schema, after, upto), true));
        };
        let Self { relation, cursor_name: cursor, .. } = self;
        let begin = after.cursor().map_or(String::new(), |after| format!("{cursor} > {after} AND "));
        // A single statement reads in a single snapshot, which ends with it.
        let sql = format!(
            "COPY (SELECT {} FROM {relation} WHERE {begin}{cursor} <= {last} ORDER BY {cursor} LIMIT {}) \
             TO STDOUT (FORMAT binary)",
            self.selected.join(", "),
            limit.rows.saturating_add(1)
        );
        let copied = client.copy_out(&sql).await.map_err(|error| self.told(&error))?;
        let mut copied = std::pin::pin!(copied);
        let mut records = Records::new(self.selected.len());
        let mut rows = Rows::new(&self.schema, limit);
        while let Some(bytes) = copied.next().await {
            records.push(&bytes.map_err(|error| self.told(&error))?);
            while let Some(record) = records.next()? {
                let position = record.values().nth(self.cursor).flatten();
                let position = integer(position.ok_or("the cursor is NULL")?)?;
                if rows.is_full() {
                    let upto = rows.end_before(position)?;
                    // With as many records as were asked for, this is the last that comes.
                    let is_read = rows.count() == limit.rows;
                    return Ok((rows.finish(&self.schema, after, upto), is_read));
                }
                rows.begin(position);
                for (column, value) in record.values().enumerate() {
                    match push(&mut rows.columns[column], value) {
                        Ok(bytes) => rows.pushed(bytes),
                        Err(reason) => {
                            let raw = raw(&rows.columns[column], value);
                            rows.unfit(column, reason, raw, 2 * value.map_or(0, <[u8]>::len) + 2);
                        }
                    }
                }
                rows.end();
            }
        }
        if !records.has_ended() {
            return Err(String::from("the server's COPY was cut off"));
        }
        Ok((rows.finish(&self.schema, after, upto), true))
    }
}
