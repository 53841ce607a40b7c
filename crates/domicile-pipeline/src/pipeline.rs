//! The one place that lists the stages: read, locate, analyse, deliver.

use std::collections::HashMap;
use std::sync::Arc;

use domicile::{Chain, PlacementRouter};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use crate::analyse::{Analyser, TypedAnalyser};
use crate::batch::BatchLimit;
use crate::blocking;
use crate::config::{CONTROL, Config, Problem, Problems};
use crate::control::{Kept, has_changed, in_time, moved};
use crate::database::{WRITERS_WAITED_FOR, control};
use crate::deliver::{Deliverer, Limits};
use crate::error::{Error, Failure};
use crate::fault::{self, Point};
use crate::inspect::{Inspected, Known, Member};
use crate::lease::{Holding, under_way};
use crate::plan::{Added, AllPlanned, Planned, Unplanned, contradictions, plan, unreachable_keys};
use crate::position::Position;
use crate::report::{Event, HomeReport, Observer, Report, SourceReport};
use crate::source::{Horizon, answered};

mod catch_up;
mod homes;
mod kept;
mod limits;
mod looked;
mod names;
mod reading;
mod states;
#[cfg(test)]
mod tests;
mod unchanged;
mod until;

use catch_up::{CatchUp, Turn};
use homes::{Fallen, Homes, Tell, report};
use looked::refused;
use reading::Reading;
use states::States;
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
        let mut looked = Vec::new();
        for (number, source) in planned.iter().enumerate() {
            looked.push(self.look(number, source, kept).await);
        }
        let mut refused = match refused(&mut looked, problems) {
            Ok(refused) => refused,
            Err(wrong) => return Err(self.refuse(wrong, &looked, kept).await),
        };
        let mut sources = Vec::new();
        for (number, (source, looked)) in planned.into_iter().zip(looked).enumerate() {
            if until.stop.is_cancelled() {
                return Ok(Report { sources, is_stopped: true });
            }
            let span = info_span!("source", source = source.writing.name);
            let source = (number, source, refused.remove(&number));
            let report = self
                .run_source(source, (looked.inspected, looked.known), kept, observer, until)
                .instrument(span)
                .await?;
            observer.observe(&Event::SourceEnded(&report));
            sources.push(report);
        }
        let is_stopped = sources.iter().any(|source: &SourceReport| source.is_stopped);
        Ok(Report { sources, is_stopped })
    }

    /// Runs one source, unless it is refused.
    async fn run_source(
        &self,
        (number, mut planned, refused): (usize, Planned, Option<Error>),
        (inspected, known): (Inspected, Mutex<Known>),
        kept: &mut Kept,
        observer: &Arc<dyn Observer>,
        until: &Until,
    ) -> Result<SourceReport, Error> {
        let reached = inspected.reached();
        // Another run may have taken the homes further since the source was asked.
        let asked = planned.horizon.take().filter(|horizon| horizon.upto >= reached);
        let horizon = match asked {
            Some(horizon) => Ok(horizon),
            None => self.horizon(&mut planned, &reached, kept).await,
        };
        let waits_for = horizon.as_ref().ok().and_then(|horizon| horizon.waits_for.clone());
        let guarantee = planned.source.guarantee().clone();
        let upto = refused.map_or(horizon, Err);
        let upto = upto.and_then(|horizon| inspected.readable(horizon.upto, &guarantee, &planned.writing.name));
        let mut report = self.report(&planned, &inspected, waits_for);
        let upto = match upto {
            Ok(upto) => upto,
            Err(refusal) => {
                self.pass_over(&mut report, &refusal, kept, observer).await;
                return Ok(report);
            }
        };
        let (leading, behind) = inspected.split(&upto);
        let reading = Reading::of(&planned, leading.starts(self.databases(), &upto), &upto);
        let may_come_back =
            leading.members.iter().any(|member| member.state.as_ref().is_err_and(Failure::is_transient));
        let is_new = has_changed(&self.config, &self.config.sources[number], kept);
        if reading.is_needed || may_come_back || is_new || !behind.members.is_empty() {
            self.hold(kept).await?;
        }
        let (source, after) = (report.source.as_str(), &reading.after);
        observer.observe(&Event::SourceStarted { source, guarantee: &guarantee, after, upto: &upto });
        if let Some(waits_for) = &report.waits_for {
            observer.observe(&Event::SourceWaits { source, waits_for });
        }
        let end = self.end_now(&planned, &upto);
        let limits = Arc::new(self.limits(kept));
        let states = Arc::new(States::new(self, &report.source, kept, observer));
        let (batch, upto, observer) = (self.batch_limit(), &upto, &(Arc::clone(&states) as Arc<dyn Observer>));
        let (stop, limits, known, enough) = (&until.stop, &limits, &known, &until.stop.child_token());
        let (next_run, leaders) = (&until.catch_up, &Arc::new(Turn::new(self.config.delivery.others_wait)));
        let shared =
            Shared { source, kept, observer, stop, enough: stop, next_run, leaders, limits, batch, upto, known };
        let of_behind = Shared { enough, ..shared };
        let no_time_left = until.no_more_catching_up(self.config.delivery.catch_up);
        // There is room for each home once, and for the source.
        let (fallen, falls) = mpsc::channel(self.databases() + 1);
        let leaders = self.lead(planned, leading, reading, &shared, fallen);
        let others = CatchUp::new(self, number, &of_behind, behind).run(falls, no_time_left);
        let (leaders, (others, ended)) = tokio::join!(leaders, others);
        report.failure = ended.as_ref().err().map(ToString::to_string);
        for passed in [leaders].into_iter().chain(others) {
            let is_stopped = matches!(passed.ended, Ok(Ended::Stopped));
            report.is_stopped |= is_stopped && until.stop.is_cancelled();
            passed.homes.into_iter().for_each(|(slot, home)| report.add(slot, home, is_stopped));
        }
        report.pass_over_silent();
        report.find_behind(upto);
        states.settle(&report, Some(upto), ended.as_ref().err()).await;
        if let Some(end) = end.filter(|_| !report.is_stopped) {
            self.note(kept, &report, end).await;
        }
        Ok(report)
    }

    /// Tells and keeps that a source is not read, and which of its homes have failed besides.
    async fn pass_over(&self, report: &mut SourceReport, refusal: &Error, kept: &Kept, observer: &Arc<dyn Observer>) {
        report.failure = Some(refusal.to_string());
        report.pass_over_silent();
        let source = report.source.as_str();
        for home in report.failed() {
            let failed = |failure| Event::HomeFailed { source, home: &home.home, failure };
            home.why.iter().for_each(|failure| observer.observe(&failed(failure)));
        }
        States::new(self, &report.source, kept, observer).settle(report, None, Some(refusal)).await;
    }

    /// The report of a source before anything is delivered.
    fn report(&self, planned: &Planned, inspected: &Inspected, waits_for: Option<String>) -> SourceReport {
        let tables = planned.writing.analysers.tables();
        let of_home = |member: &Member| {
            let tables = if member.slot < self.config.homes.len() { &tables[..] } else { &[] };
            HomeReport { is_silent: member.is_silent, ..report(self.name(member.slot), tables, &member.state) }
        };
        let mut homes: Vec<_> = inspected.members.iter().map(of_home).collect();
        let control = homes.pop().expect("the control database is the last");
        SourceReport {
            source: planned.writing.name.clone(),
            guarantee: planned.source.guarantee().clone(),
            homes,
            control,
            waits_for,
            is_stopped: false,
            failure: None,
        }
    }

    /// Homes and the control database.
    fn databases(&self) -> usize {
        self.config.homes.len() + 1
    }

    /// The name of a home, or of the control database, by its number.
    fn name(&self, slot: usize) -> &str {
        self.config.homes.get(slot).map_or(CONTROL, |home| home.home.as_str())
    }

    /// Reads a source for the homes that are ahead. Those that fall, or all where the source fails, are left to others.
    async fn lead(
        &self,
        planned: Planned,
        leading: Inspected,
        reading: Reading,
        shared: &Shared<'_>,
        fallen: mpsc::Sender<Fallen>,
    ) -> Passed {
        let (limits, turn) = (Arc::clone(shared.limits), Arc::clone(shared.leaders));
        let reader = Reader { limits, fallen: fallen.clone(), turn, is_catching_up: false };
        let mut passed = self.pass(planned, leading, reading, shared, reader).await;
        if let Some(error) = passed.take_error() {
            let well = passed.homes.iter().filter(|(_, home)| home.why.is_none());
            let _ = fallen.try_send(Fallen::Source(well.map(|(slot, _)| *slot).collect(), error));
        }
        passed
    }

    /// Reads a source once for some of its homes.
    async fn pass(
        &self,
        planned: Planned,
        members: Inspected,
        reading: Reading,
        shared: &Shared<'_>,
        reader: Reader,
    ) -> Passed {
        let expecting = if reading.is_needed { self.expect_waiting(&planned, &members).await } else { Ok(()) };
        let (homes, turn) = (self.start_homes(&planned, members, shared, &reader), Arc::clone(&reader.turn));
        let mut reached = None;
        let ended = match (expecting, reading.is_needed) {
            (Err(error), _) => Err(error),
            (Ok(()), true) => reading.distribute(planned, &homes, shared, &reader, &mut reached).await,
            (Ok(()), false) => {
                reached = Some(shared.upto.clone());
                Ok(Ended::AtItsEnd)
            }
        };
        turn.all_is_handed_out();
        Passed { homes: homes.finish(reached).await, ended }
    }

    /// Tells what the control database keeps, where homes read it again: those that are behind it, and whoever reads what
    /// comes late.
    async fn expect_waiting(&self, planned: &Planned, members: &Inspected) -> Result<(), Error> {
        let (control, homes) = members.starts_of(self.config.homes.len());
        let is_behind = match (homes, control) {
            (Some(first), Some(control)) => first < control,
            (first, _) => first.is_some(),
        };
        if is_behind || planned.overlap.is_some() {
            let from = homes.filter(|_| planned.overlap.is_none());
            let waiting = planned.waiting(&self.config.control, from).await;
            planned.locator.expect(waiting.map_err(|failure| Error::control(&failure))?);
        }
        Ok(())
    }

    /// Up to where a source is settled now. Whom it waits for is noted for the next run, which would begin anew to wait if it
    /// could not be.
    async fn horizon(&self, planned: &mut Planned, reached: &Position, kept: &Kept) -> Result<Horizon, Error> {
        let source = &planned.writing.name;
        let waits = kept.waits.get(source).filter(|waits| planned.source.cursor().admits(&waits.upto));
        // It also waits for writers.
        let within = self.config.delivery.answer + WRITERS_WAITED_FOR;
        let asked = answered(source, within, planned.source.horizon(reached, waits));
        let horizon = blocking::caught(asked).await;
        let horizon = horizon.unwrap_or_else(|panic| Err(Error::source(source, panic)))?;
        if horizon.waits.as_ref() != kept.waits.get(source) {
            let mut control = control(&self.config.control);
            let lease = kept.holding.as_ref().map(Holding::lease);
            let _ = in_time(lease.as_ref(), control.wait(source, horizon.waits.as_ref())).await;
        }
        Ok(horizon)
    }

    fn start_homes(
        &self,
        planned: &Planned,
        inspected: Inspected,
        shared: &Shared<'_>,
        Reader { limits, fallen, turn, .. }: &Reader,
    ) -> Homes {
        let tables = planned.writing.analysers.tables();
        let mut homes = Homes::of(self.databases());
        for Member { slot, state, delivery, is_silent, .. } in inspected.members {
            let home = self.config.homes.get(slot).map(|home| home.home.clone());
            let mut report = report(self.name(slot), if home.is_some() { tables } else { &[] }, &state);
            (report.is_let_go, report.is_silent) = (is_silent, is_silent);
            let (limits, observer) = (Arc::clone(limits), Arc::clone(shared.observer));
            let control = shared.kept.id.as_deref();
            let deliverer = Deliverer::new(delivery, control, slot, planned, report.clone(), limits, observer);
            let tell = Tell { fallen: fallen.clone(), slot, merges_each_share: planned.merges_each_share };
            let is_home = home.is_some();
            let work = homes.start(deliverer, report, home, tell);
            // Nobody but itself waits for the control database.
            if is_home {
                turn.add(work);
            }
        }
        homes
    }
}

/// What all readers of a source share.
struct Shared<'a> {
    source: &'a str,
    kept: &'a Kept,
    observer: &'a Arc<dyn Observer>,
    stop: &'a CancellationToken,
    /// Nothing more is read once something was.
    enough: &'a CancellationToken,
    /// Homes that are behind are not to keep the others from what is new any longer.
    next_run: &'a CancellationToken,
    /// The time of who reads for homes that are ahead.
    leaders: &'a Arc<Turn>,
    /// Those of who reads for homes that are ahead.
    limits: &'a Arc<Limits>,
    batch: BatchLimit,
    /// Where the source ends in this run.
    upto: &'a Position,
    /// The databases that were looked at.
    known: &'a Mutex<Known>,
}

/// Within which limits a source is read, and who is told of homes that fail, to try them again.
struct Reader {
    limits: Arc<Limits>,
    fallen: mpsc::Sender<Fallen>,
    turn: Arc<Turn>,
    is_catching_up: bool,
}

/// How reading ended, if it did not fail.
enum Ended {
    AtItsEnd,
    /// It was asked to stop.
    Stopped,
    /// There is nobody any more whom it is for: all homes have failed, or they are read for by others.
    Deserted,
}

/// What was done by one reader.
struct Passed {
    /// By the homes' numbers.
    homes: Vec<(usize, HomeReport)>,
    ended: Result<Ended, Error>,
}

impl Passed {
    /// Why the source was not read to its end, for whoever reads it again.
    fn take_error(&mut self) -> Option<Error> {
        self.ended.is_err().then(|| std::mem::replace(&mut self.ended, Ok(Ended::Deserted)).err()).flatten()
    }
}
