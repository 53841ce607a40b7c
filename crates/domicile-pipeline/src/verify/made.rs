//! The rows that a table of a home should have, as its analysers write them: every one, the last of each key, or all that is
//! merged into one.

use std::collections::HashMap;

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;

use super::hashes::Hasher;
use super::ranges::Selection;
use crate::analyse::Combine;
use crate::table::{Table, Write};

/// Partial results are merged when there are so many more of them than there were after the last time.
const MERGED_AT_ONCE: usize = 8_192;

/// What is kept of objects until all of them are there.
pub(super) enum Made {
    /// Nothing: each is a row.
    Rows,
    /// The last of each key.
    Last(HashMap<u128, Last>),
    /// Partial results.
    Merged(Merged),
}

/// Partial results of a table.
pub(super) struct Merged {
    combine: Combine,
    parts: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    merge_at: usize,
}

/// The last object of a key.
pub(super) struct Last {
    digest: u128,
    told: Option<String>,
}

/// Takes a row: the number of its key, that of the row, and its key for people.
pub(super) type Take<'a> = dyn FnMut(u128, u128, &dyn Fn() -> Option<String>) + 'a;

/// A table with what is needed to compare its rows.
pub(super) struct Compared<'a> {
    pub(super) number: usize,
    pub(super) hasher: &'a Hasher,
    pub(super) selection: &'a Selection,
    /// Keys are told, because some of them differ.
    pub(super) is_told: bool,
}

impl Made {
    pub(super) fn new(table: &Table, combine: Option<&Combine>) -> Self {
        match (&table.write, combine) {
            (Write::Merge(_), Some(combine)) => Self::Merged(Merged::new(combine.clone())),
            (Write::Replace, _) => Self::Last(HashMap::new()),
            _ => Self::Rows,
        }
    }

    /// Whether each object is a row by itself.
    pub(super) fn is_rows(&self) -> bool {
        matches!(self, Self::Rows)
    }

    /// Takes objects that are made of some records.
    pub(super) fn add(
        &mut self,
        compared: &Compared<'_>,
        objects: RecordBatch,
        of: &dyn Fn() -> String,
        take: &mut Take<'_>,
    ) -> Result<(), String> {
        let hasher = compared.hasher;
        let hashed = hasher.hash(&objects, &[])?;
        let is_selected = |id: &u128| compared.selection.has(compared.number, *id);
        match self {
            Self::Rows => {
                // They take no memory, for which fewer ranges of others may be selected.
                let is_wanted = |id: &u128| !compared.is_told || is_selected(id);
                let rows = hashed.ids.iter().zip(&hashed.digests).enumerate();
                for (row, (id, digest)) in rows.filter(|(_, (id, _))| is_wanted(id)) {
                    take(*id, *digest, &|| hasher.told(&objects, row).or_else(|| Some(of())));
                }
            }
            Self::Last(last) => {
                let rows = hashed.ids.into_iter().zip(hashed.digests).enumerate();
                for (row, (id, digest)) in rows.filter(|(_, (id, _))| is_selected(id)) {
                    let told = if compared.is_told { hasher.told(&objects, row) } else { None };
                    last.insert(id, Last { digest, told });
                }
            }
            Self::Merged(merged) => merged.add(compared, &objects, &hashed.ids)?,
        }
        Ok(())
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Rows => 0,
            Self::Last(last) => 2 * last.capacity() * size_of::<(u128, Last)>(),
            Self::Merged(merged) => merged.bytes,
        }
    }

    /// Drops what is no longer selected.
    pub(super) fn retain(&mut self, compared: &Compared<'_>) -> Result<(), String> {
        match self {
            Self::Rows => {}
            Self::Last(last) => {
                last.retain(|id, _| compared.selection.has(compared.number, *id));
                last.shrink_to_fit();
            }
            Self::Merged(merged) => {
                for part in merged.take()? {
                    let ids = compared.hasher.hash(&part, &[])?.ids;
                    merged.add(compared, &part, &ids)?;
                }
            }
        }
        Ok(())
    }

    /// The rows that have come of it; nothing is left.
    pub(super) fn finish(&mut self, compared: &Compared<'_>, take: &mut Take<'_>) -> Result<(), String> {
        match self {
            Self::Rows => {}
            Self::Last(last) => {
                for (id, Last { digest, told }) in std::mem::take(last) {
                    take(id, digest, &|| told.clone());
                }
            }
            Self::Merged(merged) => {
                for part in merged.take()? {
                    let hashed = compared.hasher.hash(&part, &[])?;
                    for (row, (id, digest)) in hashed.ids.iter().zip(&hashed.digests).enumerate() {
                        take(*id, *digest, &|| compared.hasher.told(&part, row));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Merged {
    fn new(combine: Combine) -> Self {
        Self { combine, parts: Vec::new(), rows: 0, bytes: 0, merge_at: MERGED_AT_ONCE }
    }

    /// Takes those of some partial results that are selected.
    fn add(&mut self, compared: &Compared<'_>, objects: &RecordBatch, ids: &[u128]) -> Result<(), String> {
        let selected = ids.iter().map(|id| Some(compared.selection.has(compared.number, *id)));
        let selected: BooleanArray = selected.collect();
        let objects = filter_record_batch(objects, &selected).map_err(|error| error.to_string())?;
        if objects.num_rows() == 0 {
            return Ok(());
        }
        self.rows += objects.num_rows();
        self.bytes += objects.get_array_memory_size();
        self.parts.push(objects);
        if self.rows >= self.merge_at {
            self.merge()?;
            self.merge_at = 2 * self.rows + MERGED_AT_ONCE;
        }
        Ok(())
    }

    fn merge(&mut self) -> Result<(), String> {
        let merged = self.combine.run(&self.parts)?;
        (self.rows, self.bytes) = (merged.num_rows(), merged.get_array_memory_size());
        self.parts = vec![merged];
        Ok(())
    }

    /// All that is merged; nothing is left.
    fn take(&mut self) -> Result<Vec<RecordBatch>, String> {
        if self.rows > 0 {
            self.merge()?;
        }
        (self.rows, self.bytes, self.merge_at) = (0, 0, MERGED_AT_ONCE);
        Ok(std::mem::take(&mut self.parts))
    }
}
