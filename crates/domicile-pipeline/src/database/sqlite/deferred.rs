//! Foreign keys that SQLite checks at the commit only, where it is no longer known which record is at fault.
//!
//! What refers to nothing is noted when it is written, by triggers that are there for this connection only. At the end of
//! each share, by which a part of it may have come to be there, what still refers to nothing is refused.

use rusqlite::Connection;

use super::quote;
use crate::error::Failure;
use crate::table::Table;

/// Where it is noted, and by what it is told apart: the number of the key, and as many values as a key has columns here.
const NOTES: &str = "domicile_unmet";
/// As many columns a foreign key has at most that is watched.
const MOST_COLUMNS: usize = 8;

/// Queries that find what refers to nothing, one a foreign key.
#[derive(Default)]
pub(super) struct Deferred(Vec<String>);

/// A foreign key of a table.
struct Key {
    child: String,
    parent: String,
    /// Columns of the child and, beside each, that of the parent.
    columns: Vec<(String, String)>,
}

impl Deferred {
    /// Watches the foreign keys of tables that have some which are checked at the commit.
    pub(super) fn watch(connection: &Connection, tables: &[Table]) -> rusqlite::Result<Self> {
        let mut keys = Vec::new();
        for table in tables {
            keys.extend(keys_of(connection, &table.name)?);
        }
        if !keys.is_empty() {
            let columns: Vec<_> = (0..MOST_COLUMNS).map(|number| format!("v{number}")).collect();
            connection
                .execute_batch(&format!("CREATE TEMP TABLE IF NOT EXISTS {NOTES} (key, {})", columns.join(", ")))?;
        }
        for (number, key) in keys.iter().enumerate() {
            connection.execute_batch(&key.triggers(number))?;
        }
        Ok(Self(keys.iter().enumerate().map(|(number, key)| key.unmet(number)).collect()))
    }

    /// Refuses what refers to nothing.
    pub(super) fn check(&self, connection: &Connection) -> Result<(), Failure> {
        let failed = |error: rusqlite::Error| Failure::Failed(error.to_string());
        for unmet in &self.0 {
            if connection.prepare_cached(unmet).and_then(|mut unmet| unmet.exists([])).map_err(failed)? {
                return Err(Failure::refused("FOREIGN KEY constraint failed"));
            }
        }
        if !self.0.is_empty() {
            connection.execute(&format!("DELETE FROM temp.{NOTES}"), []).map_err(failed)?;
        }
        Ok(())
    }
}

/// The foreign keys of a table, if one of them may be checked at the commit, which nothing but its definition tells.
fn keys_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Key>> {
    let is_deferred = "SELECT 1 FROM main.sqlite_schema
                       WHERE type = 'table' AND name = ?1 COLLATE NOCASE AND sql LIKE '%DEFERRED%'";
    if !connection.prepare(is_deferred)?.exists([table])? {
        return Ok(Vec::new());
    }
    // Without columns of the parent its primary key is meant.
    let columns = "SELECT key.id, key.\"table\", key.\"from\", coalesce(key.\"to\", parent.name)
                   FROM pragma_foreign_key_list(?1, 'main') AS key
                   JOIN pragma_table_info(key.\"table\", 'main') AS parent
                     ON key.\"to\" = parent.name COLLATE NOCASE OR (key.\"to\" IS NULL AND parent.pk = key.seq + 1)
                   ORDER BY key.id, key.seq";
    let mut statement = connection.prepare(columns)?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(i64, Key)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, pair) = (row.get(0)?, (row.get(2)?, row.get(3)?));
        match keys.last_mut() {
            Some((last, key)) if *last == id => key.columns.push(pair),
            _ => keys.push((id, Key { child: table.to_owned(), parent: row.get(1)?, columns: vec![pair] })),
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).filter(|key| key.columns.len() <= MOST_COLUMNS).collect())
}

impl Key {
    /// Note what refers to nothing when it is written.
    fn triggers(&self, number: usize) -> String {
        let trigger = |when: &str| {
            let values: Vec<_> = self.columns.iter().map(|(child, _)| format!("NEW.{}", quote(child))).collect();
            let places: Vec<_> = (0..values.len()).map(|place| format!("v{place}")).collect();
            format!(
                "CREATE TEMP TRIGGER IF NOT EXISTS domicile_unmet_{number}_{when} AFTER {when} ON main.{}
                 WHEN {} BEGIN INSERT INTO {NOTES} (key, {}) VALUES ({number}, {}); END;",
                quote(&self.child),
                self.refers_to_nothing(&values),
                places.join(", "),
                values.join(", ")
            )
        };
        trigger("INSERT") + &trigger("UPDATE")
    }

    /// What was noted, is still there, and still refers to nothing.
    fn unmet(&self, number: usize) -> String {
        let noted: Vec<_> = (0..self.columns.len()).map(|place| format!("noted.v{place}")).collect();
        let is_there = self.columns.iter().zip(&noted).map(|((child, _), noted)| format!("{} = {noted}", quote(child)));
        format!(
            "SELECT 1 FROM temp.{NOTES} AS noted
             WHERE key = {number} AND {} AND EXISTS (SELECT 1 FROM main.{} AS child WHERE {})",
            self.refers_to_nothing(&noted),
            quote(&self.child),
            is_there.collect::<Vec<_>>().join(" AND "),
        )
    }

    /// Holds where values, none of which is NULL, are those of no parent.
    fn refers_to_nothing(&self, values: &[String]) -> String {
        let given = values.iter().map(|value| format!("{value} IS NOT NULL"));
        let is_parent =
            self.columns.iter().zip(values).map(|((_, parent), value)| format!("{} = {value}", quote(parent)));
        format!(
            "{} AND NOT EXISTS (SELECT 1 FROM main.{} AS parent WHERE {})",
            given.collect::<Vec<_>>().join(" AND "),
            quote(&self.parent),
            is_parent.collect::<Vec<_>>().join(" AND ")
        )
    }
}
