//! PostgreSQL: read and written by its binary COPY.

mod connect;
pub(crate) mod control;
mod copy;
mod cursor;
pub(crate) mod delivery;
mod encoding;
pub(crate) mod fuzz;
mod guarantee;
mod index;
mod parameter;
mod read;
mod schema;
pub(crate) mod source;
mod statement;
mod types;

use tokio_postgres::error::{Error, SqlState};

use crate::error::Failure;

/// An identifier, quoted for SQL.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether PostgreSQL refuses the objects or fails as a whole.
fn failure(error: &Error) -> Failure {
    let told = said(error);
    // The classes of errors that are in the data: of its values, of what a constraint says, and what a trigger raises.
    // Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    let is_refusal = error
        .code()
        .is_some_and(|state| matches!(&state.code()[..2], "22" | "23" | "44") || *state == SqlState::RAISE_EXCEPTION);
    if is_refusal { Failure::Refused(told) } else { Failure::Failed(told) }
}

/// What the server says of an error, or what happened to the connection. The details that a server adds may hold what
/// stands in a record, and are left out.
fn said(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}
