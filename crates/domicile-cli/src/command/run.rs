//! `domicile run`

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;

use domicile_pipeline::{Config, Observer, Pipeline, Until};

use super::schedule::go_on;
use super::signal::{GRACE, Signals};
use super::{Ended, block_on};
use crate::cli::{Configured, Run};
use crate::output::{report, summary};
use crate::telemetry::{LogFormat, Outcome, Telemetry};

pub(crate) fn run(arguments: &Run) -> Ended {
    // Nobody follows the progress of a service.
    let is_service = arguments.schedule.is_some() && !std::io::stderr().is_terminal();
    let mut telemetry = match Telemetry::start(arguments.log.or(is_service.then_some(LogFormat::Text))) {
        Ok(telemetry) => telemetry,
        Err(message) => {
            report::failure(&message);
            return Ended::Wrong;
        }
    };
    if let Some(cron) = &arguments.schedule {
        return go_on(arguments, cron.as_deref(), &mut telemetry);
    }
    let json = arguments.configured.json;
    match sync(&arguments.configured, arguments.metrics, &mut telemetry) {
        Err(ended) => ended,
        Ok(Ok(Some(done))) => {
            if json {
                report::json(&done);
            } else {
                summary::print(&done);
            }
            Ended::from(&done)
        }
        Ok(Ok(None)) => Ended::Stopped,
        Ok(Err(error)) => telemetry.error(&error, json, false),
    }
}

/// One run of a configuration, or how the command ends without one; nothing if the run did not stop in time when it was asked
/// to.
pub(super) fn sync(
    arguments: &Configured,
    metrics: Option<SocketAddr>,
    telemetry: &mut Telemetry,
) -> Result<Outcome, Ended> {
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(problems) => return Ok(Err(problems.into())),
    };
    block_on(threads(&config), async {
        telemetry.serve(metrics, &config, false).await?;
        let until = Until::default();
        let (pipeline, mut signals) = (Pipeline::new(config), Signals::of_stopping());
        let asked = async || {
            signals.stop().await;
            until.stop.cancel();
        };
        Ok(until_stopped(&pipeline, telemetry, &until, asked).await)
    })
}

/// Each of at most five readers reads a batch and locates one, while homes are delivered to that are ahead, and others that
/// catch up. Threads begin when there is work for them.
pub(super) fn threads(config: &Config) -> usize {
    2 * (5 + config.delivery.parallel)
}

/// One run, until it is asked to stop; nothing if it takes too long to stop then, or is asked once more. What it has not
/// committed is undone.
pub(super) async fn until_stopped(
    pipeline: &Pipeline,
    telemetry: &Telemetry,
    until: &Until,
    mut asked: impl AsyncFnMut(),
) -> Outcome {
    let watched = telemetry.run();
    let running = pipeline.run_until(Arc::clone(&watched) as Arc<dyn Observer>, until);
    let mut running = std::pin::pin!(running);
    let ended = tokio::select! {
        done = &mut running => Some(done.map(Some)),
        () = asked() => None,
    };
    let outcome = match ended {
        Some(done) => done,
        None => {
            telemetry.stopping();
            telemetry.note("stopping: homes commit what they have in hand");
            tokio::select! {
                done = running => done.map(Some),
                () = tokio::time::sleep(GRACE) => Ok(None),
                () = asked() => Ok(None),
            }
        }
    };
    watched.ended(&outcome);
    if let Ok(None) = outcome {
        telemetry.warn("stopped: what was not committed is undone, and read again by the next run");
    }
    outcome
}
