//! What a run tells: while it goes on, and at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::account::Account;
use crate::error::{Error, Failure};
use crate::position::Position;
use crate::quarantine::Cause;
use crate::source::Guarantee;
use crate::state::Condition;

/// Is told of a run's progress. When a run begins and how it ends, whoever starts it knows: see [`Pipeline::run`].
///
/// Calls come from several threads, between reading and delivering: an implementation SHOULD return quickly, and MUST NOT
/// panic. Events of one home come in their order, and so do those of one source.
///
/// ```
/// use domicile_pipeline::{Event, Observer};
///
/// struct Commits;
///
/// impl Observer for Commits {
///     fn observe(&self, event: &Event<'_>) {
///         if let Event::Committed(commit) = event {
///             println!("{}: {} records up to {}", commit.home, commit.account.read, commit.position);
///         }
///     }
/// }
/// ```
///
/// [`Pipeline::run`]: crate::Pipeline::run
pub trait Observer: Send + Sync {
    /// Something has happened.
    fn observe(&self, event: &Event<'_>);
}

/// What happens in a run. No event holds what is in a record, but for the cursors that positions are made of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A source is read for the homes that are ahead.
    SourceStarted {
        /// The source.
        source: &'a str,
        /// What reading it guarantees.
        guarantee: &'a Guarantee,
        /// How far the last of these homes has got.
        after: &'a Position,
        /// Up to where it is settled.
        upto: &'a Position,
    },
    /// A source is not read further, because of transactions that may still write to what was read, or because of records that
    /// are in the future.
    SourceWaits {
        /// The source.
        source: &'a str,
        /// Which they are.
        waits_for: &'a str,
    },
    /// A batch was read.
    BatchRead(BatchRead<'a>),
    /// A home, or the control database, has committed.
    Committed(Committed<'a>),
    /// A source cannot be read, and is read again after a while for those that it was read for.
    SourceFails {
        /// The source.
        source: &'a str,
        /// Why it could not be read.
        error: &'a Error,
        /// How long it is left alone.
        wait: Duration,
    },
    /// A home has failed, the others go on, and it is tried again.
    HomeWaits {
        /// The source.
        source: &'a str,
        /// The home, or `control`.
        home: &'a str,
        /// Why it has failed.
        failure: &'a Failure,
        /// How long it is left alone.
        wait: Duration,
    },
    /// Homes that are behind the others, or have failed before, are given what they lack by a reader of their own.
    HomesCatchUp {
        /// The source.
        source: &'a str,
        /// The homes.
        homes: &'a [&'a str],
        /// How far the last of them has got.
        after: &'a Position,
        /// Where the source ends in this run.
        upto: &'a Position,
    },
    /// A home takes nothing more in this run; the others go on.
    HomeFailed {
        /// The source.
        source: &'a str,
        /// The home, or `control`.
        home: &'a str,
        /// Why it has failed.
        failure: &'a Failure,
    },
    /// Nothing more becomes of a source in this run.
    SourceEnded(&'a SourceReport),
}

/// A batch that was read.
#[derive(Clone, Copy, Debug)]
pub struct BatchRead<'a> {
    /// The source.
    pub source: &'a str,
    /// How many records it has.
    pub records: usize,
    /// How much memory they take.
    pub bytes: usize,
    /// Everything up to here was read.
    pub upto: &'a Position,
    /// How long reading it took.
    pub took: Duration,
    /// It was read for homes that catch up, and not for those that are ahead.
    pub is_catching_up: bool,
}

/// A transaction of a home, or of the control database, that was committed.
#[derive(Clone, Copy, Debug)]
pub struct Committed<'a> {
    /// The source.
    pub source: &'a str,
    /// The home, or `control`.
    pub home: &'a str,
    /// How far the home has got by it.
    pub position: &'a Position,
    /// What became of its records.
    pub account: Account,
    /// Of the records in quarantine, how many have which kind of reason.
    pub causes: &'a BTreeMap<Cause, u64>,
    /// Its objects by table.
    pub objects: &'a [ObjectCount],
    /// How long it was open.
    pub took: Duration,
}

/// An observer that tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event<'_>) {}
}

/// Objects of one table that were written to a home.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectCount {
    /// The table.
    pub table: String,
    /// Objects that analysers made for it: rows, or partial aggregates before they are merged.
    pub count: u64,
}

/// What a run did to one home, or to the control database.
#[derive(Clone, Debug, Serialize)]
pub struct HomeReport {
    /// The home's name.
    pub home: String,
    /// What became of its records, as committed.
    #[serde(flatten)]
    pub account: Account,
    /// Of the records in quarantine, how many have which kind of reason.
    pub causes: BTreeMap<Cause, u64>,
    /// Objects by table, as committed.
    pub objects: Vec<ObjectCount>,
    /// How far the home has got; `None` if it could not be asked.
    pub position: Option<Position>,
    /// Whether it is well; if not, whether somebody has to mend it.
    pub state: Condition,
    /// Why it stopped early.
    pub failure: Option<String>,
    /// It had no more time to catch up with the others; the next run goes on with it.
    pub is_behind: bool,
    /// The same, for those who try it again.
    #[serde(skip)]
    pub(crate) why: Option<Failure>,
    /// What a transaction would have done, of which nobody knows whether it was committed.
    #[serde(skip)]
    pub(crate) unconfirmed: Option<Transacted>,
    /// It was let go because others waited for it.
    #[serde(skip)]
    pub(crate) is_let_go: bool,
    /// It had not answered yet when the others were read for, which is no failure in the end.
    #[serde(skip)]
    pub(crate) is_silent: bool,
}

/// What a transaction of a home has done once it is committed.
#[derive(Clone, Debug)]
pub(crate) struct Transacted {
    pub(crate) began: Instant,
    /// The position before it.
    pub(crate) after: Position,
    pub(crate) upto: Position,
    /// The epoch that the home has then.
    pub(crate) epoch: i64,
    pub(crate) account: Account,
    pub(crate) causes: BTreeMap<Cause, u64>,
    pub(crate) objects: Vec<ObjectCount>,
}

impl Transacted {
    /// Whether a home that is there now has committed it: nobody else gets there in this epoch. Of a transaction that has
    /// not moved the position nobody can tell.
    pub(crate) fn is_committed(&self, position: &Position, epoch: i64) -> bool {
        self.after < self.upto && (position, epoch) == (&self.upto, self.epoch)
    }

    /// What is told of it.
    pub(crate) fn event<'a>(&'a self, source: &'a str, home: &'a str) -> Event<'a> {
        Event::Committed(Committed {
            source,
            home,
            position: &self.upto,
            account: self.account,
            causes: &self.causes,
            objects: &self.objects,
            took: self.began.elapsed(),
        })
    }
}

/// What a run did with one source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceReport {
    /// The source's name.
    pub source: String,
    /// What reading it guarantees.
    pub guarantee: Guarantee,
    /// The homes, in the configuration's order.
    pub homes: Vec<HomeReport>,
    /// The control database, which keeps what has no home.
    pub control: HomeReport,
    /// Which transactions have to end before the source is read further, if some have to, and how many records are in the
    /// future.
    pub waits_for: Option<String>,
    /// It was asked to stop before its end.
    pub is_stopped: bool,
    /// Why reading stopped early; with `is_stopped`, what it was waited for when it was asked to stop.
    pub failure: Option<String>,
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The sources, in the configuration's order; those that were not begun when the run was asked to stop are missing.
    pub sources: Vec<SourceReport>,
    /// It was asked to stop, and has left out what was to be read.
    pub is_stopped: bool,
}

impl HomeReport {
    /// What was done in this run at first, and then by another reader. Where that one was stopped before the home has got on, one
    /// that had failed is not known to be well; one that was only silent has spoken.
    pub(crate) fn and_then(&mut self, then: HomeReport, is_stopped: bool) {
        let has_moved = self.position.is_some() && then.position > self.position;
        let has_got_on = then.account.read > 0 || has_moved;
        self.account += then.account;
        for (cause, count) in then.causes {
            *self.causes.entry(cause).or_insert(0) += count;
        }
        self.objects.iter_mut().zip(then.objects).for_each(|(object, then)| object.count += then.count);
        self.position = then.position.or(self.position.take());
        if then.failure.is_some() || !is_stopped || self.is_silent || has_got_on {
            (self.state, self.failure, self.why) = (then.state, then.failure, then.why);
        }
        self.is_silent = false;
    }

    /// A transaction is committed.
    pub(crate) fn count(&mut self, done: &Transacted) {
        self.account += done.account;
        for (cause, count) in &done.causes {
            *self.causes.entry(*cause).or_insert(0) += count;
        }
        self.objects.iter_mut().zip(&done.objects).for_each(|(object, done)| object.count += done.count);
    }

    /// Objects by the number of their table, with its name.
    pub(crate) fn of_tables(&self, counts: &[u64]) -> Vec<ObjectCount> {
        let tables = self.objects.iter().zip(counts);
        tables.map(|(object, &count)| ObjectCount { table: object.table.clone(), count }).collect()
    }

    /// It takes nothing more, for now.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.state = failure.class().into();
        self.failure = Some(failure.with_help());
        self.why = Some(failure);
    }
}

impl SourceReport {
    /// Nothing is said against homes that were not asked again.
    pub(crate) fn pass_over_silent(&mut self) {
        for home in self.homes.iter_mut().chain([&mut self.control]).filter(|home| home.is_silent) {
            (home.state, home.failure, home.why) = (Condition::Well, None, None);
        }
    }

    /// Finds homes that are well and have not got to the end of a run that was not stopped.
    pub(crate) fn find_behind(&mut self, upto: &Position) {
        let has_time = !self.is_stopped && self.failure.is_none();
        for home in self.homes.iter_mut().chain([&mut self.control]) {
            home.is_behind =
                has_time && home.failure.is_none() && home.position.as_ref().is_some_and(|position| position < upto);
        }
    }

    /// Adds what was done for a home, or for the control database behind the homes, by one more reader.
    pub(crate) fn add(&mut self, slot: usize, then: HomeReport, is_stopped: bool) {
        self.homes.get_mut(slot).unwrap_or(&mut self.control).and_then(then, is_stopped);
    }

    /// What became of all records of the source.
    #[must_use]
    pub fn total(&self) -> Account {
        let mut total = self.control.account;
        self.homes.iter().for_each(|home| total += home.account);
        total
    }

    /// Homes, the control database included, that stopped early.
    pub fn failed(&self) -> impl Iterator<Item = &HomeReport> {
        self.homes.iter().chain([&self.control]).filter(|home| home.failure.is_some())
    }

    /// Homes, the control database included, that had no more time to catch up.
    pub fn behind(&self) -> impl Iterator<Item = &HomeReport> {
        self.homes.iter().chain([&self.control]).filter(|home| home.is_behind)
    }
}

impl Report {
    /// Whether anything stopped early.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.sources.iter().any(|source| source.failure.is_some() || source.failed().next().is_some())
    }

    /// What became of all records.
    #[must_use]
    pub fn total(&self) -> Account {
        let mut total = Account::default();
        self.sources.iter().for_each(|source| total += source.total());
        total
    }

    /// Records that this run sent to quarantine.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.total().quarantined
    }
}
