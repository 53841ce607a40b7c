//! Homes that are behind the others, or that fail, catch up by readers of their own.
//!
//! Those that are ahead are read for at full speed meanwhile, and all come together again when the next run finds them at
//! the same position. A home that fails for a reason that may pass is tried again after waits that grow, by chance somewhat
//! longer, so that homes of one server do not all come back at one moment; it goes on from its own position. One that
//! somebody has to mend is left for the next run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use super::homes::{Fallen, report};
use super::reading::Reading;
use super::{BATCHES_IN_MEMORY, Ended, Passed, Pipeline, Shared};
use crate::config::Problems;
use crate::error::{Error, Failure};
use crate::inspect::{Inspected, inspect_some};
use crate::plan::{Planned, plan};
use crate::report::Event;

/// Readers at once, beside that of the homes which are ahead.
const READERS: usize = 4;

/// So often a home that fails is tried again, unless it gets on or the homes that are ahead are still read for.
const TRIES: usize = 5;

/// How long the first wait is, and how long the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The homes of one source that are not read for with those that are ahead.
pub(super) struct CatchUp<'a> {
    pipeline: &'a Pipeline,
    /// The source.
    number: usize,
    shared: &'a Shared<'a>,
    /// Room for the batches of all readers.
    memory: Arc<Semaphore>,
    /// Homes whose positions are known, which can be read for.
    ready: Vec<Inspected>,
    waiting: Vec<Waiting>,
    tries: HashMap<usize, Tries>,
}

/// A home that is tried again.
struct Waiting {
    slot: usize,
    due: Instant,
    failure: Failure,
    merges_each_share: bool,
}

/// How often a home was tried since it last got on.
struct Tries {
    count: usize,
    waits: ExponentialBackoff,
}

/// Homes that are read for together.
enum Together {
    Known(Inspected),
    Again { slots: Vec<usize>, merges_each_share: bool },
}

/// What became of them, and those that are further behind.
struct Caught {
    passed: Passed,
    rest: Option<Inspected>,
    merges_each_share: bool,
}

impl<'a> CatchUp<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, number: usize, shared: &'a Shared<'a>, behind: Inspected) -> Self {
        let ready = if behind.members.is_empty() { Vec::new() } else { vec![behind] };
        let memory = Arc::new(Semaphore::new(BATCHES_IN_MEMORY));
        Self { pipeline, number, shared, memory, ready, waiting: Vec::new(), tries: HashMap::new() }
    }

    /// Catches up with whoever is behind or falls, until nobody is and nobody can fall any more.
    pub(super) async fn run(mut self, mut falls: mpsc::Receiver<Fallen>) -> Vec<Passed> {
        let (pipeline, number, shared, memory) = (self.pipeline, self.number, self.shared, Arc::clone(&self.memory));
        let mut readers = FuturesUnordered::new();
        let mut passed = Vec::new();
        let mut others_run = true;
        loop {
            while readers.len() < READERS
                && let Some(together) = self.next()
            {
                readers.push(pipeline.catch_up(number, together, shared, Arc::clone(&memory)));
            }
            if !others_run && readers.is_empty() && self.waiting.is_empty() {
                return passed;
            }
            let due = self.waiting.iter().map(|waiting| waiting.due).min();
            tokio::select! {
                fallen = falls.recv(), if others_run => match fallen {
                    Some(Fallen { slot, failure }) => self.fell(slot, failure, false, true),
                    None => others_run = false,
                },
                Some(caught) = readers.next() => {
                    self.caught(&caught, others_run);
                    self.ready.extend(caught.rest);
                    passed.push(caught.passed);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() && readers.len() < READERS => {}
                () = shared.stop.cancelled(), if !self.waiting.is_empty() => self.give_up(),
            }
        }
    }

    /// Homes that can be read for now.
    fn next(&mut self) -> Option<Together> {
        if let Some(known) = self.ready.pop() {
            return Some(Together::Known(known));
        }
        let now = Instant::now();
        let merges_each_share = self.waiting.iter().find(|waiting| waiting.due <= now)?.merges_each_share;
        let is_next = |waiting: &Waiting| waiting.due <= now && waiting.merges_each_share == merges_each_share;
        let slots = self.waiting.extract_if(.., |waiting| is_next(waiting)).map(|waiting| waiting.slot).collect();
        Some(Together::Again { slots, merges_each_share })
    }

    fn caught(&mut self, caught: &Caught, others_run: bool) {
        for (slot, home) in &caught.passed.homes {
            if home.account.read > 0 {
                self.tries.remove(slot);
            }
            if let Some(failure) = &home.why {
                self.fell(*slot, failure.clone(), caught.merges_each_share, others_run);
            }
        }
    }

    /// Decides whether a home is tried again. What was merged of many records and is refused is merged anew of fewer, so that
    /// the records at fault are found.
    fn fell(&mut self, slot: usize, failure: Failure, merges_each_share: bool, others_run: bool) {
        let (source, home) = (self.shared.source, self.pipeline.name(slot));
        self.shared.states.fell(self.pipeline, slot, &failure);
        let tries = self.tries.entry(slot).or_insert_with(Tries::new);
        let (wait, merges_each_share) = match &failure {
            Failure::Refused(_) if !merges_each_share => (Duration::ZERO, true),
            Failure::Transient(_) if tries.count < TRIES || others_run => {
                tries.count += 1;
                let wait = tries.waits.next().unwrap_or(WAITS.1);
                self.shared.observer.observe(&Event::HomeWaits { source, home, failure: &failure, wait });
                (wait, merges_each_share)
            }
            _ => {
                self.shared.observer.observe(&Event::HomeFailed { source, home, failure: &failure });
                return;
            }
        };
        self.waiting.push(Waiting { slot, due: Instant::now() + wait, failure, merges_each_share });
    }

    fn give_up(&mut self) {
        for Waiting { slot, failure, .. } in self.waiting.drain(..) {
            let (source, home) = (self.shared.source, self.pipeline.name(slot));
            self.shared.observer.observe(&Event::HomeFailed { source, home, failure: &failure });
        }
    }
}

impl Tries {
    fn new() -> Self {
        let waits = ExponentialBuilder::new().with_min_delay(WAITS.0).with_max_delay(WAITS.1).without_max_times();
        Self { count: 0, waits: waits.with_jitter().build() }
    }
}

impl Pipeline {
    /// Reads the source for homes that are together, as far as they are.
    async fn catch_up(&self, number: usize, together: Together, shared: &Shared<'_>, memory: Arc<Semaphore>) -> Caught {
        let (slots, merges_each_share) = match &together {
            Together::Known(known) => (known.members.iter().map(|member| member.slot).collect(), false),
            Together::Again { slots, merges_each_share } => (slots.clone(), *merges_each_share),
        };
        let (planned, members) = match self.meet(number, together, shared).await {
            Ok(met) => met,
            Err(error) => {
                let passed = self.not_met(&slots, &error);
                return Caught { passed, rest: None, merges_each_share };
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
        let mut passed = self.pass(planned, members, reading, shared, (memory, None)).await;
        if let Err(error) = &passed.ended {
            let failure = Failure::Transient(error.to_string());
            let whole = passed.homes.iter_mut().filter(|(_, home)| home.failure.is_none());
            whole.for_each(|(_, home)| home.fail(failure.clone()));
        }
        let rest = Some(rest).filter(|rest| !rest.members.is_empty());
        Caught { passed, rest, merges_each_share }
    }

    /// Opens the source once more, and asks homes for their positions where these are not known.
    async fn meet(
        &self,
        number: usize,
        together: Together,
        shared: &Shared<'_>,
    ) -> Result<(Planned, Inspected), Problems> {
        let planned = plan(&self.config, number, &self.router, &self.added).await;
        let planned = planned.map_err(|unplanned| unplanned.problems.into_iter().collect::<Problems>())?;
        let members = match together {
            Together::Known(known) => known,
            Together::Again { slots, .. } => {
                let (config, writing, kept) = (&self.config, &planned.writing, Some(shared.kept));
                let is_wanted = |slot| slots.contains(&slot);
                let stay_open = config.delivery.open_homes;
                let (members, problems) = inspect_some(config, writing, kept, stay_open, is_wanted).await;
                if !problems.is_empty() {
                    return Err(problems.into_iter().collect());
                }
                members
            }
        };
        Ok((planned, members))
    }

    /// What keeps the source or a home from being looked at may pass: it did not stop the run in the beginning.
    fn not_met(&self, slots: &[usize], problems: &Problems) -> Passed {
        let failure = Failure::Transient(problems.to_string());
        let fails = |&slot: &usize| (slot, report(self.name(slot), &[], &Err(failure.clone())));
        Passed { homes: slots.iter().map(fails).collect(), ended: Ok::<_, Error>(Ended::AtItsEnd) }
    }
}
