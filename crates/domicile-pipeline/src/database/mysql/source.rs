//! Reading records from MySQL or MariaDB, in the order of the cursor.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use futures::StreamExt;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Params, Row, Value};
use serde_json::Map;

use super::charset::partial;
use super::connect::{Session, connect};
use super::cursor::{between, bounds};
use super::guarantee::Settling;
use super::index::unindexed;
use super::large::{Asked, is_too_large, sent_bytes};
use super::read::push_values;
use super::refused::refused;
use super::types::source_column;
use super::{failure, is_ended_late, quote, said};
use crate::batch::{Batch, BatchLimit};
use crate::config::{ColumnType, Document, From, ServerUrl, SourceConfig, UNTOLD};
use crate::cursor::Cursor;
use crate::database::COUNTS_AT_ONCE;
use crate::database::bounds::{Bounds, check_all_are_read, count_upto, told_of_future};
use crate::database::given::given;
use crate::database::rows::Rows;
use crate::error::{Error, Failure, Unread};
use crate::position::Position;
use crate::source::{Counting, Guarantee, Horizon, NotOpened, Source, Unindexed, Unopened, Waits};

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
    /// By column, what is selected so that it comes as the schema says.
    selected: Vec<String>,
    /// By column, in how many bytes that is sent, as SQL.
    sent_bytes: Vec<Option<String>>,
    cursor: Cursor,
    bounds: Bounds,
    /// A value of the environment is in what is read, so that what the server says is not told.
    conceals: bool,
    schema: SchemaRef,
    /// All columns, also those that are not read.
    all: SchemaRef,
}

impl MySqlSource {
    /// Opens a source without writing to it, and learns its columns.
    pub(crate) async fn open(
        server: &ServerUrl,
        config: &SourceConfig,
        document: &Document,
    ) -> Result<Self, NotOpened> {
        let unreachable = |why: &str| vec![Unopened::unreachable(&config.database, why)];
        let mut session = opened(server).await.map_err(|failure| unreachable(&failure.to_string()))?;
        let (setting, relation) = match &config.from {
            From::Table(table) => ("table", quote(table)),
            From::Query(query) => ("query", format!("({}\n) AS record", query.trim().trim_end_matches(';'))),
        };
        let statement = match session.conn.prep(format!("SELECT * FROM {relation}")).await {
            Ok(statement) => statement,
            Err(error) => return Err(vec![refused(&mut session, &error, config, document).await].into()),
        };
        if statement.num_params() > 0 {
            let help = "there is no value for it: write the value itself";
            return Err(vec![Unopened::new(setting, "it has a `?`, which stands for a value", help)].into());
        }
        let charsets = partial(&mut session, &relation, &statement.columns()).await;
        let charsets = charsets.map_err(|error| unreachable(&said(&error)))?;
        let (selected, schema) = columns(&statement.columns(), &charsets, config)?;
        // What text is made of here is not ordered as the text is; the server has the text of everything.
        let found = statement.columns();
        let is_compared = |number: usize, field: &Field| {
            let as_it_is = source_column(&found[number], charsets[number].as_deref(), None, true);
            config.columns.get(field.name()).is_none_or(|configured| *configured == ColumnType::Text)
                || as_it_is.is_ok_and(|(_, as_it_is)| as_it_is == *field)
        };
        let cursor = Cursor::open(&schema, &config.cursor, is_compared)?;
        let settling = Settling::find(&mut session, config).await.map_err(|error| unreachable(&said(&error)))?;
        let sent_bytes = found.iter().zip(&selected).map(|(column, selected)| sent_bytes(column, selected)).collect();
        let reading = Reading {
            name: config.name.clone(),
            relation,
            sent_bytes,
            bounds: bounds(&cursor, &statement.columns(), &selected, settling.cursor()),
            selected,
            cursor,
            conceals: ["table", "query", "cursor"].iter().any(|name| document.conceals(&config.setting.key(*name))),
            all: Arc::clone(&schema),
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
            self.session = Some(session.map_err(|failure| Error::unread(&self.reading.name, failure.into()))?);
        }
        Ok(self.session.as_mut().expect("it was opened above"))
    }

    /// The records of a batch, and if there are more than it may have, whether more were asked for than were read.
    async fn records(
        &mut self,
        asked: &Asked,
        from: &Bound<Position>,
        upto: &Position,
        limit: BatchLimit,
    ) -> Result<Result<(Rows, Option<bool>), mysql_async::Error>, Error> {
        let rows = Rows::new(&self.reading.schema, limit);
        if *upto == Position::Start {
            return Ok(Ok((rows, None)));
        }
        self.connected().await?;
        let session = self.session.as_mut().expect("it was opened above");
        let (condition, mut values) = between(&self.reading.bounds, from, upto);
        // A single statement reads in a single snapshot, which ends with it.
        let sql = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {} LIMIT ?",
            asked.columns,
            asked.relation,
            self.reading.bounds.order()
        );
        values.push(Value::UInt(u64::try_from(limit.rows.saturating_add(1)).unwrap_or(u64::MAX)));
        Ok(streamed(session, &sql, values, asked, rows).await)
    }
}

async fn opened(server: &ServerUrl) -> Result<Session, Failure> {
    let mut session = connect(server).await?;
    let read_only = session.conn.query_drop(READ_ONLY).await;
    read_only.map_err(|error| failure(&error))?;
    Ok(session)
}

fn columns(
    columns: &[Column],
    charsets: &[Option<String>],
    config: &SourceConfig,
) -> Result<(Vec<String>, SchemaRef), Vec<Unopened>> {
    let mut problems = Vec::new();
    let (mut selected, mut fields) = (Vec::new(), Vec::new());
    for (column, charset) in columns.iter().zip(charsets) {
        let name = column.name_str();
        let is_cursor = config.cursor.iter().any(|cursor| *cursor == name);
        match source_column(column, charset.as_deref(), config.columns.get(&*name), is_cursor) {
            Ok((expression, field)) => {
                selected.push(expression);
                fields.push(field);
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

    fn narrow(&mut self, columns: &[usize]) {
        let reading = &mut self.reading;
        reading.schema = Arc::new(reading.schema.project(columns).expect("the columns are among those of the source"));
        reading.cursor = reading.cursor.within(&reading.schema);
        reading.selected = columns.iter().map(|&column| reading.selected[column].clone()).collect();
        reading.sent_bytes = columns.iter().map(|&column| reading.sent_bytes[column].clone()).collect();
    }

    fn cursor(&self) -> &Cursor {
        &self.reading.cursor
    }

    fn guarantee(&self) -> &Guarantee {
        &self.guarantee
    }

    async fn unindexed(&mut self) -> Result<Option<Unindexed>, Error> {
        self.connected().await?;
        let Self { session, reading, settling, .. } = self;
        let session = session.as_mut().expect("it was opened above");
        let Some(table) = settling.table() else { return Ok(None) };
        let found = unindexed(session, &reading.bounds, &reading.cursor.names(), table).await;
        found.map_err(|error| Error::unread(&reading.name, reading.told(&error)))
    }

    fn given(&self, objects: &[Map<String, serde_json::Value>]) -> Result<Batch, String> {
        given(&self.reading.schema, &self.reading.all, objects)
    }

    async fn horizon(&mut self, reached: &Position, waits: Option<&Waits>) -> Result<Horizon, Error> {
        self.connected().await?;
        let Self { session, reading, settling, .. } = self;
        let session = session.as_mut().expect("it was opened above");
        let told = |unread: Unread| Error::unread(&reading.name, unread);
        reading.check_all_are_read(session).await.map_err(told)?;
        let seen = reading.last(session).await.map_err(told)?;
        let highest = settling.given(session, seen, reached).await.map_err(|error| told(reading.told(&error)))?;
        let horizon = settling.horizon(session, highest, reached, waits).await;
        let horizon = horizon.map_err(|error| told(reading.told(&error)))?.map_err(|message| told(message.into()))?;
        let future = reading.count(reading.bounds.count_future(&reading.relation), session).await.map_err(told)?;
        Ok(told_of_future(horizon, future))
    }

    fn hurry(&mut self, wait: Duration) {
        self.settling.wait = wait;
    }

    async fn count(&mut self, positions: &[Position], counting: Counting) -> Result<Vec<Option<u64>>, Error> {
        self.connected().await?;
        let session = self.session.as_mut().expect("it was opened above");
        let counted = self.reading.count_between(session, positions, counting).await;
        counted.map_err(|error| Error::unread(&self.reading.name, self.reading.told(&error)))
    }

    async fn read(&mut self, from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> Result<Batch, Error> {
        let asked = Asked::whole(&self.reading.selected, &self.reading.relation);
        let read = match self.records(&asked, from, upto, limit).await? {
            Err(error) if is_too_large(&error) => {
                // What is left of it stands in the way of all that follows.
                if let Some(rest) = self.session.take() {
                    throw_away(&self.server, rest).await;
                }
                let most_bytes = self.connected().await?.most_bytes;
                let Reading { selected, sent_bytes, relation, .. } = &self.reading;
                let asked = Asked::bounded(selected, sent_bytes, relation, most_bytes);
                self.records(&asked, from, upto, limit).await?
            }
            read => read,
        };
        let Self { server, session, reading, .. } = self;
        let told = |unread: Unread| Error::unread(&reading.name, unread);
        let (rows, is_cut) = read.map_err(|error| told(reading.told(&error)))?;
        if is_cut == Some(true)
            && let Some(rest) = session.take()
        {
            throw_away(server, rest).await;
        }
        let batch = match is_cut {
            None => rows.last(&reading.schema, &reading.cursor, upto),
            Some(_) => rows.before_last(&reading.schema, &reading.cursor),
        };
        batch.map_err(|message| told(message.into()))
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
    fn told(&self, error: &mysql_async::Error) -> Unread {
        let message = if self.conceals { format!("the server fails to read it; {UNTOLD}") } else { said(error) };
        Unread { message, may_pass: failure(error).is_transient() }
    }

    /// A source with records that would never be read is refused.
    async fn check_all_are_read(&self, session: &mut Session) -> Result<(), Unread> {
        let never = self.count(self.bounds.count_never(&self.relation), session).await?;
        Ok(check_all_are_read(never, &self.cursor)?)
    }

    /// What a query counts; nothing without one.
    async fn count(&self, sql: Option<String>, session: &mut Session) -> Result<i64, Unread> {
        let Some(sql) = sql else { return Ok(0) };
        let count: Option<i64> = session.conn.query_first(sql).await.map_err(|error| self.told(&error))?;
        Ok(count.unwrap_or_default())
    }

    /// Counts records between positions, in one statement for as many as that may have.
    async fn count_between(
        &self,
        session: &mut Session,
        positions: &[Position],
        Counting { most, within }: Counting,
    ) -> Result<Vec<Option<u64>>, mysql_async::Error> {
        session.conn.query_drop(session.kind.end_statements_after(within)).await?;
        let pairs: Vec<_> = positions.windows(2).collect();
        let mut counted = Vec::new();
        for pairs in pairs.chunks(COUNTS_AT_ONCE) {
            let (mut counts, mut all) = (Vec::new(), Vec::new());
            for pair in pairs {
                let (condition, values) = between(&self.bounds, &pair[0].behind(), &pair[1]);
                counts.push(format!("({})", count_upto(&self.relation, &condition, most)));
                all.extend(values);
            }
            let values = if all.is_empty() { Params::Empty } else { Params::Positional(all) };
            let row: Result<Option<Row>, _> =
                session.conn.exec_first(format!("SELECT {}", counts.join(", ")), values).await;
            match row {
                Ok(row) => {
                    let count = |at| row.as_ref().and_then(|row| row.get::<u64, _>(at));
                    counted.extend((0..pairs.len()).map(count));
                }
                Err(error) if is_ended_late(&error) => {
                    counted.resize(positions.len().saturating_sub(1), None);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(counted)
    }

    /// The highest position that is to be seen.
    async fn last(&self, session: &mut Session) -> Result<Position, Unread> {
        let selected: Vec<_> = self.cursor.columns().iter().map(|&column| self.selected[column].clone()).collect();
        let schema = self.schema.project(self.cursor.columns()).map_err(|error| error.to_string())?;
        let asked = Asked::whole(&selected, &self.relation);
        let sql = self.bounds.select_last(&asked.columns, &asked.relation);
        let read = streamed(session, &sql, Vec::new(), &asked, Rows::one(&schema)).await;
        let (rows, _) = read.map_err(|error| self.told(&error))?;
        Ok(rows.position(&Arc::new(schema))?)
    }
}

/// The records of a query. If there are more than a batch may have, one of them is among the records, and it is told
/// whether more than that were asked for.
async fn streamed(
    session: &mut Session,
    sql: &str,
    values: Vec<Value>,
    asked: &Asked,
    mut rows: Rows,
) -> Result<(Rows, Option<bool>), mysql_async::Error> {
    let values = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
    let mut records = session.conn.exec_stream::<Row, _, _>(sql, values).await?;
    while let Some(record) = records.next().await {
        let record = record?;
        let is_full = rows.is_full();
        push_values(&mut rows, &record);
        asked.push_sizes(&mut rows, &record);
        rows.end();
        if is_full {
            let is_cut = !rows.is_beyond_count();
            return Ok((rows, Some(is_cut)));
        }
    }
    Ok((rows, None))
}
