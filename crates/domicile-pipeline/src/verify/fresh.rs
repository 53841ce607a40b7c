//! A fresh computation of what some homes should hold, batch by batch of the sources' records.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use domicile::{Context, Home};
use serde_json::Value;

use super::accounting::{Accounting, Became};
use super::contents::{Held, InQuarantine};
use super::hashes::Hasher;
use super::made::{Compared, Made};
use super::quarantined::{Quarantine, Wanted};
use super::ranges::{Keys, Ranges, Selection};
use crate::analyse::{Analysers, Combine};
use crate::batch::Batch;
use crate::cursor::Cursor;
use crate::locate::{Fate, Judged, Locator, NearMisses};
use crate::overlap::{Mark, Overlap};
use crate::position::Position;
use crate::quarantine::{Resolution, record_json};
use crate::table::Table;

/// So many records that ought to be in quarantine, or ought not to, are told.
const TOLD: usize = 5;

/// A table that is compared, and who writes it.
pub(super) struct Verifiable {
    pub(super) table: Table,
    pub(super) combine: Option<Combine>,
    pub(super) hasher: Hasher,
}

/// A source, as far as its records are worked on.
pub(super) struct Reading {
    pub(super) locator: Arc<Locator>,
    pub(super) analysers: Arc<Analysers>,
    pub(super) cursor: Cursor,
    pub(super) overlap: Option<Arc<Overlap>>,
    /// By table of its analysers, which of the tables that are compared it is.
    pub(super) tables: Vec<Option<usize>>,
}

/// What is known of a source in a database.
pub(super) struct OfSource {
    pub(super) position: Position,
    pub(super) accounting: Accounting,
    pub(super) quarantine: Quarantine,
    /// From when on it remembers the records that it has dealt with, and which these are.
    begin: Option<i64>,
    marks: HashSet<String>,
    /// The first of the records that ought to be in quarantine and are not, and how many there are.
    lost: (Vec<Position>, u64),
}

/// How a record is accounted for in its home.
enum Counted {
    As(Became),
    /// The control database accounts for it.
    Elsewhere,
    /// It belongs in the home's quarantine, and is not there.
    Lost,
}

/// A table of a home.
pub(super) struct OfTable {
    pub(super) ranges: Ranges,
    pub(super) keys: Keys,
    /// Some of its ranges differ, so that its keys are looked at.
    pub(super) differs: bool,
    made: Made,
}

/// A home that is verified.
pub(super) struct OfHome {
    pub(super) slot: usize,
    pub(super) home: Home,
    pub(super) sources: Vec<OfSource>,
    pub(super) tables: Vec<OfTable>,
}

/// What is asked of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// All of them are counted, and all rows compared by ranges.
    First,
    /// What was merged or replaced in further ranges is compared.
    Further,
    /// The keys of ranges that differ are compared.
    Keys,
}

/// How much is in memory at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes that rows and aggregates take together until they are compared; with more, fewer ranges are worked on.
    pub(super) bytes: usize,
    /// Rows of ranges that differ which are compared key by key, in all homes together.
    pub(super) rows_by_key: u64,
}

/// Some homes, and what the sources have for them.
pub(super) struct Fresh {
    pub(super) tables: Arc<[Verifiable]>,
    pub(super) homes: Vec<OfHome>,
    pub(super) control: Vec<OfSource>,
    /// The control database's records have not been counted with other homes before.
    pub(super) counts_control: bool,
    pub(super) stage: Stage,
    pub(super) bounds: Bounds,
    pub(super) selection: Arc<Selection>,
    /// By table, rows that a home holds in ranges that differ.
    pub(super) held: HashSet<(usize, u128)>,
    /// Of these, the number of a home that makes the same row.
    pub(super) makers: HashMap<(usize, u128), usize>,
}

impl OfSource {
    pub(super) fn new(held: Held, overlap: Option<&Overlap>) -> Result<Self, String> {
        let position = Position::from_stored(held.position.as_deref())?;
        Ok(Self {
            accounting: Accounting::new(&held.accounts.rows, &position, overlap.is_some() || held.accounts.are_mixed),
            quarantine: Quarantine::new(held.quarantine),
            begin: overlap.and_then(|overlap| overlap.begin(&position)),
            marks: held.marks.into_iter().map(|mark| mark.hash).collect(),
            position,
            lost: (Vec::new(), 0),
        })
    }

    /// Whether a record has been dealt with. Of those that may come late it is remembered.
    fn reaches(&self, position: &Position, mark: Option<&Mark>) -> bool {
        *position <= self.position
            && match (mark, self.begin) {
                (Some(mark), Some(begin)) => mark.at < begin || self.marks.contains(&mark.hash),
                _ => true,
            }
    }

    /// How a record of the home is accounted for, and whether what it makes is there: by what became of it in the home's
    /// quarantine, or in that of the control database, which has its number there and the home that it was moved to.
    fn expected(
        &self,
        record: &Record<'_>,
        became: Became,
        in_control: Option<&(i64, Option<String>)>,
        home: &str,
    ) -> (Counted, bool) {
        let replayed = Some(Resolution::Replayed);
        if let Some(kept) = record.find(&self.quarantine, became) {
            return (Counted::As(Became::Quarantined), kept.resolution == replayed);
        }
        let taken =
            in_control.map(|(number, to)| (self.quarantine.taken_over(record.position, *number), to.as_deref()));
        match taken {
            Some((Some(taken), _)) if taken.resolution != Some(Resolution::Read) => {
                (Counted::Elsewhere, taken.resolution == replayed)
            }
            Some((None, Some(to))) if to == home => (Counted::Lost, false),
            Some((None, _)) => (Counted::Elsewhere, false),
            _ if matches!(became, Became::Quarantined) => (Counted::Lost, false),
            _ => (Counted::As(became), true),
        }
    }

    fn lose(&mut self, position: &Position) {
        if self.lost.0.len() < TOLD {
            self.lost.0.push(position.clone());
        }
        self.lost.1 += 1;
    }

    /// What is wrong with the accounting and the quarantine.
    pub(super) fn differences(&self, is_control: bool) -> Vec<String> {
        let mut all = self.accounting.differences(self.quarantine.count, is_control);
        let (first, count) = &self.lost;
        if *count > 0 {
            let at = first_of(first.iter().map(ToString::to_string), *count);
            all.push(format!("{count} records belong in quarantine and are not there, with {at}"));
        }
        let strangers = self.quarantine.strangers();
        let count = strangers.len() as u64;
        if count > 0 {
            let at = first_of(strangers.map(str::to_owned), count);
            all.push(format!("{count} records wait in quarantine and are none of this database's, with {at}"));
        }
        all
    }
}

/// The cursors of the first of so many records.
fn first_of(cursors: impl Iterator<Item = String>, count: u64) -> String {
    let more = if count > TOLD as u64 { ", …" } else { "" };
    format!("the cursor {}{more}", cursors.take(TOLD).collect::<Vec<_>>().join(", "))
}

impl OfTable {
    pub(super) fn new(verifiable: &Verifiable, ranges: usize) -> Self {
        let made = Made::new(&verifiable.table, verifiable.combine.as_ref());
        Self { ranges: Ranges::new(ranges), keys: Keys::default(), differs: false, made }
    }
}

impl Fresh {
    /// Takes the next records of a source.
    pub(super) fn take(&mut self, source: usize, reading: &Reading, batch: &Batch) -> Result<(), String> {
        for (home, rows) in self.sort(source, reading, batch)?.into_iter().enumerate() {
            if !rows.is_empty() {
                let rows = UInt32Array::from(rows);
                let records = take_record_batch(&batch.records, &rows).map_err(|error| error.to_string())?;
                self.analyse(source, home, reading, records)?;
            }
        }
        self.bound_memory()
    }

    /// The records that each home was delivered, and a count of the others.
    fn sort(&mut self, source: usize, reading: &Reading, batch: &Batch) -> Result<Vec<Vec<u32>>, String> {
        let records = &batch.records;
        let judged = reading.locator.judge(records)?;
        let positions: Vec<_> = (0..records.num_rows()).map(|row| reading.cursor.at(records, row)).collect();
        let mut rows = vec![Vec::new(); self.homes.len()];
        let mut near_misses = NearMisses::default();
        for (row, position) in positions.iter().enumerate() {
            let mark = reading.overlap.as_ref().map(|overlap| overlap.mark(records, row));
            let beside = [row.checked_sub(1), Some(row + 1)].into_iter().flatten();
            let record = Record {
                batch,
                row,
                position,
                mark: mark.as_ref(),
                is_single: beside.filter_map(|row| positions.get(row)).all(|other| other != position),
            };
            if let Some(home) = self.sort_record(source, reading, &judged, &record, &mut near_misses) {
                rows[home].push(u32::try_from(row).expect("a batch has fewer than 2^32 records"));
            }
        }
        Ok(rows)
    }

    /// The number of the home that a record was delivered to, if it was to one of these.
    fn sort_record(
        &mut self,
        source: usize,
        reading: &Reading,
        judged: &Judged,
        record: &Record<'_>,
        near_misses: &mut NearMisses,
    ) -> Option<usize> {
        let (slot, became) = match reading.locator.fate(record.batch, judged, record.row, near_misses) {
            Fate::Delivered(slot, _) => (slot, Became::Delivered),
            Fate::Ignored(slot) => (slot, Became::Ignored),
            Fate::Quarantined(slot, ..) => (slot, Became::Quarantined),
        };
        let home = self.homes.iter().position(|home| home.slot == slot);
        let (position, is_first) = (record.position, self.stage == Stage::First);
        let control = &mut self.control[source];
        let in_control = control.reaches(position, record.mark);
        let in_control = in_control.then(|| record.find(&control.quarantine, became)).flatten();
        let in_control = in_control.map(|kept| (kept.number, kept.home.clone()));
        if is_first && self.counts_control && control.reaches(position, record.mark) {
            match (&in_control, became) {
                (Some(_), _) => control.accounting.count(position, Became::Quarantined),
                // The last slot, which no home has, is that of the control database.
                (None, Became::Quarantined) if reading.locator.is_nowhere(slot) => control.lose(position),
                (None, became) if reading.locator.is_nowhere(slot) => control.accounting.count(position, became),
                _ => {}
            }
        }
        let OfHome { home: name, sources, .. } = &mut self.homes[home?];
        let of = &mut sources[source];
        of.quarantine.meets(position);
        if !of.reaches(position, record.mark) {
            return None;
        }
        let (counted, is_there) = of.expected(record, became, in_control.as_ref(), name.as_str());
        match counted {
            Counted::As(became) if is_first => of.accounting.count(position, became),
            Counted::Lost if is_first => of.lose(position),
            _ => {}
        }
        (is_there && matches!(became, Became::Delivered)).then_some(home).flatten()
    }

    /// Analyses the records of one home. Those that an analyser refuses ought to be in quarantine.
    fn analyse(&mut self, source: usize, home: usize, reading: &Reading, records: RecordBatch) -> Result<(), String> {
        let context = Context::empty().and(self.homes[home].home.clone());
        let mut parts = vec![records];
        while let Some(part) = parts.pop() {
            let rows = part.num_rows();
            // An analyser that panics refuses the record, as in a run.
            let analyse = AssertUnwindSafe(|| context.run(|| reading.analysers.analyse(&part)));
            match catch_unwind(analyse).unwrap_or_else(|_| Err(String::new())) {
                Ok(objects) => {
                    let (first, last) = (reading.cursor.at(&part, 0), reading.cursor.at(&part, rows - 1));
                    let of = || format!("made of the records from {first} to {last}");
                    for (table, objects) in objects {
                        if let Some(table) = reading.tables[table] {
                            self.make(home, table, objects, &of)?;
                        }
                    }
                }
                Err(_) if rows == 1 && self.stage == Stage::First => {
                    self.homes[home].sources[source].lose(&reading.cursor.at(&part, 0));
                }
                Err(_) if rows == 1 => {}
                Err(_) => parts.extend([part.slice(rows / 2, rows - rows / 2), part.slice(0, rows / 2)]),
            }
        }
        Ok(())
    }

    fn make(&mut self, home: usize, table: usize, objects: RecordBatch, of: &dyn Fn() -> String) -> Result<(), String> {
        let is_rows = self.homes[home].tables[table].made.is_rows();
        if (is_rows && self.stage == Stage::Further) || !self.selection.has_any(table) {
            return Ok(());
        }
        self.with(home, table, |made, compared, take| made.add(compared, objects, of, take))
    }

    /// Compares what has come of all records.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        for home in 0..self.homes.len() {
            for table in 0..self.tables.len() {
                self.with(home, table, |made, compared, take| made.finish(compared, take))?;
            }
        }
        Ok(())
    }

    /// Works on what a table of a home is made of; the rows that come of it are compared.
    fn with(
        &mut self,
        home: usize,
        table: usize,
        work: impl FnOnce(&mut Made, &Compared<'_>, &mut super::made::Take<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let OfTable { ranges, keys, differs, made } = &mut self.homes[home].tables[table];
        let is_told = self.stage == Stage::Keys;
        let hasher = &self.tables[table].hasher;
        let compared = Compared { number: table, hasher, selection: &self.selection, is_told };
        let (held, makers) = (&self.held, &mut self.makers);
        work(made, &compared, &mut |id, digest, told| {
            if !is_told {
                ranges.make(id, digest);
                return;
            }
            if *differs {
                keys.make(id, digest, told);
            }
            if held.contains(&(table, digest)) {
                makers.insert((table, digest), home);
            }
        })
    }

    /// What is kept until all records are there.
    fn bytes(&self) -> usize {
        self.homes.iter().flat_map(|home| &home.tables).map(|table| table.made.bytes()).sum()
    }

    /// Works on fewer ranges where what is kept of these takes too much memory.
    fn bound_memory(&mut self) -> Result<(), String> {
        while self.bytes() > self.bounds.bytes && Arc::make_mut(&mut self.selection).halve() {
            for home in 0..self.homes.len() {
                for table in 0..self.tables.len() {
                    self.with(home, table, |made, compared, _| made.retain(compared))?;
                }
            }
        }
        Ok(())
    }

    /// Up to where a source is read for these homes.
    pub(super) fn upto(&self, source: usize) -> Position {
        let homes = self.homes.iter().map(|home| &home.sources[source].position);
        let control = self.control.iter().skip(source).take(1).map(|of| &of.position);
        homes.chain(control.filter(|_| self.counts_control)).max().cloned().unwrap_or(Position::Start)
    }
}

/// A record that is looked at.
struct Record<'a> {
    batch: &'a Batch,
    row: usize,
    position: &'a Position,
    mark: Option<&'a Mark>,
    is_single: bool,
}

impl Record<'_> {
    fn find<'q>(&self, quarantine: &'q Quarantine, became: Became) -> Option<&'q InQuarantine> {
        let is_due = matches!(became, Became::Quarantined);
        let wanted = Wanted { position: self.position, mark: self.mark, is_single: self.is_single, is_due };
        let json = || {
            let record = record_json(&self.batch.records, self.row, self.batch.defects_of(self.row));
            Value::Object(record).to_string()
        };
        quarantine.find(&wanted, json)
    }
}
