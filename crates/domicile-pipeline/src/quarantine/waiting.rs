//! What the control database keeps, for runs that read it again: a home that is behind the control database, because it is
//! new or was down, reads records that had no home before.

use std::collections::HashMap;

use super::filter::Narrowed;
use super::kept::{Key, Quarantine, RECORDS_AT_ONCE, cleared, taken_over};
use super::{Cause, Quarantined, Resolution};
use crate::error::Failure;
use crate::plan::Planned;
use crate::position::Position;

/// So many records of the control database are in memory at most while a home reads them again.
const MOST: usize = 1_000_000;

/// So many of their keys are asked for at once.
const AT_ONCE: usize = 1_000;

/// The records that the control database keeps of a source, by the key of their position.
#[derive(Debug, Default)]
pub(crate) struct Waiting(HashMap<String, Vec<Waiter>>);

#[derive(Debug)]
struct Waiter {
    number: i64,
    cause: Cause,
    /// What is kept of the record when it is resolved.
    cleared: String,
}

impl Planned {
    /// What the control database keeps of the source, from a position on.
    pub(crate) async fn waiting(
        &self,
        control: &crate::config::Database,
        from: Option<&Position>,
    ) -> Result<Waiting, Failure> {
        let store = self.writing.store_of_control(control);
        let Some(mut quarantine) = Quarantine::open(store).await? else { return Ok(Waiting::default()) };
        let source = self.writing.name.as_str();
        let (mut waiting, mut count) = (Waiting::default(), 0);
        let mut after: Option<Key> = None;
        loop {
            let page = quarantine.page(source, &Narrowed::default(), after.as_ref(), AT_ONCE).await?;
            after = page.last().cloned();
            let is_last = page.len() < AT_ONCE;
            let is_read = |key: &Key| from.is_none_or(|from| key.position.as_ref().is_none_or(|at| at > from));
            let keys: Vec<_> = page.into_iter().filter(is_read).collect();
            for keys in keys.chunks(RECORDS_AT_ONCE) {
                for stored in quarantine.get_all(source, keys).await? {
                    let cause = Cause::from_name(&stored.cause).unwrap_or(Cause::Refused);
                    let waiter = Waiter { number: stored.key.number, cause, cleared: cleared(&stored.record) };
                    waiting.0.entry(stored.key.text).or_default().push(waiter);
                    count += 1;
                }
            }
            if count > MOST {
                let message = format!(
                    "it keeps more than {MOST} records of the source {source} that a home is to read again, which are too \
                     many to be told from others in memory"
                );
                return Err(Failure::Failed(message));
            }
            if is_last {
                break;
            }
        }
        quarantine.store.close().await;
        Ok(waiting)
    }
}

/// A record that a home reads.
pub(crate) struct ReadAgain<'a> {
    pub(crate) position: &'a Position,
    /// Its number, where it is known by its mark.
    pub(crate) number: Option<i64>,
    /// It is the only one of its cursor.
    pub(crate) is_single: bool,
}

impl Waiting {
    /// What a home notes of a record that it takes over by reading it again; none if the control database does not keep it.
    /// Of several records with one cursor, whose columns have changed since, it cannot be told which it was: the home takes
    /// over all that may be it, so that none is delivered twice.
    pub(crate) fn taken_over(&self, record: &ReadAgain<'_>, json: impl FnOnce() -> String) -> Vec<Quarantined> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let Some(there) = record.position.key().and_then(|key| self.0.get(&key)) else { return Vec::new() };
        let mut found: Vec<&Waiter> = match record.number {
            Some(number) => there.iter().filter(|waiter| waiter.number == number).collect(),
            None => there.iter().collect(),
        };
        if record.number.is_none() && !record.is_single {
            let cleared = cleared(&json());
            if there.iter().any(|waiter| waiter.cleared == cleared) {
                found.retain(|waiter| waiter.cleared == cleared);
            }
        }
        let noted = |waiter: &&Waiter| Quarantined {
            position: record.position.clone(),
            number: taken_over(waiter.number),
            mark: None,
            cause: waiter.cause,
            about: None,
            reason: String::from("the control database keeps it, and a run has read it again"),
            record: waiter.cleared.clone(),
            shape: None,
            resolution: Some(Resolution::Read),
        };
        found.iter().map(noted).collect()
    }
}
