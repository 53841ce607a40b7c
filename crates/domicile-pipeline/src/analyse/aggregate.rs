//! Partial aggregates of a home between two commits: kept in memory, merged when they grow, written at the commit.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::error::DataFusionError;

use super::sql::{Unplanned, merging};
use crate::sql::{Plan, Planner};
use crate::table::{Table, Write};

/// A value that its type cannot hold is an error, not NULL.
const EXACT: CastOptions<'static> =
    CastOptions { safe: false, format_options: datafusion::arrow::util::display::FormatOptions::new() };

/// Merges partial results of one table.
#[derive(Clone)]
pub(crate) struct Combine {
    plan: Plan,
    table: Table,
}

impl Combine {
    /// The plan that merges a table's partial results, or `None` for a table that takes rows.
    pub(crate) fn plan(table: &Table) -> Result<Option<Self>, Unplanned> {
        let Write::Merge(merges) = &table.write else { return Ok(None) };
        let planner = Planner::new(Arc::clone(&table.schema))?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let columns = table.schema.fields().iter().zip(merges).map(|(field, merge)| {
            let name = quoted(field.name());
            merge.map_or_else(|| name.clone(), |merge| format!("{}({name}) AS {name}", merge.function()))
        });
        let columns: Vec<_> = columns.collect();
        let keys: Vec<_> = table.key_names().map(quoted).collect();
        let sql = format!("SELECT {} FROM record GROUP BY {}", columns.join(", "), keys.join(", "));
        let (query, _) = merging(&planner.logical_plan(&sql)?)?;
        Ok(Some(Self { plan: planner.physical_plan(&query)?, table: table.clone() }))
    }

    /// Merges partial results into one row a key. Keys come first in the plan's result, whatever their place in the
    /// table, and a sum of sums has a wider type, so columns are put back by name and cast without loss.
    pub(crate) fn run(&self, parts: &[RecordBatch]) -> Result<RecordBatch, String> {
        let schema = &self.table.schema;
        let run = || {
            let all = concat_batches(schema, parts)?;
            let batches = self.plan.run(all)?;
            let merged = concat_batches(&self.plan.schema(), &batches)?;
            let columns = schema.fields().iter().map(|field| {
                let column = merged.column_by_name(field.name()).expect("the plan selects the table's columns");
                cast_with_options(column, field.data_type(), &EXACT)
            });
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
        };
        let merged: Result<RecordBatch, DataFusionError> = run();
        merged.map_err(|error| match error.find_root() {
            // Arrow quotes the value.
            DataFusionError::ArrowError(..) => {
                format!("a merged value of `{}` does not fit its column", self.table.name)
            }
            _ => error.strip_backtrace(),
        })
    }
}

/// The partial results of all merged tables of a home.
pub(crate) struct Aggregates {
    tables: Vec<Partial>,
    most_rows: usize,
}

/// The partial results of one table.
#[derive(Default)]
struct Partial {
    combine: Option<Combine>,
    parts: Vec<RecordBatch>,
    rows: usize,
}

impl Aggregates {
    /// Nothing yet, for as many tables as there are `combines`. Partial results of a table are merged when there are
    /// `most_rows` of them.
    pub(crate) fn new(combines: &[Option<Combine>], most_rows: usize) -> Self {
        let partial = |combine: &Option<Combine>| Partial { combine: combine.clone(), ..Partial::default() };
        Self { tables: combines.iter().map(partial).collect(), most_rows }
    }

    /// Whether a table's objects are merged, not written one by one.
    pub(crate) fn merges(&self, table: usize) -> bool {
        self.tables[table].combine.is_some()
    }

    /// Takes partial results of tables.
    pub(crate) fn add(&mut self, partials: Vec<(usize, RecordBatch)>) -> Result<(), String> {
        for (table, objects) in partials {
            let partial = &mut self.tables[table];
            partial.rows += objects.num_rows();
            partial.parts.push(objects);
            if partial.rows >= self.most_rows {
                partial.combine()?;
            }
        }
        Ok(())
    }

    /// Merges the partial results of tables by themselves.
    pub(crate) fn merge(&mut self, partials: Vec<(usize, RecordBatch)>) -> Result<Vec<(usize, RecordBatch)>, String> {
        let merged = self.add(partials).and_then(|()| self.take());
        if merged.is_err() {
            self.tables.iter_mut().for_each(|partial| (partial.rows, partial.parts) = (0, Vec::new()));
        }
        merged
    }

    /// Whether merging no longer makes room: the results are to be written.
    pub(crate) fn is_full(&self) -> bool {
        self.tables.iter().any(|partial| partial.rows > self.most_rows / 2 && partial.parts.len() == 1)
    }

    /// The merged results of every table that has any; nothing is left behind.
    pub(crate) fn take(&mut self) -> Result<Vec<(usize, RecordBatch)>, String> {
        let mut all = Vec::new();
        for (table, partial) in self.tables.iter_mut().enumerate() {
            if partial.rows > 0 {
                partial.combine()?;
                all.extend(std::mem::take(&mut partial.parts).into_iter().map(|merged| (table, merged)));
                partial.rows = 0;
            }
        }
        Ok(all)
    }
}

impl Partial {
    fn combine(&mut self) -> Result<(), String> {
        let Some(combine) = &self.combine else { return Ok(()) };
        let merged = combine.run(&self.parts)?;
        self.rows = merged.num_rows();
        self.parts = vec![merged];
        Ok(())
    }
}
