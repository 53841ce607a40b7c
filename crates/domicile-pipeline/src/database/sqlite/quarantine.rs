//! Working on a quarantine that is in a SQLite file.

use async_trait::async_trait;
use rusqlite::params_from_iter;

use super::delivery::SqliteDelivery;
use super::schema::{existing, make_own_tables};
use super::statement::failure;
use crate::deliver::Delivery;
use crate::error::Failure;
use crate::quarantine::{Dialect, Row, Store};

static DIALECT: Dialect = Dialect {
    place: |number| format!("?{number}"),
    integer: "INTEGER",
    text: "TEXT",
    time: |column| format!("strftime('%Y-%m-%d %H:%M:%S', {column})"),
    now: "datetime('now')",
    hold: "",
    insert: ("INSERT", " ON CONFLICT DO NOTHING"),
};

#[async_trait]
impl Store for SqliteDelivery {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    async fn connect(&mut self) -> Result<bool, Failure> {
        if self.open.is_none() && self.path.exists() {
            self.open().await?;
        }
        Ok(self.open.is_some())
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>, Failure> {
        let table = table.to_owned();
        let columns =
            self.with_open(move |_, open| existing(&open.connection, &table).map_err(|error| failure(&error)));
        Ok(columns.await?.into_iter().map(|column| column.name).collect())
    }

    async fn select(&mut self, sql: &str, values: &[Option<String>]) -> Result<Vec<Row>, Failure> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.with_open(move |_, open| {
            let select = || {
                let mut statement = open.connection.prepare_cached(&sql)?;
                let columns = statement.column_count();
                let rows = statement
                    .query_map(params_from_iter(values), |row| (0..columns).map(|at| row.get(at)).collect())?;
                rows.collect::<rusqlite::Result<_>>()
            };
            select().map_err(|error| failure(&error))
        })
        .await
    }

    async fn execute(&mut self, sql: &str, values: &[Option<String>]) -> Result<u64, Failure> {
        let (sql, values) = (sql.to_owned(), values.to_vec());
        self.with_open(move |_, open| {
            let execute = || open.connection.prepare_cached(&sql)?.execute(params_from_iter(values));
            execute().map(|changed| changed as u64).map_err(|error| failure(&error))
        })
        .await
    }

    async fn mend(&mut self) -> Result<(), Failure> {
        self.with_open(|_, open| {
            open.execute("BEGIN IMMEDIATE")?;
            make_own_tables(&open.connection).map_err(|error| failure(&error))?;
            open.execute("COMMIT")
        })
        .await
    }

    async fn prepare(&mut self) -> Result<(), Failure> {
        self.with_open(|delivered, open| {
            open.execute("BEGIN IMMEDIATE")?;
            open.prepare(delivered).map_err(|error| failure(&error))?;
            open.execute("COMMIT")
        })
        .await
    }

    async fn begin_beside(&mut self) -> Result<(), Failure> {
        self.with_open(|_, open| open.execute("BEGIN IMMEDIATE")).await
    }

    async fn commit_beside(&mut self) -> Result<(), Failure> {
        self.with_open(|_, open| open.execute("COMMIT")).await
    }
}
