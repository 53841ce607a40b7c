//! SQLite.

use std::path::Path;

use domicile::Home;
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Executor, Row, Sqlite, SqliteConnection};

use super::{Capability, MARKER_TABLE};
use crate::statement::Dialect;

impl Capability for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    // Another file can only be attached, which is refused.
    const QUALIFIER_IS_DATABASE: bool = false;

    fn place(options: &SqliteConnectOptions) -> Option<String> {
        if Self::is_transient(options) {
            return None;
        }
        let path = options.get_filename();
        Some(canonical(path).unwrap_or_else(|| path.display().to_string()))
    }

    fn database_name(_: &SqliteConnectOptions) -> Option<String> {
        None
    }

    fn is_transient(options: &SqliteConnectOptions) -> bool {
        let name = options.get_filename().to_string_lossy();
        name.is_empty() || name.contains(":memory:") || name.starts_with("file:sqlx-in-memory")
    }

    fn read_only(options: SqliteConnectOptions) -> SqliteConnectOptions {
        options.read_only(true).create_if_missing(false)
    }

    fn forbid_writes(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        async { connection.execute("PRAGMA query_only = ON").await.map(drop) }.boxed()
    }

    fn identity(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>> {
        async {
            let main = sqlx::query("PRAGMA database_list").fetch_one(connection).await?;
            let path: Option<String> = main.try_get("file")?;
            Ok(path.filter(|path| !path.is_empty()).and_then(|path| file(Path::new(&path))))
        }
        .boxed()
    }

    fn has_table<'c>(connection: &'c mut SqliteConnection, table: &'c str) -> BoxFuture<'c, Result<bool, sqlx::Error>> {
        let exists = "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = ?";
        sqlx::query_scalar(exists).bind(table).fetch_one(connection).boxed()
    }

    fn marker(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<Option<String>, sqlx::Error>> {
        async {
            if !Self::has_table(&mut *connection, MARKER_TABLE).await? {
                return Ok(None);
            }
            sqlx::query_scalar("SELECT home FROM domicile_home").fetch_optional(connection).await
        }
        .boxed()
    }

    fn mark<'c>(connection: &'c mut SqliteConnection, home: &'c Home) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        async {
            let create = "CREATE TABLE IF NOT EXISTS domicile_home \
                          (one INTEGER PRIMARY KEY CHECK (one = 1), home TEXT NOT NULL)";
            connection.execute(create).await?;
            let insert = "INSERT OR IGNORE INTO domicile_home (one, home) VALUES (1, ?)";
            sqlx::query(insert).bind(home.as_str()).execute(connection).await?;
            Ok(())
        }
        .boxed()
    }
}

/// The path without links and dots. The file itself need not be there yet.
fn canonical(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let whole = path.canonicalize().ok();
    let by_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    whole.or_else(by_folder).map(|path| path.display().to_string())
}

/// What the system knows the file by, so that a second name of it is no second file.
#[cfg(unix)]
fn file(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let found = path.metadata().ok()?;
    Some(format!("file {} of device {}", found.ino(), found.dev()))
}

#[cfg(not(unix))]
fn file(path: &Path) -> Option<String> {
    canonical(path)
}
