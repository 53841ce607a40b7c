//! Whether an index finds the records that come next.

use std::ops::Bound;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::cursor::{Reach, between};
use super::quote;
use crate::position::{Position, Value};
use crate::source::Unindexed;

/// What is needed such that records of a table are found by an index, if they are not.
pub(super) fn unindexed(
    connection: &Connection,
    reach: &Reach,
    names: &[&str],
    table: &str,
) -> rusqlite::Result<Option<Unindexed>> {
    let sql = "SELECT type = 'table' FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    let is_table: Option<bool> = connection.query_row(sql, [table], |row| row.get(0)).optional()?;
    if is_table != Some(true) {
        return Ok(None);
    }
    // The plan is the same for all values.
    let position = Position::of(vec![Value::Integer(0); names.len()]);
    let Ok((condition, values)) = between(reach, &Bound::Excluded(position.clone()), &position) else {
        return Ok(None);
    };
    let sql = format!(
        "EXPLAIN QUERY PLAN SELECT * FROM {} WHERE {condition} ORDER BY {} LIMIT 1",
        quote(table),
        reach.bounds.order()
    );
    let mut statement = connection.prepare(&sql)?;
    let plan = statement.query_map(params_from_iter(values), |row| row.get("detail"))?;
    let plan: Vec<String> = plan.collect::<rusqlite::Result<_>>()?;
    // Source: <https://www.sqlite.org/eqp.html>
    let is_found = plan.iter().any(|step| step.starts_with("SEARCH"));
    if is_found && !plan.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY") {
        return Ok(None);
    }
    let name = quote(&format!("{table}_cursor"));
    let fix = format!("CREATE INDEX {name} ON {} ({})", quote(table), reach.bounds.order());
    Ok(Some(Unindexed::new(names, fix)))
}
