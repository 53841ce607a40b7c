//! The databases of the tests of types: how each is made, asked for its values, and what is the same in its words and in
//! another's.

use std::path::PathBuf;

use domicile_testkit::Server;
use tempfile::TempDir;

use crate::fixture::{open, rows};

/// A kind of database, which is a source and a home of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    MariaDb,
    Sqlite,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Postgres, Kind::MariaDb, Kind::Sqlite];

/// What a value is, so that two databases can be asked for it in such a way that their answers are comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Number,
    Bits,
    Float,
    Text,
    Uuid,
    Bytes,
    Boolean,
    Time,
    Instant,
}

/// One database of each kind.
pub(crate) struct Databases {
    postgres: Server,
    mariadb: Server,
    folder: TempDir,
}

impl Kind {
    /// Its name for people, and the routing key of its home.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Postgres => "PostgreSQL",
            Kind::MariaDb => "MariaDB",
            Kind::Sqlite => "SQLite",
        }
    }

    pub(crate) fn home(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mariadb",
            Kind::Sqlite => "sqlite",
        }
    }

    /// An expression that gives all of these with spaces between them.
    pub(crate) fn joined(self, parts: &[&str]) -> String {
        match self {
            Kind::Sqlite => parts.join(" || ' ' || "),
            _ => format!("concat({})", parts.join(", ' ', ")),
        }
    }

    /// The values of a column in words that the normalised ones of another kind are equal to.
    pub(crate) fn words(self, shape: Shape, column: &str) -> String {
        let utf8 = match self {
            Kind::Postgres => format!("encode(convert_to({column}::text, 'UTF8'), 'hex')"),
            Kind::MariaDb => format!("lower(hex(CONVERT({column} USING utf8mb4)))"),
            Kind::Sqlite => format!("lower(hex(CAST({column} AS BLOB)))"),
        };
        let text = match self {
            Kind::Postgres => format!("{column}::text"),
            Kind::MariaDb => format!("CAST({column} AS CHAR)"),
            Kind::Sqlite => format!("CAST({column} AS TEXT)"),
        };
        let words = match (shape, self) {
            (Shape::Text, _) => utf8,
            (Shape::Bytes, Kind::Postgres) => format!("encode({column}, 'hex')"),
            (Shape::Bytes, _) => format!("lower(hex({column}))"),
            (Shape::Boolean, Kind::Postgres) => format!("{column}::int::text"),
            (Shape::Float, Kind::Postgres) => format!("{column}::float8::text"),
            (Shape::Float, Kind::MariaDb) => format!("CAST({column} + 0e0 AS CHAR)"),
            (Shape::Float, Kind::Sqlite) => {
                format!("CASE typeof({column}) WHEN 'real' THEN printf('%!.17g', {column}) ELSE {column} END")
            }
            (Shape::Bits, Kind::MariaDb) => format!("CAST({column} + 0 AS CHAR)"),
            (Shape::Instant, Kind::Postgres) => format!("({column} AT TIME ZONE 'UTC')::text"),
            (Shape::Uuid, Kind::Sqlite) => {
                format!("CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) ELSE {column} END")
            }
            _ => text,
        };
        format!("CASE WHEN {column} IS NULL THEN NULL ELSE {words} END")
    }
}

impl Shape {
    /// What the words of different databases for one value have in common.
    pub(crate) fn normalised(self, words: &str) -> String {
        let without_zeroes = |words: &str| match words.contains('.') {
            true => words.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => words.to_owned(),
        };
        match self {
            _ if words == "NULL" => words.to_owned(),
            Shape::Number | Shape::Bits => without_zeroes(words),
            Shape::Float => words.parse::<f64>().map_or_else(|_| words.to_owned(), |float| float.to_string()),
            Shape::Time => without_zeroes(words),
            Shape::Instant => {
                let words = words.strip_suffix("+00:00").unwrap_or(words).replace(['T', 'Z'], " ");
                without_zeroes(words.trim_end())
            }
            Shape::Uuid => words.replace('-', "").to_lowercase(),
            Shape::Text | Shape::Bytes => words.to_lowercase(),
            Shape::Boolean => words.to_owned(),
        }
    }
}

impl Databases {
    /// `None` where a server is not installed, which is told.
    pub(crate) fn start() -> Option<Self> {
        let (postgres, mariadb) = (Server::postgres()?, Server::mariadb()?);
        for database in ["source", "home"] {
            postgres.create_database(database);
            mariadb.create_database(database);
        }
        Some(Self { postgres, mariadb, folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) fn server(&self, kind: Kind) -> &Server {
        match kind {
            Kind::Postgres => &self.postgres,
            Kind::MariaDb => &self.mariadb,
            Kind::Sqlite => panic!("SQLite has no server"),
        }
    }

    pub(crate) fn path(&self, database: &str) -> PathBuf {
        self.folder.path().join(format!("{database}.sqlite"))
    }

    pub(crate) fn url(&self, kind: Kind, database: &str) -> String {
        match kind {
            Kind::Sqlite => format!("sqlite:{}", self.path(database).display()),
            _ => self.server(kind).url(database),
        }
    }

    /// Runs statements, in a session whose answers are those of any other.
    pub(crate) fn execute(&self, kind: Kind, database: &str, sql: &str) {
        match kind {
            Kind::Sqlite => open(&self.path(database)).execute_batch(sql).unwrap(),
            _ => drop(self.rows(kind, database, sql)),
        }
    }

    /// What a query of one column gives.
    pub(crate) fn rows(&self, kind: Kind, database: &str, sql: &str) -> Vec<String> {
        let session = match kind {
            Kind::Sqlite => return rows(&open(&self.path(database)), sql),
            Kind::Postgres => {
                "SET timezone TO 'UTC'; SET intervalstyle TO 'iso_8601'; SET extra_float_digits TO 3; SET datestyle TO 'ISO';"
            }
            Kind::MariaDb => "SET time_zone = '+00:00', sql_mode = '';",
        };
        self.server(kind).sql(database, &format!("{session}\n{sql}")).lines().map(str::to_owned).collect()
    }

    /// The type that a column of a table was declared with.
    pub(crate) fn declared(&self, kind: Kind, database: &str, table: &str, column: &str) -> String {
        let sql = match kind {
            Kind::Postgres => format!(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
                 WHERE attrelid = '{table}'::regclass AND attname = '{column}'"
            ),
            Kind::MariaDb => format!(
                "SELECT column_type FROM information_schema.columns
                 WHERE table_schema = '{database}' AND table_name = '{table}' AND column_name = '{column}'"
            ),
            Kind::Sqlite => format!("SELECT type FROM pragma_table_info('{table}') WHERE name = '{column}'"),
        };
        self.rows(kind, database, &sql).concat()
    }
}
