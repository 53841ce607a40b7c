//! A look at a home: what it keeps of its sources, and its rows by ranges or, where those differ, by keys.

use std::sync::Arc;

use futures::join;
use tokio::sync::mpsc;

use super::contents::{Contents, Only, as_of_table};
use super::fresh::{Fresh, OfHome, OfSource, OfTable, Verifiable};
use super::subject::Reader;
use crate::batch::Batch;
use crate::blocking;
use crate::config::{Database, HomeConfig};
use crate::database;
use crate::error::Failure;
use crate::table::Table;

/// A home that is looked at, and the way into it.
pub(super) struct Look {
    pub(super) contents: Box<dyn Contents>,
    pub(super) found: Result<OfHome, Failure>,
}

/// What the control database keeps of the sources.
pub(super) async fn look_at_control(database: &Database, sources: &[Reader]) -> Result<Vec<OfSource>, Failure> {
    let mut contents = database::contents(database);
    let kept = async {
        contents.begin().await?;
        kept(&mut *contents, sources).await
    };
    let kept = kept.await;
    contents.end().await;
    kept
}

async fn kept(contents: &mut dyn Contents, sources: &[Reader]) -> Result<Vec<OfSource>, Failure> {
    let mut all = Vec::new();
    for source in sources {
        let held = contents.kept(&source.name).await?;
        held.check_size()?;
        let of = OfSource::new(held, source.reading.overlap.as_deref()).map_err(Failure::Failed)?;
        if !source.reading.cursor.admits(&of.position) {
            let cursor = source.reading.cursor.named();
            let message = format!("it has got to {}, which was read by another cursor than {cursor}", of.position);
            return Err(Failure::Failed(message));
        }
        all.push(of);
    }
    Ok(all)
}

/// Looks at a home.
pub(super) async fn look(
    slot: usize,
    home: &HomeConfig,
    sources: &[Reader],
    tables: Arc<[Verifiable]>,
    ranges: usize,
) -> Look {
    let mut contents = database::contents(&home.database);
    let found = async {
        contents.begin().await?;
        let sources = kept(&mut *contents, sources).await?;
        let mut of_tables = Vec::new();
        for (number, verifiable) in tables.iter().enumerate() {
            let tables = Arc::clone(&tables);
            let take = move |table: &mut OfTable, batch: &Batch| {
                tables[number].each(batch, |id, digest, _| table.ranges.hold(id, digest))
            };
            let mut table = Some(OfTable::new(verifiable, ranges));
            read(&mut *contents, (&verifiable.table, None), &mut table, take).await?;
            of_tables.extend(table);
        }
        contents.pause().await?;
        Ok(OfHome { slot, home: home.home.clone(), sources, tables: of_tables })
    };
    let found = found.await;
    Look { contents, found }
}

/// Looks again at the keys of a home's tables that differ: `false` if the home was written to meanwhile.
pub(super) async fn look_at_keys(
    contents: &mut dyn Contents,
    fresh: &mut Option<Fresh>,
    home: usize,
) -> Result<bool, Failure> {
    if !contents.resume().await? {
        return Ok(false);
    }
    let (tables, differs) = {
        let fresh = fresh.as_ref().expect("whoever works on it puts it back");
        let differs: Vec<_> = fresh.homes[home].tables.iter().map(|table| table.differs).collect();
        (Arc::clone(&fresh.tables), differs)
    };
    for number in (0..differs.len()).filter(|number| differs[*number]) {
        let take = move |fresh: &mut Fresh, batch: &Batch| fresh.hold(home, number, batch);
        read(contents, (&tables[number].table, None), fresh, take).await?;
    }
    Ok(true)
}

/// Reads the rows of a table, all or some, which are taken on a thread for such work.
pub(super) async fn read<T: Send + 'static>(
    contents: &mut dyn Contents,
    (table, only): (&Table, Option<Only>),
    into: &mut Option<T>,
    take: impl Fn(&mut T, &Batch) -> Result<(), String> + Clone + Send + 'static,
) -> Result<(), Failure> {
    let (sender, mut batches) = mpsc::channel(1);
    let taking = async move {
        while let Some(batch) = batches.recv().await {
            let take = take.clone();
            blocking::with(into, move |into| take(into, &batch)).await?;
        }
        Ok(())
    };
    let (read, taken) = join!(contents.rows(table, only, sender), taking);
    read.and(taken.map_err(Failure::Failed))
}

impl Verifiable {
    /// Each row of a home, by the numbers of its key and of all of it.
    pub(super) fn each(
        &self,
        batch: &Batch,
        mut take: impl FnMut(u128, u128, &dyn Fn() -> Option<String>),
    ) -> Result<(), String> {
        let rows = as_of_table(&self.table, &batch.records)?;
        let hashed = self.hasher.hash(&rows, &batch.defects)?;
        for (row, (id, digest)) in hashed.ids.iter().zip(&hashed.digests).enumerate() {
            take(*id, *digest, &|| self.hasher.told(&rows, row));
        }
        Ok(())
    }
}
