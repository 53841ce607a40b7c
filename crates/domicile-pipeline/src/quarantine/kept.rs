//! What a database keeps in quarantine.

use std::collections::{BTreeSet, HashMap};

use super::Resolution;
use super::ahead::in_order_of;
use super::filter::Narrowed;
use super::store::{Row, Statement, Store};
use crate::database::{ADDED, QUARANTINE};
use crate::error::Failure;
use crate::overlap::Mark;
use crate::position::Position;

/// So many keys are asked for at once.
const KEYS_AT_ONCE: usize = 10_000;

/// So many of them, with what they hold.
pub(super) const RECORDS_AT_ONCE: usize = 64;

/// By what a record in quarantine is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Unless the text is too long to be kept as what it is.
    pub(crate) position: Option<Position>,
    pub(crate) text: String,
    /// Negative where a home has taken it over.
    pub(crate) number: i64,
}

/// The number that a record of the control database has in the home that takes it over.
pub(crate) fn taken_over(number: i64) -> i64 {
    -1 - number
}

/// A record in quarantine, as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) key: Key,
    pub(crate) source: String,
    pub(crate) cause: String,
    pub(crate) reason: String,
    pub(crate) record: String,
    pub(crate) shape: Option<String>,
    /// The home that it is being moved to, or was.
    pub(crate) home: Option<String>,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) resolved_at: Option<String>,
    pub(crate) resolved_by: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
}

/// How a record is resolved.
pub(crate) struct Resolved<'a> {
    pub(crate) resolution: Resolution,
    pub(crate) by: Option<&'a str>,
    pub(crate) note: Option<&'a str>,
    /// The home that has it now.
    pub(crate) home: Option<&'a str>,
}

/// A record waits again, or still, with this reason.
pub(crate) struct Kept<'a> {
    pub(crate) cause: &'a str,
    pub(crate) about: Option<&'a str>,
    pub(crate) reason: &'a str,
    pub(crate) record: &'a str,
    pub(crate) shape: Option<&'a str>,
    /// Unless it is resolved.
    pub(crate) only_waiting: bool,
}

/// How many records of a kind there are.
pub(crate) struct Counted {
    pub(crate) source: String,
    pub(crate) cause: String,
    pub(crate) about: Option<String>,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) count: u64,
    pub(crate) first_seen: String,
    pub(crate) last_seen: String,
}

/// A database's quarantine. One of an earlier version has not all columns: nothing is resolved there.
pub(crate) struct Quarantine {
    pub(crate) store: Box<dyn Store>,
    columns: Vec<String>,
}

impl Quarantine {
    /// Opens it; nothing where there is none.
    pub(crate) async fn open(mut store: Box<dyn Store>) -> Result<Option<Self>, Failure> {
        if !store.connect().await? {
            return Ok(None);
        }
        let columns = store.columns(QUARANTINE).await?;
        Ok((!columns.is_empty()).then_some(Self { store, columns }))
    }

    /// Makes the columns that are missing.
    pub(crate) async fn mend(&mut self) -> Result<(), Failure> {
        if ADDED.iter().all(|name| self.column(name) != "NULL") {
            return Ok(());
        }
        self.store.mend().await?;
        self.columns = self.store.columns(QUARANTINE).await?;
        Ok(())
    }

    /// A column, or NULL where it is missing.
    fn column<'a>(&self, name: &'a str) -> &'a str {
        if self.columns.iter().any(|column| column == name) { name } else { "NULL" }
    }

    /// What is missing is not asked for.
    fn possible(&self, which: &Narrowed) -> Narrowed {
        let has_resolutions = self.column("resolution") != "NULL";
        let (only_waiting, only_undelivered) = (which.only_waiting, which.only_undelivered);
        Narrowed {
            only_waiting: only_waiting && has_resolutions,
            only_undelivered: only_undelivered && has_resolutions,
            ..which.clone()
        }
    }

    /// Counts records by source, cause, what the reason is about and what became of them: at most so many kinds, the most
    /// frequent first.
    pub(crate) async fn counts(&mut self, which: &Narrowed, most: usize) -> Result<Vec<Counted>, Failure> {
        let dialect = self.store.dialect();
        let (about, resolution) = (self.column("about"), self.column("resolution"));
        let (first, last) = ((dialect.time)("min(first_seen)"), (dialect.time)("max(last_seen)"));
        let begin = format!(
            "SELECT source, cause, about, resolution, CAST(count(*) AS {}), {first}, {last}
             FROM (SELECT source, position, cause, {about} AS about, {resolution} AS resolution, first_seen, last_seen
                   FROM domicile_quarantine) AS kept",
            dialect.text
        );
        let rows = Statement::new(dialect, begin)
            .which(&self.possible(which))
            .sql(&format!(" GROUP BY source, cause, about, resolution ORDER BY count(*) DESC, source LIMIT {most}"))
            .select(&mut *self.store)
            .await?;
        Ok(rows.into_iter().map(counted).collect())
    }

    /// The sources of records.
    pub(crate) async fn sources(&mut self, which: &Narrowed) -> Result<Vec<String>, Failure> {
        let statement = Statement::new(self.store.dialect(), "SELECT DISTINCT source FROM domicile_quarantine");
        let rows = statement.which(&self.possible(which)).sql(" ORDER BY source").select(&mut *self.store).await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    /// The keys of a source's records behind a key, in the order of their texts.
    pub(super) async fn page(
        &mut self,
        source: &str,
        which: &Narrowed,
        after: Option<&Key>,
        most: usize,
    ) -> Result<Vec<Key>, Failure> {
        let dialect = self.store.dialect();
        let begin = format!("SELECT position, CAST(number AS {}) FROM domicile_quarantine", dialect.text);
        let which = Narrowed { sources: vec![source.to_owned()], ..self.possible(which) };
        let mut statement = Statement::new(dialect, begin).which(&which);
        if let Some(Key { text, number, .. }) = after {
            statement = statement.sql(" AND (position > ").text(text).sql(" OR (position = ").text(text);
            statement = statement.sql(" AND number > ").integer(*number).sql("))");
        }
        // Not by the number as a text, as it is selected.
        let order = " ORDER BY domicile_quarantine.position, domicile_quarantine.number";
        let rows = statement.sql(&format!("{order} LIMIT {most}")).select(&mut *self.store).await?;
        Ok(rows.into_iter().map(key).collect())
    }

    /// The first of a source's records behind a key, in the order of the source: at most so many. All keys are looked at
    /// for that, and no more of them kept.
    pub(crate) async fn first(
        &mut self,
        source: &str,
        which: &Narrowed,
        after: Option<&Key>,
        most: usize,
    ) -> Result<Vec<Key>, Failure> {
        let mut first = BTreeSet::new();
        let mut last: Option<Key> = None;
        loop {
            let page = self.page(source, which, last.as_ref(), KEYS_AT_ONCE).await?;
            let is_last = page.len() < KEYS_AT_ONCE;
            last = page.last().cloned();
            for key in page.into_iter().filter(|key| after.is_none_or(|after| in_order(key) > in_order(after))) {
                first.insert((in_order(&key), key));
                if first.len() > most {
                    first.pop_last();
                }
            }
            if is_last {
                return Ok(first.into_iter().map(|(_, key)| key).collect());
            }
        }
    }

    /// A record.
    pub(crate) async fn get(&mut self, source: &str, key: &Key) -> Result<Option<Stored>, Failure> {
        Ok(self.get_all(source, std::slice::from_ref(key)).await?.pop())
    }

    /// Records, in the order of their keys; those that are not there are left out.
    pub(crate) async fn get_all(&mut self, source: &str, keys: &[Key]) -> Result<Vec<Stored>, Failure> {
        let dialect = self.store.dialect();
        let resolved_at = match self.column("resolved_at") {
            "NULL" => String::from("NULL"),
            column => (dialect.time)(column),
        };
        let texts = ["shape", "home", "resolution", "resolved_by", "note"].map(|name| self.column(name)).join(", ");
        let (first, last) = ((dialect.time)("first_seen"), (dialect.time)("last_seen"));
        let begin = format!(
            "SELECT position, CAST(number AS {}), cause, reason, record, {first}, {last}, {resolved_at}, {texts}
             FROM domicile_quarantine",
            dialect.text
        );
        let mut statement = Statement::new(dialect, begin).sql(" WHERE source = ").text(source);
        // An index finds them so, and few others beside them.
        for (place, Key { text, .. }) in keys.iter().enumerate() {
            statement = statement.sql(if place == 0 { " AND position IN (" } else { ", " }).text(text);
        }
        for (place, Key { number, .. }) in keys.iter().enumerate() {
            statement = statement.sql(if place == 0 { ") AND number IN (" } else { ", " }).integer(*number);
        }
        let rows = statement.sql(")").select(&mut *self.store).await?.into_iter();
        let found = rows.map(|mut row| {
            let rest = row.split_off(2);
            let key = key(row);
            (key.clone(), stored(source, &key, rest))
        });
        Ok(in_order_of(keys, found.collect()))
    }

    /// Resolves a record that waits, and clears what is kept of it but for a hash: `false` if it does not wait any more. One that
    /// is being moved to a home, which may have it already, is not dropped.
    pub(crate) async fn resolve(
        &mut self,
        source: &str,
        key: &Key,
        record: &str,
        resolved: &Resolved<'_>,
    ) -> Result<bool, Failure> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let dialect = self.store.dialect();
        let changed = Statement::new(dialect, "UPDATE domicile_quarantine SET resolution = ")
            .text(resolved.resolution.name())
            .sql(&format!(", resolved_at = {}, resolved_by = ", dialect.now))
            .maybe(owned(resolved.by))
            .sql(", note = ")
            .maybe(owned(resolved.note))
            .sql(", home = ")
            .maybe(owned(resolved.home))
            .sql(", record = ")
            .text(cleared(record))
            .key(source, key)
            .sql(" AND resolution IS NULL")
            .sql(if resolved.resolution == Resolution::Dropped { " AND home IS NULL" } else { "" })
            .execute(&mut *self.store)
            .await?;
        Ok(changed == 1)
    }

    /// Notes the home that a record which waits is moved to: `false` if it does not wait any more.
    pub(crate) async fn note_home(&mut self, source: &str, key: &Key, home: &str) -> Result<bool, Failure> {
        let statement = Statement::new(self.store.dialect(), "UPDATE domicile_quarantine SET home = ").text(home);
        let changed = statement.key(source, key).sql(" AND resolution IS NULL").execute(&mut *self.store).await?;
        Ok(changed == 1)
    }

    /// Lets a record wait, with the reason that there is now: `false` if it is resolved, where that counts.
    pub(crate) async fn keep(&mut self, source: &str, key: &Key, kept: &Kept<'_>) -> Result<bool, Failure> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (reason, record) = self.store.kept(kept.reason.to_owned(), kept.record.to_owned()).await?;
        let dialect = self.store.dialect();
        let statement =
            Statement::new(dialect, "UPDATE domicile_quarantine SET resolution = NULL, resolved_at = NULL, ")
                .sql("resolved_by = NULL, note = NULL, home = NULL, cause = ")
                .text(kept.cause)
                .sql(", about = ")
                .maybe(owned(kept.about))
                .sql(", reason = ")
                .text(reason)
                .sql(", record = ")
                .text(record)
                .sql(", shape = ")
                .maybe(owned(kept.shape))
                .sql(&format!(", last_seen = {}", dialect.now))
                .key(source, key)
                .sql(if kept.only_waiting { " AND resolution IS NULL" } else { "" });
        Ok(statement.execute(&mut *self.store).await? == 1)
    }

    /// Takes a record over from the control database: `false` if that was done before.
    pub(crate) async fn take_over(&mut self, stored: &Stored, key: &Key, by: Option<&str>) -> Result<bool, Failure> {
        let (reason, record) = self.store.kept(stored.reason.clone(), cleared(&stored.record)).await?;
        let dialect = self.store.dialect();
        let (begin, end) = dialect.insert;
        let begin = format!(
            "{begin} INTO domicile_quarantine (first_seen, last_seen, resolved_at, resolution, resolved_by, source, position,
                                               number, cause, reason, record, shape)
             VALUES ({now}, {now}, {now}, ",
            now = dialect.now
        );
        let made = Statement::new(dialect, begin)
            .text(Resolution::Replayed.name())
            .sql(", ")
            .maybe(by.map(str::to_owned))
            .sql(", ")
            .text(&stored.source)
            .sql(", ")
            .text(&key.text)
            .sql(", ")
            .integer(key.number)
            .sql(", ")
            .text(&stored.cause)
            .sql(", ")
            .text(reason)
            .sql(", ")
            .text(record)
            .sql(", ")
            .maybe(stored.shape.clone())
            .sql(&format!("){end}"))
            .execute(&mut *self.store)
            .await?;
        Ok(made == 1)
    }

    /// The keys of a source's records that were not delivered, by the texts of their positions.
    pub(crate) async fn undelivered(&mut self, source: &str) -> Result<HashMap<String, Vec<Key>>, Failure> {
        let narrowed = Narrowed { only_undelivered: true, ..Narrowed::default() };
        let (mut undelivered, mut after) = (HashMap::<_, Vec<Key>>::new(), None);
        loop {
            let page = self.page(source, &narrowed, after.as_ref(), KEYS_AT_ONCE).await?;
            let is_last = page.len() < KEYS_AT_ONCE;
            after = page.last().cloned();
            page.into_iter().for_each(|key| undelivered.entry(key.text.clone()).or_default().push(key));
            if is_last {
                return Ok(undelivered);
            }
        }
    }

    /// What is kept of records, or would be once they are resolved.
    pub(crate) async fn cleared(&mut self, source: &str, keys: &[Key]) -> Result<Vec<String>, Failure> {
        let mut all = Vec::new();
        for keys in keys.chunks(RECORDS_AT_ONCE) {
            all.extend(self.get_all(source, keys).await?.iter().map(|stored| cleared(&stored.record)));
        }
        Ok(all)
    }

    /// Remembers a record that is read again, as a run does.
    pub(crate) async fn remember(&mut self, source: &str, mark: &Mark) -> Result<(), Failure> {
        let dialect = self.store.dialect();
        let (begin, end) = dialect.insert;
        Statement::new(dialect, format!("{begin} INTO domicile_seen (source, at, hash) VALUES ("))
            .text(source)
            .sql(", ")
            .integer(mark.at)
            .sql(", ")
            .text(&mark.hash)
            .sql(&format!("){end}"))
            .execute(&mut *self.store)
            .await
            .map(drop)
    }

    /// How far the database has got with a source; it can be held there until the transaction ends.
    pub(crate) async fn reached(&mut self, source: &str, is_held: bool) -> Result<Position, Failure> {
        let dialect = self.store.dialect();
        let statement = Statement::new(dialect, "SELECT position FROM domicile_position WHERE source = ");
        let statement = statement.text(source).sql(if is_held { dialect.hold } else { "" });
        let rows = statement.select(&mut *self.store).await?;
        let position = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        Position::from_stored(position.as_deref()).map_err(Failure::Failed)
    }
}

/// Records are in the order of the source; one of two with one cursor that was taken over is where it was before.
fn in_order(key: &Key) -> (bool, Option<Position>, String, i64, i64) {
    let number = if key.number < 0 { taken_over(key.number) } else { key.number };
    (key.position.is_none(), key.position.clone(), key.text.clone(), number, key.number)
}

/// What stands in place of a record that is resolved, in front of its hash.
const CLEARED: &str = "\"SHA-256 ";

/// What stays of a record that is resolved.
pub(crate) fn cleared(record: &str) -> String {
    if record.starts_with(CLEARED) { record.to_owned() } else { format!("{CLEARED}{}\"", super::sha256(record)) }
}

fn key(row: Row) -> Key {
    let mut row = row.into_iter().map(Option::unwrap_or_default);
    let text = row.next().unwrap_or_default();
    let number = row.next().and_then(|number| number.parse().ok()).unwrap_or_default();
    Key { position: Position::from_stored(Some(&text)).ok(), text, number }
}

fn counted(row: Row) -> Counted {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten();
    Counted {
        source: next().unwrap_or_default(),
        cause: next().unwrap_or_default(),
        about: next(),
        resolution: next().as_deref().and_then(Resolution::from_name),
        count: next().and_then(|count| count.parse().ok()).unwrap_or_default(),
        first_seen: next().unwrap_or_default(),
        last_seen: next().unwrap_or_default(),
    }
}

fn stored(source: &str, key: &Key, row: Row) -> Stored {
    let mut row = row.into_iter();
    let mut next = || row.next().flatten();
    Stored {
        key: key.clone(),
        source: source.to_owned(),
        cause: next().unwrap_or_default(),
        reason: next().unwrap_or_default(),
        record: next().unwrap_or_default(),
        first_seen: next().unwrap_or_default(),
        last_seen: next().unwrap_or_default(),
        resolved_at: next(),
        shape: next(),
        home: next(),
        resolution: next().as_deref().and_then(Resolution::from_name),
        resolved_by: next(),
        note: next(),
    }
}
