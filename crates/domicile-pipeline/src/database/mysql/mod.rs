//! MySQL and MariaDB: read by prepared statements, whose answers are binary, and written by INSERTs of many rows.

mod charset;
mod connect;
pub(crate) mod contents;
pub(crate) mod control;
mod cursor;
pub(crate) mod delivery;
mod guarantee;
pub(crate) mod identity;
mod index;
mod large;
mod privilege;
mod quarantine;
mod read;
mod refused;
mod schema;
pub(crate) mod source;
mod statement;
mod types;

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::database::passing::may_pass;
use crate::error::{Failure, Refusal};

/// An identifier, quoted for SQL.
fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Errors that are in the data though their class does not say so: text that is not of the column's character set, a CHECK,
/// a column without a default, a value of a generated column, one that no partition takes.
///
/// Source: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
const REFUSED: [u16; 9] = [1265, 1300, 1364, 1366, 1526, 3105, 3819, 3854, 4025];

/// Of the errors that are in the data, those whose message names no value: NULL, a foreign key, what is too large or too
/// long, a column without a default, a CHECK.
const TOLD: [u16; 12] = [1048, 1216, 1217, 1264, 1265, 1364, 1406, 1451, 1452, 3105, 3819, 4025];

/// Whether the server refuses the objects or fails as a whole.
fn failure(error: &Error) -> Failure {
    match error {
        Error::Server(server) if is_refusal(server) => {
            Failure::Refused(Refusal::quoting(&server.message, told(server)))
        }
        error if passes(error) => Failure::Transient(said(error)),
        error => Failure::Failed(said(error)),
    }
}

/// Errors of a server that does for a while not what it was asked for: it stops, has no connection or memory left, has
/// interrupted a statement, or undone a transaction for the sake of another one, or refuses to change what another one has
/// changed since it was read.
///
/// Sources: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html> and
/// <https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference>
const PASSING: [u16; 17] =
    [1020, 1037, 1040, 1041, 1053, 1159, 1161, 1180, 1203, 1205, 1213, 1226, 1317, 1927, 1969, 3024, 4031];

/// Whether the server has ended a query because it took too long.
fn is_ended_late(error: &Error) -> bool {
    matches!(error, Error::Server(server) if [1317, 1969, 3024].contains(&server.code))
}

fn passes(error: &Error) -> bool {
    match error {
        Error::Server(server) => PASSING.contains(&server.code) || server.state.starts_with("08"),
        Error::Io(IoError::Io(error)) => may_pass(error) || error.to_string() == CUT_OFF,
        Error::Driver(error) => matches!(error, DriverError::ConnectionClosed | DriverError::PoolDisconnected),
        _ => false,
    }
}

/// Whether an error is in the data: its class is that of values, of what a constraint says, or what a trigger raises.
fn is_refusal(error: &ServerError) -> bool {
    matches!(error.state.get(..2), Some("22" | "23" | "45")) || REFUSED.contains(&error.code)
}

/// What the server says of an error, or what happened to the connection, without what stands in a record.
fn said(error: &Error) -> String {
    match error {
        Error::Server(server) => told(server),
        Error::Driver(driver) => driver.to_string(),
        Error::Io(IoError::Io(io)) => match io.to_string().as_str() {
            CUT_OFF => String::from("the connection was closed in the middle of what the server said"),
            other => other.to_owned(),
        },
        Error::Io(IoError::Tls(tls)) => format!("TLS: {tls}"),
        other => other.to_string(),
    }
}

/// What the client says where a connection ends too early.
const CUT_OFF: &str = "bytes remaining on stream";

fn told(error: &ServerError) -> String {
    match without_values(&error.message) {
        Some(hidden) => hidden,
        None if is_refusal(error) && !TOLD.contains(&error.code) => {
            format!("the server refuses a value (error {}, SQLSTATE {})", error.code, error.state)
        }
        None => error.message.clone(),
    }
}

/// A message without the value that the server quotes in it, if it is one that does.
fn without_values(message: &str) -> Option<String> {
    ["Duplicate entry '", "value: '", "value '"].iter().find_map(|before| {
        let begin = message.find(before)? + before.len() - 1;
        let end = ["' for key", "' for column", "' for function"].iter().find_map(|after| message.rfind(after));
        Some(format!("{}…{}", &message[..begin], &message[end.map_or(message.len(), |end| end + 1)..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u16, state: &str, message: &str) -> Error {
        Error::Server(ServerError { code, state: state.to_owned(), message: message.to_owned() })
    }

    #[test]
    fn what_is_in_the_data_is_refused_and_all_else_fails() {
        for (code, state) in [(1062, "23000"), (1406, "22001"), (1366, "HY000"), (3819, "HY000"), (1644, "45000")] {
            assert!(matches!(failure(&error(code, state, "no")), Failure::Refused(_)), "{code}");
        }
        for (code, state) in [(1205, "HY000"), (1213, "40001"), (1317, "70100"), (1040, "08004"), (1053, "08S01")] {
            assert!(matches!(failure(&error(code, state, "no")), Failure::Transient(_)), "{code}");
        }
        let cut_off = Error::Io(IoError::Io(std::io::Error::other(CUT_OFF)));
        assert!(matches!(failure(&cut_off), Failure::Transient(_)));
        for (code, state) in [(1045, "28000"), (1142, "42000"), (1146, "42S02"), (1021, "HY000"), (1290, "HY000")] {
            assert!(matches!(failure(&error(code, state, "no")), Failure::Failed(_)), "{code}");
        }
    }

    #[test]
    fn what_happened_to_a_connection_is_told_without_prefixes() {
        let io = |text: &str| Error::Io(IoError::Io(std::io::Error::other(text)));
        assert_eq!(said(&io("Connection refused")), "Connection refused");
        assert_eq!(said(&io(CUT_OFF)), "the connection was closed in the middle of what the server said");
    }

    #[test]
    fn a_message_is_told_without_the_value_that_it_quotes() {
        for (code, state, message, told) in [
            (
                1062,
                "23000",
                "Duplicate entry 'Ana' for key 'a' for key 'PRIMARY'",
                "Duplicate entry … for key 'PRIMARY'",
            ),
            (
                1366,
                "HY000",
                "Incorrect integer value: 'Ana' for column `es`.`t`.`id` at row 1",
                "Incorrect integer value: … for column `es`.`t`.`id` at row 1",
            ),
            (1292, "22007", "Truncated incorrect DOUBLE value: 'Ana'", "Truncated incorrect DOUBLE value: …"),
            (1644, "45000", "Ana may not", "the server refuses a value (error 1644, SQLSTATE 45000)"),
            (
                1526,
                "HY000",
                "Table has no partition for value 9",
                "the server refuses a value (error 1526, SQLSTATE HY000)",
            ),
            (1048, "23000", "Column 'id' cannot be null", "Column 'id' cannot be null"),
            (1205, "HY000", "Lock wait timeout exceeded", "Lock wait timeout exceeded"),
            (1054, "42S22", "Unknown column 'id' in 'field list'", "Unknown column 'id' in 'field list'"),
        ] {
            assert_eq!(said(&error(code, state, message)), told);
        }
    }
}
