//! What is there of the rows that records make: in their homes, and in others.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use futures::{StreamExt, stream};

use super::report::{RowState, TracedRow};
use crate::config::{Config, HomeConfig};
use crate::plan::Planned;
use crate::status::{LOOKED_AT_AT_ONCE, PATIENCE, unanswered};
use crate::table::Write;
use crate::verify::{Found, Sought, find};

/// Objects by the number of their table.
pub(super) type Objects = Vec<(usize, RecordBatch)>;

/// The rows that some records make, by table.
pub(super) struct Rows {
    sought: Arc<[Sought]>,
    /// By table, and row of it, the number of the record that makes it.
    makers: Vec<Vec<usize>>,
    /// By table, whether no other record makes a row of the same key.
    are_own: Vec<bool>,
    /// Tables in which the objects of many records become one row, with the number of the record.
    merged: Vec<(usize, String)>,
}

/// What was found of them in a home, by table, or why it was not looked through.
pub(super) type Looked = Result<Vec<Found>, String>;

impl Rows {
    /// The rows of these records, each with what it makes in its home.
    pub(super) fn of<'a>(
        config: &Config,
        planned: &Planned,
        records: impl Iterator<Item = &'a Objects>,
    ) -> Result<Self, String> {
        let tables = planned.writing.analysers.tables();
        let (mut by_table, mut merged) = (BTreeMap::<usize, (Vec<usize>, Vec<RecordBatch>)>::new(), Vec::new());
        for (record, (table, objects)) in
            records.enumerate().flat_map(|(record, of)| of.iter().map(move |o| (record, o)))
        {
            if matches!(tables[*table].write, Write::Merge(_)) {
                merged.push((record, tables[*table].name.clone()));
                continue;
            }
            let (makers, rows) = by_table.entry(*table).or_default();
            makers.extend((0..objects.num_rows()).map(|_| record));
            rows.push(objects.clone());
        }
        let cursor: Vec<_> = planned.source.cursor().names().into_iter().map(str::to_owned).collect();
        let source = config.sources.iter().find(|source| source.name == planned.writing.name);
        let identity = source.and_then(|source| Some(source.overlap.as_ref()?.identity.clone()));
        let told_apart: Vec<_> = identity.into_iter().chain([cursor.clone()]).collect();
        let (mut sought, mut makers, mut are_own) = (Vec::new(), Vec::new(), Vec::new());
        for (table, (of_rows, rows)) in by_table {
            let table = &tables[table];
            let rows = concat_batches(&table.schema, &rows).map_err(|error| error.to_string())?;
            let of_table = Sought::new(table, &cursor, &rows)?;
            let known_by = of_table.known_by();
            let tells_apart = |names: &Vec<String>| names.iter().all(|name| known_by.contains(name));
            are_own.push(told_apart.iter().any(tells_apart) && is_of_one(config, &planned.writing.name, &table.name));
            makers.push(of_rows);
            sought.push(of_table);
        }
        Ok(Self { sought: sought.into(), makers, are_own, merged })
    }

    /// Looks for them in all homes.
    pub(super) async fn look(&self, config: &Config) -> Vec<Looked> {
        let look = |home: &HomeConfig| {
            let (database, sought) = (home.database.clone(), Arc::clone(&self.sought));
            async move {
                let found = tokio::time::timeout(PATIENCE, find(&database, &sought)).await;
                found.unwrap_or_else(|_| Err(unanswered())).map_err(|failure| failure.with_help())
            }
        };
        let homes = if self.sought.is_empty() { &[][..] } else { &config.homes[..] };
        stream::iter(homes.iter().map(look)).buffered(LOOKED_AT_AT_ONCE).collect().await
    }

    /// What is there of a record's rows, by the number of its home.
    pub(super) fn told(&self, record: usize, home: usize, config: &Config, looked: &[Looked]) -> Vec<TracedRow> {
        let merged = self.merged.iter().filter(|(of, _)| *of == record);
        let merged = merged.map(|(_, table)| TracedRow::of(table, RowState::Merged));
        let mut rows = Vec::new();
        for (number, sought) in self.sought.iter().enumerate() {
            let makers = self.makers[number].iter().enumerate();
            for row in makers.filter(|(_, maker)| **maker == record).map(|(row, _)| row) {
                let found = |of: &Looked| of.as_ref().ok().and_then(|all| all[number][row].clone());
                let (state, differing) = match (&looked[home], found(&looked[home])) {
                    (Err(_), _) => (RowState::Unknown, Vec::new()),
                    (_, None) => (RowState::Missing, Vec::new()),
                    (_, Some(differing)) if differing.is_empty() => (RowState::There, differing),
                    (_, Some(differing)) => (RowState::Differs, differing),
                };
                let others = || (0..looked.len()).filter(|other| *other != home);
                let name = |other: usize| config.homes[other].home.to_string();
                let failed = looked.iter().zip(&config.homes).filter_map(|(looked, home)| {
                    Some(format!("{} was not looked through: {}", home.home, looked.as_ref().err()?))
                });
                let failed = failed.collect::<Vec<_>>().join("; ");
                rows.push(TracedRow {
                    known_by: sought.known_by(),
                    is_own: self.are_own[number],
                    differing,
                    elsewhere: others().filter(|other| found(&looked[*other]).is_some()).map(name).collect(),
                    why: Some(failed).filter(|failed| !failed.is_empty()),
                    ..TracedRow::of(&sought.table().name, state)
                });
            }
        }
        rows.into_iter().chain(merged).collect()
    }
}

/// Whether no other source writes a table.
fn is_of_one(config: &Config, source: &str, table: &str) -> bool {
    let others = config.sources.iter().filter(|other| other.name != source);
    !others.flat_map(|other| &other.analysers).any(|analyser| analyser.into.eq_ignore_ascii_case(table))
}
