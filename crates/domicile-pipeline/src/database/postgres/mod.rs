//! PostgreSQL: read and written by its binary COPY.

mod connect;
pub(crate) mod contents;
pub(crate) mod control;
mod copy;
mod cursor;
pub(crate) mod delivery;
mod encoding;
pub(crate) mod fuzz;
mod guarantee;
mod index;
mod numeric;
mod parameter;
mod privilege;
mod quarantine;
mod read;
mod refused;
mod schema;
pub(crate) mod source;
mod statement;
mod types;

use tokio_postgres::error::{DbError, Error, SqlState};

use crate::database::passing::may_pass;
use crate::error::{Failure, Refusal};

/// An identifier, quoted for SQL.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table of a source, quoted for SQL: a dot in its name stands between its schema and itself.
fn relation(table: &str) -> String {
    table.split('.').map(quote).collect::<Vec<_>>().join(".")
}

/// Whether PostgreSQL refuses the objects or fails as a whole.
fn failure(error: &Error) -> Failure {
    match error.as_db_error() {
        Some(said) if is_refusal(said.code()) => Failure::Refused(Refusal::quoting(said.message(), told(said))),
        Some(db) if passes(db.code()) => Failure::Transient(said(error)),
        None if is_cut(error) => Failure::Transient(said(error)),
        _ => Failure::Failed(said(error)),
    }
}

/// Whether a server does for a while not what it was asked for: it stops or starts, has no connection or memory left, or has
/// undone a transaction for the sake of another one.
///
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn passes(state: &SqlState) -> bool {
    const PASSING: [SqlState; 10] = [
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::OUT_OF_MEMORY,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::OBJECT_IN_USE,
        SqlState::QUERY_CANCELED,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    matches!(&state.code()[..2], "08" | "40") || PASSING.contains(state)
}

/// Whether the connection is cut, or was not made because the server is away.
fn is_cut(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    error.is_closed() || source.is_some_and(may_pass)
}

/// Whether an error is in the data: its class is that of values, of what a constraint says, or what a trigger raises, two of
/// its keys are one for the server, or a value is too long for an index or too deep.
///
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn is_refusal(state: &SqlState) -> bool {
    const REFUSING: [SqlState; 4] = [
        SqlState::RAISE_EXCEPTION,
        SqlState::CARDINALITY_VIOLATION,
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        SqlState::STATEMENT_TOO_COMPLEX,
    ];
    matches!(&state.code()[..2], "22" | "23" | "44") || REFUSING.contains(state)
}

/// What the server says of an error, or what happened to the connection, without what stands in a record.
fn said(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return told(said);
    }
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}

/// What a server says, without its details. Where its message may quote a value, the names that come with it are told.
fn told(error: &DbError) -> String {
    if !quotes_values(error.code(), error.routine()) {
        return error.message().to_owned();
    }
    let names = [
        ("table", error.table()),
        ("column", error.column()),
        ("type", error.datatype()),
        ("constraint", error.constraint()),
    ];
    let named = names.iter().filter_map(|(what, name)| Some(format!(", {what} \"{}\"", (*name)?)));
    format!("the server refuses a value (SQLSTATE {}{})", error.code().code(), named.collect::<String>())
}

/// Whether the message of an error may quote a value: that of a class of its own does, what a function raises may say
/// anything, and of the errors in values few are known to say nothing of them.
fn quotes_values(state: &SqlState, routine: Option<&str>) -> bool {
    /// The classes of errors whose messages are of names, settings and the server itself.
    const OF_NAMES: [&str; 22] = [
        "08", "0A", "0B", "21", "23", "25", "26", "28", "2B", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55",
        "57", "58", "F0", "XX",
    ];
    let is_raised = routine.is_some_and(|routine| routine.starts_with("exec_stmt_"));
    let is_of_names = OF_NAMES.contains(&&state.code()[..2])
        || *state == SqlState::STRING_DATA_RIGHT_TRUNCATION
        || *state == SqlState::DIVISION_BY_ZERO;
    is_raised || !is_of_names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_for_a_while_is_told_from_what_somebody_has_to_mend() {
        for code in ["08006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P03", "25P03"] {
            assert!(passes(&SqlState::from_code(code)), "{code}");
        }
        for code in ["28P01", "3D000", "42P01", "42501", "25006", "53100", "57P04", "XX001"] {
            assert!(!passes(&SqlState::from_code(code)), "{code}");
        }
    }

    #[test]
    fn only_messages_that_are_known_to_quote_no_value_are_told() {
        let raised = Some("exec_stmt_raise");
        for state in
            [SqlState::UNIQUE_VIOLATION, SqlState::DISK_FULL, SqlState::UNDEFINED_COLUMN, SqlState::DIVISION_BY_ZERO]
        {
            assert!(!quotes_values(&state, Some("ExecConstraints")), "{state:?}");
            assert!(quotes_values(&state, raised), "{state:?} of a trigger");
        }
        for code in ["22P02", "22003", "P0001", "P0004", "38000", "SECRT"] {
            assert!(quotes_values(&SqlState::from_code(code), None), "{code}");
        }
    }
}
