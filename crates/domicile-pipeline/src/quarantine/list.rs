//! What is in quarantine: how much of which kind, and single records.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Resolution;
use super::ahead::Ahead;
use super::filter::{Narrowed, QuarantineFilter};
use super::kept::{Quarantine, Resolved, Stored};
use crate::config::Database;
use crate::error::{Error, Failure};
use crate::fault::{self, Point};
use crate::pipeline::Pipeline;
use crate::plan::any_store;

/// So many kinds of records are told of one database.
const KINDS: usize = 1_000;

/// So many records are worked on in one transaction.
pub(super) const AT_ONCE: usize = 1_000;

/// So many bytes of records are dropped in one transaction, about.
const DROPPED_BYTES: usize = 8 * 1_024 * 1_024;

/// What the quarantines hold.
#[derive(Clone, Debug, Serialize)]
pub struct QuarantineList {
    /// What there is, by source, home and kind.
    pub groups: Vec<QuarantineGroup>,
    /// Databases that could not be asked.
    pub unreached: Vec<UnreachedQuarantine>,
}

/// Records with one kind of reason.
#[derive(Clone, Debug, Serialize)]
pub struct QuarantineGroup {
    /// The source.
    pub source: String,
    /// The home that keeps them; `None` for the control database, which keeps what has no home.
    pub home: Option<String>,
    /// The kind of reason.
    pub cause: String,
    /// What the reasons are about: a routing key, columns, or what a home says without the values that it refuses.
    pub about: Option<String>,
    /// Records that wait to be replayed or dropped.
    pub waiting: u64,
    /// What became of the others.
    pub resolved: BTreeMap<Resolution, u64>,
    /// When the first of them came, in UTC.
    pub first_seen: String,
    /// When the last of them was tried, in UTC.
    pub last_seen: String,
}

/// A database whose quarantine could not be asked.
#[derive(Clone, Debug, Serialize)]
pub struct UnreachedQuarantine {
    /// The home; `None` for the control database.
    pub home: Option<String>,
    /// Why.
    pub failure: String,
}

/// A record in quarantine. It holds what the record holds.
#[derive(Clone, Debug, Serialize)]
pub struct QuarantinedRecord {
    /// The source.
    pub source: String,
    /// The home that keeps it; `None` for the control database.
    pub home: Option<String>,
    /// Its cursor in the source, as it is stored.
    pub position: String,
    /// Tells it from others with this cursor; negative where the home has taken it over from the control database.
    pub number: i64,
    /// The kind of reason.
    pub cause: String,
    /// The reason, which may quote a value.
    pub reason: String,
    /// The record. Of one that is resolved only a hash is kept.
    pub record: Value,
    /// When it came, in UTC.
    pub first_seen: String,
    /// When it was last tried, in UTC.
    pub last_seen: String,
    /// What became of it.
    pub resolution: Option<Resolution>,
    /// When that was, in UTC.
    pub resolved_at: Option<String>,
    /// Who did it.
    pub resolved_by: Option<String>,
    /// Why it was dropped.
    pub note: Option<String>,
    /// The home that it was moved to.
    pub moved_to: Option<String>,
}

/// A database that has a quarantine: a home, or the control database.
pub(super) struct Place<'a> {
    pub(super) home: Option<&'a str>,
    database: &'a Database,
    /// How long it may take for one answer.
    answer: Duration,
}

impl Place<'_> {
    /// Its quarantine, as far as that is told without a source.
    async fn quarantine(&self) -> Result<Option<Quarantine>, Failure> {
        Quarantine::open(any_store(self.database, self.answer)).await
    }

    fn unreached(&self, failure: &Failure) -> UnreachedQuarantine {
        UnreachedQuarantine { home: self.home.map(str::to_owned), failure: failure.to_string() }
    }
}

impl Pipeline {
    /// The databases that a filter means: homes and, at the end, the control database.
    fn places<'a>(&'a self, filter: &QuarantineFilter) -> Vec<Place<'a>> {
        let answer = self.config.delivery.answer;
        let homes = self.config.homes.iter().filter(|home| filter.has_home(home));
        let homes = homes.map(|home| Place { home: Some(home.home.as_str()), database: &home.database, answer });
        let control = filter.has_no_home().then_some(Place { home: None, database: &self.config.control, answer });
        homes.chain(control).collect()
    }

    /// Says what is in quarantine, grouped by source, home and cause. The databases count, and nothing is written.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use domicile_pipeline::{Config, Pipeline, QuarantineFilter};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::load(Path::new("domicile.toml"))?;
    /// let list = Pipeline::new(config).quarantine(&QuarantineFilter::default()).await?;
    /// let waiting: u64 = list.groups.iter().map(|group| group.waiting).sum();
    /// println!("{waiting} records wait");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the configuration has no home of a name that is asked for, or the source of a record cannot be asked what its
    /// cursor is. Databases that cannot be reached are told in the result.
    pub async fn quarantine(&self, filter: &QuarantineFilter) -> Result<QuarantineList, Error> {
        let narrowed = self.narrowed(filter, false).await?;
        let mut list = QuarantineList { groups: Vec::new(), unreached: Vec::new() };
        for place in self.places(filter) {
            match place.groups(&narrowed).await {
                Ok(groups) => list.groups.extend(groups),
                Err(failure) => list.unreached.push(place.unreached(&failure)),
            }
        }
        Ok(list)
    }

    /// Shows records that wait in quarantine or, if the filter says so, all that ever were there, with what they hold, in the
    /// order of their source: at most so many.
    ///
    /// # Errors
    ///
    /// As for [`quarantine`](Self::quarantine), and if a database cannot be reached.
    pub async fn quarantined(&self, filter: &QuarantineFilter, limit: usize) -> Result<Vec<QuarantinedRecord>, Error> {
        let narrowed = self.narrowed(filter, !filter.resolved).await?;
        let mut all = Vec::new();
        for place in self.places(filter) {
            let records = place.records(&narrowed, limit - all.len()).await;
            all.extend(records.map_err(|failure| place.failed(&failure))?);
        }
        Ok(all)
    }

    /// Drops records that wait in quarantine: they are never delivered. The reason and who gave it are kept, and what the
    /// records hold is not. It says how many were dropped.
    ///
    /// # Errors
    ///
    /// As for [`quarantined`](Self::quarantined), if there is no reason, and if a replay has not ended that moves some of them
    /// from the control database to their homes, which may have them. What was dropped until then stays dropped.
    pub async fn drop_quarantined(
        &self,
        filter: &QuarantineFilter,
        reason: &str,
        by: Option<&str>,
    ) -> Result<u64, Error> {
        if reason.trim().is_empty() {
            return Err(Error::usage("a record is dropped for a reason, which is kept: the reason is empty"));
        }
        let narrowed = self.narrowed(filter, true).await?;
        let (mut dropped, mut moving) = (0, 0);
        for place in self.places(filter) {
            let done = place.drop(&narrowed, reason, by).await.map_err(|failure| place.failed(&failure))?;
            dropped += done.0;
            moving += done.1;
        }
        match moving {
            0 => Ok(dropped),
            _ => Err(Error::control(&Failure::Failed(format!(
                "{dropped} records are dropped; {moving} are not, because a replay has not ended that moves them to their homes, \
                 which may have them: replay them first"
            )))),
        }
    }
}

impl Pipeline {
    /// Refuses names of sources that neither the configuration nor any quarantine has. A source that is not configured any
    /// more may have left records; where a database cannot be asked, it may have some.
    pub(super) async fn check_known(&self, sources: &[String]) -> Result<(), Error> {
        let is_configured = |name: &str| self.config.sources.iter().any(|source| source.name == name);
        let mut unknown: Vec<_> = sources.iter().filter(|name| !is_configured(name)).collect();
        for place in self.places(&QuarantineFilter::default()) {
            if unknown.is_empty() {
                break;
            }
            let Ok(kept) = place.sources().await else { return Ok(()) };
            unknown.retain(|name| !kept.contains(name));
        }
        match unknown.first() {
            Some(name) => {
                Err(Error::usage(format!("source {name}: neither the configuration nor a quarantine has it")))
            }
            None => Ok(()),
        }
    }
}

impl Place<'_> {
    async fn sources(&self) -> Result<Vec<String>, Failure> {
        let Some(mut quarantine) = self.quarantine().await? else { return Ok(Vec::new()) };
        let sources = quarantine.sources(&Narrowed::default()).await;
        quarantine.store.close().await;
        sources
    }

    fn failed(&self, failure: &Failure) -> Error {
        self.home.map_or_else(|| Error::control(failure), |home| Error::home(home, failure))
    }

    async fn groups(&self, narrowed: &Narrowed) -> Result<Vec<QuarantineGroup>, Failure> {
        let Some(mut quarantine) = self.quarantine().await? else { return Ok(Vec::new()) };
        let counts = quarantine.counts(narrowed, KINDS).await;
        quarantine.store.close().await;
        let mut groups: Vec<QuarantineGroup> = Vec::new();
        for counted in counts? {
            let is_it = |group: &QuarantineGroup| {
                group.source == counted.source && group.cause == counted.cause && group.about == counted.about
            };
            let number = groups.iter().position(is_it).unwrap_or_else(|| {
                groups.push(QuarantineGroup {
                    source: counted.source.clone(),
                    home: self.home.map(str::to_owned),
                    cause: counted.cause.clone(),
                    about: counted.about.clone(),
                    waiting: 0,
                    resolved: BTreeMap::new(),
                    first_seen: counted.first_seen.clone(),
                    last_seen: counted.last_seen.clone(),
                });
                groups.len() - 1
            });
            let group = &mut groups[number];
            match counted.resolution {
                None => group.waiting += counted.count,
                Some(resolution) => *group.resolved.entry(resolution).or_insert(0) += counted.count,
            }
            group.first_seen = counted.first_seen.min(group.first_seen.clone());
            group.last_seen = counted.last_seen.max(group.last_seen.clone());
        }
        Ok(groups)
    }

    async fn records(&self, narrowed: &Narrowed, limit: usize) -> Result<Vec<QuarantinedRecord>, Failure> {
        let Some(mut quarantine) = self.quarantine().await? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for source in quarantine.sources(narrowed).await? {
            let keys = quarantine.first(&source, narrowed, None, limit - all.len()).await?;
            for key in keys {
                let stored = quarantine.get(&source, &key).await?;
                all.extend(stored.map(|stored| self.record(stored)));
            }
        }
        quarantine.store.close().await;
        Ok(all)
    }

    fn record(&self, stored: Stored) -> QuarantinedRecord {
        let record = serde_json::from_str(&stored.record).unwrap_or(Value::String(stored.record));
        QuarantinedRecord {
            source: stored.source,
            home: self.home.map(str::to_owned),
            position: stored.key.position.map_or(stored.key.text, |position| position.to_string()),
            number: stored.key.number,
            cause: stored.cause,
            reason: stored.reason,
            record,
            first_seen: stored.first_seen,
            last_seen: stored.last_seen,
            resolution: stored.resolution,
            resolved_at: stored.resolved_at,
            resolved_by: stored.resolved_by,
            note: stored.note,
            moved_to: stored.home.filter(|_| stored.resolution == Some(Resolution::Moved)),
        }
    }

    /// How many were dropped, and how many were not because they are being moved.
    async fn drop(&self, narrowed: &Narrowed, reason: &str, by: Option<&str>) -> Result<(u64, u64), Failure> {
        let Some(mut quarantine) = self.quarantine().await? else { return Ok((0, 0)) };
        quarantine.mend().await?;
        let (mut dropped, mut moving) = (0, 0_u64);
        for source in quarantine.sources(narrowed).await? {
            let mut ahead = Ahead::default();
            while let Some(page) = ahead.page(&mut quarantine, &source, narrowed, (AT_ONCE, DROPPED_BYTES)).await? {
                quarantine.store.begin_beside().await?;
                for stored in &page {
                    let resolved = Resolved { resolution: Resolution::Dropped, by, note: Some(reason), home: None };
                    let is_dropped = quarantine.resolve(&source, &stored.key, &stored.record, &resolved).await?;
                    dropped += u64::from(is_dropped);
                    moving += u64::from(!is_dropped && stored.home.is_some());
                }
                fault::at(Point::BeforeDropped);
                quarantine.store.commit_beside().await?;
                fault::at(Point::Dropped);
            }
        }
        quarantine.store.close().await;
        Ok((dropped, moving))
    }
}
