//! Turning one home's records into the objects that are wanted there.

mod aggregate;
mod fields;
mod object;
mod shape;
mod sql;
mod typed;

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};

pub(crate) use aggregate::{Aggregates, Combine};
pub use object::{Object, Objects, Shape};
pub(crate) use sql::SqlAnalyser;
pub(crate) use typed::TypedAnalyser;
pub use typed::{Analyser, Kinds};

use crate::table::Table;

/// An analyser of any kind: it sees one home's records, with that home in the context, and never names a database.
pub(crate) trait Analyse: Send + Sync {
    /// The tables that its objects go to.
    fn tables(&self) -> &[Table];

    /// The columns that it reads of a record; `None` for all.
    fn reads(&self) -> Option<Vec<String>>;

    /// The objects that these records make: for each, the number of its table and rows of that table's schema.
    fn analyse(&self, records: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, String>;
}

/// All analysers of a source.
pub(crate) struct Analysers {
    analysers: Vec<(usize, Box<dyn Analyse>)>,
    tables: Arc<[Table]>,
}

impl Analysers {
    /// `adds_columns` says whether columns that a table in a home lacks are added to it.
    pub(crate) fn new(all: Vec<Box<dyn Analyse>>, adds_columns: bool) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        let mut analysers = Vec::new();
        for analyser in all {
            let first = tables.len();
            tables.extend_from_slice(analyser.tables());
            analysers.push((first, analyser));
        }
        tables.iter_mut().for_each(|table| table.adds_columns = adds_columns);
        Self { analysers, tables: tables.into() }
    }

    /// The tables of all analysers.
    pub(crate) fn tables(&self) -> &Arc<[Table]> {
        &self.tables
    }

    /// The columns that they read of a record, together; `None` for all.
    pub(crate) fn reads(&self) -> Option<Vec<String>> {
        self.analysers.iter().try_fold(Vec::new(), |mut all, (_, analyser)| {
            all.extend(analyser.reads()?);
            Some(all)
        })
    }

    /// The objects that these records make, by the number of their table.
    pub(crate) fn analyse(&self, records: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, String> {
        let mut all = Vec::new();
        for (first, analyser) in &self.analysers {
            for (table, objects) in analyser.analyse(records)? {
                let table = first + table;
                self.check_key(table, &objects)?;
                if objects.num_rows() > 0 {
                    all.push((table, objects));
                }
            }
        }
        Ok(all)
    }

    /// A key of NULL is equal to no other, so its objects would never be replaced or merged.
    fn check_key(&self, table: usize, objects: &RecordBatch) -> Result<(), String> {
        let table = &self.tables[table];
        let null = table.key.iter().find(|&&column| objects.column(column).null_count() > 0);
        match null {
            Some(&column) => {
                Err(format!("`{}.{}` is part of the key and NULL", table.name, table.schema.field(column).name()))
            }
            None => Ok(()),
        }
    }
}
