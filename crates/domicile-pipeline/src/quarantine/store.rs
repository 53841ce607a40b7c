//! The way into a database's quarantine, and the statements for it: the same in each, but for a few words.

use async_trait::async_trait;

use super::filter::Narrowed;
use super::kept::Key;
use crate::deliver::Delivery;
use crate::error::Failure;

/// A row of texts.
pub(crate) type Row = Vec<Option<String>>;

/// What a statement is written with, which differs from database to database.
pub(crate) struct Dialect {
    /// The place of a value, by its number from 1.
    pub(crate) place: fn(usize) -> String,
    /// A whole number, made of a text.
    pub(crate) integer: &'static str,
    /// A text, made of a number.
    pub(crate) text: &'static str,
    /// A time in UTC, to the second, as a text.
    pub(crate) time: fn(&str) -> String,
    pub(crate) now: &'static str,
    /// What ends a query whose rows nobody else changes until the transaction ends.
    pub(crate) hold: &'static str,
    /// What begins and ends an INSERT that does nothing where the row is there.
    pub(crate) insert: (&'static str, &'static str),
}

/// A way into one database that also works on its quarantine, beside runs that deliver to it: it takes no epoch, and moves
/// no position.
#[async_trait]
pub(crate) trait Store: Delivery {
    fn dialect(&self) -> &'static Dialect;
    /// Connects, without a trace: `false` where there is no database. It may be connected already.
    async fn connect(&mut self) -> Result<bool, Failure>;
    /// The columns of a table, none where there is no such table.
    async fn columns(&mut self, table: &str) -> Result<Vec<String>, Failure>;
    /// What a query gives, whose values and columns are texts.
    async fn select(&mut self, sql: &str, values: &[Option<String>]) -> Result<Vec<Row>, Failure>;
    /// How many rows a statement has changed.
    async fn execute(&mut self, sql: &str, values: &[Option<String>]) -> Result<u64, Failure>;
    /// A reason and a record as the database can keep them, which may have fewer characters, or take no long texts.
    async fn kept(&mut self, reason: String, record: String) -> Result<(String, String), Failure> {
        Ok((reason, record))
    }
    /// Makes what is missing of Domicile's own tables.
    async fn mend(&mut self) -> Result<(), Failure>;
    /// Makes what is missing, and learns how the tables are written. No transaction is open then.
    async fn prepare(&mut self) -> Result<(), Failure>;
    /// Begins a transaction.
    async fn begin_beside(&mut self) -> Result<(), Failure>;
    /// Commits it.
    async fn commit_beside(&mut self) -> Result<(), Failure>;
}

/// A statement while its values are gathered.
pub(super) struct Statement<'a> {
    dialect: &'a Dialect,
    sql: String,
    values: Vec<Option<String>>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(dialect: &'a Dialect, sql: impl Into<String>) -> Self {
        Self { dialect, sql: sql.into(), values: Vec::new() }
    }

    pub(super) fn sql(mut self, sql: &str) -> Self {
        self.sql += sql;
        self
    }

    pub(super) fn text(self, text: impl Into<String>) -> Self {
        self.maybe(Some(text.into()))
    }

    pub(super) fn maybe(mut self, text: Option<String>) -> Self {
        self.values.push(text);
        self.sql += &(self.dialect.place)(self.values.len());
        self
    }

    pub(super) fn integer(mut self, integer: i64) -> Self {
        self.values.push(Some(integer.to_string()));
        let place = (self.dialect.place)(self.values.len());
        self.sql += &format!("CAST({place} AS {})", self.dialect.integer);
        self
    }

    pub(super) fn key(self, source: &str, key: &Key) -> Self {
        let source = self.sql(" WHERE source = ").text(source);
        source.sql(" AND position = ").text(&key.text).sql(" AND number = ").integer(key.number)
    }

    pub(super) fn which(mut self, which: &Narrowed) -> Self {
        self = self.sql(" WHERE 1 = 1");
        for (column, values) in [("source", &which.sources), ("cause", &which.causes), ("position", &which.positions)] {
            for (number, value) in values.iter().enumerate() {
                let before = if number == 0 { format!(" AND {column} IN (") } else { String::from(", ") };
                self = self.sql(&before).text(value);
            }
            if !values.is_empty() {
                self = self.sql(")");
            }
        }
        match which {
            Narrowed { only_waiting: true, .. } => self.sql(" AND resolution IS NULL"),
            Narrowed { only_undelivered: true, .. } => {
                self.sql(" AND (resolution IS NULL OR resolution IN ('dropped', 'ignored'))")
            }
            _ => self,
        }
    }

    pub(super) async fn select(self, store: &mut dyn Store) -> Result<Vec<Row>, Failure> {
        store.select(&self.sql, &self.values).await
    }

    pub(super) async fn execute(self, store: &mut dyn Store) -> Result<u64, Failure> {
        store.execute(&self.sql, &self.values).await
    }
}
