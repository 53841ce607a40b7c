//! Reading records from PostgreSQL, in the order of the cursor.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;
use serde_json::{Map, Value};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::connect::{Reader, connect_to_read};
use super::copy::Records;
use super::cursor::{bounds, literal};
use super::encoding::{UNTRANSLATABLE, as_bytes, is_untranslatable, translated};
use super::guarantee::Settling;
use super::index::unindexed;
use super::read::{Format, hexadecimal, push_into};
use super::refused::{Asked, refused};
use super::types::{Declared, source_column, untyped};
use super::{failure, relation, said};
use crate::batch::{Batch, BatchLimit};
use crate::config::{Document, From, ServerUrl, SourceConfig, UNTOLD};
use crate::cursor::Cursor;
use crate::database::COUNTS_AT_ONCE;
use crate::database::bounds::{Bounds, check_all_are_read, count_upto, told_of_future};
use crate::database::column::Column;
use crate::database::given::given;
use crate::database::rows::Rows;
use crate::error::{Error, Unread};
use crate::extension::{UUID, extension};
use crate::position::Position;
use crate::source::{Counting, Guarantee, Horizon, NotOpened, Source, Unindexed, Unopened, Waits};

/// A table or query of a database of PostgreSQL.
pub(crate) struct PostgresSource {
    server: ServerUrl,
    client: Option<Reader>,
    asked: Asked,
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
    /// By column, how it is sent.
    formats: Vec<Format>,
    cursor: Cursor,
    bounds: Bounds,
    /// The type that the values of each column of the cursor are written with.
    casts: Vec<&'static str>,
    /// A value of the environment is in what is read, so that what the server says is not told.
    conceals: bool,
    schema: SchemaRef,
    /// All columns, also those that are not read.
    all: SchemaRef,
}

impl PostgresSource {
    /// Opens a source without writing to it, and learns its columns.
    pub(crate) async fn open(
        server: &ServerUrl,
        config: &SourceConfig,
        document: &Document,
    ) -> Result<Self, NotOpened> {
        let unreachable = |why: &str| vec![Unopened::unreachable(&config.database, why)];
        let client = connect_to_read(server).await.map_err(|failure| unreachable(&failure.to_string()))?;
        let relation = match &config.from {
            From::Table(table) => relation(table),
            From::Query(query) => format!("({}\n) AS record", query.trim().trim_end_matches(';')),
        };
        let asked = Asked::new(server, config, document);
        let statement = match client.prepare(&format!("SELECT * FROM {relation}")).await {
            Ok(statement) => statement,
            Err(error) => return Err(vec![refused(&client, &asked, &error).await].into()),
        };
        let Columns { selected, formats, schema } = columns(&statement, config)?;
        // The server converts all other types itself.
        let is_compared = |number: usize, field: &Field| {
            extension(field) != Some(UUID) || statement.columns()[number].type_().name() == UUID
        };
        let cursor = Cursor::open(&schema, &config.cursor, is_compared)?;
        let settling = Settling::find(&client, config).await.map_err(|error| unreachable(&said(&error)))?;
        let (bounds, casts) = bounds(&cursor, statement.columns(), &selected, settling.not_null());
        let reading = Reading {
            name: config.name.clone(),
            relation,
            selected,
            formats,
            cursor,
            bounds,
            casts,
            conceals: ["table", "query", "cursor"].iter().any(|name| document.conceals(&config.setting.key(*name))),
            all: Arc::clone(&schema),
            schema,
        };
        let guarantee = settling.guarantee(config);
        Ok(Self { server: server.clone(), client: Some(client), asked, reading, settling, guarantee })
    }

    /// The connection, which is opened again where it was lost.
    async fn connected(&mut self) -> Result<&Client, Error> {
        if self.client.as_ref().is_none_or(|client| client.is_closed()) {
            let client = connect_to_read(&self.server).await;
            let client = client.map_err(|failure| Error::unread(&self.reading.name, failure.into()))?;
            self.client = Some(client);
        }
        Ok(self.client.as_ref().expect("it was opened above"))
    }
}

/// The columns of the source, by what is selected of them, how they are sent, and their fields.
struct Columns {
    selected: Vec<String>,
    formats: Vec<Format>,
    schema: SchemaRef,
}

fn columns(statement: &Statement, config: &SourceConfig) -> Result<Columns, Vec<Unopened>> {
    let mut problems = Vec::new();
    let (mut selected, mut formats, mut fields) = (Vec::new(), Vec::new(), Vec::new());
    for column in statement.columns() {
        let declared = Declared::of(column);
        match source_column(column.name(), &declared, config.columns.get(column.name())) {
            Some(column) => {
                selected.push(column.selected);
                formats.push(column.format);
                fields.push(column.field);
            }
            None => problems.push(untyped(column.name(), &declared)),
        }
    }
    for name in config.columns.keys() {
        if !statement.columns().iter().any(|column| column.name() == name) {
            problems.push(Unopened::no_column(name));
        }
    }
    let schema = Arc::new(Schema::new(fields));
    if problems.is_empty() { Ok(Columns { selected, formats, schema }) } else { Err(problems) }
}

#[async_trait]
impl Source for PostgresSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.reading.schema)
    }

    fn narrow(&mut self, columns: &[usize]) {
        let reading = &mut self.reading;
        reading.schema = Arc::new(reading.schema.project(columns).expect("the columns are among those of the source"));
        reading.cursor = reading.cursor.within(&reading.schema);
        reading.selected = columns.iter().map(|&column| reading.selected[column].clone()).collect();
        reading.formats = columns.iter().map(|&column| reading.formats[column]).collect();
    }

    async fn check_access(&mut self) -> Result<(), Unopened> {
        let Self { client: Some(client), asked, reading, .. } = self else { return Ok(()) };
        // The server asks whether the user may read when a statement begins, and not when it is prepared.
        let sql = format!("SELECT {} FROM {} LIMIT 0", reading.selected.join(", "), reading.relation);
        match client.batch_execute(&sql).await {
            Ok(()) => Ok(()),
            Err(error) => Err(refused(client, asked, &error).await),
        }
    }

    fn cursor(&self) -> &Cursor {
        &self.reading.cursor
    }

    fn guarantee(&self) -> &Guarantee {
        &self.guarantee
    }

    async fn unindexed(&mut self) -> Result<Option<Unindexed>, Error> {
        self.connected().await?;
        let Self { client, reading, settling, .. } = self;
        let client = client.as_ref().expect("it was opened above");
        let Some(table) = settling.table() else { return Ok(None) };
        let found = unindexed(client, &reading.bounds, &reading.cursor.names(), table).await;
        found.map_err(|error| Error::unread(&reading.name, reading.told(&error)))
    }

    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String> {
        given(&self.reading.schema, &self.reading.all, objects)
    }

    async fn horizon(&mut self, reached: &Position, waits: Option<&Waits>) -> Result<Horizon, Error> {
        self.connected().await?;
        let Self { client, reading, settling, .. } = self;
        let client = client.as_ref().expect("it was opened above");
        let told = |unread: Unread| Error::unread(&reading.name, unread);
        reading.check_all_are_read(client).await.map_err(told)?;
        let highest = reading.last(client).await.map_err(told)?;
        let horizon = settling.horizon(client, highest, reached, waits).await;
        let horizon = horizon.map_err(|error| told(reading.told(&error)))?.map_err(|message| told(message.into()))?;
        let future = reading.count(reading.bounds.count_future(&reading.relation), client).await.map_err(told)?;
        Ok(told_of_future(horizon, future))
    }

    fn hurry(&mut self, wait: Duration) {
        self.settling.wait = wait;
    }

    async fn count(&mut self, positions: &[Position], counting: Counting) -> Result<Vec<Option<u64>>, Error> {
        self.connected().await?;
        let client = self.client.as_ref().expect("it was opened above");
        let counted = self.reading.count_between(client, positions, counting).await;
        counted.map_err(|error| Error::unread(&self.reading.name, self.reading.told(&error)))
    }

    async fn read(&mut self, from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> Result<Batch, Error> {
        self.connected().await?;
        let client = self.client.as_ref().expect("it was opened above");
        let read = self.reading.batch(client, from, upto, limit).await;
        let (batch, is_all) = read.map_err(|unread| Error::unread(&self.reading.name, unread))?;
        if !is_all && let Some(client) = self.client.take() {
            // The rest may be large, and is not wanted. To cancel the statement could hit the next one instead.
            client.cut();
        }
        Ok(batch)
    }
}

impl Reading {
    fn told(&self, error: &tokio_postgres::Error) -> Unread {
        let message = if self.conceals { format!("PostgreSQL fails to read it; {UNTOLD}") } else { said(error) };
        Unread { message, may_pass: failure(error).is_transient() }
    }

    /// A source with records that would never be read is refused.
    async fn check_all_are_read(&self, client: &Client) -> Result<(), Unread> {
        let never = self.count(self.bounds.count_never(&self.relation), client).await?;
        Ok(check_all_are_read(never, &self.cursor)?)
    }

    /// What a query counts; nothing without one.
    async fn count(&self, sql: Option<String>, client: &Client) -> Result<i64, Unread> {
        let Some(sql) = sql else { return Ok(0) };
        Ok(client.query_one(&sql, &[]).await.map_err(|error| self.told(&error))?.get(0))
    }

    /// Counts records between positions, in one statement for as many as that may have.
    async fn count_between(
        &self,
        client: &Client,
        positions: &[Position],
        Counting { most, within }: Counting,
    ) -> Result<Vec<Option<u64>>, tokio_postgres::Error> {
        client.batch_execute(&format!("SET statement_timeout TO {}", within.as_millis())).await?;
        let count = |pair: &[Position]| {
            let place = |number: usize, value: &_| literal(value, self.casts[number]);
            let condition = self.bounds.between(&pair[0].behind(), &pair[1], place);
            format!("({})", count_upto(&self.relation, &condition, most))
        };
        let counts: Vec<_> = positions.windows(2).map(count).collect();
        let mut counted = Vec::new();
        for counts in counts.chunks(COUNTS_AT_ONCE) {
            match client.query_one(&format!("SELECT {}", counts.join(", ")), &[]).await {
                Ok(row) => counted.extend((0..counts.len()).map(|at| u64::try_from(row.get::<_, i64>(at)).ok())),
                Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                    counted.resize(positions.len().saturating_sub(1), None);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(counted)
    }

    /// The highest position that is to be seen.
    async fn last(&self, client: &Client) -> Result<Position, Unread> {
        let selected: Vec<_> = self.cursor.columns().iter().map(|&column| self.selected[column].as_str()).collect();
        let formats: Vec<_> = self.cursor.columns().iter().map(|&column| self.formats[column]).collect();
        let schema = self.schema.project(self.cursor.columns()).map_err(|error| error.to_string())?;
        let sql = self.bounds.select_last(&selected.join(", "), &self.relation);
        let (rows, _) = self.copied(client, &sql, &formats, Rows::one(&schema)).await?;
        Ok(rows.position(&Arc::new(schema))?)
    }

    /// A batch, and whether all that the server sends for it has been read.
    async fn batch(
        &self,
        client: &Client,
        from: &Bound<Position>,
        upto: &Position,
        limit: BatchLimit,
    ) -> Result<(Batch, bool), Unread> {
        let rows = Rows::new(&self.schema, limit);
        if *upto == Position::Start {
            return Ok((rows.last(&self.schema, &self.cursor, upto)?, true));
        }
        let copied = self.copied(client, &self.select(&self.selected, from, upto, limit), &self.formats, rows).await;
        let copied = match copied {
            Err(NotCopied::Untranslatable) => self.copied_as_bytes(client, from, upto, limit).await,
            copied => copied,
        };
        match copied? {
            (rows, None) => Ok((rows.last(&self.schema, &self.cursor, upto)?, true)),
            (rows, Some(is_read)) => Ok((rows.before_last(&self.schema, &self.cursor)?, is_read)),
        }
    }

    /// A single statement, which reads in a single snapshot that ends with it.
    fn select(&self, selected: &[String], from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> String {
        format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {}",
            selected.join(", "),
            self.relation,
            self.bounds.between(from, upto, |number, value| literal(value, self.casts[number])),
            self.bounds.order(),
            limit.rows.saturating_add(1)
        )
    }

    /// The records of a query. If there are more than a batch may have, one of them is among the records, and it is told
    /// whether it is the last that was asked for.
    async fn copied(
        &self,
        client: &Client,
        sql: &str,
        formats: &[Format],
        mut rows: Rows,
    ) -> Result<(Rows, Option<bool>), NotCopied> {
        let copied = client.copy_out(&format!("COPY ({sql}) TO STDOUT (FORMAT binary)")).await;
        let mut copied = std::pin::pin!(copied.map_err(|error| self.not_copied(&error))?);
        let mut records = Records::new(rows.columns.len());
        while let Some(bytes) = copied.next().await {
            records.push(&bytes.map_err(|error| self.not_copied(&error))?);
            while let Some(record) = records.next().map_err(|message| NotCopied::Unread(message.into()))? {
                let is_full = rows.is_full();
                for (column, value) in record.values().enumerate() {
                    push_into(&mut rows, column, formats[column], value);
                }
                rows.end();
                if is_full {
                    let is_read = rows.is_beyond_count();
                    return Ok((rows, Some(is_read)));
                }
            }
        }
        if !records.has_ended() {
            return Err(NotCopied::Unread(String::from("the server's COPY was cut off").into()));
        }
        Ok((rows, None))
    }

    /// The same for records with text that the server cannot translate: they are read as the bytes that stand there, and
    /// the server is asked for each text that is not plain.
    async fn copied_as_bytes(
        &self,
        client: &Client,
        from: &Bound<Position>,
        upto: &Position,
        limit: BatchLimit,
    ) -> Result<(Rows, Option<bool>), NotCopied> {
        let fields = self.schema.fields().iter().zip(&self.formats);
        let is_text = fields.map(|(field, format)| *field.data_type() == DataType::Utf8 || *format == Format::Text);
        let is_text: Vec<_> = is_text.collect();
        let selected = self.selected.iter().zip(&is_text);
        let selected = selected.map(|(selected, is_text)| if *is_text { as_bytes(selected) } else { selected.clone() });
        let sql = self.select(&selected.collect::<Vec<_>>(), from, upto, limit);
        let formats = vec![Format::Binary; self.selected.len()];
        let bytes = Schema::new(vec![Field::new("bytes", DataType::Binary, true); self.selected.len()]);
        let (mut bytes, is_read) = self.copied(client, &sql, &formats, Rows::new(&bytes, limit)).await?;
        let bytes: Vec<_> = bytes.columns.iter_mut().map(Column::finish).collect();
        let columns: Vec<_> = bytes.iter().map(|column| column.as_binary::<i32>()).collect();
        let texts = columns.iter().zip(&is_text).filter(|(_, is_text)| **is_text).flat_map(|(column, _)| column.iter());
        let texts: HashSet<_> = texts.flatten().filter(|text| !text.is_ascii()).collect();
        let texts = translated(client, texts.into_iter().collect()).await.map_err(|error| self.not_copied(&error))?;
        let mut rows = Rows::new(&self.schema, limit);
        for row in 0..columns.first().map_or(0, |column| column.len()) {
            for (number, column) in columns.iter().enumerate() {
                let value = column.is_valid(row).then(|| column.value(row));
                match value.filter(|_| is_text[number]).and_then(|bytes| texts.get(bytes)) {
                    None => push_into(&mut rows, number, self.formats[number], value),
                    Some(Some(text)) => push_into(&mut rows, number, self.formats[number], Some(text.as_bytes())),
                    Some(None) => {
                        rows.columns[number].push_null();
                        let raw = hexadecimal(column.value(row));
                        let size = raw.len();
                        rows.unfit(number, String::from(UNTRANSLATABLE), raw.into(), size);
                    }
                }
            }
            rows.end();
        }
        Ok((rows, is_read))
    }

    fn not_copied(&self, error: &tokio_postgres::Error) -> NotCopied {
        if is_untranslatable(error) { NotCopied::Untranslatable } else { NotCopied::Unread(self.told(error)) }
    }
}

/// Why records were not copied.
enum NotCopied {
    /// There is text that has no place in Unicode.
    Untranslatable,
    Unread(Unread),
}

impl std::convert::From<NotCopied> for Unread {
    fn from(not_copied: NotCopied) -> Self {
        match not_copied {
            NotCopied::Untranslatable => String::from(UNTRANSLATABLE).into(),
            NotCopied::Unread(unread) => unread,
        }
    }
}
