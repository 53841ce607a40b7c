//! The tasks of the homes while a source is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domicile::{Context, Home};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::BATCHES_IN_MEMORY;
use super::order::Place;
use crate::account::Account;
use crate::deliver::{Deliverer, Message, Work};
use crate::error::{Error, Failure};
use crate::inspect::Inspected;
use crate::position::Position;
use crate::report::{HomeReport, ObjectCount};
use crate::state::Condition;

/// The report of a home before anything is delivered to it.
pub(super) fn report(home: &str, tables: &[crate::table::Table], state: &Result<Position, Failure>) -> HomeReport {
    let mut report = HomeReport {
        home: home.to_owned(),
        account: Account::default(),
        causes: BTreeMap::new(),
        objects: tables.iter().map(|table| ObjectCount { table: table.name.clone(), count: 0 }).collect(),
        position: state.as_ref().ok().cloned(),
        state: Condition::Well,
        failure: None,
        why: None,
        is_behind: false,
        unconfirmed: None,
        is_let_go: false,
        is_silent: false,
    };
    if let Err(failure) = state {
        report.fail(failure.clone());
    }
    report
}

/// The tasks that deliver, one a home, by the home's number; the last is the control database's. Not all of them take part.
pub(super) struct Homes {
    running: Vec<Option<Running>>,
    /// Whoever is done now has everything.
    is_at_its_end: Arc<AtomicBool>,
}

/// A home's task, or the report of a home that could not be reached.
struct Running {
    task: Option<(mpsc::Sender<Message>, JoinHandle<HomeReport>)>,
    report: HomeReport,
    work: Arc<Work>,
    tell: Tell,
}

/// What readers leave to others.
pub(super) enum Fallen {
    /// A home that takes nothing more from who reads for it.
    Home(FallenHome),
    /// The source could not be read for these.
    Source(Vec<usize>, Error),
    /// Before the source is read: those that are further behind, and those that have committed what they did not answer.
    Met { rest: Inspected, confirmed: Vec<(usize, HomeReport)> },
}

/// A home that has failed.
pub(super) struct FallenHome {
    pub(super) slot: usize,
    pub(super) report: Box<HomeReport>,
    /// What is merged was written with each share.
    pub(super) merges_each_share: bool,
}

/// Tells of a home when it fails or has everything, while whoever reads for it may go on with others.
#[derive(Clone)]
pub(super) struct Tell {
    /// It has room for each home once.
    pub(super) fallen: mpsc::Sender<Fallen>,
    pub(super) slot: usize,
    pub(super) merges_each_share: bool,
    pub(super) place: Arc<Place>,
}

impl Tell {
    pub(super) fn failed(&self, report: &HomeReport) {
        if report.why.is_some() {
            let (slot, report, merges_each_share) = (self.slot, Box::new(report.clone()), self.merges_each_share);
            let _ = self.fallen.try_send(Fallen::Home(FallenHome { slot, report, merges_each_share }));
        }
    }
}

impl Running {
    fn is_alive(&self) -> bool {
        self.task.as_ref().is_some_and(|(sender, _)| !sender.is_closed())
    }
}

impl Homes {
    /// None yet, of so many databases.
    pub(super) fn of(databases: usize) -> Self {
        Self { running: (0..databases).map(|_| None).collect(), is_at_its_end: Arc::default() }
    }

    /// Starts a home's task with the home, and nothing else, in its context: from here on no call below is told where
    /// it is, and what the caller has set is not inherited. A home that could not be reached has none. What it is at.
    pub(super) fn start(
        &mut self,
        deliverer: Deliverer,
        report: HomeReport,
        home: Option<Home>,
        tell: Tell,
    ) -> Arc<Work> {
        let (slot, work) = (tell.slot, Arc::<Work>::default());
        if report.failure.is_some() {
            tell.failed(&report);
            work.end();
            self.running[slot] = Some(Running { task: None, report, work: Arc::clone(&work), tell });
            return work;
        }
        // There is room for the shares of all batches, and for the end: nobody waits here for a home that does not get on.
        let (sender, messages) = mpsc::channel(BATCHES_IN_MEMORY + 1);
        let (working, telling, is_at_its_end) = (Arc::clone(&work), tell.clone(), Arc::clone(&self.is_at_its_end));
        let delivering = async move {
            let report = deliverer.run(messages, Arc::clone(&working)).await;
            telling.failed(&report);
            if report.why.is_none() && is_at_its_end.load(Ordering::Relaxed) {
                telling.place.is_done(slot);
            }
            working.end();
            report
        };
        let context = home.map_or_else(Context::empty, |home| Context::empty().and(home));
        let task = tokio::spawn(context.scope(delivering).in_current_span());
        self.running[slot] = Some(Running { task: Some((sender, task)), report, work: Arc::clone(&work), tell });
        work
    }

    /// A home that has failed takes nothing more, and misses nothing: its position stays.
    pub(super) async fn send(&self, slot: usize, message: Message) {
        if let Some(Running { task: Some((sender, _)), .. }) = &self.running[slot] {
            let _ = sender.send(message).await;
        }
    }

    /// Whether there is nobody left to deliver to.
    pub(super) fn is_idle(&self) -> bool {
        !self.running.iter().flatten().any(Running::is_alive)
    }

    /// Lets homes go that others have been waiting for, for too long. They are read for by themselves later.
    pub(super) fn let_go_of_stuck(&self, others_wait: Duration) {
        let (stuck, others): (Vec<_>, Vec<_>) = self
            .running
            .iter()
            .flatten()
            .filter(|home| home.is_alive())
            .partition(|home| home.work.is_stuck(others_wait));
        if !others.is_empty() {
            stuck.iter().for_each(|home| home.work.let_go.cancel());
        }
    }

    /// Lets every home commit, up to where the source was read if that is known, and gathers the reports by number. That may be
    /// where it ends.
    pub(super) async fn finish(self, reached: Option<Position>, is_at_its_end: bool) -> Vec<(usize, HomeReport)> {
        self.is_at_its_end.store(is_at_its_end, Ordering::Relaxed);
        if let Some(upto) = reached {
            for slot in 0..self.running.len() {
                self.send(slot, Message::Finish(upto.clone())).await;
            }
        }
        // All are told before one is waited for.
        let told = |running: Running| {
            let task = running.task.map(|(sender, task)| (drop(sender), task).1);
            (task, running.report, running.tell)
        };
        let waiting: Vec<_> = self.running.into_iter().map(|running| running.map(told)).collect();
        let mut reports = Vec::new();
        for (slot, waiting) in waiting.into_iter().enumerate() {
            let Some((task, mut report, tell)) = waiting else { continue };
            if let Some(task) = task {
                match task.await {
                    Ok(done) => report = done,
                    Err(error) => {
                        report.fail(Failure::Failed(error.to_string()));
                        tell.failed(&report);
                    }
                }
            }
            reports.push((slot, report));
        }
        reports
    }
}
