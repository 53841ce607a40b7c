//! Keeping which homes are not well, and whether the source is, while a source is run and at its end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Pipeline;
use crate::config::{CONTROL, Database, SourceConfig};
use crate::control::{Kept, in_time};
use crate::database::control;
use crate::error::{Error, Failure};
use crate::lease::{Holding, Lease};
use crate::position::Position;
use crate::report::{Event, HomeReport, Observer, SourceReport};
use crate::state::{Change, OfHome, State, whole};

/// Homes that are not well, and those that are known to be well again.
type Found = BTreeMap<OfHome, Option<State>>;

/// The homes of one source that were not well before, and those that fall or get on in this run. It is told of them as an
/// observer is, and tells another one.
pub(super) struct States {
    source: String,
    /// What the control database says of the source's homes.
    known: BTreeMap<OfHome, State>,
    database: Database,
    lease: Option<Lease>,
    observer: Arc<dyn Observer>,
    noting: Mutex<Option<Noting>>,
}

/// Notes what is found until the end of the source.
struct Noting {
    /// Of each home the last that was found.
    found: watch::Sender<Found>,
    /// What the control database says in the end.
    task: JoinHandle<BTreeMap<OfHome, State>>,
}

impl Observer for States {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::HomeWaits { home, failure, .. } | Event::HomeFailed { home, failure, .. } => {
                self.fell(home, failure)
            }
            Event::Committed(commit) => self.got_on(commit.home),
            _ => {}
        }
        self.observer.observe(event);
    }
}

impl States {
    pub(super) fn new(pipeline: &Pipeline, source: &str, kept: &Kept, observer: &Arc<dyn Observer>) -> Self {
        let of_source = kept.states.iter().filter(|((of, _), _)| of == source);
        Self {
            source: source.to_owned(),
            known: of_source.map(|(home, state)| (home.clone(), state.clone())).collect(),
            database: pipeline.config.control.clone(),
            lease: kept.holding.as_ref().map(Holding::lease),
            observer: Arc::clone(observer),
            noting: Mutex::default(),
        }
    }

    /// Notes a home that fails, so that it is known before a long run ends.
    fn fell(&self, home: &str, failure: &Failure) {
        let home = self.of(home);
        let Some(state) = State::of(failure) else { return };
        self.find(|found| {
            let before = match found.get(&home) {
                Some(found) => found.as_ref(),
                None => self.known.get(&home),
            };
            let state = state.after(before);
            let is_new = before.is_none_or(|before| !before.is_like(&state));
            if is_new {
                found.insert(home, Some(state));
            }
            is_new
        });
    }

    /// Takes back what was noted of a home.
    fn got_on(&self, home: &str) {
        let home = self.of(home);
        self.find(|found| {
            let is_noted = found.get(&home).map_or_else(|| self.known.contains_key(&home), Option::is_some);
            if is_noted {
                found.insert(home, None);
            }
            is_noted
        });
    }

    /// Lets it be noted, if something new is found. Whoever notes it is started for the first that is.
    fn find(&self, find: impl FnOnce(&mut Found) -> bool) {
        let mut noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(noting) = &*noting {
            noting.found.send_if_modified(find);
            return;
        }
        let mut first = Found::new();
        if find(&mut first) {
            let (found, mut seen) = watch::channel(first);
            seen.mark_changed();
            let task = tokio::spawn(note(self.database.clone(), self.lease.clone(), self.known.clone(), seen));
            *noting = Some(Noting { found, task });
        }
    }

    /// Keeps how the homes are at the end of the source, and how the source is, which may have failed. If that fails, the next
    /// run tries again.
    pub(super) async fn settle(&self, report: &SourceReport, upto: Option<&Position>, failed: Option<&Error>) {
        let noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut known = self.known.clone();
        if let Some(Noting { found, task }) = noting {
            drop(found);
            known = task.await.unwrap_or(known);
        }
        // It is well where it has got on, or is at the end; of another one nothing new is known.
        let of_home = |home: &HomeReport| {
            let is_at_its_end = || upto.is_some_and(|upto| home.position.as_ref() >= Some(upto));
            let is_well = home.why.is_none() && (home.account.read > 0 || is_at_its_end());
            change(&known, self.of(&home.home), home.why.as_ref().and_then(State::of), is_well)
        };
        let homes = report.homes.iter().chain([&report.control]).filter_map(of_home);
        let is_well = failed.is_none() && !report.is_stopped;
        let source = change(&known, whole(&self.source), failed.and_then(State::of_source), is_well);
        let changes: Vec<_> = homes.chain(source).collect();
        if !changes.is_empty() {
            let _ = write(&self.database, self.lease.as_ref(), &changes).await;
        }
    }

    /// A home by the name that reports give it.
    fn of(&self, home: &str) -> OfHome {
        (self.source.clone(), if home == CONTROL { String::new() } else { home.to_owned() })
    }
}

impl Pipeline {
    /// Keeps why a run is refused as a whole, in a control database that is there already.
    pub(super) async fn note_refused(&self, kept: &Kept, error: &Error) {
        let of_source =
            |source: &SourceConfig| change(&kept.states, whole(&source.name), State::of_source(error), false);
        let changes: Vec<_> = self.config.sources.iter().filter_map(of_source).collect();
        if kept.id.is_some() && !changes.is_empty() {
            let _ = write(&self.config.control, None, &changes).await;
        }
    }
}

/// What has changed with a home or a source that was found to be so.
fn change(known: &BTreeMap<OfHome, State>, of: OfHome, now: Option<State>, is_well: bool) -> Option<Change> {
    let before = known.get(&of);
    match (before, now.map(|state| state.after(before))) {
        (Some(_), None) if is_well => Some((of, None)),
        (before, Some(now)) if before.is_none_or(|before| !before.is_like(&now)) => Some((of, Some(now))),
        _ => None,
    }
}

/// Notes what is found until nothing more can be, or the control database fails as well. What that says then.
async fn note(
    database: Database,
    lease: Option<Lease>,
    mut known: BTreeMap<OfHome, State>,
    mut found: watch::Receiver<Found>,
) -> BTreeMap<OfHome, State> {
    while found.changed().await.is_ok() {
        let found = found.borrow_and_update().clone();
        let is_new = |(home, state): &Change| match (known.get(home), state) {
            (None, None) => false,
            (Some(known), Some(state)) => !known.is_like(state),
            _ => true,
        };
        let changes: Vec<_> = found.into_iter().filter(is_new).collect();
        if changes.is_empty() {
            continue;
        }
        if write(&database, lease.as_ref(), &changes).await.is_err() {
            break;
        }
        for (home, state) in changes {
            match state {
                Some(state) => known.insert(home, state),
                None => known.remove(&home),
            };
        }
    }
    known
}

async fn write(database: &Database, lease: Option<&Lease>, changes: &[Change]) -> Result<(), Failure> {
    in_time(lease, async { control(database).note_states(changes).await }).await
}
