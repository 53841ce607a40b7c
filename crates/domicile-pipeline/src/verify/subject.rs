//! What is verified: the sources, and the tables that they write.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::contents::Held;
use super::fresh::{OfSource, Reading, Verifiable};
use super::hashes::Hasher;
use super::report::{Verification, VerifiedSource};
use crate::plan::Planned;
use crate::source::Source;
use crate::table::Write;

/// A source that is read.
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) source: Box<dyn Source>,
    pub(super) reading: Arc<Reading>,
    pub(super) failure: Option<String>,
}

/// What is verified.
pub(super) struct Subject {
    pub(super) sources: Vec<Reader>,
    pub(super) tables: Arc<[Verifiable]>,
    /// What is not, and why.
    pub(super) unverified: Vec<String>,
}

/// A table, by the sources that write it and the number that it has there.
struct Written<'a> {
    planned: Vec<(&'a Planned, usize)>,
}

impl Subject {
    pub(super) fn new(planned: Vec<Planned>, what: &Verification) -> Result<Self, String> {
        let is_chosen = |planned: &Planned| what.sources.is_empty() || what.sources.contains(&planned.writing.name);
        let mut written: BTreeMap<String, Written<'_>> = BTreeMap::new();
        for planned in &planned {
            for (number, table) in planned.writing.analysers.tables().iter().enumerate() {
                let written = written.entry(table.name.to_lowercase()).or_insert(Written { planned: Vec::new() });
                written.planned.push((planned, number));
            }
        }
        let (mut tables, mut unverified, mut numbers) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (name, written) in &written {
            if !written.planned.iter().any(|(planned, _)| is_chosen(planned)) {
                continue;
            }
            if let Some((other, _)) = written.planned.iter().find(|(planned, _)| !is_chosen(planned)) {
                let why = "is not among those that are verified";
                unverified.push(format!(
                    "the table `{name}`: the source {} writes it as well, and {why}",
                    other.writing.name
                ));
                continue;
            }
            numbers.insert(name.clone(), tables.len());
            tables.push(written.verifiable(&mut unverified)?);
        }
        let (chosen, _): (Vec<_>, Vec<_>) = planned.into_iter().partition(|planned| is_chosen(planned));
        let sources = chosen.into_iter().map(|planned| Reader::new(planned, &numbers)).collect();
        Ok(Self { sources, tables: tables.into(), unverified })
    }

    /// What a database keeps that was never seen.
    pub(super) fn none_kept(&self) -> Vec<OfSource> {
        let none = |source: &Reader| OfSource::new(Held::default(), source.reading.overlap.as_deref());
        self.sources.iter().filter_map(|source| none(source).ok()).collect()
    }

    pub(super) fn into_sources(self) -> Vec<VerifiedSource> {
        let verified = |reader: Reader| VerifiedSource {
            source: reader.name,
            guarantee: reader.source.guarantee().clone(),
            failure: reader.failure,
        };
        self.sources.into_iter().map(verified).collect()
    }
}

impl Written<'_> {
    fn verifiable(&self, unverified: &mut Vec<String>) -> Result<Verifiable, String> {
        let (first, number) = self.planned[0];
        let table = first.writing.analysers.tables()[number].clone();
        let is_late = self.planned.iter().any(|(planned, _)| planned.overlap.is_some());
        let only_keys = table.write == Write::Replace && (is_late || self.planned.len() > 1);
        if only_keys {
            let order = if is_late { "in the order in which its records came" } else { "by several analysers in turn" };
            unverified.push(format!(
                "the table `{}`: its rows were replaced {order}, which nobody knows any more, so that only their keys are verified",
                table.name
            ));
        }
        // Records of several sources may have the same cursor.
        let is_of_one = self.planned.iter().all(|(planned, _)| planned.writing.name == first.writing.name);
        let cursor = first.source.cursor().names().into_iter().map(str::to_owned);
        let cursor: Vec<_> = cursor.filter(|_| is_of_one).collect();
        let hasher = Hasher::new(&table, &cursor, only_keys)?;
        Ok(Verifiable { combine: first.combines[number].clone(), table, hasher })
    }
}

impl Reader {
    fn new(planned: Planned, numbers: &BTreeMap<String, usize>) -> Self {
        let Planned { source, overlap, locator, writing, .. } = planned;
        let tables = writing.analysers.tables().iter().map(|table| numbers.get(&table.name.to_lowercase()).copied());
        let tables = tables.collect();
        let cursor = source.cursor().clone();
        let reading = Reading { locator, analysers: Arc::clone(&writing.analysers), cursor, overlap, tables };
        Self { name: writing.name, source, reading: Arc::new(reading), failure: None }
    }
}
