//! Logs on standard error: a line for each commit of a home, and for what happens to sources and runs.
//!
//! Texts are values and not shown by `%`, because what is not quoted could begin a line of its own.
//!
//! Nothing is logged for each record, nothing of what is in one but the cursors that positions are made of, and nothing by
//! libraries: what they say may quote records.

use std::collections::HashMap;
use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use domicile_pipeline::{BatchRead, Committed, Error, Event, Observer, Problems, SourceReport};
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::{Layer, Registry, fmt};

use super::Outcome;
use crate::command::Ended;

/// The variable of the environment that says from which level on lines are logged.
const FILTER: &str = "DOMICILE_LOG";

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// `2026-11-26T08:05:43.000000Z  INFO committed source="sales" home="spain" position="300" …`
    Text,
    /// One JSON object a line, with the same fields.
    Json,
}

/// What writes log lines.
///
/// # Errors
///
/// If the environment asks for what cannot be logged.
pub(super) fn layer(format: LogFormat) -> Result<impl Layer<Registry>, String> {
    let asked = env::var_os(FILTER).filter(|asked| !asked.is_empty()).unwrap_or_else(|| "info".into());
    // A number would be one as well, and 0 would be off.
    let word = asked.to_str().filter(|asked| asked.chars().all(char::is_alphabetic));
    let level = word.and_then(|word| word.parse::<LevelFilter>().ok());
    let level =
        level.ok_or_else(|| format!("{FILTER}: {asked:?} is no level; write error, warn, info, debug or off"))?;
    let is_ours = filter_fn(|metadata| metadata.is_event() && metadata.target().starts_with("domicile"));
    let layer =
        fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false).log_internal_errors(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    Ok(layer.with_filter(level.and(is_ours)))
}

pub(super) fn note(text: &str) {
    info!("{text}");
}

pub(super) fn warn(text: &str) {
    warn!("{text}");
}

pub(super) fn failure(text: &str) {
    error!("{text}");
}

/// Logs why a run failed as a whole, or why there is none: each problem by itself.
pub(super) fn error(failed: &Error) {
    match failed.problems() {
        Some(problems) => log_problems(problems),
        None if failed.is_under_way() => warn!("{failed}"),
        None => error!(error = failed.to_string().as_str(), "the run failed"),
    }
}

fn log_problems(problems: &Problems) {
    for problem in problems.iter() {
        let (file, line, setting) = (problem.file(), problem.line(), problem.setting().to_string());
        let (message, help) = (problem.message(), problem.help_text().unwrap_or_default());
        if problem.is_failure() {
            error!(file, line, setting = setting.as_str(), error = message, help, "the run failed");
        } else {
            error!(file, line, setting = setting.as_str(), error = message, help, "the configuration is wrong");
        }
    }
}

/// The end of a run. Why it failed as a whole is told besides.
pub(super) fn run_ended(outcome: &Outcome, took: Duration) {
    let duration_ms = milliseconds(took);
    let report = match outcome {
        Ok(Some(report)) => report,
        Ok(None) => return warn!(outcome = Ended::Stopped.name(), duration_ms, "the run was given up"),
        Err(error) => return info!(outcome = Ended::from(error).name(), duration_ms, "the run ended"),
    };
    let total = report.total();
    let (read, delivered, ignored, quarantined) = (total.read, total.delivered, total.ignored, total.quarantined);
    let outcome = Ended::from(report).name();
    info!(outcome, read, delivered, ignored, quarantined, duration_ms, "the run ended");
}

/// Logs what an observer is told.
pub(super) struct Log {
    /// When the sources were begun that are read now.
    began: Mutex<HashMap<String, Instant>>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { began: Mutex::default() }
    }

    fn source_ended(&self, report: &SourceReport) {
        // One that is not read at all has no beginning.
        let began = self.began.lock().unwrap_or_else(PoisonError::into_inner).remove(&report.source);
        let took = began.map_or(Duration::ZERO, |began| began.elapsed());
        let (source, total, duration_ms) = (report.source.as_str(), report.total(), milliseconds(took));
        let (read, delivered, ignored, quarantined) = (total.read, total.delivered, total.ignored, total.quarantined);
        for home in report.behind() {
            let (home, position) = (home.home.as_str(), home.position.as_ref().map(ToString::to_string));
            info!(source, home, position, "the home is behind yet");
        }
        match report.failure.as_deref() {
            Some(error) => {
                error!(source, error, read, delivered, ignored, quarantined, duration_ms, "the source failed");
            }
            None => {
                info!(source, read, delivered, ignored, quarantined, duration_ms, "the source ended");
            }
        }
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { source, guarantee, after, upto } => {
                let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
                began.insert((*source).to_owned(), Instant::now());
                let (guarantee, after, upto) = (guarantee.class.to_string(), after.to_string(), upto.to_string());
                info!(source, guarantee = &*guarantee, after = &*after, upto = &*upto, "the source begins");
            }
            Event::SourceWaits { source, waits_for } => warn!(source, waits_for, "the source waits"),
            Event::BatchRead(read) => batch_read(read),
            Event::Committed(commit) => committed(commit),
            Event::SourceFails { source, error, wait } => {
                let (error, wait_ms) = (error.to_string(), milliseconds(*wait));
                warn!(source, error = error.as_str(), wait_ms, "the source fails, and is read again");
            }
            Event::HomeWaits { source, home, failure, wait } => {
                let (error, wait_ms) = (failure.to_string(), milliseconds(*wait));
                warn!(source, home, error = error.as_str(), wait_ms, "the home fails, and is tried again");
            }
            Event::HomesCatchUp { source, homes, after, upto } => {
                let (homes, after, upto) = (homes.join(", "), after.to_string(), upto.to_string());
                info!(source, homes = &*homes, after = &*after, upto = &*upto, "homes catch up");
            }
            Event::HomeFailed { source, home, failure } => {
                error!(source, home, error = failure.to_string().as_str(), "the home failed");
            }
            Event::SourceEnded(report) => self.source_ended(report),
            _ => {}
        }
    }
}

fn batch_read(read: &BatchRead<'_>) {
    let BatchRead { source, records: read, bytes, upto, took, is_catching_up: catching_up } = *read;
    let (position, duration_ms) = (upto.to_string(), milliseconds(took));
    debug!(source, position = &*position, read, bytes, catching_up, duration_ms, "a batch was read");
}

fn committed(commit: &Committed<'_>) {
    let Committed { source, home, position, account, objects, took, .. } = *commit;
    let (read, delivered, ignored) = (account.read, account.delivered, account.ignored);
    let quarantined = account.quarantined;
    let objects: u64 = objects.iter().map(|made| made.count).sum();
    let (position, duration_ms) = (position.to_string(), milliseconds(took));
    let position = position.as_str();
    info!(source, home, position, read, delivered, ignored, quarantined, objects, duration_ms, "committed");
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
