//! Running one source beside the others of a run: homes that are ahead are read for together, and the rest catch up.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, SemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::catch_up::{CatchUp, Readers, Turn};
use super::homes::{Fallen, Homes, Tell, report};
use super::order::Place;
use super::prepare::{Outlook, Prepared};
use super::reading::Reading;
use super::states::States;
use super::{BATCHES_IN_MEMORY, Pipeline, Until};
use crate::batch::BatchLimit;
use crate::control::{End, Kept};
use crate::deliver::{Deliverer, Limits};
use crate::error::Error;
use crate::inspect::{Inspected, Known, Member};
use crate::plan::Planned;
use crate::position::{Position, Value};
use crate::report::{Event, HomeReport, Observer, SourceReport};

/// What all sources of a run share.
pub(super) struct Run<'a> {
    pub(super) kept: &'a Kept,
    pub(super) observer: &'a Arc<dyn Observer>,
    pub(super) until: &'a Until,
    /// Those of who reads for homes that are ahead, and of all other readers: homes that hang take no place of one that is ahead.
    pub(super) limits: Limits,
    pub(super) behind: Limits,
    /// Homes that are ahead are read for one source after the other.
    pub(super) leading: Semaphore,
    pub(super) readers: Readers,
}

/// A source that was run.
pub(super) struct Ran {
    pub(super) report: SourceReport,
    /// Where all homes are, unless some are not.
    pub(super) end: Option<End>,
}

impl Pipeline {
    /// Runs one source, unless it is refused, or the run is stopped before.
    pub(super) async fn run_source(&self, prepared: Prepared, place: Place, run: &Run<'_>) -> Option<Ran> {
        let Prepared { number, planned, mut report, known, outlook } = prepared;
        let leading = run.until.stop.run_until_cancelled(run.leading.acquire()).await?;
        let leading = leading.expect("the semaphore is never closed");
        if run.until.stop.is_cancelled() {
            return None;
        }
        let ran = match outlook {
            Ok(outlook) => self.read((number, planned, report), (outlook, known), place, run, leading).await,
            Err(refusal) => {
                self.pass_over(&mut report, &refusal, run).await;
                Ran { report, end: None }
            }
        };
        run.observer.observe(&Event::SourceEnded(&ran.report));
        Some(ran)
    }

    /// Reads a source for all homes, each of which takes from it once it is done with the sources before.
    async fn read(
        &self,
        (number, planned, mut report): (usize, Planned, SourceReport),
        (outlook, known): (Outlook, Mutex<Known>),
        place: Place,
        run: &Run<'_>,
        leading: SemaphorePermit<'_>,
    ) -> Ran {
        let Outlook { upto, leading: mut ahead, mut behind, .. } = outlook;
        let is_taken = |slot| !place.is_free(slot);
        let taken: Vec<_> = ahead.leave_out(is_taken).into_iter().chain(behind.leave_out(is_taken)).collect();
        let reading = Reading::of(&planned, ahead.starts(self.databases(), &upto), &upto);
        let (source, after, guarantee) = (report.source.as_str(), &reading.after, planned.source.guarantee());
        run.observer.observe(&Event::SourceStarted { source, guarantee, after, upto: &upto });
        if let Some(waits_for) = &report.waits_for {
            run.observer.observe(&Event::SourceWaits { source, waits_for });
        }
        let end = self.end_now(&planned, &upto);
        let states = Arc::new(States::new(self, source, run.kept, run.observer));
        let observer = &(Arc::clone(&states) as Arc<dyn Observer>);
        let (limits, turn) = (
            &Arc::new(run.limits.with_memory(BATCHES_IN_MEMORY)),
            &Arc::new(Turn::new(self.config.delivery.others_wait)),
        );
        let (stop, batch, upto, known, place) = (&run.until.stop, self.batch_limit(), &upto, &known, &Arc::new(place));
        let shared = Shared { source, run, observer, place, enough: stop, leaders: turn, limits, batch, upto, known };
        let of_behind = Shared { enough: &stop.child_token(), ..shared };
        // There is room for each home once, and for the source.
        let (fallen, falls) = mpsc::channel(self.databases() + 1);
        let leaders = self.lead(planned, ahead, reading, &shared, (fallen, leading));
        let others = CatchUp::new(self, number, &of_behind, behind, taken).run(falls);
        let (leaders, (others, ended)) = tokio::join!(leaders, others);
        report.failure = ended.as_ref().err().map(ToString::to_string);
        for passed in [leaders].into_iter().chain(others) {
            let is_stopped = matches!(passed.ended, Ok(Ended::Stopped));
            report.is_stopped |= is_stopped && stop.is_cancelled();
            passed.homes.into_iter().for_each(|(slot, home)| report.add(slot, home, is_stopped));
        }
        report.pass_over_silent();
        report.find_behind(upto);
        states.settle(&report, Some(upto), ended.as_ref().err()).await;
        Ran { end: end.filter(|_| !report.is_stopped), report }
    }

    /// Tells and keeps that a source is not read, and which of its homes have failed besides.
    async fn pass_over(&self, report: &mut SourceReport, refusal: &Error, run: &Run<'_>) {
        report.failure = Some(refusal.to_string());
        report.pass_over_silent();
        let source = report.source.as_str();
        for home in report.failed() {
            let failed = |failure| Event::HomeFailed { source, home: &home.home, failure };
            home.why.iter().for_each(|failure| run.observer.observe(&failed(failure)));
        }
        States::new(self, source, run.kept, run.observer).settle(report, None, Some(refusal)).await;
    }

    /// Reads a source for the homes that are ahead. Those that fall, or all where the source fails, are left to others. The next
    /// source is read for those that are ahead once these are done, but for homes that do not get on.
    async fn lead(
        &self,
        planned: Planned,
        members: Inspected,
        reading: Reading,
        shared: &Shared<'_>,
        (fallen, leading): (mpsc::Sender<Fallen>, SemaphorePermit<'_>),
    ) -> Passed {
        let (limits, turn) = (Arc::clone(shared.limits), Arc::clone(shared.leaders));
        let reader = Reader { limits, fallen: fallen.clone(), turn, is_catching_up: false };
        let mut passing = std::pin::pin!(self.pass(planned, members, reading, shared, reader));
        let mut passed = tokio::select! {
            passed = &mut passing => passed,
            () = shared.leaders.held_up() => {
                drop(leading);
                passing.await
            }
        };
        let well = passed.homes.iter().filter(|(_, home)| home.why.is_none()).map(|(slot, _)| *slot);
        let well: Vec<_> = well.collect();
        match passed.take_error() {
            Some(error) => drop(fallen.try_send(Fallen::Source(well, error))),
            None => well.into_iter().for_each(|slot| shared.place.is_done(slot)),
        }
        passed
    }

    /// Reads a source once for some of its homes.
    pub(super) async fn pass(
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
        Passed { homes: homes.finish(reached, matches!(ended, Ok(Ended::AtItsEnd))).await, ended }
    }

    /// Tells what the control database keeps, where homes read it again: those that are behind it, and whoever reads what
    /// comes late.
    async fn expect_waiting(&self, planned: &Planned, members: &Inspected) -> Result<(), Error> {
        let (control, homes) = members.starts_of(self.config.homes.len());
        let Some(first) = homes else { return Ok(()) };
        if control.is_none_or(|control| first < control) || planned.overlap.is_some() {
            // Of what comes late, homes read again what their overlap begins with.
            let from = match &planned.overlap {
                Some(overlap) => {
                    overlap.begin(first).map(|begin| Position::of(vec![Value::Timestamp(begin.saturating_sub(1))]))
                }
                None => Some(first.clone()),
            };
            let waiting = planned.waiting(&self.config.control, from.as_ref()).await;
            planned.locator.expect(waiting.map_err(|failure| Error::control(&failure))?);
        }
        Ok(())
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
            let control = shared.run.kept.id.as_deref();
            let deliverer = Deliverer::new(delivery, control, slot, planned, report.clone(), limits, observer);
            let (fallen, merges_each_share) = (fallen.clone(), planned.merges_each_share);
            let tell = Tell { fallen, slot, merges_each_share, place: Arc::clone(shared.place) };
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
pub(super) struct Shared<'a> {
    pub(super) source: &'a str,
    pub(super) run: &'a Run<'a>,
    pub(super) observer: &'a Arc<dyn Observer>,
    /// Where the source stands among those of the run.
    pub(super) place: &'a Arc<Place>,
    /// Nothing more is read once something was.
    pub(super) enough: &'a CancellationToken,
    /// The time of who reads for homes that are ahead.
    pub(super) leaders: &'a Arc<Turn>,
    /// Those of who reads for homes that are ahead.
    pub(super) limits: &'a Arc<Limits>,
    pub(super) batch: BatchLimit,
    /// Where the source ends in this run.
    pub(super) upto: &'a Position,
    /// The databases that were looked at.
    pub(super) known: &'a Mutex<Known>,
}

/// Within which limits a source is read, and who is told of homes that fail, to try them again.
pub(super) struct Reader {
    pub(super) limits: Arc<Limits>,
    pub(super) fallen: mpsc::Sender<Fallen>,
    pub(super) turn: Arc<Turn>,
    pub(super) is_catching_up: bool,
}

/// How reading ended, if it did not fail.
pub(super) enum Ended {
    AtItsEnd,
    /// It was asked to stop.
    Stopped,
    /// There is nobody any more whom it is for: all homes have failed, or they are read for by others.
    Deserted,
}

/// What was done by one reader.
pub(super) struct Passed {
    /// By the homes' numbers.
    pub(super) homes: Vec<(usize, HomeReport)>,
    pub(super) ended: Result<Ended, Error>,
}

impl Passed {
    /// Why the source was not read to its end, for whoever reads it again.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.ended.is_err().then(|| std::mem::replace(&mut self.ended, Ok(Ended::Deserted)).err()).flatten()
    }
}
