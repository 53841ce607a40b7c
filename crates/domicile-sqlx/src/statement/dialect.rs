//! The SQL of a kind of database.

use sqlparser::dialect::{Dialect as SqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};

/// The SQL of a kind of database, by which statements are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL's.
    Postgres,
    /// MySQL's and MariaDB's.
    MySql,
    /// SQLite's.
    Sqlite,
}

impl Dialect {
    /// Databases that a server has of its own: no home is one of them, and they tell of the server and not of records.
    pub(crate) fn server_databases(self) -> &'static [&'static str] {
        match self {
            Self::MySql => &["information_schema", "mysql", "performance_schema", "sys"],
            Self::Postgres | Self::Sqlite => &[],
        }
    }

    pub(super) fn sql(self) -> &'static dyn SqlDialect {
        match self {
            Self::Postgres => &PostgreSqlDialect {},
            Self::MySql => &MySqlDialect {},
            Self::Sqlite => &SQLiteDialect {},
        }
    }
}
