//! Keeping which homes are not well, while a source is run and at its end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Pipeline;
use crate::config::Database;
use crate::control::Kept;
use crate::database::control;
use crate::error::Failure;
use crate::lease::{Holding, Lease};
use crate::position::Position;
use crate::report::{HomeReport, SourceReport};
use crate::state::{Change, OfHome, State};

/// So long at most the states of homes are being written where the run has no lease, of which that would take a part.
const WITHIN: Duration = Duration::from_secs(5);

/// The homes of one source that were not well before, and those that fall in this run.
pub(super) struct States {
    source: String,
    /// What the control database says of the source's homes.
    known: BTreeMap<OfHome, State>,
    lease: Option<Lease>,
    noting: Mutex<Noting>,
}

/// Notes homes that fall, one after the other.
#[derive(Default)]
struct Noting {
    /// Until the end of the source. It has room for each home once.
    falls: Option<mpsc::Sender<Change>>,
    /// What was noted by then.
    task: Option<JoinHandle<BTreeMap<OfHome, State>>>,
}

impl States {
    pub(super) fn new(source: &str, kept: &Kept) -> Self {
        let of_source = kept.states.iter().filter(|((of, _), _)| of == source);
        let known = of_source.map(|(home, state)| (home.clone(), state.clone())).collect();
        let lease = kept.holding.as_ref().map(Holding::lease);
        Self { source: source.to_owned(), known, lease, noting: Mutex::default() }
    }

    /// Notes a home that fails, so that it is known before a long run ends. One that is known not to be well is left for the
    /// end.
    pub(super) fn fell(&self, pipeline: &Pipeline, slot: usize, failure: &Failure) {
        let home = self.of(pipeline, slot);
        let Some(state) = State::of(failure).filter(|_| !self.known.contains_key(&home)) else { return };
        let mut noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        let Noting { falls, task } = &mut *noting;
        let falls = falls.get_or_insert_with(|| {
            let (falls, fallen) = mpsc::channel(pipeline.databases());
            *task = Some(tokio::spawn(note(pipeline.config.control.clone(), self.lease.clone(), fallen)));
            falls
        });
        // Where there is no more room, the end of the source tells.
        let _ = falls.try_send((home, Some(state)));
    }

    /// Keeps how the homes are at the end of the source. If that fails, the next run tries again.
    pub(super) async fn settle(mut self, pipeline: &Pipeline, report: &SourceReport, upto: Option<&Position>) {
        let Noting { falls, task } = std::mem::take(self.noting.get_mut().unwrap_or_else(PoisonError::into_inner));
        drop(falls);
        if let Some(task) = task {
            self.known.extend(task.await.unwrap_or_default());
        }
        let homes = report.homes.iter().chain([&report.control]).enumerate();
        let changes: Vec<_> = homes.filter_map(|(slot, home)| self.change(pipeline, slot, home, upto)).collect();
        if !changes.is_empty() {
            let _ = write(&pipeline.config.control, self.lease.as_ref(), &changes).await;
        }
    }

    /// What has changed with a home. It is well where it has got on, or is at the end; of another one nothing new is known.
    fn change(&self, pipeline: &Pipeline, slot: usize, report: &HomeReport, upto: Option<&Position>) -> Option<Change> {
        let home = self.of(pipeline, slot);
        let before = self.known.get(&home);
        let is_well = report.why.is_none()
            && (report.account.read > 0 || upto.is_some_and(|upto| report.position.as_ref() >= Some(upto)));
        let now = report.why.as_ref().and_then(State::of).map(|state| state.after(before));
        match (before, now) {
            (Some(_), None) if is_well => Some((home, None)),
            (before, Some(now)) if before.is_none_or(|before| !before.is_like(&now)) => Some((home, Some(now))),
            _ => None,
        }
    }

    fn of(&self, pipeline: &Pipeline, slot: usize) -> OfHome {
        let home = pipeline.config.homes.get(slot).map(|home| home.home.to_string());
        (self.source.clone(), home.unwrap_or_default())
    }
}

/// Notes homes that fall until no more can, or the control database fails as well. What was noted.
async fn note(database: Database, lease: Option<Lease>, mut fallen: mpsc::Receiver<Change>) -> BTreeMap<OfHome, State> {
    let mut noted = BTreeMap::new();
    let mut changes = Vec::new();
    let most = fallen.max_capacity();
    while fallen.recv_many(&mut changes, most).await > 0 {
        if write(&database, lease.as_ref(), &changes).await.is_err() {
            break;
        }
        noted.extend(changes.drain(..).filter_map(|(home, state)| Some((home, state?))));
    }
    noted
}

/// Whoever renews the lease is waited for: where the control database is a file, one writes at a time. Whoever renews it next
/// is not kept waiting for what is only a hint.
async fn write(database: &Database, lease: Option<&Lease>, changes: &[Change]) -> Result<(), Failure> {
    let (_alone, within) = match lease {
        Some(lease) => (Some(lease.write_control().await), lease.third()),
        None => (None, WITHIN),
    };
    let written = tokio::time::timeout(within, control(database).note_states(changes)).await;
    written.unwrap_or_else(|_| Err(Failure::Transient(String::from("the states of homes were not written in time"))))
}
