//! What a control database that is a SQLite file keeps from run to run.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use super::schema::existing;
use super::statement::failure;
use super::{create, open};
use crate::blocking;
use crate::control::{Control, End, Kept, New, placed_elsewhere};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::lease::{Claim, Leased};
use crate::source::Waits;
use crate::state::{Change, State};

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS domicile_control (
    id TEXT NOT NULL PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS domicile_placement (
    source TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    home TEXT NOT NULL,
    PRIMARY KEY (source, routing_key)
);
CREATE TABLE IF NOT EXISTS domicile_rule (
    source TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS domicile_end (
    source TEXT NOT NULL PRIMARY KEY,
    position TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    seen_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS domicile_wait (
    source TEXT NOT NULL PRIMARY KEY,
    waits TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS domicile_lease (
    source TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    holder TEXT,
    held_until TEXT
);
INSERT INTO domicile_control SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM domicile_control);";

/// Which homes are not well.
const STATES: &str = "
CREATE TABLE IF NOT EXISTS domicile_state (
    source TEXT NOT NULL,
    home TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (source, home)
);";

/// The clock of the machine, to the millisecond.
const NOW: &str = "strftime('%Y-%m-%d %H:%M:%f', 'now')";

/// What that clock shows in so many seconds.
fn in_seconds(seconds: f64) -> String {
    format!("strftime('%Y-%m-%d %H:%M:%f', 'now', '+{seconds:.3} seconds')")
}

/// Notes the end of a source.
const NOTE: &str = "INSERT OR REPLACE INTO domicile_end VALUES (?1, ?2, ?3, ?4)";

/// A control database in a file.
pub(crate) struct SqliteControl(PathBuf);

impl SqliteControl {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

#[async_trait]
impl Control for SqliteControl {
    async fn read(&mut self) -> Result<Kept, Failure> {
        let path = self.0.clone();
        blocking::run(
            move || if path.exists() { read(&path).map_err(|error| failure(&error)) } else { Ok(Kept::default()) },
        )
        .await
    }

    async fn keep(&mut self, new: &New, claim: Option<Claim>) -> Result<Option<String>, Failure> {
        let (path, new) = (self.0.clone(), new.clone());
        blocking::run(move || keep(&mut create(&path)?, &new, claim.as_ref())).await
    }

    async fn renew(&mut self, holder: &str, seconds: f64) -> Result<usize, Failure> {
        let (path, holder) = (self.0.clone(), holder.to_owned());
        blocking::run(move || {
            let sql = format!(
                "UPDATE domicile_lease SET held_until = {} WHERE holder = ?1 AND held_until > {NOW}",
                in_seconds(seconds)
            );
            create(&path)?.execute(&sql, [holder]).map_err(|error| failure(&error))
        })
        .await
    }

    async fn release(&mut self, holder: &str, ends: Vec<(String, End)>) -> Result<(), Failure> {
        let (path, holder) = (self.0.clone(), holder.to_owned());
        blocking::run(move || {
            let mut connection = create(&path)?;
            release(&mut connection, &holder, &ends).map_err(|error| failure(&error))
        })
        .await
    }

    async fn note(&mut self, source: &str, end: &End) -> Result<(), Failure> {
        let (path, source, end) = (self.0.clone(), source.to_owned(), end.clone());
        blocking::run(move || {
            let connection = create(&path)?;
            connection.execute_batch(TABLES).map_err(|error| failure(&error))?;
            let noted = connection.execute(NOTE, params![source, end.position, end.fingerprint, end.at]);
            noted.map(drop).map_err(|error| failure(&error))
        })
        .await
    }

    async fn wait(&mut self, source: &str, waits: Option<&Waits>) -> Result<(), Failure> {
        let (path, source, waits) = (self.0.clone(), source.to_owned(), waits.map(Waits::stored));
        blocking::run(move || {
            let connection = create(&path)?;
            connection.execute_batch(TABLES).map_err(|error| failure(&error))?;
            let noted = match waits {
                Some(waits) => {
                    connection.execute("INSERT OR REPLACE INTO domicile_wait VALUES (?1, ?2)", [source, waits])
                }
                None => connection.execute("DELETE FROM domicile_wait WHERE source = ?1", [source]),
            };
            noted.map(drop).map_err(|error| failure(&error))
        })
        .await
    }

    async fn note_states(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let (path, changes) = (self.0.clone(), changes.to_vec());
        blocking::run(move || {
            let mut connection = create(&path)?;
            note_states(&mut connection, &changes).map_err(|error| failure(&error))
        })
        .await
    }
}

fn read(path: &Path) -> rusqlite::Result<Kept> {
    // Nothing is written, but a transaction that a killed run has left half-done is undone by opening.
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut kept = Kept::default();
    if existing(&connection, "domicile_control")?.is_empty() {
        return Ok(kept);
    }
    kept.id = connection.query_row("SELECT id FROM domicile_control", [], |row| row.get(0)).optional()?;
    let mut statement = connection.prepare("SELECT source, routing_key, home FROM domicile_placement")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    kept.placed = rows.collect::<rusqlite::Result<_>>()?;
    if !existing(&connection, "domicile_rule")?.is_empty() {
        let mut statement = connection.prepare("SELECT source, rule FROM domicile_rule")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        kept.rules = rows.collect::<rusqlite::Result<_>>()?;
    }
    if existing(&connection, "domicile_wait")?.is_empty() {
        return Ok(kept);
    }
    let mut statement = connection.prepare("SELECT source, position, fingerprint, seen_at FROM domicile_end")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, End { position: row.get(1)?, fingerprint: row.get(2)?, at: row.get(3)? }))
    })?;
    kept.ends = rows.collect::<rusqlite::Result<_>>()?;
    let mut statement = connection.prepare("SELECT source, waits FROM domicile_wait")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    kept.waits = rows.filter_map(|(source, waits)| Some((source, Waits::from_stored(&waits)?))).collect();
    if existing(&connection, "domicile_lease")?.is_empty() {
        return Ok(kept);
    }
    let sql = "SELECT source, number, holder, coalesce((julianday(held_until) - julianday('now')) * 86400, 0)
               FROM domicile_lease";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, Leased { number: row.get(1)?, holder: row.get(2)?, seconds_left: row.get(3)? }))
    })?;
    kept.leases = rows.collect::<rusqlite::Result<_>>()?;
    if existing(&connection, "domicile_state")?.is_empty() {
        return Ok(kept);
    }
    let mut statement = connection.prepare("SELECT source, home, state, why, since, seen_at FROM domicile_state")?;
    let rows = statement.query_map([], |row| {
        let state = State::from_stored(&row.get::<_, String>(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        Ok(((row.get(0)?, row.get(1)?), state))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    kept.states = rows.filter_map(|(home, state)| Some((home, state?))).collect();
    Ok(kept)
}

/// The id, or `None` if somebody has taken a lease since it was read.
fn keep(connection: &mut Connection, new: &New, claim: Option<&Claim>) -> Result<Option<String>, Failure> {
    let failed = |error: rusqlite::Error| failure(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction.execute_batch(TABLES).map_err(failed)?;
    // What is not committed is undone.
    if let Some(claim) = claim
        && !take(&transaction, claim).map_err(failed)?
    {
        return Ok(None);
    }
    if !place(&transaction, &new.placed).map_err(failed)? {
        return Err(placed_elsewhere());
    }
    for (source, rule) in &new.rules {
        let sql = "INSERT OR REPLACE INTO domicile_rule VALUES (?1, ?2)";
        transaction.execute(sql, [source, rule]).map_err(failed)?;
    }
    let id = transaction.query_row("SELECT id FROM domicile_control", [], |row| row.get(0)).map_err(failed)?;
    fault::at(Point::BeforeLeaseTaken);
    transaction.commit().map_err(failed)?;
    Ok(Some(id))
}

fn release(connection: &mut Connection, holder: &str, ends: &[(String, End)]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (source, end) in ends {
        transaction.execute(NOTE, params![source, end.position, end.fingerprint, end.at])?;
    }
    let sql = "UPDATE domicile_lease SET holder = NULL, held_until = NULL WHERE holder = ?1";
    transaction.execute(sql, [holder])?;
    transaction.commit()
}

fn note_states(connection: &mut Connection, changes: &[Change]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(STATES)?;
    for ((source, home), state) in changes {
        match state {
            Some(State { condition, why, since, seen_at }) => {
                let sql = "INSERT OR REPLACE INTO domicile_state VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                transaction.execute(sql, params![source, home, condition.name(), why, since, seen_at])?;
            }
            None => {
                let sql = "DELETE FROM domicile_state WHERE source = ?1 AND home = ?2";
                transaction.execute(sql, [source, home])?;
            }
        }
    }
    transaction.commit()
}

/// Takes the leases of all sources, unless somebody has taken one of them since it was read.
fn take(connection: &Connection, claim: &Claim) -> rusqlite::Result<bool> {
    let sql = format!(
        "INSERT INTO domicile_lease (source, number, holder, held_until) VALUES (?1, ?2 + 1, ?3, {})
         ON CONFLICT DO UPDATE SET number = excluded.number, holder = excluded.holder, held_until = excluded.held_until
         WHERE number = ?2",
        in_seconds(claim.seconds)
    );
    for (source, number) in &claim.sources {
        if connection.execute(&sql, params![source, number, claim.holder])? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Keeps placements, unless another run has placed one of the keys elsewhere since this one looked.
fn place(connection: &Connection, placed: &[((String, String), String)]) -> rusqlite::Result<bool> {
    for ((source, key), home) in placed {
        // What stands there already is written again only if it is the same.
        let sql = "INSERT INTO domicile_placement VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET home = home WHERE home = excluded.home";
        if connection.prepare_cached(sql)?.execute(params![source, key, home])? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
