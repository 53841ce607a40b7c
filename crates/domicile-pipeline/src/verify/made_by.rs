//! Whether the rows that one record makes are in a database, as they are told from others when a home is verified.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};

use super::contents::{Only, as_of_table};
use super::hashes::{Hashed, Hasher};
use super::look::read;
use crate::batch::Batch;
use crate::config::Database;
use crate::database;
use crate::error::Failure;
use crate::table::Table;

/// Rows of one table that are looked for.
pub(crate) struct Sought {
    table: Table,
    hasher: Hasher,
    rows: RecordBatch,
    hashed: Hashed,
}

/// By row that is looked for, the columns in which what is there differs; `None` where nothing is known by its key.
pub(crate) type Found = Vec<Option<Vec<String>>>;

impl Sought {
    /// Rows that are known by the table's key or, without one, by the cursor or all of their columns.
    pub(crate) fn new(table: &Table, cursor: &[String], rows: &RecordBatch) -> Result<Self, String> {
        let hasher = Hasher::new(table, cursor, false)?;
        let rows = as_of_table(table, rows)?;
        let hashed = hasher.hash(&rows, &[])?;
        Ok(Self { table: table.clone(), hasher, rows, hashed })
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The columns that a row is known by.
    pub(crate) fn known_by(&self) -> Vec<String> {
        let name = |column: &usize| self.table.schema.field(*column).name().clone();
        self.hasher.identity().iter().map(name).collect()
    }

    /// Where the rows are looked for: of one that is known by a whole number, nowhere else.
    fn only(&self) -> Option<Only> {
        let ([column], 1) = (self.hasher.identity(), self.rows.num_rows()) else { return None };
        Only::of(*column, self.rows.column(*column))
    }

    fn note(&self, batch: &Batch, found: &mut Found) -> Result<(), String> {
        let rows = as_of_table(&self.table, &batch.records)?;
        let Hashed { ids, digests } = self.hasher.hash(&rows, &batch.defects)?;
        for (row, (id, digest)) in ids.iter().zip(&digests).enumerate() {
            for sought in (0..self.rows.num_rows()).filter(|sought| self.hashed.ids[*sought] == *id) {
                let is_same = self.hashed.digests[sought] == *digest;
                let differing = if is_same { Vec::new() } else { self.differing(sought, &rows, row) };
                // Of several rows with a key, the one that differs least is told.
                if found[sought].as_ref().is_none_or(|known| known.len() > differing.len()) {
                    found[sought] = Some(differing);
                }
            }
        }
        Ok(())
    }

    fn differing(&self, sought: usize, rows: &RecordBatch, row: usize) -> Vec<String> {
        let (expected, there) = (self.hasher.normal(&self.rows), self.hasher.normal(rows));
        let differs = |column: &usize| expected[*column].slice(sought, 1) != there[*column].slice(row, 1);
        let name = |column: usize| self.table.schema.field(column).name().clone();
        let differing: Vec<_> = (0..expected.len()).filter(differs).map(name).collect();
        // What its column's type does not hold is read as NULL.
        if differing.is_empty() { vec![String::from("a value that is none of its column's type")] } else { differing }
    }
}

/// Looks for rows in a database, without a trace: by table.
pub(crate) async fn find(database: &Database, sought: &Arc<[Sought]>) -> Result<Vec<Found>, Failure> {
    let mut contents = database::contents(database);
    contents.begin().await?;
    let mut all = Vec::new();
    for (number, of_table) in sought.iter().enumerate() {
        let mut found = Some(vec![None; of_table.rows.num_rows()]);
        let sought = Arc::clone(sought);
        let take = move |found: &mut Found, batch: &Batch| sought[number].note(batch, found);
        read(&mut *contents, (&of_table.table, of_table.only()), &mut found, take).await?;
        all.extend(found);
    }
    contents.end().await;
    Ok(all)
}
