//! What is counted and measured of runs, for Prometheus.
//!
//! Labels are names of the configuration, and kinds of causes and outcomes, so that their number is bounded.

mod encode;
mod families;
mod home;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domicile_pipeline::{BatchRead, Config, Event, Observer, Position, SourceReport};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::Outcome;
use crate::command::Ended;
pub(super) use encode::CONTENT_TYPE;
use home::OfHome;

/// What reports call the control database.
const CONTROL: &str = "control";

/// All metrics of a process, and whether it is ready.
pub(crate) struct Metrics {
    state: Mutex<State>,
}

/// What is known; whoever is told sees it at one moment.
#[derive(Default)]
struct State {
    /// By source and home.
    homes: BTreeMap<(String, String), OfHome>,
    sources: BTreeMap<String, OfSource>,
    runs: OfRuns,
    /// Why the last run failed as a whole.
    trouble: Option<String>,
    is_stopping: bool,
}

/// What is known of the runs of the process.
#[derive(Default)]
struct OfRuns {
    by_outcome: BTreeMap<&'static str, u64>,
    missed: u64,
    is_under_way: bool,
    last: Option<LastRun>,
}

struct LastRun {
    ended: f64,
    took: Duration,
    code: u8,
}

/// What is known of a source.
struct OfSource {
    records: u64,
    bytes: u64,
    reads: Histogram,
    /// Where it ended when it was last asked.
    upto: Option<Position>,
    is_waiting: bool,
    /// Nothing is known before it was read.
    has_failed: Option<bool>,
}

impl Default for OfSource {
    fn default() -> Self {
        let (records, bytes, reads) = (0, 0, durations());
        Self { records, bytes, reads, upto: None, is_waiting: false, has_failed: None }
    }
}

/// From a millisecond to a minute.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 9))
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// What a configuration names is there from the beginning, and what it does not name is gone.
    pub(super) fn configure(&self, config: &Config) {
        let mut state = self.state();
        let homes: Vec<_> = config.homes.iter().map(|home| home.home.as_str()).chain([CONTROL]).collect();
        let is_configured = |source: &str| config.sources.iter().any(|configured| configured.name == source);
        state.sources.retain(|source, _| is_configured(source));
        state.homes.retain(|(source, home), _| is_configured(source) && homes.contains(&home.as_str()));
        for source in &config.sources {
            state.sources.entry(source.name.clone()).or_default();
            for home in &homes {
                let of_home = state.homes.entry((source.name.clone(), (*home).to_owned())).or_default();
                let tables = source.analysers.iter().filter(|_| *home != CONTROL).map(|analyser| &*analyser.into);
                of_home.expect(tables);
            }
        }
        for ended in Ended::ALL {
            state.runs.by_outcome.entry(ended.name()).or_default();
        }
    }

    pub(super) fn run_begins(&self) {
        self.state().runs.is_under_way = true;
    }

    /// Whoever finds another run under way has learnt nothing.
    pub(super) fn run_ended(&self, outcome: &Outcome, took: Duration) {
        let (mut state, ended) = (self.state(), Ended::from(outcome));
        *state.runs.by_outcome.entry(ended.name()).or_default() += 1;
        state.runs.is_under_way = false;
        state.runs.last = Some(LastRun { ended: now(), took, code: ended.code() });
        match outcome {
            Ok(Some(report)) => {
                state.trouble = report.sources.iter().find_map(|source| source.failure.clone());
            }
            Err(error) if !error.is_under_way() => {
                state.trouble = Some(error.to_string());
                state.sources.values_mut().for_each(|source| source.has_failed = Some(true));
            }
            _ => {}
        }
    }

    /// Times of the schedule at which no run has begun.
    pub(super) fn missed(&self, count: usize) {
        self.state().runs.missed += count as u64;
    }

    pub(super) fn stopping(&self) {
        self.state().is_stopping = true;
    }

    /// Whether runs do what they should, or why not.
    pub(super) fn ready(&self) -> Result<(), String> {
        let state = self.state();
        match &state.trouble {
            _ if state.is_stopping => Err(String::from("it is stopping")),
            Some(trouble) => Err(trouble.clone()),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is not configured is not counted.
    fn home(&mut self, source: &str, home: &str) -> Option<&mut OfHome> {
        self.homes.get_mut(&(source.to_owned(), home.to_owned()))
    }

    fn started(&mut self, source: &str, upto: &Position) {
        if let Some(of_source) = self.sources.get_mut(source) {
            of_source.upto = Some(upto.clone());
            of_source.is_waiting = false;
        }
        let of_source = self.homes.iter_mut().filter(|((of, _), _)| of == source);
        of_source.for_each(|(_, home)| home.source_ends_at(upto));
    }

    fn read(&mut self, read: &BatchRead<'_>) {
        let Some(source) = self.sources.get_mut(read.source) else { return };
        source.records += read.records as u64;
        source.bytes += read.bytes as u64;
        source.reads.observe(read.took.as_secs_f64());
    }

    fn ended(&mut self, report: &SourceReport) {
        let Some(source) = self.sources.get_mut(&report.source) else { return };
        source.has_failed = Some(report.failure.is_some());
        source.is_waiting = report.waits_for.is_some();
        let is_at_its_end = report.failure.is_none() && !report.is_stopped;
        for home in report.homes.iter().chain([&report.control]) {
            if let Some(of_home) = self.home(&report.source, &home.home) {
                of_home.run_ended(home, is_at_its_end);
            }
        }
    }
}

impl Observer for Metrics {
    fn observe(&self, event: &Event<'_>) {
        let mut state = self.state();
        match event {
            Event::SourceStarted { source, upto, .. } => state.started(source, upto),
            Event::SourceWaits { source, .. } => {
                if let Some(source) = state.sources.get_mut(*source) {
                    source.is_waiting = true;
                }
            }
            Event::BatchRead(read) => state.read(read),
            Event::Committed(commit) => {
                if let Some(home) = state.home(commit.source, commit.home) {
                    home.committed(commit);
                }
            }
            Event::HomeWaits { source, home, .. } => {
                if let Some(home) = state.home(source, home) {
                    home.waits();
                }
            }
            Event::HomeFailed { source, home, failure } => {
                if let Some(home) = state.home(source, home) {
                    home.failed(failure);
                }
            }
            Event::SourceEnded(report) => state.ended(report),
            _ => {}
        }
    }
}
