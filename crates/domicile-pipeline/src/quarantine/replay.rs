//! Delivering what is in quarantine after the rule, or the home's tables, were mended.
//!
//! A record is resolved in the transaction of the home that takes what it makes, so that two replays at once, or one after
//! the other, deliver it once. What the control database keeps is taken over by its home first: a row of the home's
//! quarantine, which only one can make, says so in that same transaction, and the control database is told afterwards. It
//! notes the home before, so that a replay which ended in between is found by the next, whatever the rules say by then.

mod control;
mod home;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::again::Again;
use super::ahead::Ahead;
use super::deliver::Target;
use super::filter::{Narrowed, QuarantineFilter};
use super::kept::{Kept, Key, Quarantine, Resolved, Stored};
use super::list::AT_ONCE;
use super::{Cause, Resolution};
use tokio::sync::Mutex;

use crate::batch::{Batch, BatchLimit};
use crate::blocking;
use crate::config::Problems;
use crate::error::{Error, Failure, Refusal};
use crate::inspect::{Inspected, WaitFor, inspect};
use crate::locate::{Fate, Locator, NearMisses};
use crate::pipeline::Pipeline;
use crate::plan::Planned;
use crate::position::Position;

use home::Judged;

/// So many records that could not be replayed are told of one database.
const TOLD: usize = 20;

/// What a replay did.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// By source and the database that kept the records.
    pub places: Vec<ReplayedPlace>,
}

/// What a replay did with the records of a source that one database kept.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayedPlace {
    /// The source.
    pub source: String,
    /// The home; `None` for the control database.
    pub home: Option<String>,
    /// Records whose objects are in their home now.
    pub delivered: u64,
    /// Records that the source's `ignore` rule leaves out now.
    pub ignored: u64,
    /// Records that their home had already: a run has read them again, or an earlier replay had not told.
    pub known: u64,
    /// Records that the control database kept, and their home keeps now: it refuses them.
    pub moved: u64,
    /// Records that are refused again, with the reason that there is now.
    pub kept: u64,
    /// Records that their home has not read yet: the next run delivers them.
    pub ahead: u64,
    /// Records that could not be replayed, and why: they are as they were.
    pub unplayed: u64,
    /// The first of those, by their cursor.
    pub reasons: Vec<(String, String)>,
    /// Why it stopped early.
    pub failure: Option<String>,
}

impl Replay {
    /// Whether anything stopped early.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.places.iter().any(|place| place.failure.is_some())
    }

    /// Records that it found waiting.
    #[must_use]
    pub fn met(&self) -> u64 {
        let resolved = self.places.iter().map(|place| place.delivered + place.ignored + place.known);
        resolved.sum::<u64>() + self.waiting()
    }

    /// Records that are still in quarantine.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.places.iter().map(|place| place.moved + place.kept + place.ahead + place.unplayed).sum()
    }
}

impl ReplayedPlace {
    fn unplayed(&mut self, stored: &Stored, why: String) {
        self.unplayed += 1;
        if self.reasons.len() < TOLD {
            let position = stored.key.position.as_ref().map_or(stored.key.text.clone(), Position::to_string);
            self.reasons.push((position, why));
        }
    }
}

/// What becomes of a record by the rules as they are now.
enum Verdict {
    Deliver(usize),
    Ignore,
    Keep(usize, New),
}

/// Why a record stays in quarantine.
struct New {
    cause: Cause,
    about: Option<String>,
    reason: String,
}

impl From<Refusal> for New {
    fn from(refusal: Refusal) -> Self {
        Self { cause: Cause::Refused, about: Some(refusal.to_string()), reason: refusal.into_reason() }
    }
}

/// The records of one source that are replayed.
struct Replayer<'a> {
    pipeline: &'a Pipeline,
    planned: Planned,
    /// By number, homes that are not to be delivered to, and why.
    blocked: BTreeMap<usize, Failure>,
    narrowed: &'a Narrowed,
    by: Option<&'a str>,
}

impl Pipeline {
    /// Delivers records that wait in quarantine by the rules as they are now, each exactly once, in the order of their
    /// source. Those that are refused again stay, with the new reason. Runs may go on meanwhile.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use domicile_pipeline::{Cause, Config, Pipeline, QuarantineFilter};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let config = Config::load(Path::new("domicile.toml"))?;
    /// let filter = QuarantineFilter { causes: vec![Cause::UnknownKey], ..QuarantineFilter::default() };
    /// let replay = Pipeline::new(config).replay(&filter, Some("the operator")).await?;
    /// println!("{} records still wait", replay.waiting());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and if the configuration has no home or source of a name that is asked for. What fails later
    /// is told in the result.
    pub async fn replay(&self, filter: &QuarantineFilter, by: Option<&str>) -> Result<Replay, Error> {
        let narrowed = self.narrowed(filter, true).await?;
        self.check_sources(&narrowed.sources)?;
        let planned = self.plan().await?;
        let mut kept = self.kept().await?;
        let (mut problems, mut sources) = (self.moved(&kept), Vec::new());
        for planned in planned {
            let (inspected, wrong) =
                inspect(&self.config, &planned.writing, Some(&kept), 0, WaitFor::All, &Mutex::default()).await;
            if wrong.stops.is_some() {
                problems.extend(wrong.problems);
            }
            sources.push((planned, blocked(inspected)));
        }
        if !problems.is_empty() {
            return Err(Error::from(problems.into_iter().collect::<Problems>()));
        }
        // Where a key is placed is known from now on, as after a run.
        if kept.id.is_some() {
            self.keep(&mut kept).await?;
        }
        let is_chosen =
            |planned: &Planned| narrowed.sources.is_empty() || narrowed.sources.contains(&planned.writing.name);
        let mut places = Vec::new();
        for (planned, blocked) in sources.into_iter().filter(|(planned, _)| is_chosen(planned)) {
            let mut replayer = Replayer { pipeline: self, planned, blocked, narrowed: &narrowed, by };
            for (slot, home) in self.config.homes.iter().enumerate().filter(|(_, home)| filter.has_home(home)) {
                let mut place = replayer.place(Some(home.home.as_str()));
                if let Err(failure) = replayer.replay_home(slot, &mut place).await {
                    place.failure = Some(failure.to_string());
                }
                places.push(place);
            }
            if filter.has_no_home() {
                let mut place = replayer.place(None);
                if let Err(failure) = replayer.replay_control(&mut place).await {
                    place.failure = Some(failure.to_string());
                }
                places.push(place);
            }
        }
        Ok(Replay { places })
    }
}

/// The homes in which something is wrong. One that could not be reached is tried again.
fn blocked(inspected: Inspected) -> BTreeMap<usize, Failure> {
    let members = inspected.members.into_iter();
    let failed = members.filter_map(|member| Some((member.slot, member.state.err()?)));
    failed.filter(|(_, failure)| matches!(failure, Failure::Blocked { .. })).collect()
}

impl Replayer<'_> {
    fn source(&self) -> &str {
        &self.planned.writing.name
    }

    fn place(&self, home: Option<&str>) -> ReplayedPlace {
        ReplayedPlace { source: self.source().to_owned(), home: home.map(str::to_owned), ..ReplayedPlace::default() }
    }

    /// The way into a home that has been delivered to.
    async fn target(&self, slot: usize) -> Result<Option<Target>, Failure> {
        if let Some(failure) = self.blocked.get(&slot) {
            return Err(failure.clone());
        }
        let home = &self.pipeline.config.homes[slot];
        let quarantine = Quarantine::open(self.planned.writing.store(home)).await?;
        let Some(mut quarantine) = quarantine else { return Ok(None) };
        quarantine.mend().await?;
        quarantine.store.prepare().await?;
        Ok(Some(Target::new(quarantine, &home.home, &self.planned)))
    }

    fn limit(&self) -> BatchLimit {
        BatchLimit { rows: self.pipeline.config.batch.rows, bytes: self.pipeline.config.batch.bytes }
    }

    /// The next records that wait in a quarantine; nothing at its end.
    async fn next(&self, quarantine: &mut Quarantine, ahead: &mut Ahead) -> Result<Option<Vec<Stored>>, Failure> {
        let page = ahead.page(quarantine, self.source(), self.narrowed, (AT_ONCE, self.limit().bytes)).await?;
        Ok(page.map(|page| page.into_iter().filter(|stored| stored.resolution.is_none()).collect()))
    }

    /// The records of a page, and what becomes of each.
    async fn judged(&mut self, page: Vec<Stored>, place: &mut ReplayedPlace) -> Result<Judged, Failure> {
        let again = self.planned.again(page, self.limit()).await;
        let Again { stored: page, batch, lost } = again.map_err(Failure::Failed)?;
        lost.into_iter().for_each(|(stored, why)| place.unplayed(&stored, why));
        let records = batch.records.clone();
        let verdicts = judge(Arc::clone(&self.planned.locator), batch).await.map_err(Failure::Failed)?;
        Ok(Judged { page, records, verdicts })
    }

    async fn resolve(
        &self,
        quarantine: &mut Quarantine,
        stored: &Stored,
        resolution: Resolution,
        home: Option<&str>,
    ) -> Result<bool, Failure> {
        let resolved = Resolved { resolution, by: self.by, note: None, home };
        quarantine.resolve(self.source(), &stored.key, &stored.record, &resolved).await
    }

    /// Lets a record wait with a new reason. Where it has to wait still, somebody may have resolved it meanwhile.
    async fn keep(
        &self,
        quarantine: &mut Quarantine,
        stored: &Stored,
        key: &Key,
        new: &New,
        only_waiting: bool,
    ) -> Result<bool, Failure> {
        let kept = Kept {
            cause: new.cause.name(),
            about: new.about.as_deref(),
            reason: &new.reason,
            record: &stored.record,
            shape: stored.shape.as_deref(),
            only_waiting,
        };
        quarantine.keep(self.source(), key, &kept).await
    }
}

impl ReplayedPlace {
    fn add(&mut self, done: ReplayedPlace) {
        self.delivered += done.delivered;
        self.ignored += done.ignored;
        self.known += done.known;
        self.moved += done.moved;
        self.kept += done.kept;
        self.unplayed += done.unplayed;
        self.reasons.extend(done.reasons);
        self.reasons.truncate(TOLD);
    }
}

/// What becomes of each record, on a thread for such work.
async fn judge(locator: Arc<Locator>, batch: Batch) -> Result<Vec<Verdict>, String> {
    let job = blocking::run(move || {
        let judged = locator.judge(&batch.records)?;
        let mut near_misses = NearMisses::default();
        let verdict = |row| match locator.fate(&batch, &judged, row, &mut near_misses) {
            Fate::Delivered(slot, _) => Verdict::Deliver(slot),
            Fate::Ignored(_) => Verdict::Ignore,
            Fate::Quarantined(slot, cause, why) => {
                Verdict::Keep(slot, New { cause, about: why.about, reason: why.reason })
            }
        };
        Ok((0..batch.records.num_rows()).map(verdict).collect())
    });
    blocking::caught(job).await.unwrap_or_else(|panic| Err(format!("locating {panic}")))
}
