//! `domicile run`

use std::sync::Arc;

use domicile_pipeline::{Config, Error, Observer, Pipeline, Report};
use tokio_util::sync::CancellationToken;

use super::schedule::go_on;
use super::signal::{GRACE, Signals};
use super::{Ended, block_on};
use crate::cli::{Configured, Run};
use crate::output::{note, progress::Progress, report, summary};

pub(crate) fn run(arguments: &Run) -> Ended {
    if let Some(cron) = &arguments.schedule {
        return go_on(&arguments.configured, cron.as_deref());
    }
    match sync(&arguments.configured) {
        Ok(Some(done)) => {
            if arguments.configured.json {
                report::json(&done);
            } else {
                summary::print(&done);
            }
            Ended::from(&done)
        }
        Ok(None) => Ended::Stopped,
        Err(error) => report::error(&error, arguments.configured.json),
    }
}

/// One run of a configuration, with progress on standard error; nothing if it did not stop in time when it was asked to.
pub(super) fn sync(arguments: &Configured) -> Result<Option<Report>, Error> {
    let config = Config::load(&arguments.config)?;
    let threads = threads(&config);
    let progress = Arc::new(Progress::new());
    let done = block_on(threads, async {
        let stop = CancellationToken::new();
        let (pipeline, mut signals) = (Pipeline::new(config), Signals::of_stopping());
        let asked = async || {
            signals.stop().await;
            stop.cancel();
        };
        until_stopped(&pipeline, &progress, &stop, asked).await
    });
    progress.finish();
    done
}

/// One batch is read and one is located while homes are delivered to.
pub(super) fn threads(config: &Config) -> usize {
    config.delivery.parallel + 2
}

/// One run, until it is asked to stop; nothing if it takes too long to stop then, or is asked once more. What it has not
/// committed is undone.
pub(super) async fn until_stopped(
    pipeline: &Pipeline,
    progress: &Arc<Progress>,
    stop: &CancellationToken,
    mut asked: impl AsyncFnMut(),
) -> Result<Option<Report>, Error> {
    let running = pipeline.run_until(Arc::clone(progress) as Arc<dyn Observer>, stop);
    let mut running = std::pin::pin!(running);
    tokio::select! {
        done = &mut running => return done.map(Some),
        () = asked() => note("stopping: homes commit what they have in hand"),
    }
    tokio::select! {
        done = running => return done.map(Some),
        () = tokio::time::sleep(GRACE) => {}
        () = asked() => {}
    }
    note("stopped: what was not committed is undone, and read again by the next run");
    Ok(None)
}
