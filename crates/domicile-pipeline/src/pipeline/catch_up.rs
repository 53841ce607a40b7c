//! Homes that are behind the others, or that fail, catch up by readers of their own.
//!
//! Those that are ahead are read for at full speed meanwhile, and all come together again when the next run finds them at
//! the same position. A home that fails for a reason that may pass is tried again after waits that grow, by chance somewhat
//! longer, so that homes of one server do not all come back at one moment; it goes on from its own position. One that
//! somebody has to mend is left for the next run. A source that fails for a reason that may pass is read again in the same
//! way, for all that were read for, from the one of them that is behind all others.

mod met;
mod readers;
mod turn;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until};

use super::Pipeline;
use super::homes::{Fallen, FallenHome};
use super::lead::{Ended, Passed, Reader, Shared};
use crate::error::{Error, Failure};
use crate::inspect::Inspected;
use crate::report::{Event, HomeReport, Transacted};
use readers::READERS;
pub(super) use readers::Readers;
pub(super) use turn::Turn;
use waiting::{Failing, TRIES, Tries, Waiting};

/// Batches of each of them that are in memory at once: one is read while another is delivered.
const BATCHES_IN_MEMORY: usize = 2;

/// So often it is looked whether homes that do not get on keep readers from others.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// The homes of one source that are not read for with those that are ahead.
pub(super) struct CatchUp<'a> {
    pipeline: &'a Pipeline,
    /// The source.
    number: usize,
    shared: &'a Shared<'a>,
    /// Homes that can be read for.
    ready: Vec<Inspected>,
    waiting: Vec<Waiting>,
    /// Homes that take from a source before this one yet, and whether there were some.
    taken: Vec<usize>,
    are_some_taken: bool,
    failing: HashMap<usize, Failing>,
    /// Homes that are ahead are read for yet.
    leaders_run: bool,
    /// So many readers have a home that is well.
    well_readers: usize,
    /// How often reading the source was tried since it last brought something.
    source_tries: Tries,
    /// By home, a transaction of which nobody knows whether it was committed.
    unconfirmed: HashMap<usize, Transacted>,
    /// Why the source is not read any more.
    ended: Result<(), Error>,
}

/// Homes that are read for together, whether one of them has not failed, and how long they may keep a reader from others.
struct Next {
    together: Together,
    is_well: bool,
    patience: Duration,
}

/// Homes that are read for together.
enum Together {
    Known(Inspected),
    Again { slots: Vec<usize>, merges_each_share: bool, unconfirmed: HashMap<usize, Transacted> },
}

impl Together {
    fn slots(&self) -> impl Iterator<Item = usize> {
        let (known, again) = match self {
            Together::Known(known) => (&known.members[..], &[][..]),
            Together::Again { slots, .. } => (&[][..], &slots[..]),
        };
        known.iter().map(|member| member.slot).chain(again.iter().copied())
    }
}

/// When somebody may have to be read for, or let go.
struct Wake {
    /// Somebody can be read for now.
    is_due: bool,
    is_next_run_due: bool,
    at: Option<Instant>,
}

/// What became of them.
struct Caught {
    slots: Vec<usize>,
    passed: Passed,
    merges_each_share: bool,
}

impl<'a> CatchUp<'a> {
    pub(super) fn new(
        pipeline: &'a Pipeline,
        number: usize,
        shared: &'a Shared<'a>,
        behind: Inspected,
        taken: Vec<usize>,
    ) -> Self {
        let ready = if behind.members.is_empty() { Vec::new() } else { vec![behind] };
        Self {
            pipeline,
            number,
            shared,
            ready,
            waiting: Vec::new(),
            are_some_taken: !taken.is_empty(),
            taken,
            failing: HashMap::new(),
            leaders_run: true,
            well_readers: 0,
            source_tries: Tries::new(),
            unconfirmed: HashMap::new(),
            ended: Ok(()),
        }
    }

    /// Catches up with whoever is behind or falls, until nobody is and nobody can fall any more, or there is no time left, which
    /// runs once nobody is ahead any more. What was done, and why the source was not read to its end, if it was not.
    pub(super) async fn run(mut self, mut falls: mpsc::Receiver<Fallen>) -> (Vec<Passed>, Result<(), Error>) {
        let (pipeline, shared, run) = (self.pipeline, self.shared, self.shared.run);
        let mut readers = FuturesUnordered::new();
        // There is room for each home once, and for what each reader has met.
        let (fallen, mut told) = mpsc::channel(pipeline.databases() + READERS);
        let mut place: Option<BoxFuture<'_, OwnedSemaphorePermit>> = None;
        let mut no_time_left = std::pin::pin!(run.until.no_more_catching_up(pipeline.config.delivery.catch_up));
        let mut passed = Vec::new();
        loop {
            while let Ok(fallen) = told.try_recv() {
                passed.extend(self.told(fallen));
            }
            if readers.is_empty() && self.is_over() {
                return (passed, self.ended);
            }
            let Wake { is_due, is_next_run_due, at: wakes_at } = self.look();
            // Who does not wait any more is not to be given a place.
            place = if is_due { place.or_else(|| Some(run.readers.place().boxed())) } else { None };
            tokio::select! {
                taken = async { place.as_mut().expect("somebody is due").await }, if is_due => {
                    place = None;
                    if let Some(Next { together, is_well, patience }) = self.next() {
                        self.well_readers += usize::from(is_well);
                        let (limits, fallen) = (Arc::new(run.behind.with_memory(BATCHES_IN_MEMORY)), fallen.clone());
                        let turn = run.readers.begin(self.number, patience);
                        let reader = Reader { limits, fallen, turn, is_catching_up: true };
                        let reading = pipeline.catch_up(self.number, together, shared, reader);
                        readers.push(async move { (reading.await, is_well, taken) });
                    }
                }
                fallen = falls.recv(), if self.leaders_run => match fallen {
                    // What else was done with a home that was ahead is told by who read for it.
                    Some(fallen) => drop(self.told(fallen)),
                    None => self.leaders_run = false,
                },
                Some(fallen) = told.recv() => passed.extend(self.told(fallen)),
                Some((caught, is_well, _)) = readers.next() => {
                    self.well_readers -= usize::from(is_well);
                    passed.push(self.caught(caught));
                }
                () = shared.place.freed(&self.taken), if !self.taken.is_empty() => self.freed(),
                () = sleep_until(wakes_at.unwrap_or_else(Instant::now)), if wakes_at.is_some() => {}
                () = run.until.catch_up.cancelled(), if !is_next_run_due && !run.until.stop.is_cancelled() => {}
                () = &mut no_time_left, if !self.others_are_ahead() && !shared.enough.is_cancelled() => {
                    shared.enough.cancel();
                }
                () = shared.enough.cancelled(), if self.waiting.iter().any(|waiting| self.is_given_up(waiting)) => {
                    passed.extend(self.give_up());
                }
                () = run.until.stop.cancelled(), if !self.taken.is_empty() || !self.ready.is_empty() => {
                    self.taken.clear();
                    self.ready.clear();
                    passed.push(Passed { homes: Vec::new(), ended: Ok(Ended::Stopped) });
                }
            }
        }
    }

    /// Whether homes that are ahead are read for yet, or take from a source before this one.
    fn others_are_ahead(&self) -> bool {
        self.leaders_run || !self.taken.is_empty()
    }

    /// Whether nobody is left who may have to be read for.
    fn is_over(&self) -> bool {
        !self.others_are_ahead() && self.ready.is_empty() && self.waiting.is_empty()
    }

    /// Lets homes go that others have been waiting for, for too long: homes that wait for a reader, or the next run.
    fn look(&self) -> Wake {
        let (run, now) = (self.shared.run, Instant::now());
        let due = self.due(now);
        let is_due = due.is_some_and(|due| due <= now);
        let is_next_run_due = run.until.catch_up.is_cancelled() || self.shared.enough.is_cancelled();
        let is_next_run_due = is_next_run_due && !run.until.stop.is_cancelled();
        let is_waited_for = is_due && run.readers.are_all_at_work();
        if is_waited_for {
            run.readers.let_go_of_stuck(None);
        }
        if is_next_run_due {
            run.readers.let_go_of_stuck(Some(self.number));
            self.shared.leaders.let_go_of_last(self.are_some_taken);
        }
        let at = if is_due || is_next_run_due { Some(now + LOOKS_EVERY) } else { due };
        Wake { is_due, is_next_run_due, at }
    }

    /// Homes are done with the sources before this one. How far they are in this one is asked anew, together with those that
    /// are done at about the same time.
    fn freed(&mut self) {
        let place = self.shared.place;
        let slots = self.taken.extract_if(.., |slot| place.is_free(*slot)).collect();
        self.waiting.push(Waiting { is_new: true, ..Waiting::until(Instant::now() + LOOKS_EVERY, slots) });
    }

    /// Takes over what a reader leaves to others. What was done with it, by a reader that is not done itself.
    fn told(&mut self, fallen: Fallen) -> Option<Passed> {
        let homes = match fallen {
            Fallen::Home(home) => {
                self.left(&home);
                vec![(home.slot, *home.report)]
            }
            Fallen::Source(slots, error) => {
                self.source_fell(slots, error, false);
                return None;
            }
            Fallen::Met { rest, confirmed } => {
                confirmed.iter().for_each(|(slot, home)| self.got_on(*slot, home));
                self.ready.extend(Some(rest).filter(|rest| !rest.members.is_empty()));
                confirmed
            }
        };
        Some(Passed { homes, ended: Ok(Ended::Deserted) })
    }

    /// When the next homes can be read for.
    fn due(&self, now: Instant) -> Option<Instant> {
        let ready = (!self.ready.is_empty()).then_some(now);
        ready.into_iter().chain(self.waiting.iter().map(|waiting| waiting.due)).min()
    }

    /// Homes that can be read for now, of which those come first that wait longest: all that are due, unless one has held up
    /// others before.
    fn next(&mut self) -> Option<Next> {
        let others_wait = self.shared.limits.others_wait;
        if let Some(together) = self.ready.pop().map(Together::Known) {
            let is_well = together.slots().any(|slot| !self.failing.contains_key(&slot));
            return Some(Next { together, is_well, patience: others_wait });
        }
        let now = Instant::now();
        let due = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.due <= now);
        let (first, _) = due.min_by_key(|(_, waiting)| waiting.due)?;
        let first = self.waiting.swap_remove(first);
        let merges_each_share = first.merges_each_share;
        let mut slots = first.slots;
        if !first.is_alone {
            let joins = |waiting: &mut Waiting| {
                waiting.due <= now && !waiting.is_alone && waiting.merges_each_share == merges_each_share
            };
            slots.extend(self.waiting.extract_if(.., joins).flat_map(|waiting| waiting.slots));
        }
        let unconfirmed = slots.iter().filter_map(|slot| Some((*slot, self.unconfirmed.get(slot)?.clone()))).collect();
        let is_well = slots.iter().any(|slot| !self.failing.contains_key(slot));
        let patience = slots.iter().filter_map(|slot| self.failing.get(slot)).map(|home| home.patience(others_wait));
        let patience = patience.max().unwrap_or(others_wait);
        Some(Next { together: Together::Again { slots, merges_each_share, unconfirmed }, is_well, patience })
    }

    /// Whether somebody is read for, or will be, who has not failed.
    fn others_run(&self) -> bool {
        let mut waiting = self.waiting.iter().flat_map(|waiting| &waiting.slots);
        let is_waiting = waiting.any(|slot| !self.failing.contains_key(slot));
        self.others_are_ahead() || self.well_readers > 0 || is_waiting || !self.ready.is_empty()
    }

    /// A reader is done, also with those that have failed, which were told of when they did.
    fn caught(&mut self, caught: Caught) -> Passed {
        let Caught { mut slots, mut passed, merges_each_share } = caught;
        if passed.homes.iter().any(|(_, home)| home.account.read > 0) {
            self.source_tries = Tries::new();
        }
        for (slot, _) in passed.homes.extract_if(.., |(_, home)| home.why.is_some()) {
            slots.retain(|of| *of != slot);
        }
        passed.homes.iter().for_each(|(slot, home)| self.got_on(*slot, home));
        match passed.take_error() {
            Some(error) => self.source_fell(slots, error, merges_each_share),
            None => slots.into_iter().for_each(|slot| self.shared.place.is_done(slot)),
        }
        passed
    }

    /// A home has been read for, and has got on if it has dealt with records, or is not where it was when it failed.
    fn got_on(&mut self, slot: usize, home: &HomeReport) {
        let has_moved = |failing: &Failing| failing.position.is_some() && home.position > failing.position;
        if home.account.read > 0 || self.failing.get(&slot).is_some_and(has_moved) {
            self.failing.remove(&slot);
        }
        if let Some(unconfirmed) = &home.unconfirmed {
            self.unconfirmed.insert(slot, unconfirmed.clone());
        } else if let Some(position) = &home.position
            && self.unconfirmed.get(&slot).is_some_and(|known| known.after != *position)
        {
            // It is known by now, because the home has got on.
            self.unconfirmed.remove(&slot);
        }
    }

    /// A home has been read for, and has failed.
    fn left(&mut self, FallenHome { slot, report: home, merges_each_share }: &FallenHome) {
        let (slot, merges_each_share) = (*slot, *merges_each_share);
        self.got_on(slot, home);
        let Some(failure) = &home.why else { return };
        if home.is_silent && !self.failing.contains_key(&slot) {
            // It may just be far away. Those that are read for with it wait for it no longer than these did.
            self.failing.insert(slot, Failing::new(failure, home.position.clone()));
            let due = Instant::now();
            self.waiting.push(Waiting { merges_each_share, ..Waiting::until(due, vec![slot]) });
        } else {
            self.fell(slot, home, failure, merges_each_share);
        }
    }

    /// Decides whether a home is tried again. What was merged of many records and is refused is merged anew of fewer, so that
    /// the records at fault are found. And who has overtaken this run may be itself, with the commit whose answer was lost.
    fn fell(&mut self, slot: usize, home: &HomeReport, failure: &Failure, merges_each_share: bool) {
        let (is_let_go, position) = (home.is_let_go, &home.position);
        let (source, home) = (self.shared.source, self.pipeline.name(slot));
        let others_run = self.others_run();
        let failing = self.failing.entry(slot).or_insert_with(|| Failing::new(failure, position.clone()));
        let Failing { tries, why, let_go, position: at } = failing;
        why.clone_from(failure);
        *at = at.take().max(position.clone());
        *let_go += u32::from(is_let_go);
        let is_alone = *let_go > 0;
        let (wait, merges_each_share) = match failure {
            Failure::Refused(_) if !merges_each_share => (Duration::ZERO, true),
            Failure::Overtaken(_) if self.unconfirmed.contains_key(&slot) && tries.asks_again() => {
                (Duration::ZERO, merges_each_share)
            }
            Failure::Transient(_) if tries.count < TRIES || others_run => {
                let wait = tries.wait();
                self.shared.observer.observe(&Event::HomeWaits { source, home, failure, wait });
                (wait, merges_each_share)
            }
            _ => return self.leave(slot),
        };
        let due = Instant::now() + wait;
        self.waiting.push(Waiting { merges_each_share, is_alone, ..Waiting::until(due, vec![slot]) });
    }

    /// Decides whether the source is read again for those that it was read for. All wait for it together. Where it is not, homes
    /// that have failed before are not tried any more.
    fn source_fell(&mut self, slots: Vec<usize>, error: Error, merges_each_share: bool) {
        let waits =
            |waiting: &&mut Waiting| waiting.source_error.is_some() && waiting.merges_each_share == merges_each_share;
        if let Some(waiting) = self.waiting.iter_mut().find(waits).filter(|_| error.may_pass()) {
            waiting.slots.extend(slots);
            return;
        }
        if !error.may_pass() || self.source_tries.count >= TRIES {
            self.ended = Err(error);
            slots.into_iter().for_each(|slot| self.leave(slot));
            std::mem::take(&mut self.taken).into_iter().for_each(|slot| self.leave(slot));
            return;
        }
        // Homes that fail with it come back to it by themselves.
        if slots.is_empty() {
            return;
        }
        let wait = self.source_tries.wait();
        self.shared.observer.observe(&Event::SourceFails { source: self.shared.source, error: &error, wait });
        let due = Instant::now() + wait;
        self.waiting.iter_mut().for_each(|waiting| waiting.due = waiting.due.max(due));
        // Meanwhile they take from the next sources.
        slots.iter().for_each(|slot| self.shared.place.is_done(*slot));
        self.waiting.push(Waiting { source_error: Some(error), merges_each_share, ..Waiting::until(due, slots) });
    }

    /// Nobody waits any more in a run that is asked to stop. If only those are that catch up, homes get something that took from
    /// another source before, and records that are at fault are looked for: the next run would have as little time for it.
    fn is_given_up(&self, waiting: &Waiting) -> bool {
        self.shared.run.until.stop.is_cancelled() || !(waiting.merges_each_share || waiting.is_new)
    }

    /// What was stopped, if that is reading the source.
    fn give_up(&mut self) -> Option<Passed> {
        let mut stopped = None;
        let (given_up, stay) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| self.is_given_up(waiting));
        self.waiting = stay;
        for Waiting { slots, source_error, is_new, .. } in given_up {
            slots.into_iter().for_each(|slot| self.leave(slot));
            if source_error.is_some() || is_new {
                stopped = Some(Passed { homes: Vec::new(), ended: Ok(Ended::Stopped) });
            }
            if let Some(error) = source_error {
                self.ended = Err(error);
            }
        }
        stopped
    }

    /// A home is not read for any more in this run, which is told if it has failed.
    fn leave(&self, slot: usize) {
        self.shared.place.is_done(slot);
        if let Some(Failing { why, .. }) = self.failing.get(&slot) {
            let (source, home) = (self.shared.source, self.pipeline.name(slot));
            self.shared.observer.observe(&Event::HomeFailed { source, home, failure: why });
        }
    }
}

#[cfg(test)]
mod tests;
