//! Reading records from SQLite, in the order of the cursor.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rusqlite::types::{Value as Stored, ValueRef};
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags, OptionalExtension, params_from_iter};
use serde_json::{Map, Value};

use super::cursor::{Reach, between, reach};
use super::guarantee::{guarantee, rowid_alias};
use super::index::unindexed;
use super::json::stored;
use super::read::push_into;
use super::statement::failure;
use super::types::declared_field;
use super::{open, quote};
use crate::batch::{Batch, BatchLimit};
use crate::blocking;
use crate::config::{Document, From, SourceConfig, UNTOLD};
use crate::cursor::Cursor;
use crate::database::bounds::{check_all_are_read, count_upto, told_of_future};
use crate::database::rows::Rows;
use crate::error::{Error, Unread};
use crate::extension::{UUID, extension};
use crate::position::Position;
use crate::source::{Counting, Guarantee, Horizon, NotOpened, Source, Unindexed, Unopened, Waits};

/// A table or query of a SQLite database.
pub(crate) struct SqliteSource {
    connection: Option<Connection>,
    reading: Arc<Reading>,
    guarantee: Guarantee,
}

/// What is fixed once the source is open.
struct Reading {
    name: String,
    relation: String,
    cursor: Cursor,
    reach: Reach,
    /// A value of the environment is in what is read, so that what SQLite says is not told.
    conceals: bool,
    /// The table, or view, where the source is one.
    table: Option<String>,
    /// The cursor is given by AUTOINCREMENT.
    is_autoincrement: bool,
    schema: SchemaRef,
    /// All columns, also those that are not read.
    all: SchemaRef,
}

impl SqliteSource {
    /// Opens a source without writing to it, and learns its columns.
    pub(crate) fn open(path: &Path, config: &SourceConfig, document: &Document) -> Result<Self, NotOpened> {
        let connection = open_read_only(path).map_err(|error| vec![unreachable(config, &error)])?;
        let (setting, relation) = match &config.from {
            From::Table(table) => ("table", quote(table)),
            From::Query(query) => ("query", format!("({}\n)", query.trim().trim_end_matches(';'))),
        };
        let schema = columns(&connection, setting, &relation, config)?;
        // These are texts, and one value can have several, which are in no order.
        let is_compared = |_, field: &Field| {
            extension(field) != Some(UUID) && !matches!(field.data_type(), DataType::Timestamp(_, Some(_)))
        };
        let cursor = Cursor::open(&schema, &config.cursor, is_compared)?;
        let rowid = rowid_alias(&connection, config).unwrap_or_default();
        let reading = Reading {
            name: config.name.clone(),
            relation,
            reach: reach(&cursor, &schema, rowid.is_cursor),
            cursor,
            conceals: ["table", "query", "cursor"].iter().any(|name| document.conceals(&config.setting.key(*name))),
            table: match &config.from {
                From::Table(table) => Some(table.clone()),
                From::Query(_) => None,
            },
            is_autoincrement: rowid.is_cursor && rowid.is_autoincrement,
            all: Arc::clone(&schema),
            schema,
        };
        let guarantee = guarantee(config, rowid);
        Ok(Self { connection: Some(connection), reading: Arc::new(reading), guarantee })
    }
}

fn unreachable(config: &SourceConfig, error: &rusqlite::Error) -> Unopened {
    let message = format!("the database {} cannot be opened: {}", config.database, failure(error));
    Unopened::new("url", message, "check that it is there, and a SQLite database that this user may read")
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // A scan in one direction reads each page once; a large cache would only be memory.
    connection.pragma_update(None, "cache_size", -1024)?;
    Ok(connection)
}

fn columns(
    connection: &Connection,
    setting: &'static str,
    relation: &str,
    config: &SourceConfig,
) -> Result<SchemaRef, Vec<Unopened>> {
    let statement = connection.prepare(&format!("SELECT * FROM {relation}")).map_err(|error| {
        if failure(&error).is_transient() {
            return vec![unreachable(config, &error)];
        }
        let help = match &config.from {
            From::Table(_) => format!("its tables and views are: {}", tables(connection).join(", ")),
            From::Query(_) => String::from("it is SQL of SQLite: try it in the sqlite3 shell"),
        };
        vec![Unopened::new(setting, format!("SQLite refuses it: {}", failure(&error)), help)]
    })?;
    let mut problems = Vec::new();
    let mut fields = Vec::new();
    for column in statement.columns() {
        let declared = column.decl_type().unwrap_or_default();
        let configured = config.columns.get(column.name()).map(|configured| configured.field(column.name()));
        if let Some(field) = configured.or_else(|| declared_field(column.name(), declared)) {
            fields.push(field);
        } else {
            problems.push(untyped(column.name(), declared));
        }
    }
    for name in config.columns.keys() {
        if !statement.columns().iter().any(|column| column.name() == name) {
            problems.push(Unopened::no_column(name));
        }
    }
    if problems.is_empty() { Ok(Arc::new(Schema::new(fields))) } else { Err(problems) }
}

/// The names of tables and views, as many as a person reads.
fn tables(connection: &Connection) -> Vec<String> {
    const MOST: usize = 40;
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let names = || -> rusqlite::Result<Vec<String>> {
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.take(MOST).collect()
    };
    let mut names = names().unwrap_or_default();
    if names.is_empty() {
        names.push(String::from("none"));
    }
    names
}

fn untyped(name: &str, declared: &str) -> Unopened {
    let said = if declared.is_empty() { String::from("no type") } else { format!("only `{declared}`") };
    let message = format!("the column `{name}` declares {said}, which does not say what it holds");
    Unopened::new(
        "columns",
        message,
        format!("say it: columns = {{ {name} = \"decimal(12,2)\" }}, or text, integer, …"),
    )
}

#[async_trait]
impl Source for SqliteSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.reading.schema)
    }

    fn narrow(&mut self, columns: &[usize]) {
        let reading = Arc::get_mut(&mut self.reading).expect("nothing is being read");
        reading.schema = Arc::new(reading.schema.project(columns).expect("the columns are among those of the source"));
        reading.cursor = reading.cursor.within(&reading.schema);
    }

    fn cursor(&self) -> &Cursor {
        &self.reading.cursor
    }

    fn guarantee(&self) -> &Guarantee {
        &self.guarantee
    }

    async fn unindexed(&mut self) -> Result<Option<Unindexed>, Error> {
        let reading = Arc::clone(&self.reading);
        let find = move |connection: &mut Connection| {
            let Some(table) = &reading.table else { return Ok(None) };
            let found = unindexed(connection, &reading.reach, &reading.cursor.names(), table);
            found.map_err(|error| Error::unread(&reading.name, reading.told(&error)))
        };
        blocking::with(&mut self.connection, find).await
    }

    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String> {
        self.reading.given(objects)
    }

    async fn horizon(&mut self, _reached: &Position, _waits: Option<&Waits>) -> Result<Horizon, Error> {
        let reading = Arc::clone(&self.reading);
        blocking::with(&mut self.connection, move |connection| {
            reading.horizon(connection).map_err(|unread| Error::unread(&reading.name, unread))
        })
        .await
    }

    async fn count(&mut self, positions: &[Position], counting: Counting) -> Result<Vec<Option<u64>>, Error> {
        let (reading, positions) = (Arc::clone(&self.reading), positions.to_vec());
        let interrupt = self.connection.as_ref().map(Connection::get_interrupt_handle);
        let count = move |connection: &mut Connection| {
            let begun = Instant::now();
            let counted = positions.windows(2).map(|pair| match begun.elapsed() < counting.within {
                true => reading.count_between(connection, pair, counting.most),
                false => Ok(None),
            });
            counted.collect::<Result<_, _>>().map_err(|unread| Error::unread(&reading.name, unread))
        };
        let mut counted = std::pin::pin!(blocking::with(&mut self.connection, count));
        if let Ok(counted) = tokio::time::timeout(counting.within, &mut counted).await {
            return counted;
        }
        interrupt.iter().for_each(InterruptHandle::interrupt);
        counted.await
    }

    async fn read(&mut self, from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> Result<Batch, Error> {
        let (reading, from, upto) = (Arc::clone(&self.reading), from.clone(), upto.clone());
        let read = move |connection: &mut Connection| {
            let batch = reading.batch(connection, &from, &upto, limit);
            batch.map_err(|unread| Error::unread(&reading.name, unread))
        };
        blocking::with(&mut self.connection, read).await
    }
}

impl Reading {
    fn told(&self, error: &rusqlite::Error) -> Unread {
        let failure = failure(error);
        let message = if self.conceals { format!("SQLite fails to read it; {UNTOLD}") } else { failure.to_string() };
        Unread { message, may_pass: failure.is_transient() }
    }

    /// A batch of records that are given as JSON.
    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String> {
        let mut rows = Rows::new(&self.schema, BatchLimit { rows: objects.len(), bytes: 0 });
        for (number, object) in objects.iter().enumerate() {
            let wrong = |name: &str, what: &str| format!("record {} of the input: `{name}` {what}", number + 1);
            if let Some(name) = object.keys().find(|name| self.all.index_of(name).is_err()) {
                return Err(wrong(name, "is no column of the source"));
            }
            for (column, field) in self.schema.fields().iter().enumerate() {
                let value = stored(object.get(field.name()), field.data_type());
                let value = value.map_err(|what| wrong(field.name(), &what))?;
                push_into(&mut rows, column, ValueRef::from(&value));
            }
            rows.end();
        }
        Ok(rows.given(&self.schema))
    }

    fn horizon(&self, connection: &Connection) -> Result<Horizon, Unread> {
        let told = |error: rusqlite::Error| self.told(&error);
        let count = |sql: Option<String>| match sql {
            Some(sql) => connection.query_row(&sql, [], |row| row.get(0)).map_err(told),
            None => Ok(0),
        };
        check_all_are_read(count(self.reach.bounds.count_never(&self.relation))?, &self.cursor)?;
        let columns: Vec<_> =
            self.cursor.columns().iter().map(|&column| quote(self.schema.field(column).name())).collect();
        let schema = self.schema.project(self.cursor.columns()).map_err(|error| error.to_string())?;
        let sql = self.reach.bounds.select_last(&columns.join(", "), &self.relation);
        let (rows, _) = self.rows(connection, &sql, &[], Rows::one(&schema))?;
        let highest = rows.position(&Arc::new(schema))?;
        // Ids that were given and are gone are settled as well, because they never come again.
        let sequence = "SELECT seq FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE";
        let given: Option<i64> = match &self.table {
            Some(table) if self.is_autoincrement => {
                connection.query_row(sequence, [table], |row| row.get(0)).optional().map_err(told)?
            }
            _ => None,
        };
        let horizon = Horizon::all(given.map_or(Position::Start, |id| Position::At(id.into())).max(highest));
        Ok(told_of_future(horizon, count(self.reach.bounds.count_future(&self.relation))?))
    }

    /// Counts records between two positions, unless it is interrupted.
    fn count_between(&self, connection: &Connection, pair: &[Position], most: u64) -> Result<Option<u64>, Unread> {
        let (condition, values) = between(&self.reach, &pair[0].behind(), &pair[1])?;
        let sql = count_upto(&self.relation, &condition, most);
        match connection.query_row(&sql, params_from_iter(values), |row| row.get::<_, i64>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
            counted => counted.map(|counted| u64::try_from(counted).ok()).map_err(|error| self.told(&error)),
        }
    }

    fn batch(
        &self,
        connection: &Connection,
        from: &Bound<Position>,
        upto: &Position,
        limit: BatchLimit,
    ) -> Result<Batch, Unread> {
        let rows = Rows::new(&self.schema, limit);
        if *upto == Position::Start {
            return Ok(rows.last(&self.schema, &self.cursor, upto)?);
        }
        // A single statement reads in a single snapshot, which ends with it.
        let columns: Vec<_> = self.schema.fields().iter().map(|field| quote(field.name())).collect();
        let (condition, mut values) = between(&self.reach, from, upto)?;
        let (columns, order) = (columns.join(", "), self.reach.bounds.order());
        let sql = format!("SELECT {columns} FROM {} WHERE {condition} ORDER BY {order} LIMIT ?", self.relation);
        values.push(Stored::Integer(i64::try_from(limit.rows).unwrap_or(i64::MAX).saturating_add(1)));
        let batch = match self.rows(connection, &sql, &values, rows)? {
            (rows, false) => rows.last(&self.schema, &self.cursor, upto),
            (rows, true) => rows.before_last(&self.schema, &self.cursor),
        };
        Ok(batch?)
    }

    /// The records of a query, and whether there are more than a batch may have, of which one is among them.
    fn rows(
        &self,
        connection: &Connection,
        sql: &str,
        values: &[Stored],
        mut rows: Rows,
    ) -> Result<(Rows, bool), Unread> {
        let told = |error: rusqlite::Error| self.told(&error);
        let mut statement = connection.prepare_cached(sql).map_err(told)?;
        let mut found = statement.query(params_from_iter(values)).map_err(told)?;
        while let Some(row) = found.next().map_err(told)? {
            let is_full = rows.is_full();
            for column in 0..rows.columns.len() {
                push_into(&mut rows, column, row.get_ref(column).map_err(told)?);
            }
            rows.end();
            if is_full {
                return Ok((rows, true));
            }
        }
        Ok((rows, false))
    }
}
