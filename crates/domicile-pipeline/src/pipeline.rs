//! The one place that lists the stages: read, locate, analyse, deliver.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use domicile::{Chain, PlacementRouter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::analyse::{Analyser, TypedAnalyser};
use crate::batch::{Batch, BatchLimit};
use crate::blocking;
use crate::config::{Config, Problem, Problems};
use crate::control::{Kept, moved, placements};
use crate::database::control;
use crate::deliver::{Deliverer, Limits, Message};
use crate::error::{Error, Failure};
use crate::inspect::{CONTROL, Inspected, inspect, unusable};
use crate::locate::{Locator, Share};
use crate::plan::{Added, AllPlanned, Planned, Unplanned, contradictions, plan, unreachable_keys};
use crate::position::Position;
use crate::report::{Observer, Report, SourceReport};
use crate::source::{Horizon, Source};

mod homes;
#[cfg(test)]
mod tests;
mod unchanged;

use homes::{Homes, Running, report};

/// Batches that are in memory at once: one is read while others are delivered.
const BATCHES_IN_MEMORY: usize = 4;

/// Bytes of records that all homes together gather before they deliver them.
const GATHERED_BYTES: usize = 16 * 1_024 * 1_024;

/// Rows of partial aggregates that all homes together keep in memory for a table, between two commits.
const AGGREGATE_ROWS_IN_MEMORY: usize = 204_800;

/// Homes beyond `delivery.open_homes` that are open at the same time, each for one share.
const OPENED_BRIEFLY: usize = 16;

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

    /// Plans every source as far as that is possible.
    pub(crate) async fn plan_all(&self) -> AllPlanned {
        let mut all = AllPlanned { planned: Vec::new(), partly: Vec::new(), problems: Vec::new() };
        for number in 0..self.config.sources.len() {
            match plan(&self.config, number, &self.router, &self.added).await {
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

    /// What the control database keeps.
    async fn kept(&self) -> Result<Kept, Problems> {
        let (config, names) = (&self.config, [String::from(CONTROL)]);
        let kept = control(&config.control).read().await;
        kept.map_err(|failure| unusable(config, &names, &config.control, &failure).into())
    }

    /// Keeps the placement in the control database, before the first home is delivered to.
    async fn keep(&self, kept: &mut Kept) -> Result<(), Error> {
        let is_new = |(key, home): &(_, String)| self.is_placed && kept.placed.get(key) != Some(home);
        let new: Vec<_> = placements(&self.config).filter(is_new).collect();
        if kept.id.is_none() || !new.is_empty() {
            let kept_now = control(&self.config.control).keep(new.clone()).await;
            kept.id = Some(kept_now.map_err(|failure| Error::control(&failure))?);
            kept.placed.extend(new);
        }
        Ok(())
    }

    /// Runs once: everything that is settled in the sources now is delivered, ignored by rule or put in quarantine.
    ///
    /// A home that fails is left at its position and the others go on; the report says so. It needs a Tokio runtime
    /// with time enabled, and raises the process's soft limit of open files where the homes need more.
    ///
    /// # Errors
    ///
    /// If the configuration, the sources or the tables of a home do not fit together, a routing key has moved to another
    /// home since the last run, or the control database cannot tell that none has. Nothing is written then.
    pub async fn run(&self, observer: Arc<dyn Observer>) -> Result<Report, Error> {
        self.run_until(observer, &CancellationToken::new()).await
    }

    /// The same, until it is asked to stop: nothing is read from then on, and each home commits what it was given. The next
    /// run goes on from there. The report says that the run was stopped. How long that takes, the homes decide; to drop the
    /// future undoes what is not committed.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn run_until(&self, observer: Arc<dyn Observer>, stop: &CancellationToken) -> Result<Report, Error> {
        let mut planned = self.plan().await?;
        let mut kept = self.kept().await?;
        let mut problems = self.moved(&kept);
        if problems.is_empty()
            && let Some(report) = self.unchanged(&mut planned, &kept, &observer).await
        {
            return Ok(report);
        }
        let mut inspected = Vec::new();
        for (number, source) in planned.iter().enumerate() {
            // The homes of the first source are needed at once; those of others would wait, open, for their turn.
            let stay_open = if number == 0 { self.config.delivery.open_homes } else { 0 };
            let (found, misfits) = inspect(&self.config, &source.writing, Some(&kept), stay_open).await;
            inspected.push(found);
            problems.extend(misfits);
        }
        if !problems.is_empty() {
            return Err(problems.into_iter().collect::<Problems>().into());
        }
        let mut sources = Vec::new();
        for (number, (source, inspected)) in planned.into_iter().zip(inspected).enumerate() {
            if stop.is_cancelled() {
                return Ok(Report { sources, is_stopped: true });
            }
            let report = self.run_source(source, inspected, &mut kept, &observer, stop).await?;
            let refuses = report.homes.iter().any(|home| home.refused_merged);
            let report =
                if refuses { self.run_again(number, report, &mut kept, &observer, stop).await } else { report };
            sources.push(report);
        }
        let is_stopped = sources.iter().any(|source: &SourceReport| source.is_stopped);
        Ok(Report { sources, is_stopped })
    }

    /// Reads a source once more for the homes that have refused what was merged of many records, and merges each share by
    /// itself, so that the records at fault are found.
    async fn run_again(
        &self,
        number: usize,
        report: SourceReport,
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        stop: &CancellationToken,
    ) -> SourceReport {
        let again = async {
            let planned = plan(&self.config, number, &self.router, &self.added).await;
            let planned = planned.map_err(|unplanned| unplanned.problems.into_iter().collect::<Problems>())?;
            let stay_open = self.config.delivery.open_homes;
            let (inspected, problems) = inspect(&self.config, &planned.writing, Some(kept), stay_open).await;
            if !problems.is_empty() {
                return Err(Error::from(problems.into_iter().collect::<Problems>()));
            }
            let planned = Planned { merges_each_share: true, ..planned };
            self.run_source(planned, inspected, kept, observer, stop).await
        };
        match again.await {
            Ok(again) => report.and_then(again),
            // The next run tells why.
            Err(_) => {
                for home in report.homes.iter().filter(|home| home.refused_merged) {
                    let failure = Failure::Failed(home.failure.clone().unwrap_or_default());
                    observer.home_failed(&home.home, &failure);
                }
                report
            }
        }
    }

    async fn run_source(
        &self,
        mut planned: Planned,
        inspected: Inspected,
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        stop: &CancellationToken,
    ) -> Result<SourceReport, Error> {
        let source = planned.writing.name.clone();
        let reached = inspected.reached();
        // Another run may have taken the homes further since the source was asked.
        let asked = planned.horizon.take().filter(|horizon| horizon.upto >= reached);
        let horizon = match asked {
            Some(horizon) => Ok(horizon),
            None => self.horizon(&mut planned, &reached, kept).await,
        };
        let waits_for = horizon.as_ref().ok().and_then(|horizon| horizon.waits_for.clone());
        let guarantee = planned.source.guarantee().clone();
        let readable = horizon.and_then(|horizon| inspected.readable(horizon.upto, &guarantee, &source));
        let (upto, refusal) = readable.map_or_else(|error| (Position::Start, Some(error)), |upto| (upto, None));
        let starts = inspected.starts(&upto);
        let after = starts.iter().min().unwrap_or(&upto).clone();
        let (from, is_read) = match &planned.overlap {
            Some(overlap) => (overlap.from(&after), upto > Position::Start),
            None => (after.behind(), after < upto),
        };
        if is_read {
            self.keep(kept).await?;
        }
        if refusal.is_none() {
            observer.source_started(&source, &guarantee, &after, &upto);
        }
        if let Some(waits_for) = &waits_for {
            observer.source_waits(&source, waits_for);
        }
        let end = self.end_now(&planned, &upto);
        let limits = Arc::new(self.limits());
        let homes = self.start_homes(&planned, inspected, kept.id.as_deref(), &limits, observer);
        let locator = Arc::clone(&planned.locator);
        let ended = match refusal {
            Some(refusal) => Err(refusal),
            None if homes.is_idle() || !is_read => Ok(Ended::AtItsEnd),
            None => {
                let limit = BatchLimit { rows: self.config.batch.rows, bytes: self.config.batch.bytes };
                let mut reading = Reading { source: &source, locator, starts: Arc::from(starts), homes: &homes, stop };
                let batches = read_ahead(planned.source, from, upto.clone(), limit);
                reading.distribute(batches, &upto, &**observer).await
            }
        };
        let reached = matches!(ended, Ok(Ended::AtItsEnd)).then_some(upto);
        let end = end.filter(|_| reached.is_some());
        let (homes, control) = homes.finish(reached).await;
        let is_stopped = matches!(ended, Ok(Ended::Stopped));
        let failure = ended.err().map(|error| error.to_string());
        let report = SourceReport { source, guarantee, homes, control, waits_for, is_stopped, failure };
        if let Some(end) = end {
            self.note(&report, &end).await;
        }
        Ok(report)
    }

    /// Up to where a source is settled now. Whom it waits for is noted for the next run, which would begin anew to wait if it
    /// could not be.
    async fn horizon(&self, planned: &mut Planned, reached: &Position, kept: &Kept) -> Result<Horizon, Error> {
        let source = &planned.writing.name;
        let waits = kept.waits.get(source).filter(|waits| planned.source.cursor().admits(&waits.upto));
        let horizon = blocking::caught(planned.source.horizon(reached, waits)).await;
        let horizon = horizon.unwrap_or_else(|panic| Err(Error::source(source, panic)))?;
        if horizon.waits.as_ref() != kept.waits.get(source) {
            let _ = control(&self.config.control).wait(source, horizon.waits.as_ref()).await;
        }
        Ok(horizon)
    }

    fn limits(&self) -> Limits {
        let delivery = &self.config.delivery;
        Limits {
            commit_rows: delivery.commit_rows,
            commit_interval: delivery.commit_interval,
            databases: self.config.homes.len() + 1,
            gathered_bytes: GATHERED_BYTES / self.config.homes.len().clamp(1, delivery.open_homes),
            aggregate_rows: (AGGREGATE_ROWS_IN_MEMORY / self.config.homes.len().clamp(1, delivery.open_homes))
                .clamp(1024, 8_192),
            working: Arc::new(Semaphore::new(delivery.parallel)),
            kept_open: Arc::new(Semaphore::new(most_open_homes(delivery.open_homes.min(self.config.homes.len() + 1)))),
            opened_briefly: Arc::new(Semaphore::new(OPENED_BRIEFLY)),
        }
    }

    fn start_homes(
        &self,
        planned: &Planned,
        inspected: Inspected,
        control: Option<&str>,
        limits: &Arc<Limits>,
        observer: &Arc<dyn Observer>,
    ) -> Homes {
        let tables = planned.writing.analysers.tables();
        let homes = self.config.homes.iter().map(|home| (home.home.as_str(), Some(home.home.clone()), &tables[..]));
        let all = homes.chain([("control", None, &[][..])]).zip(inspected.states).zip(inspected.deliveries);
        let running = all.enumerate().map(|(number, (((name, home, tables), state), delivery))| {
            let report = report(name, tables, &state);
            let (limits, told) = (Arc::clone(limits), Arc::clone(observer));
            let deliverer = Deliverer::new(delivery, control, number, planned, report.clone(), limits, told);
            Running::start(deliverer, report, home, observer)
        });
        let running = running.collect();
        Homes::new(running)
    }
}

/// So many homes, or as many as the process may open files for. Its soft limit is raised as far as that takes.
fn most_open_homes(wanted: usize) -> usize {
    // A SQLite database that is written to has itself, its journal and, for a moment, its folder open.
    const FILES_PER_HOME: u64 = 3;
    const OTHER_FILES: u64 = 64 + FILES_PER_HOME * OPENED_BRIEFLY as u64;
    let files = rlimit::increase_nofile_limit(FILES_PER_HOME * wanted as u64 + OTHER_FILES).unwrap_or(256);
    let possible = files.saturating_sub(OTHER_FILES) / FILES_PER_HOME;
    usize::try_from(possible).map_or(wanted, |possible| possible.min(wanted))
}

/// A batch and the permit for its memory.
type Permitted = (Batch, Arc<OwnedSemaphorePermit>);

/// Reads batches ahead of their delivery, as far as memory is allowed.
fn read_ahead(
    mut source: Box<dyn Source>,
    mut from: Bound<Position>,
    upto: Position,
    limit: BatchLimit,
) -> mpsc::Receiver<Result<Permitted, Error>> {
    let (sender, batches) = mpsc::channel(1);
    tokio::spawn(async move {
        let memory = Arc::new(Semaphore::new(BATCHES_IN_MEMORY));
        loop {
            let permit = Arc::clone(&memory).acquire_owned().await.expect("the semaphore is never closed");
            let batch = source.read(&from, &upto, limit).await;
            let reached = batch.as_ref().map_or(&upto, |batch| &batch.upto).clone();
            if sender.send(batch.map(|batch| (batch, Arc::new(permit)))).await.is_err() || reached >= upto {
                return;
            }
            from = reached.behind();
        }
    });
    batches
}

/// How reading ended, if it did not fail.
enum Ended {
    AtItsEnd,
    /// It was asked to stop.
    Stopped,
}

/// A source that is being read, and who gets its records.
struct Reading<'a> {
    source: &'a str,
    locator: Arc<Locator>,
    starts: Arc<[Position]>,
    homes: &'a Homes,
    stop: &'a CancellationToken,
}

impl Reading<'_> {
    /// Locates the records of each batch and hands every home its share.
    async fn distribute(
        &mut self,
        mut batches: mpsc::Receiver<Result<Permitted, Error>>,
        upto: &Position,
        observer: &dyn Observer,
    ) -> Result<Ended, Error> {
        let failed = |message: &str| Error::source(self.source, message);
        let mut reached = None;
        loop {
            let Some(received) = self.stop.run_until_cancelled(batches.recv()).await else { return Ok(Ended::Stopped) };
            let Some(batch) = received else { break };
            let (batch, permit) = batch?;
            observer.batch_read(batch.records.num_rows(), &batch.upto);
            reached = Some(batch.upto.clone());
            let shares = locate(batch, Arc::clone(&self.locator), Arc::clone(&self.starts)).await;
            for share in shares.map_err(|message| failed(&message))? {
                self.homes.home(share.slot).send(Message::Share(share, Arc::clone(&permit))).await;
            }
            if self.homes.is_idle() {
                return Err(failed("no home is left to deliver to"));
            }
        }
        // The channel also ends when reading panics, and what was not read must not count as read.
        if reached.as_ref() == Some(upto) { Ok(Ended::AtItsEnd) } else { Err(failed("reading ended before its end")) }
    }
}

async fn locate(batch: Batch, locator: Arc<Locator>, starts: Arc<[Position]>) -> Result<Vec<Share>, String> {
    let job = blocking::run(move || {
        let judged = locator.judge(&batch.records)?;
        locator.split(&batch, &judged, &starts)
    });
    blocking::caught(job).await.unwrap_or_else(|panic| Err(format!("locating {panic}")))
}
