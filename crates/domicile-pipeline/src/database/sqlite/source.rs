//! Reading records from SQLite, in the order of an integer cursor.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde_json::{Map, Value};

use super::guarantee::{guarantee, rowid_alias};
use super::json::stored;
use super::read::{Column, raw, size};
use super::statement::failure;
use super::types::declared_type;
use super::{open, quote};
use crate::batch::{Batch, BatchLimit, Defect, Position};
use crate::blocking;
use crate::config::{ColumnType, Document, From, SourceConfig, UNTOLD};
use crate::error::Error;
use crate::source::{Guarantee, Source};

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
    cursor_name: String,
    cursor: usize,
    /// A value of the environment is in what is read, so that what SQLite says is not told.
    conceals: bool,
    cursor_is_rowid: bool,
    /// The table, if the cursor is given by AUTOINCREMENT.
    autoincrement: Option<String>,
    schema: SchemaRef,
}

/// Why a source cannot be opened: which setting is wrong, and what to do.
pub(crate) struct Unopened {
    /// The setting of the source, for example `cursor`.
    pub(crate) setting: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Everything that stops a source from being opened, and its columns if they are known.
pub(crate) struct NotOpened {
    pub(crate) why: Vec<Unopened>,
    pub(crate) schema: Option<SchemaRef>,
}

impl std::convert::From<Vec<Unopened>> for NotOpened {
    fn from(why: Vec<Unopened>) -> Self {
        Self { why, schema: None }
    }
}

impl Unopened {
    fn new(setting: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { setting, message: message.into(), help: help.into() }
    }
}

impl SqliteSource {
    /// Opens a source without writing to it, and learns its columns.
    pub(crate) fn open(config: &SourceConfig, document: &Document) -> Result<Self, NotOpened> {
        let connection = open_read_only(&config.database.path).map_err(|error| {
            let message = format!("the database {} cannot be opened: {}", config.database, failure(&error));
            vec![Unopened::new("url", message, "check that it is there, and a SQLite database that this user may read")]
        })?;
        let (setting, relation) = match &config.from {
            From::Table(table) => ("table", quote(table)),
            From::Query(query) => ("query", format!("({}\n)", query.trim().trim_end_matches(';'))),
        };
        let schema = columns(&connection, setting, &relation, config)?;
        let cursor = schema
            .column_with_name(&config.cursor)
            .filter(|(_, field)| field.data_type() == &DataType::Int64)
            .map(|(number, _)| number)
            .ok_or_else(|| NotOpened {
                // A cursor that is missing in the configuration has been reported.
                why: if config.cursor.is_empty() { Vec::new() } else { vec![no_cursor(&schema, &config.cursor)] },
                schema: Some(Arc::clone(&schema)),
            })?;
        let rowid = rowid_alias(&connection, config).unwrap_or_default();
        let reading = Reading {
            name: config.name.clone(),
            relation,
            cursor_name: quote(&config.cursor),
            cursor,
            conceals: ["table", "query", "cursor"].iter().any(|name| document.conceals(&config.setting.key(*name))),
            cursor_is_rowid: rowid.is_cursor,
            autoincrement: match &config.from {
                From::Table(table) if rowid.is_cursor && rowid.is_autoincrement => Some(table.clone()),
                _ => None,
            },
            schema,
        };
        let guarantee = guarantee(config, rowid);
        Ok(Self { connection: Some(connection), reading: Arc::new(reading), guarantee })
    }
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
        let data_type = config.columns.get(column.name()).map(data_type).or_else(|| declared_type(declared));
        if let Some(data_type) = data_type {
            fields.push(Field::new(column.name(), data_type, true));
        } else {
            problems.push(untyped(column.name(), declared));
        }
    }
    for name in config.columns.keys() {
        if !statement.columns().iter().any(|column| column.name() == name) {
            let message = format!("there is no column `{name}`");
            problems.push(Unopened::new("columns", message, "remove it, or correct its name"));
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

fn no_cursor(schema: &Schema, cursor: &str) -> Unopened {
    let message = match schema.column_with_name(cursor) {
        Some(_) => format!("the cursor `{cursor}` is not an integer column"),
        None => format!("there is no column `{cursor}`"),
    };
    let integers: Vec<_> = schema
        .fields()
        .iter()
        .filter(|field| field.data_type() == &DataType::Int64)
        .map(|field| field.name())
        .collect();
    Unopened::new("cursor", message, format!("the integer columns are: {integers:?}"))
}

fn data_type(column_type: &ColumnType) -> DataType {
    use datafusion::arrow::datatypes::TimeUnit;
    match *column_type {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Bytes => DataType::Binary,
    }
}

#[async_trait]
impl Source for SqliteSource {
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
        self.reading.given(objects)
    }

    async fn horizon(&mut self) -> Result<Position, Error> {
        let reading = Arc::clone(&self.reading);
        blocking::with(&mut self.connection, move |connection| {
            reading.horizon(connection).map_err(|error| Error::source(&reading.name, error))
        })
        .await
    }

    async fn read(&mut self, after: Position, upto: Position, limit: BatchLimit) -> Result<Batch, Error> {
        let reading = Arc::clone(&self.reading);
        blocking::with(&mut self.connection, move |connection| reading.batch(connection, after, upto, limit)).await
    }
}

impl Reading {
    fn told(&self, error: &rusqlite::Error) -> String {
        if self.conceals { format!("SQLite fails to read it; {UNTOLD}") } else { failure(error).to_string() }
    }

    /// A batch of records that are given as JSON.
    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String> {
        let mut rows = Rows::new(&self.schema, BatchLimit { rows: objects.len(), bytes: 0 });
        for (number, object) in objects.iter().enumerate() {
            let wrong = |name: &str, what: &str| format!("record {} of the input: `{name}` {what}", number + 1);
            if let Some(name) = object.keys().find(|name| self.schema.index_of(name).is_err()) {
                return Err(wrong(name, "is no column of the source"));
            }
            for (column, field) in self.schema.fields().iter().enumerate() {
                let value = stored(object.get(field.name()), field.data_type());
                let value = value.map_err(|what| wrong(field.name(), &what))?;
                rows.push_value(column, ValueRef::from(&value));
            }
            rows.count += 1;
        }
        Ok(self.finish(rows, Position::Start, Position::Start))
    }

    fn horizon(&self, connection: &Connection) -> Result<Position, String> {
        let Self { relation, cursor_name: cursor, .. } = self;
        if !self.cursor_is_rowid {
            let broken: i64 = connection
                .query_row(&format!("SELECT count(*) FROM {relation} WHERE typeof({cursor}) <> 'integer'"), [], |row| {
                    row.get(0)
                })
                .map_err(|error| self.told(&error))?;
            if broken > 0 {
                return Err(format!(
                    "{broken} records have no integer in the cursor {cursor}, and would never be read"
                ));
            }
        }
        let highest: Option<i64> = connection
            .query_row(&format!("SELECT max({cursor}) FROM {relation}"), [], |row| row.get(0))
            .map_err(|error| self.told(&error))?;
        // Ids that were given and are gone are settled as well, because they never come again.
        let sequence = "SELECT seq FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE";
        let given = match &self.autoincrement {
            Some(table) => connection.query_row(sequence, [table], |row| row.get(0)).optional(),
            None => Ok(None),
        };
        Ok(Position::from(highest.max(given.map_err(|error| self.told(&error))?)))
    }

    fn batch(
        &self,
        connection: &Connection,
        after: Position,
        upto: Position,
        limit: BatchLimit,
    ) -> Result<Batch, Error> {
        let refused = |error: rusqlite::Error| Error::source(&self.name, self.told(&error));
        let Self { relation, cursor_name: cursor, .. } = self;
        let first = after.cursor().map_or(Some(i64::MIN), |cursor| cursor.checked_add(1));
        let (Some(first), Some(last)) = (first, upto.cursor()) else {
            return Ok(self.finish(Rows::new(&self.schema, limit), after, upto));
        };
        // A single statement reads in a single snapshot, which ends with it.
        let columns: Vec<_> = self.schema.fields().iter().map(|field| quote(field.name())).collect();
        let columns = columns.join(", ");
        let sql =
            format!("SELECT {columns} FROM {relation} WHERE {cursor} BETWEEN ?1 AND ?2 ORDER BY {cursor} LIMIT ?3");
        let mut statement = connection.prepare_cached(&sql).map_err(refused)?;
        let one_more = i64::try_from(limit.rows).unwrap_or(i64::MAX).saturating_add(1);
        let mut found = statement.query([first, last, one_more]).map_err(refused)?;
        let mut rows = Rows::new(&self.schema, limit);
        while let Some(row) = found.next().map_err(refused)? {
            let position: i64 = row.get(self.cursor).map_err(refused)?;
            if rows.count >= limit.rows || rows.bytes >= limit.bytes {
                let upto = self.whole_groups(&mut rows, position, limit)?;
                return Ok(self.finish(rows, after, upto));
            }
            rows.push(row, position).map_err(refused)?;
        }
        Ok(self.finish(rows, after, upto))
    }

    /// Ends a batch in front of the record at `next`, so that all records of one cursor value stay in one batch.
    fn whole_groups(&self, rows: &mut Rows, next: i64, limit: BatchLimit) -> Result<Position, Error> {
        if rows.last != Some(next) {
            return Ok(Position::from(rows.last));
        }
        if let Some(before) = rows.before_last {
            rows.keep = rows.last_begins;
            return Ok(Position::At(before));
        }
        let message = format!(
            "more records than a batch holds ({} rows, {} bytes) share the cursor {next}; raise batch.rows or batch.bytes",
            limit.rows, limit.bytes
        );
        Err(Error::source(&self.name, message))
    }

    fn finish(&self, mut rows: Rows, after: Position, upto: Position) -> Batch {
        let arrays: Vec<ArrayRef> = rows.columns.iter_mut().map(Column::finish).collect();
        let records = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .expect("each column is built with the type of its field and one value a row");
        let keep = rows.keep.min(records.num_rows());
        rows.defects.retain(|defect| defect.row < keep);
        Batch { records: records.slice(0, keep), after, upto, defects: rows.defects }
    }
}

/// The records of a batch while they are read.
struct Rows {
    columns: Vec<Column>,
    defects: Vec<Defect>,
    count: usize,
    bytes: usize,
    /// How many rows are part of the batch in the end.
    keep: usize,
    last: Option<i64>,
    /// The row at which the records with the cursor `last` begin.
    last_begins: usize,
    before_last: Option<i64>,
}

impl Rows {
    /// No rows yet, with room for as many as the limit allows. Memory that is never written to costs nothing, and
    /// columns that grew while they are read would leave holes of all sizes behind.
    fn new(schema: &Schema, limit: BatchLimit) -> Self {
        let bytes = limit.bytes / schema.fields().len().max(1);
        let column = |field: &Arc<Field>| Column::with_capacity(field.data_type(), limit.rows.min(bytes / 8), bytes);
        Self {
            columns: schema.fields().iter().map(column).collect(),
            defects: Vec::new(),
            count: 0,
            bytes: 0,
            keep: usize::MAX,
            last: None,
            last_begins: 0,
            before_last: None,
        }
    }

    #[inline]
    fn push(&mut self, row: &rusqlite::Row<'_>, position: i64) -> rusqlite::Result<()> {
        if self.last != Some(position) {
            self.before_last = self.last;
            self.last = Some(position);
            self.last_begins = self.count;
        }
        for number in 0..self.columns.len() {
            self.push_value(number, row.get_ref(number)?);
        }
        self.count += 1;
        Ok(())
    }

    #[inline]
    fn push_value(&mut self, column: usize, value: ValueRef<'_>) {
        match self.columns[column].push(value) {
            Ok(bytes) => self.bytes += bytes,
            Err(reason) => {
                self.bytes += size(value);
                self.defects.push(Defect { row: self.count, column, reason, raw: raw(value) });
            }
        }
    }
}
