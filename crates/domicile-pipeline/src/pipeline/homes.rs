//! The tasks of the homes while a source is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use domicile::{Context, Home};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::BATCHES_IN_MEMORY;
use crate::account::Account;
use crate::deliver::{Deliverer, Message};
use crate::error::Failure;
use crate::position::Position;
use crate::report::{HomeReport, ObjectCount, Observer};

/// The report of a home before anything is delivered to it.
pub(super) fn report(home: &str, tables: &[crate::table::Table], state: &Result<Position, Failure>) -> HomeReport {
    HomeReport {
        home: home.to_owned(),
        account: Account::default(),
        causes: BTreeMap::new(),
        objects: tables.iter().map(|table| ObjectCount { table: table.name.clone(), count: 0 }).collect(),
        position: state.as_ref().ok().cloned(),
        failure: state.as_ref().err().map(Failure::with_help),
        refused_merged: false,
    }
}

/// The tasks that deliver, one a home; the last is the control database's.
pub(super) struct Homes {
    running: Vec<Running>,
}

/// A home's task, or the report of a home that could not be reached.
pub(super) struct Running {
    task: Option<(mpsc::Sender<Message>, JoinHandle<HomeReport>)>,
    report: HomeReport,
}

impl Running {
    /// Starts a home's task with the home, and nothing else, in its context: from here on no call below is told where
    /// it is, and what the caller has set is not inherited.
    pub(super) fn start(
        deliverer: Deliverer,
        report: HomeReport,
        home: Option<Home>,
        observer: &Arc<dyn Observer>,
    ) -> Self {
        if let Some(failure) = &report.failure {
            observer.home_failed(&report.home, &Failure::Failed(failure.clone()));
            return Self { task: None, report };
        }
        let (sender, messages) = mpsc::channel(BATCHES_IN_MEMORY);
        let task = match home {
            Some(home) => tokio::spawn(Context::empty().and(home).scope(deliverer.run(messages))),
            None => tokio::spawn(Context::empty().scope(deliverer.run(messages))),
        };
        Self { task: Some((sender, task)), report }
    }

    /// A home that has failed takes nothing more, and misses nothing: its position stays.
    pub(super) async fn send(&self, message: Message) {
        if let Some((sender, _)) = &self.task {
            let _ = sender.send(message).await;
        }
    }

    fn is_alive(&self) -> bool {
        self.task.as_ref().is_some_and(|(sender, _)| !sender.is_closed())
    }
}

impl Homes {
    pub(super) fn new(running: Vec<Running>) -> Self {
        Self { running }
    }

    /// By its number; that of the control database is the last.
    pub(super) fn home(&self, slot: usize) -> &Running {
        &self.running[slot]
    }

    /// Whether there is nobody left to deliver to.
    pub(super) fn is_idle(&self) -> bool {
        !self.running.iter().any(Running::is_alive)
    }

    /// Lets every home commit, up to where the source was read if that is known, and gathers the reports.
    pub(super) async fn finish(self, reached: Option<Position>) -> (Vec<HomeReport>, HomeReport) {
        let mut reports = Vec::new();
        if let Some(upto) = reached {
            for running in &self.running {
                running.send(Message::Finish(upto.clone())).await;
            }
        }
        let waiting: Vec<_> = self
            .running
            .into_iter()
            .map(|Running { task, report }| (task.map(|(sender, task)| (drop(sender), task).1), report))
            .collect();
        for (task, report) in waiting {
            reports.push(match task {
                Some(task) => {
                    task.await.unwrap_or_else(|error| HomeReport { failure: Some(error.to_string()), ..report })
                }
                None => report,
            });
        }
        let control = reports.pop().expect("the control database is the last");
        (reports, control)
    }
}
