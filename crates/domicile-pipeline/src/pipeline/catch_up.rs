//! Homes that are behind the others, or that fail, catch up by readers of their own.
//!
//! Those that are ahead are read for at full speed meanwhile, and all come together again when the next run finds them at
//! the same position. A home that fails for a reason that may pass is tried again after waits that grow, by chance somewhat
//! longer, so that homes of one server do not all come back at one moment; it goes on from its own position. One that
//! somebody has to mend is left for the next run. A source that fails for a reason that may pass is read again in the same
//! way, for all that were read for, from the one of them that is behind all others.

mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::homes::{Fallen, report};
use super::reading::Reading;
use super::{Ended, Passed, Pipeline, Shared};
use crate::config::Problems;
use crate::deliver::Limits;
use crate::error::{Error, Failure};
use crate::inspect::{Inspected, Member, WaitFor, inspect_some};
use crate::plan::{Planned, plan};
use crate::report::{Event, HomeReport, Transacted};
use waiting::{Failing, TRIES, Tries, Waiting};

/// Readers at once, beside that of the homes which are ahead.
const READERS: usize = 4;

/// Batches of each of them that are in memory at once: one is read while another is delivered.
const BATCHES_IN_MEMORY: usize = 2;

/// The homes of one source that are not read for with those that are ahead.
pub(super) struct CatchUp<'a> {
    pipeline: &'a Pipeline,
    /// The source.
    number: usize,
    shared: &'a Shared<'a>,
    /// Those of all readers. Homes that hang take no place of a home that is ahead.
    limits: Limits,
    /// Homes whose positions are known, which can be read for.
    ready: Vec<Inspected>,
    waiting: Vec<Waiting>,
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

/// Homes that are read for together, and whether one of them has not failed.
struct Next {
    together: Together,
    is_well: bool,
}

/// Homes that are read for together.
enum Together {
    Known(Inspected),
    Again { slots: Vec<usize>, merges_each_share: bool, unconfirmed: HashMap<usize, Transacted> },
}

/// What became of them, and those that are further behind.
struct Caught {
    slots: Vec<usize>,
    passed: Passed,
    rest: Option<Inspected>,
    merges_each_share: bool,
}

impl<'a> CatchUp<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, number: usize, shared: &'a Shared<'a>, behind: Inspected) -> Self {
        let ready = if behind.members.is_empty() { Vec::new() } else { vec![behind] };
        Self {
            pipeline,
            number,
            shared,
            limits: Limits {
                working: Arc::new(Semaphore::new(pipeline.config.delivery.parallel)),
                ..Limits::clone(shared.limits)
            },
            ready,
            waiting: Vec::new(),
            failing: HashMap::new(),
            leaders_run: true,
            well_readers: 0,
            source_tries: Tries::new(),
            unconfirmed: HashMap::new(),
            ended: Ok(()),
        }
    }

    /// Catches up with whoever is behind or falls, until nobody is and nobody can fall any more. What was done, and why the
    /// source was not read to its end, if it was not.
    pub(super) async fn run(mut self, mut falls: mpsc::Receiver<Fallen>) -> (Vec<Passed>, Result<(), Error>) {
        let (pipeline, number, shared) = (self.pipeline, self.number, self.shared);
        let mut readers = FuturesUnordered::new();
        let mut passed = Vec::new();
        loop {
            while readers.len() < READERS
                && let Some(Next { together, is_well }) = self.next()
            {
                self.well_readers += usize::from(is_well);
                let reading = pipeline.catch_up(number, together, shared, self.limits_of_one());
                readers.push(async move { (reading.await, is_well) });
            }
            if !self.leaders_run && readers.is_empty() && self.waiting.is_empty() {
                return (passed, self.ended);
            }
            let due = self.waiting.iter().map(|waiting| waiting.due).min();
            tokio::select! {
                fallen = falls.recv(), if self.leaders_run => match fallen {
                    Some(Fallen::Home(slot, home)) => self.left(slot, &home, false),
                    Some(Fallen::Source(slots, error)) => self.source_fell(slots, error, false),
                    None => self.leaders_run = false,
                },
                Some((caught, is_well)) = readers.next() => {
                    self.well_readers -= usize::from(is_well);
                    passed.push(self.caught(caught));
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() && readers.len() < READERS => {}
                () = shared.stop.cancelled(), if !self.waiting.is_empty() => passed.extend(self.give_up()),
            }
        }
    }

    /// Nobody waits for memory that another reader's homes hold.
    fn limits_of_one(&self) -> Arc<Limits> {
        Arc::new(Limits { memory: Arc::new(Semaphore::new(BATCHES_IN_MEMORY)), ..self.limits.clone() })
    }

    /// Homes that can be read for now: all that are due, unless one has held up others before.
    fn next(&mut self) -> Option<Next> {
        if let Some(known) = self.ready.pop() {
            let is_well = known.members.iter().any(|member| !self.failing.contains_key(&member.slot));
            return Some(Next { together: Together::Known(known), is_well });
        }
        let now = Instant::now();
        let first = self.waiting.iter().position(|waiting| waiting.due <= now)?;
        let first = self.waiting.remove(first);
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
        Some(Next { together: Together::Again { slots, merges_each_share, unconfirmed }, is_well })
    }

    /// Whether somebody is read for, or will be, who has not failed.
    fn others_run(&self) -> bool {
        let mut waiting = self.waiting.iter().flat_map(|waiting| &waiting.slots);
        let is_waiting = waiting.any(|slot| !self.failing.contains_key(slot));
        self.leaders_run || self.well_readers > 0 || is_waiting || !self.ready.is_empty()
    }

    fn caught(&mut self, caught: Caught) -> Passed {
        let Caught { slots, mut passed, rest, merges_each_share } = caught;
        if passed.homes.iter().any(|(_, home)| home.account.read > 0) {
            self.source_tries = Tries::new();
        }
        for (slot, home) in &passed.homes {
            if home.account.read > 0 {
                self.failing.remove(slot);
            }
            self.left(*slot, home, merges_each_share);
        }
        self.ready.extend(rest);
        if let Some(error) = passed.take_error() {
            let has_failed = |slot: &usize| passed.homes.iter().any(|(of, home)| of == slot && home.why.is_some());
            self.source_fell(slots.into_iter().filter(|slot| !has_failed(slot)).collect(), error, merges_each_share);
        }
        passed
    }

    /// A home has been read for, and may have failed.
    fn left(&mut self, slot: usize, home: &HomeReport, merges_each_share: bool) {
        if let Some(unconfirmed) = &home.unconfirmed {
            self.unconfirmed.insert(slot, unconfirmed.clone());
        } else if let Some(position) = &home.position
            && self.unconfirmed.get(&slot).is_some_and(|known| known.after != *position)
        {
            // It is known by now, because the home has got on.
            self.unconfirmed.remove(&slot);
        }
        let Some(failure) = &home.why else { return };
        if home.is_silent && !self.failing.contains_key(&slot) {
            // It may just be far away. Those that are read for with it wait for it no longer than these did.
            self.failing.insert(slot, Failing::new(failure));
            let due = Instant::now();
            self.waiting.push(Waiting {
                slots: vec![slot],
                due,
                source_error: None,
                merges_each_share,
                is_alone: false,
            });
        } else {
            self.fell(slot, failure, home.is_let_go, merges_each_share);
        }
    }

    /// Decides whether a home is tried again. What was merged of many records and is refused is merged anew of fewer, so that
    /// the records at fault are found. And who has overtaken this run may be itself, with the commit whose answer was lost.
    fn fell(&mut self, slot: usize, failure: &Failure, is_alone: bool, merges_each_share: bool) {
        let (source, home) = (self.shared.source, self.pipeline.name(slot));
        let others_run = self.others_run();
        let Failing { tries, why } = self.failing.entry(slot).or_insert_with(|| Failing::new(failure));
        why.clone_from(failure);
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
            failure => {
                self.shared.observer.observe(&Event::HomeFailed { source, home, failure });
                return;
            }
        };
        let due = Instant::now() + wait;
        self.waiting.push(Waiting { slots: vec![slot], due, source_error: None, merges_each_share, is_alone });
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
            slots.into_iter().for_each(|slot| self.tell_failed(slot));
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
        self.waiting.push(Waiting { slots, due, source_error: Some(error), merges_each_share, is_alone: false });
    }

    /// Nobody waits any more in a run that is asked to stop. What was stopped, if that is reading the source.
    fn give_up(&mut self) -> Option<Passed> {
        let mut stopped = None;
        for Waiting { slots, source_error, .. } in std::mem::take(&mut self.waiting) {
            slots.into_iter().for_each(|slot| self.tell_failed(slot));
            if let Some(error) = source_error {
                self.ended = Err(error);
                stopped = Some(Passed { homes: Vec::new(), ended: Ok(Ended::Stopped) });
            }
        }
        stopped
    }

    /// Tells that a home is not tried any more, if it has failed.
    fn tell_failed(&self, slot: usize) {
        if let Some(Failing { why, .. }) = self.failing.get(&slot) {
            let (source, home) = (self.shared.source, self.pipeline.name(slot));
            self.shared.observer.observe(&Event::HomeFailed { source, home, failure: why });
        }
    }
}

impl Pipeline {
    /// Reads the source for homes that are together, as far as they are.
    async fn catch_up(&self, number: usize, together: Together, shared: &Shared<'_>, limits: Arc<Limits>) -> Caught {
        let (mut slots, merges_each_share) = match &together {
            Together::Known(known) => (known.members.iter().map(|member| member.slot).collect::<Vec<_>>(), false),
            Together::Again { slots, merges_each_share, .. } => (slots.clone(), *merges_each_share),
        };
        let (planned, members, confirmed) = match self.meet(number, together, shared).await {
            Ok(met) => met,
            Err(problems) => {
                let passed = Passed { homes: Vec::new(), ended: Err(problems.into()) };
                return Caught { slots, passed, rest: None, merges_each_share };
            }
        };
        let planned = Planned { merges_each_share, ..planned };
        let (members, rest) = members.split(shared.upto);
        let reading = Reading::of(&planned, members.starts(self.databases(), shared.upto), shared.upto);
        if reading.is_needed {
            let names: Vec<_> = members.members.iter().map(|member| self.name(member.slot)).collect();
            let (source, after, upto) = (shared.source, &reading.after, shared.upto);
            shared.observer.observe(&Event::HomesCatchUp { source, homes: &names, after, upto });
        }
        let mut passed = self.pass(planned, members, reading, shared, (limits, None)).await;
        passed.homes.splice(0..0, confirmed);
        slots.retain(|slot| !rest.members.iter().any(|member| member.slot == *slot));
        let rest = Some(rest).filter(|rest| !rest.members.is_empty());
        Caught { slots, passed, rest, merges_each_share }
    }

    /// Opens the source once more, and asks homes for their positions where these are not known. What those have done that have
    /// committed what they did not answer.
    async fn meet(
        &self,
        number: usize,
        together: Together,
        shared: &Shared<'_>,
    ) -> Result<(Planned, Inspected, Vec<(usize, HomeReport)>), Problems> {
        let planned = plan(&self.config, number, &self.router, &self.added).await;
        let planned = planned.map_err(|unplanned| unplanned.problems.into_iter().collect::<Problems>())?;
        let (slots, mut unconfirmed) = match together {
            Together::Known(known) => return Ok((planned, known, Vec::new())),
            Together::Again { slots, unconfirmed, .. } => (slots, unconfirmed),
        };
        let (config, writing, kept) = (&self.config, &planned.writing, Some(shared.kept));
        let is_wanted = |slot| slots.contains(&slot);
        let (mut members, _) =
            inspect_some(config, writing, kept, (config.delivery.open_homes, WaitFor::Most), shared.known, is_wanted)
                .await;
        // Of one that did not answer it was not known before that it has got beyond the source's end.
        let guarantee = planned.source.guarantee();
        if let Err(error) = members.readable(shared.upto.clone(), guarantee, shared.source) {
            let is_beyond = |member: &&mut Member| member.state.as_ref().is_ok_and(|position| position > shared.upto);
            let failed = || Err(Failure::Failed(error.to_string()));
            members.members.iter_mut().filter(is_beyond).for_each(|member| member.state = failed());
        }
        // Another run that has taken over has an epoch of its own, and this one nothing more to tell.
        let is_held = shared.limits.lease.as_ref().is_some_and(|lease| lease.check().is_ok());
        let mut confirmed = Vec::new();
        for Member { slot, state, epoch, .. } in &members.members {
            let Some(done) = unconfirmed.remove(slot) else { continue };
            if is_held && state.as_ref().is_ok_and(|position| done.is_committed(position, *epoch)) {
                shared.observer.observe(&done.event(shared.source, self.name(*slot)));
                let tables = if *slot < config.homes.len() { writing.analysers.tables() } else { &[][..] };
                let mut home = report(self.name(*slot), tables, state);
                home.count(&done);
                confirmed.push((*slot, home));
            }
        }
        Ok((planned, members, confirmed))
    }
}

#[cfg(test)]
mod tests;
