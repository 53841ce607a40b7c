//! The one place that lists the stages: read, locate, analyse, deliver.

use std::collections::HashMap;
use std::sync::Arc;

use domicile::{Chain, PlacementRouter};
use futures::future::join_all;
use tokio::sync::Semaphore;
use tracing::{Instrument, info_span};

use crate::analyse::{Analyser, TypedAnalyser};
use crate::config::{CONTROL, Config, Problem, Problems};
use crate::control::{Kept, moved};
use crate::deliver::Limits;
use crate::error::Error;
use crate::fault::{self, Point};
use crate::lease::under_way;
use crate::plan::{Added, AllPlanned, Planned, Unplanned, contradictions, plan, unreachable_keys};
use crate::report::{Observer, Report};

mod catch_up;
mod homes;
mod kept;
mod lead;
mod limits;
mod looked;
mod names;
mod order;
mod prepare;
mod reading;
mod states;
#[cfg(test)]
mod tests;
mod unchanged;
mod until;

use catch_up::Readers;
use lead::Run;
use looked::refused;
use order::places;
use prepare::Prepared;
pub use until::Until;

/// Batches of those who are ahead that are in memory at once: one is read while others are delivered.
const BATCHES_IN_MEMORY: usize = 4;

/// Syncs records from sources to their homes, as a configuration says.
///
/// ```no_run
/// use std::path::Path;
/// use domicile_pipeline::{Config, Pipeline, Silent};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::load(Path::new("domicile.toml"))?;
/// let report = Pipeline::new(config).run(std::sync::Arc::new(Silent)).await?;
/// println!("{} records in quarantine", report.quarantined());
/// # Ok(())
/// # }
/// ```
pub struct Pipeline {
    pub(crate) config: Config,
    pub(crate) router: Arc<Chain>,
    /// The router is the configured placement.
    is_placed: bool,
    pub(crate) added: Added,
}

impl Pipeline {
    /// A pipeline with the configured placement as its router and the configured analysers.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let router = Arc::new(Chain::new(PlacementRouter::new(config.placement.clone())));
        Self { config, router, is_placed: true, added: HashMap::new() }
    }

    /// Asks these routers in place of the configured placement. They find the record's routing key in the context.
    #[must_use]
    pub fn with_router(mut self, router: Chain) -> Self {
        self.router = Arc::new(router);
        self.is_placed = false;
        self
    }

    /// Adds an analyser that is a Rust type to a source.
    ///
    /// # Errors
    ///
    /// If there is no such source, or a shape that the analyser declares is contradictory.
    pub fn with_analyser(mut self, source: &str, analyser: impl Analyser) -> Result<Self, Error> {
        if !self.config.sources.iter().any(|configured| configured.name == source) {
            return Err(Error::source(source, "the configuration has no such source"));
        }
        let analyser = TypedAnalyser::new(analyser).map_err(|message| Error::source(source, message))?;
        self.added.entry(source.to_owned()).or_default().push(Arc::new(analyser));
        Ok(self)
    }

    /// Plans every source, or reports everything that is wrong with the configuration.
    pub(crate) async fn plan(&self) -> Result<Vec<Planned>, Problems> {
        let AllPlanned { planned, problems, .. } = self.plan_all().await;
        if problems.is_empty() { Ok(planned) } else { Err(problems.into_iter().collect()) }
    }

    /// Plans one source by its number.
    pub(crate) async fn plan_one(&self, number: usize) -> Result<Planned, Problems> {
        let planned = plan(&self.config, number, &self.router, &self.added).await;
        planned.map_err(|unplanned| unplanned.problems.into_iter().collect())
    }

    /// Plans every source as far as that is possible.
    pub(crate) async fn plan_all(&self) -> AllPlanned {
        let mut all = AllPlanned { planned: Vec::new(), partly: Vec::new(), problems: Vec::new() };
        let numbers = 0..self.config.sources.len();
        let planning = numbers.map(|number| plan(&self.config, number, &self.router, &self.added));
        for planned in join_all(planning).await {
            match planned {
                Ok(source) => all.planned.push(source),
                Err(Unplanned { problems, writing }) => {
                    all.problems.extend(problems);
                    all.partly.extend(writing);
                }
            }
        }
        let writing = all.planned.iter().map(|planned| &planned.writing).chain(&all.partly);
        let contradictions = contradictions(&self.config, writing);
        all.problems.extend(contradictions);
        if self.is_placed {
            all.problems.extend(unreachable_keys(&self.config, &all.planned));
        }
        all
    }

    /// Routing keys that have moved since the last run. Where a program's own router decides, nothing is known of them.
    pub(crate) fn moved(&self, kept: &Kept) -> Vec<Problem> {
        if self.is_placed { moved(&self.config, kept) } else { Vec::new() }
    }

    /// Runs once: everything that is settled in the sources now is delivered, ignored by rule or put in quarantine.
    ///
    /// A home that fails, or in which something is not as it has to be, is left at its position and the others go on; the
    /// report says so, and the next run tries it again. It needs a Tokio runtime with time enabled, and raises the process's
    /// soft limit of open files where the homes need more.
    ///
    /// # Errors
    ///
    /// If the configuration or a source is wrong, or the control database does not fit; if a routing key has moved to another
    /// home since the last run, or the control database cannot tell that none has; if something is wrong in all homes, or in
    /// one of them before the first record of any source has been delivered; or if another run
    /// [is under way](Error::is_under_way). Nothing is written then.
    pub async fn run(&self, observer: Arc<dyn Observer>) -> Result<Report, Error> {
        self.run_until(observer, &Until::default()).await
    }

    /// The same, until it is asked to stop: nothing is read from then on, and each home commits what it was given. The next
    /// run goes on from there. The report says that the run was stopped, or that a home is behind, where only those that catch
    /// up were asked to. How long that takes, the homes decide; to drop the future undoes what is not committed.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn run_until(&self, observer: Arc<dyn Observer>, until: &Until) -> Result<Report, Error> {
        self.run_observed(&observer, until).instrument(info_span!("run")).await
    }

    async fn run_observed(&self, observer: &Arc<dyn Observer>, until: &Until) -> Result<Report, Error> {
        let planned = match self.plan().await {
            Ok(planned) => planned,
            Err(problems) => return Err(self.unplanned(problems).await),
        };
        let mut kept = self.kept().await?;
        if let Some(error) = under_way(&self.config, &kept.leases) {
            return Err(error);
        }
        fault::at(Point::ControlRead);
        let ran = self.run_planned(planned, &mut kept, observer, until).await;
        if let Some(holding) = kept.holding {
            holding.give_back(&self.config.control).await;
        }
        ran
    }

    async fn run_planned(
        &self,
        mut planned: Vec<Planned>,
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        until: &Until,
    ) -> Result<Report, Error> {
        let problems = self.moved(kept);
        if problems.is_empty()
            && let Some(report) = self.unchanged(&mut planned, kept, observer).await
        {
            return Ok(report);
        }
        let mut looked = self.look_at_all(&planned, kept).await;
        let mut refused = match refused(&mut looked, problems) {
            Ok(refused) => refused,
            Err(wrong) => return Err(self.refuse(wrong, &looked, kept).await),
        };
        let stopped = || Ok(Report { sources: Vec::new(), is_stopped: true });
        if until.stop.is_cancelled() {
            return stopped();
        }
        let sources = planned.into_iter().zip(looked).enumerate();
        let prepared = sources.map(|(number, source)| self.prepare(number, source, refused.remove(&number), kept));
        let Some(prepared) = until.stop.run_until_cancelled(join_all(prepared)).await else { return stopped() };
        if prepared.iter().any(Prepared::delivers) {
            self.hold(kept).await?;
        }
        Ok(self.run_sources(prepared, kept, observer, until).await)
    }

    /// Runs all sources side by side, and notes where they end.
    async fn run_sources(
        &self,
        prepared: Vec<Prepared>,
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        until: &Until,
    ) -> Report {
        let places = places(prepared.len(), self.databases());
        let (limits, leading, readers) = (self.limits(kept), Semaphore::new(1), Readers::new());
        let behind = Limits { working: Arc::new(Semaphore::new(self.config.delivery.parallel)), ..limits.clone() };
        let run = Run { kept, observer, until, limits, behind, leading, readers };
        let running = prepared.into_iter().zip(places).map(|(prepared, place)| {
            let span = info_span!("source", source = prepared.report.source);
            self.run_source(prepared, place, &run).instrument(span)
        });
        let mut sources = Vec::new();
        for ran in join_all(running).await.into_iter().flatten() {
            if let Some(end) = ran.end {
                self.note(kept, &ran.report, end).await;
            }
            sources.push(ran.report);
        }
        // Of those that were not begun there is no report.
        let is_stopped = sources.len() < self.config.sources.len() || sources.iter().any(|source| source.is_stopped);
        Report { sources, is_stopped }
    }

    /// Homes and the control database.
    fn databases(&self) -> usize {
        self.config.homes.len() + 1
    }

    /// The name of a home, or of the control database, by its number.
    fn name(&self, slot: usize) -> &str {
        self.config.homes.get(slot).map_or(CONTROL, |home| home.home.as_str())
    }
}
