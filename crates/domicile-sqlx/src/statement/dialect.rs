//! The SQL of a kind of database.

use sqlparser::dialect::{Dialect as SqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};

/// The SQL of a kind of database, by which statements are read.
///
/// ```
/// use domicile_sqlx::{Capability, Dialect};
///
/// assert_eq!(sqlx::Sqlite::DIALECT, Dialect::Sqlite);
/// ```
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
    pub(super) fn sql(self) -> &'static dyn SqlDialect {
        match self {
            Self::Postgres => &PostgreSqlDialect {},
            Self::MySql => &MySqlDialect {},
            Self::Sqlite => &SQLiteDialect {},
        }
    }
}
