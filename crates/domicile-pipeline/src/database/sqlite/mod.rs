//! SQLite: native reading and writing, on threads of their own.

pub(crate) mod contents;
pub(crate) mod control;
mod cursor;
mod deferred;
pub(crate) mod delivery;
mod guarantee;
mod index;
mod json;
mod merge;
mod quarantine;
mod read;
mod schema;
pub(crate) mod source;
mod statement;
mod types;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::Failure;

/// How long a statement waits for another connection's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a database. SQLite opens lazily, so the file is read once, here, where an error can still be told apart.
fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Opens a database for writing, and makes it and its folder where they are missing.
fn create(path: &Path) -> Result<Connection, Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Failure::Failed(error.to_string()))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    open(path, flags).map_err(|error| statement::failure(&error))
}

/// An identifier, quoted for SQL.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
