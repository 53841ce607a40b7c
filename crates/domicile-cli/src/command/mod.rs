//! One file a command.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod quarantine;
pub(crate) mod run;
mod schedule;
pub(crate) mod schema;
mod signal;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod verify;

use std::future::Future;
use std::process::ExitCode;

use domicile_pipeline::{Error, Problems, Report, SourceReport};

use crate::telemetry::Outcome;

/// How a command ended, which is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Everything was delivered.
    Done,
    /// Something failed; what was not delivered will be by the next run.
    Failed,
    /// The usage or the configuration is wrong; nothing was written.
    Wrong,
    /// Everything was dealt with, and this run put records into quarantine.
    DoneWithQuarantine,
    /// Another run is under way; nothing was done.
    UnderWay,
    /// A signal has stopped it; the next run goes on from there.
    Stopped,
}

impl Ended {
    pub(crate) const ALL: [Self; 6] =
        [Ended::Done, Ended::Failed, Ended::Wrong, Ended::DoneWithQuarantine, Ended::UnderWay, Ended::Stopped];

    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Ended::Done => 0,
            Ended::Failed => 1,
            Ended::Wrong => 2,
            Ended::DoneWithQuarantine => 3,
            Ended::UnderWay => 4,
            Ended::Stopped => 5,
        }
    }

    /// A name for machines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Failed => "failed",
            Ended::Wrong => "wrong",
            Ended::DoneWithQuarantine => "quarantined",
            Ended::UnderWay => "under_way",
            Ended::Stopped => "stopped",
        }
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        ExitCode::from(ended.code())
    }
}

impl From<&Outcome> for Ended {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Ok(Some(report)) => Ended::from(report),
            Ok(None) => Ended::Stopped,
            Err(error) => Ended::from(error),
        }
    }
}

impl From<&Report> for Ended {
    fn from(report: &Report) -> Self {
        // Which source is waited for when it is asked to stop is told, and is for the next run.
        let has_failed = |source: &SourceReport| {
            source.failed().next().is_some() || (source.failure.is_some() && !source.is_stopped)
        };
        match (report.sources.iter().any(has_failed), report.quarantined()) {
            (true, _) => Ended::Failed,
            (false, _) if report.is_stopped => Ended::Stopped,
            (false, 0) => Ended::Done,
            (false, _) => Ended::DoneWithQuarantine,
        }
    }
}

impl From<&Error> for Ended {
    fn from(error: &Error) -> Self {
        match error.problems() {
            Some(problems) => Ended::from(problems),
            None if error.is_usage() => Ended::Wrong,
            None if error.is_under_way() => Ended::UnderWay,
            None => Ended::Failed,
        }
    }
}

impl From<&Problems> for Ended {
    fn from(problems: &Problems) -> Self {
        if problems.has_wrong_settings() { Ended::Wrong } else { Ended::Failed }
    }
}

/// Runs a future on this thread; all that takes long is done on others. More threads than there is work for at once
/// would only hold more memory, because each keeps a heap of its own.
fn block_on<T>(threads: usize, future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.max_blocking_threads(threads).enable_all();
    let runtime = runtime.build().expect("the operating system gives threads");
    let done = runtime.block_on(future);
    // What was given up is not waited for.
    runtime.shutdown_background();
    done
}
