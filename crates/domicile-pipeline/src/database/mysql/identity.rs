//! Whether two names are those of one database.

use mysql_async::prelude::Queryable;

use super::connect::{Session, connect};
use super::failure;
use crate::config::ServerUrl;
use crate::error::Failure;

/// What two names of one database have in common: all that a server says of itself, and the database. Servers that are copies
/// of one another have it in common as well.
pub(super) async fn identity(session: &mut Session) -> Result<Option<String>, Failure> {
    let sql =
        "SHOW GLOBAL VARIABLES WHERE variable_name IN ('server_uuid', 'server_uid', 'hostname', 'port', 'datadir')";
    let told: Result<Vec<(String, String)>, _> = session.conn.query(sql).await;
    let sql = "SELECT IF(@@lower_case_table_names = 0, DATABASE(), LOWER(DATABASE()))";
    let database: Option<String> = session.conn.query_first(sql).await.map_err(|error| failure(&error))?;
    let told = told.map_err(|error| failure(&error))?;
    Ok(database.map(|database| format!("{told:?} {database}")))
}

/// Whether two names lead to one server: it knows a lock by the one that was taken by the other.
pub(crate) async fn is_one_server(one: &ServerUrl, other: &ServerUrl) -> Result<bool, Failure> {
    let (mut one, mut other) = (connect(one).await?, connect(other).await?);
    let name = "SELECT CONCAT('domicile ', MD5(CONCAT(UUID(), RAND(), CONNECTION_ID())))";
    let name: Option<String> = one.conn.query_first(name).await.map_err(|error| failure(&error))?;
    let taken: Option<Option<i64>> =
        one.conn.exec_first("SELECT GET_LOCK(?, 0)", (&name,)).await.map_err(|error| failure(&error))?;
    if taken.flatten() != Some(1) {
        return Err(Failure::Failed(String::from("the server gives nobody a lock by its name (GET_LOCK)")));
    }
    let known = other.conn.exec_first("SELECT IS_USED_LOCK(?) IS NOT NULL", (&name,)).await;
    let known: Option<bool> = known.map_err(|error| failure(&error))?;
    let _ = (one.conn.disconnect().await, other.conn.disconnect().await);
    Ok(known == Some(true))
}
