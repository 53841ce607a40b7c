//! MySQL and MariaDB: read by prepared statements, whose answers are binary, and written by INSERTs of many rows.

mod charset;
mod connect;
pub(crate) mod control;
mod cursor;
pub(crate) mod delivery;
mod guarantee;
mod index;
mod read;
mod schema;
pub(crate) mod source;
mod statement;
mod types;

use mysql_async::Error;

use crate::error::Failure;

/// An identifier, quoted for SQL.
fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Errors that are in the data though their class does not say so: text that is not of the column's character set, a CHECK,
/// a column without a default, a value of a generated column.
///
/// Source: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
const REFUSED: [u16; 6] = [1265, 1364, 1366, 3105, 3819, 4025];

/// Whether the server refuses the objects or fails as a whole.
fn failure(error: &Error) -> Failure {
    let Error::Server(server) = error else { return Failure::Failed(said(error)) };
    // The classes of errors that are in the data: of its values, of what a constraint says, and what a trigger raises.
    let is_refusal = matches!(server.state.get(..2), Some("22" | "23" | "45")) || REFUSED.contains(&server.code);
    if is_refusal { Failure::Refused(server.message.clone()) } else { Failure::Failed(said(error)) }
}

/// What the server says of an error, or what happened to the connection, without what stands in a record.
fn said(error: &Error) -> String {
    match error {
        Error::Server(server) => without_values(&server.message),
        other => other.to_string(),
    }
}

/// A message without the value that the server quotes in it.
fn without_values(message: &str) -> String {
    let hidden = ["Duplicate entry '", "value: '", "value '"].iter().find_map(|before| {
        let begin = message.find(before)? + before.len() - 1;
        let end = ["' for key", "' for column", "' for function"].iter().find_map(|after| message.rfind(after));
        Some(format!("{}…{}", &message[..begin], &message[end.map_or(message.len(), |end| end + 1)..]))
    });
    hidden.unwrap_or_else(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;

    use super::*;

    fn error(code: u16, state: &str, message: &str) -> Error {
        Error::Server(ServerError { code, state: state.to_owned(), message: message.to_owned() })
    }

    #[test]
    fn what_is_in_the_data_is_refused_and_all_else_fails() {
        for (code, state) in [(1062, "23000"), (1406, "22001"), (1366, "HY000"), (3819, "HY000"), (1644, "45000")] {
            assert!(matches!(failure(&error(code, state, "no")), Failure::Refused(_)), "{code}");
        }
        for (code, state) in [(1205, "HY000"), (1213, "40001"), (1142, "42000"), (1317, "70100"), (1021, "HY000")] {
            assert!(matches!(failure(&error(code, state, "no")), Failure::Failed(_)), "{code}");
        }
    }

    #[test]
    fn a_message_is_told_without_the_value_that_it_quotes() {
        for (message, told) in [
            ("Duplicate entry 'Ana' for key 'a' for key 'PRIMARY'", "Duplicate entry … for key 'PRIMARY'"),
            (
                "Incorrect integer value: 'Ana' for column `es`.`t`.`id` at row 1",
                "Incorrect integer value: … for column `es`.`t`.`id` at row 1",
            ),
            ("Truncated incorrect DOUBLE value: 'Ana'", "Truncated incorrect DOUBLE value: …"),
            (
                "Lock wait timeout exceeded; try restarting transaction",
                "Lock wait timeout exceeded; try restarting transaction",
            ),
            ("Unknown column 'id' in 'field list'", "Unknown column 'id' in 'field list'"),
        ] {
            assert_eq!(without_values(message), told);
        }
    }
}
