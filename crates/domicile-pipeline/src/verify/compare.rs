//! Comparing some homes with the sources: first by ranges, and by keys where ranges differ.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use domicile::Home;
use futures::{StreamExt, join, stream};

use super::contents::Contents;
use super::fresh::{Bounds, Fresh, OfHome, OfSource, Stage};
use super::look::{Look, look, look_at_keys};
use super::ranges::{Selection, count_ranges};
use super::report::VerifiedHome;
use super::subject::{Reader, Subject};
use crate::batch::BatchLimit;
use crate::blocking;
use crate::config::HomeConfig;
use crate::position::Position;

/// So many homes are read at the same time.
const READ_AT_ONCE: usize = 4;

/// What is told of a home that differs and is not left alone.
const WRITTEN_TO: &str = "it differs, and was written to each time that it was read; verify it while no run goes on";

/// Homes that are compared together.
pub(super) struct Group<'a> {
    subject: &'a mut Subject,
    ranges: usize,
    limit: BatchLimit,
    /// Here, except while it is worked on.
    fresh: Option<Fresh>,
}

impl<'a> Group<'a> {
    pub(super) fn new(
        subject: &'a mut Subject,
        limit: BatchLimit,
        bounds: Bounds,
        homes: usize,
        control: Vec<OfSource>,
        counts_control: bool,
    ) -> Self {
        let ranges = count_ranges(homes * subject.tables.len());
        let fresh = Fresh {
            tables: Arc::clone(&subject.tables),
            homes: Vec::new(),
            control,
            counts_control,
            stage: Stage::First,
            bounds,
            selection: Arc::new(Selection::all(ranges)),
            held: HashSet::new(),
            makers: HashMap::new(),
        };
        Self { subject, ranges, limit, fresh: Some(fresh) }
    }

    pub(super) fn into_control(self) -> Vec<OfSource> {
        self.fresh.map(|fresh| fresh.control).unwrap_or_default()
    }

    fn fresh(&mut self) -> &mut Fresh {
        self.fresh.as_mut().expect("whoever works on it puts it back")
    }

    /// Compares homes. Those that differ and were written to meanwhile are to be looked at again; where it is the last time,
    /// that is told.
    pub(super) async fn compare(
        &mut self,
        homes: &[(usize, &HomeConfig)],
        is_last: bool,
    ) -> Vec<(usize, VerifiedHome)> {
        let (sources, tables, ranges) = (&self.subject.sources, &self.subject.tables, self.ranges);
        let looks = homes.iter().map(|(slot, home)| look(*slot, home, sources, Arc::clone(tables), ranges));
        let looks: Vec<Look> = stream::iter(looks).buffered(READ_AT_ONCE).collect().await;
        let (mut found, mut contents) = (Vec::new(), Vec::new());
        for (look, (slot, home)) in looks.into_iter().zip(homes) {
            match look.found {
                Ok(of) => {
                    self.fresh().homes.push(of);
                    contents.push(look.contents);
                }
                Err(failure) => {
                    found.push((*slot, VerifiedHome::failed(home.home.as_str(), failure.to_string())));
                }
            }
        }
        let compared = self.compare_all(&mut contents).await;
        for mut contents in contents {
            contents.end().await;
        }
        let homes = std::mem::take(&mut self.fresh().homes);
        let names: Vec<_> = homes.iter().map(|home| home.home.clone()).collect();
        for (number, home) in homes.iter().enumerate() {
            let failed = |message: &str| VerifiedHome::failed(home.home.as_str(), message.to_owned());
            let verified = match &compared {
                Err(message) => failed(message),
                Ok(unsettled) => match unsettled.get(&number) {
                    None => self.report(&names, home),
                    Some(Unsettled::Failed(message)) => failed(message),
                    Some(Unsettled::WrittenTo) if is_last => failed(WRITTEN_TO),
                    Some(Unsettled::WrittenTo) => continue,
                },
            };
            found.push((home.slot, verified));
        }
        found
    }

    /// Compares all homes, and says which could not be.
    async fn compare_all(&mut self, contents: &mut [Box<dyn Contents>]) -> Result<HashMap<usize, Unsettled>, String> {
        let mut unsettled = HashMap::new();
        self.pass().await?;
        while let Some(next) = self.fresh().selection.next() {
            (self.fresh().stage, self.fresh().selection) = (Stage::Further, Arc::new(next));
            self.pass().await?;
        }
        if !self.fresh().select_differing() {
            return Ok(unsettled);
        }
        for (number, contents) in contents.iter_mut().enumerate() {
            if self.fresh().homes[number].tables.iter().any(|table| table.differs) {
                let looked = look_at_keys(&mut **contents, &mut self.fresh, number).await;
                match looked {
                    Ok(true) => {}
                    Ok(false) => drop(unsettled.insert(number, Unsettled::WrittenTo)),
                    Err(failure) => drop(unsettled.insert(number, Unsettled::Failed(failure.to_string()))),
                }
            }
        }
        self.fresh().stage = Stage::Keys;
        self.pass().await?;
        Ok(unsettled)
    }

    /// Reads all sources once.
    async fn pass(&mut self) -> Result<(), String> {
        for number in 0..self.subject.sources.len() {
            let reader = &mut self.subject.sources[number];
            if let Err(message) = reader.read(number, &mut self.fresh, self.limit).await {
                reader.failure = Some(message.clone());
                return Err(message);
            }
        }
        blocking::with(&mut self.fresh, Fresh::finish).await
    }

    fn report(&self, names: &[Home], home: &OfHome) -> VerifiedHome {
        let mut verified = super::report(self.subject, home.home.as_str(), &home.sources, false);
        let fresh = self.fresh.as_ref().expect("whoever works on it puts it back");
        verified.tables = (0..fresh.tables.len()).map(|table| fresh.report(names, home, table)).collect();
        verified
    }
}

/// Why a home could not be compared.
enum Unsettled {
    WrittenTo,
    Failed(String),
}

impl Reader {
    /// Reads the source for some homes. The next records are read while the last ones are worked on.
    async fn read(&mut self, number: usize, fresh: &mut Option<Fresh>, limit: BatchLimit) -> Result<(), String> {
        let upto = fresh.as_ref().map_or(Position::Start, |fresh| fresh.upto(number));
        if upto == Position::Start {
            return Ok(());
        }
        let source = &mut self.source;
        let mut batch = source.read(&Bound::Unbounded, &upto, limit).await.map_err(|error| error.to_string())?;
        loop {
            let (from, is_last) = (batch.upto.behind(), batch.upto >= upto);
            let reading = Arc::clone(&self.reading);
            let taking = blocking::with(fresh, move |fresh| fresh.take(number, &reading, &batch));
            let next = async { if is_last { None } else { Some(source.read(&from, &upto, limit).await) } };
            let (taken, next) = join!(taking, next);
            taken.map_err(|message| format!("source {}: {message}", self.name))?;
            match next {
                None => return Ok(()),
                Some(next) => batch = next.map_err(|error| error.to_string())?,
            }
        }
    }
}
