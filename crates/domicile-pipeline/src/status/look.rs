//! A look at one database: how far it has got with each source, and what waits in its quarantine.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDateTime;

use crate::config::Database;
use crate::database::{POSITION, QUARANTINE};
use crate::error::Failure;
use crate::plan::any_store;
use crate::position::Position;
use crate::quarantine::{Row, Store};

/// A database that has not answered by then is told not to be reachable.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// How a database writes times here.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// What a database says of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) position: Position,
    /// When it was moved there, in UTC, and how long ago that is by the clock of the database.
    pub(super) moved_at: Option<String>,
    pub(super) seconds_ago: Option<u64>,
    /// Records that wait in quarantine.
    pub(super) waiting: u64,
}

/// What a database says, by source.
pub(super) type Look = Result<BTreeMap<String, Seen>, Failure>;

/// Looks at a database, without a trace.
pub(super) async fn look(database: &Database) -> Look {
    let mut store = any_store(database, 2 * PATIENCE);
    let looked = tokio::time::timeout(PATIENCE, seen(&mut *store)).await;
    looked.unwrap_or_else(|_| Err(unanswered()))
}

pub(crate) fn unanswered() -> Failure {
    Failure::Transient(format!("it does not answer within {} s", PATIENCE.as_secs()))
}

async fn seen(store: &mut dyn Store) -> Look {
    let mut all = BTreeMap::new();
    if !store.connect().await? {
        return Ok(all);
    }
    let dialect = store.dialect();
    if !store.columns(POSITION).await?.is_empty() {
        let (moved_at, now) = ((dialect.time)("updated_at"), (dialect.time)(dialect.now));
        let sql = format!("SELECT source, position, {moved_at}, {now} FROM {POSITION}");
        for row in store.select(&sql, &[]).await? {
            let (source, seen) = of_row(row)?;
            all.insert(source, seen);
        }
    }
    let columns = store.columns(QUARANTINE).await?;
    if !columns.is_empty() {
        let waits = if columns.iter().any(|column| column == "resolution") { "WHERE resolution IS NULL" } else { "" };
        let count = format!("CAST(count(*) AS {})", dialect.text);
        let sql = format!("SELECT source, {count} FROM {QUARANTINE} {waits} GROUP BY source");
        for row in store.select(&sql, &[]).await? {
            let [Some(source), Some(count)] = &row[..] else { continue };
            all.entry(source.clone()).or_default().waiting = count.parse().unwrap_or_default();
        }
    }
    store.close().await;
    Ok(all)
}

fn of_row(row: Row) -> Result<(String, Seen), Failure> {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten();
    let (source, position, moved_at, now) = (next().unwrap_or_default(), next(), next(), next());
    let position = Position::from_stored(position.as_deref()).map_err(Failure::Failed)?;
    let time = |text: &Option<String>| NaiveDateTime::parse_from_str(text.as_deref()?, TIME).ok();
    let seconds_ago = time(&moved_at).zip(time(&now)).map(|(then, now)| (now - then).num_seconds());
    let seconds_ago = seconds_ago.map(|seconds| u64::try_from(seconds).unwrap_or(0));
    Ok((source, Seen { position, moved_at, seconds_ago, waiting: 0 }))
}
