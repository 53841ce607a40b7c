//! The records of a quarantine, page by page, in the order of their source.
//!
//! A database orders positions by their texts, so that each look for those that are next is one through all keys. One look
//! finds many, and records are asked for several at a time: else a large quarantine would be looked through a thousand times.

use std::collections::{HashMap, VecDeque};

use super::filter::Narrowed;
use super::kept::{Key, Quarantine, Stored};
use crate::error::Failure;

/// So many keys are found by one look through all of them.
const KEYS_AHEAD: usize = 50_000;

/// So many records are asked for at once, unless they are large.
const RECORDS_AT_ONCE: usize = 128;

/// So many bytes of records are had at once, about: the next question is for fewer records where these had more.
const BYTES_AT_ONCE: usize = 1_024 * 1_024;

/// The keys that are next.
#[derive(Default)]
pub(super) struct Ahead {
    keys: VecDeque<Key>,
    /// The last that was found.
    after: Option<Key>,
}

impl Ahead {
    /// The next records, at most so many, and no more once they have so many bytes; nothing at the end. Those that are gone
    /// are left out.
    pub(super) async fn page(
        &mut self,
        quarantine: &mut Quarantine,
        source: &str,
        which: &Narrowed,
        (most, most_bytes): (usize, usize),
    ) -> Result<Option<Vec<Stored>>, Failure> {
        if self.keys.is_empty() {
            self.keys = quarantine.first(source, which, self.after.as_ref(), KEYS_AHEAD).await?.into();
            self.after = self.keys.back().cloned();
        }
        if self.keys.is_empty() {
            return Ok(None);
        }
        let (mut page, mut taken, mut bytes, mut at_once) = (Vec::new(), 0, 0, 1);
        while taken < most && bytes < most_bytes && !self.keys.is_empty() {
            let count = at_once.min(most - taken).min(self.keys.len());
            let keys: Vec<_> = self.keys.drain(..count).collect();
            let found = quarantine.get_all(source, &keys).await?;
            let had: usize = found.iter().map(|stored| stored.record.len()).sum();
            at_once = if had < BYTES_AT_ONCE { (2 * at_once).min(RECORDS_AT_ONCE) } else { (at_once / 2).max(1) };
            (taken, bytes) = (taken + count, bytes + had);
            page.extend(found);
        }
        Ok(Some(page))
    }
}

/// Puts rows into the order of the keys that they were asked by.
pub(super) fn in_order_of(keys: &[Key], rows: Vec<(Key, Stored)>) -> Vec<Stored> {
    let mut by_key: HashMap<(String, i64), Stored> = HashMap::with_capacity(rows.len());
    by_key.extend(rows.into_iter().map(|(key, stored)| ((key.text, key.number), stored)));
    keys.iter().filter_map(|key| by_key.remove(&(key.text.clone(), key.number))).collect()
}
