//! A look at what one database knows of a cursor: how far it is, which of its transactions has passed it, and its quarantine.

use super::MOST;
use super::report::{TracedBatch, TracedQuarantine};
use crate::account::Account;
use crate::database::{ACCOUNT, SEEN};
use crate::error::Failure;
use crate::overlap::Mark;
use crate::plan::any_store;
use crate::position::Position;
use crate::quarantine::{Narrowed, Quarantine, Resolution, Row, Store, Stored};
use crate::status::{PATIENCE, Place, unanswered};

/// So many rows of the accounting are asked for at once.
const ROWS_AT_ONCE: usize = 10_000;

/// What is asked.
pub(super) struct Asked<'a> {
    pub(super) source: &'a str,
    pub(super) position: &'a Position,
    /// Whether the source has a record that is read for the database.
    pub(super) is_read_for: bool,
    /// By what such records are known, where they are read again.
    pub(super) marks: Vec<&'a Mark>,
}

/// What a database says.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) position: Position,
    pub(super) batch: Option<TracedBatch>,
    /// The hashes of marks that it remembers.
    pub(super) remembered: Vec<String>,
    pub(super) quarantine: Vec<TracedQuarantine>,
    /// There is more in quarantine.
    pub(super) is_cut: bool,
}

/// Looks at a database, without a trace.
pub(super) async fn look(place: &Place<'_>, asked: &Asked<'_>) -> Result<Seen, Failure> {
    let looked = tokio::time::timeout(PATIENCE, seen(place, asked)).await;
    looked.unwrap_or_else(|_| Err(unanswered()))
}

async fn seen(place: &Place<'_>, asked: &Asked<'_>) -> Result<Seen, Failure> {
    let store = any_store(place.database, 2 * PATIENCE);
    let Some(mut quarantine) = Quarantine::open(store).await? else { return Ok(Seen::default()) };
    let mut seen = Seen { position: quarantine.reached(asked.source, false).await?, ..Seen::default() };
    if asked.is_read_for && seen.position >= *asked.position {
        let store = &mut *quarantine.store;
        if !store.columns(ACCOUNT).await?.is_empty() {
            seen.batch = batch(store, asked).await?;
        }
        if !asked.marks.is_empty() && !store.columns(SEEN).await?.is_empty() {
            seen.remembered = remembered(store, asked).await?;
        }
    }
    let which = Narrowed { positions: asked.position.key().into_iter().collect(), ..Narrowed::default() };
    let mut keys = quarantine.first(asked.source, &which, None, MOST + 1).await?;
    seen.is_cut = keys.len() > MOST;
    keys.truncate(MOST);
    for key in &keys {
        // Of one at a time, because each comes with what the record holds.
        let stored = quarantine.get(asked.source, key).await?;
        seen.quarantine.extend(stored.map(|stored| told(place.home, stored)));
    }
    quarantine.store.close().await;
    Ok(seen)
}

/// The transaction that has passed a cursor. Texts are not in the order of the source, but for whole numbers of as many
/// digits: by other cursors all transactions are looked at.
async fn batch(store: &mut dyn Store, asked: &Asked<'_>) -> Result<Option<TracedBatch>, Failure> {
    let dialect = store.dialect();
    let committed_at = (dialect.time)("kept.committed_at");
    let counts = ["read", "delivered", "ignored", "quarantined"];
    let counts = counts.map(|count| format!("CAST(kept.{count} AS {})", dialect.text)).join(", ");
    let (source, behind) = ((dialect.place)(1), (dialect.place)(2));
    let whole = asked.position.integer().filter(|number| *number >= 0);
    let (behind_it, order, most) = match whole {
        Some(number) => {
            let digits = number.to_string().len();
            let of_more = format!("length(kept.upto) > {digits}");
            let of_as_many = format!("length(kept.upto) = {digits} AND kept.upto >= '{number}'");
            let clause = format!("AND kept.upto NOT LIKE '-%' AND ({of_more} OR {of_as_many})");
            (clause, "length(kept.upto), kept.upto", 1)
        }
        None => (String::new(), "kept.upto", ROWS_AT_ONCE),
    };
    let sql = format!(
        "SELECT kept.after, kept.upto, {committed_at}, {counts} FROM {ACCOUNT} AS kept
         WHERE kept.source = {source} AND kept.upto > {behind} {behind_it} ORDER BY {order} LIMIT {most}"
    );
    let mut found: Option<TracedBatch> = None;
    let mut last = Some(String::new());
    while let Some(text) = last.take() {
        let rows = store.select(&sql, &[Some(asked.source.to_owned()), Some(text)]).await?;
        if whole.is_none() && rows.len() == ROWS_AT_ONCE {
            last = rows.last().and_then(|row| row[1].clone());
        }
        let passed = rows.into_iter().filter_map(of_row);
        let passed = passed.filter(|batch| batch.after < *asked.position && *asked.position <= batch.upto);
        found = passed.chain(found).min_by(|one, other| one.upto.cmp(&other.upto));
    }
    Ok(found)
}

/// A row of the accounting; nothing if a position is too long to be kept as what it is.
fn of_row(row: Row) -> Option<TracedBatch> {
    let [after, upto, committed_at, read, delivered, ignored, quarantined] = <[_; 7]>::try_from(row).ok()?;
    let position = |text: Option<String>| Position::from_stored(text.as_deref()).ok();
    let count = |text: Option<String>| text?.parse().ok();
    Some(TracedBatch {
        after: position(after)?,
        upto: position(upto)?,
        committed_at: committed_at?,
        account: Account {
            read: count(read)?,
            delivered: count(delivered)?,
            ignored: count(ignored)?,
            quarantined: count(quarantined)?,
        },
    })
}

async fn remembered(store: &mut dyn Store, asked: &Asked<'_>) -> Result<Vec<String>, Failure> {
    let dialect = store.dialect();
    let (source, hash) = ((dialect.place)(1), (dialect.place)(2));
    let sql = format!("SELECT hash FROM {SEEN} WHERE source = {source} AND hash = {hash}");
    let mut remembered = Vec::new();
    for mark in &asked.marks {
        let rows = store.select(&sql, &[Some(asked.source.to_owned()), Some(mark.hash.clone())]).await?;
        remembered.extend(rows.into_iter().flatten().flatten());
    }
    Ok(remembered)
}

fn told(home: Option<&str>, stored: Stored) -> TracedQuarantine {
    TracedQuarantine {
        home: home.map(str::to_owned),
        number: stored.key.number,
        cause: stored.cause,
        reason: stored.reason,
        first_seen: stored.first_seen,
        last_seen: stored.last_seen,
        resolution: stored.resolution,
        resolved_at: stored.resolved_at,
        resolved_by: stored.resolved_by,
        note: stored.note,
        moved_to: stored.home.filter(|_| stored.resolution == Some(Resolution::Moved)),
    }
}
