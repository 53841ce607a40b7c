//! `domicile run --schedule`: one run after the other, at the times of a cron expression.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use domicile_pipeline::{Config, Error, Pipeline, Report, Schedule};
use tokio_util::sync::CancellationToken;

use super::run::{threads, until_stopped};
use super::signal::Signals;
use super::{Ended, block_on};
use crate::cli::Configured;
use crate::output::{note, progress::Progress, report, summary};

/// A clock that is put forward, or a machine that wakes up, is noticed after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Runs until it is asked to stop.
pub(super) fn go_on(arguments: &Configured, cron: Option<&str>) -> Ended {
    match scheduled(arguments, cron) {
        Ok((config, schedule)) => {
            let threads = threads(&config);
            block_on(threads, Scheduled { arguments, cron, config, schedule }.go_on())
        }
        Err(ended) => ended,
    }
}

/// The configuration with its schedule, or how the command ends without one.
fn scheduled(arguments: &Configured, cron: Option<&str>) -> Result<(Config, Schedule), Ended> {
    let config = Config::load(&arguments.config).map_err(|problems| report::problems(&problems, arguments.json))?;
    let schedule = match cron {
        Some(cron) => Schedule::new(cron, config.time_zone()).map_err(|invalid| {
            report::failure(&format!("--schedule {cron}: {invalid}"));
            Ended::Wrong
        })?,
        None => config.schedule.clone().ok_or_else(|| {
            let path = arguments.config.display();
            report::failure(&format!("{path} has no `schedule`: add one, or give it with --schedule \"*/5 * * * *\""));
            Ended::Wrong
        })?,
    };
    Ok((config, schedule))
}

struct Scheduled<'a> {
    arguments: &'a Configured,
    /// The expression of the command line, which stays when the configuration is read anew.
    cron: Option<&'a str>,
    config: Config,
    schedule: Schedule,
}

impl Scheduled<'_> {
    async fn go_on(mut self) -> Ended {
        let mut signals = Signals::of_going_on();
        let mut last = Utc::now();
        loop {
            let Some(due) = self.schedule.next_after(last) else {
                note(&format!("the schedule {} has come to its end", self.schedule));
                return Ended::Done;
            };
            tokio::select! {
                is_reload = signals.stop_or_reload() => match is_reload {
                    true => self.reload(),
                    false => return Ended::Done,
                },
                is_set_back = until(due, last) => {
                    let now = Utc::now();
                    if is_set_back {
                        note(&format!("the clock was put back to {}; runs go on by it", shown(now)));
                        last = now;
                        continue;
                    }
                    self.tell_missed(due, now);
                    last = now;
                    if self.run(&mut signals).await == Ended::Stopped {
                        return Ended::Done;
                    }
                }
            }
        }
    }

    /// Times that passed while another run was under way, or while the machine slept, are one run.
    fn tell_missed(&self, due: DateTime<Utc>, now: DateTime<Utc>) {
        let missed = self.schedule.count(due, now);
        if missed > 0 {
            note(&format!(
                "{missed} scheduled runs have been missed since {}; they are made up for by one",
                shown(due)
            ));
        }
    }

    /// One run. What fails is told, and the next run tries again.
    async fn run(&mut self, signals: &mut Signals) -> Ended {
        let stop = CancellationToken::new();
        let mut reload = false;
        let asked = async || {
            while signals.stop_or_reload().await {
                reload = true;
            }
            stop.cancel();
        };
        note(&format!("{} a run begins", shown(Utc::now())));
        let progress = Arc::new(Progress::new());
        let pipeline = Pipeline::new(self.config.clone());
        let done = until_stopped(&pipeline, &progress, &stop, asked).await;
        progress.finish();
        let ended = self.tell(done);
        if reload {
            self.reload();
        }
        if stop.is_cancelled() { Ended::Stopped } else { ended }
    }

    fn tell(&self, done: Result<Option<Report>, Error>) -> Ended {
        match done {
            Ok(Some(done)) => {
                if self.arguments.json {
                    report::json_line(&done);
                } else {
                    summary::print(&done);
                }
                Ended::from(&done)
            }
            Ok(None) => Ended::Stopped,
            Err(error) => report::error_line(&error, self.arguments.json),
        }
    }

    /// Reads the configuration anew. A broken one is told, and the old one stays.
    fn reload(&mut self) {
        match scheduled(self.arguments, self.cron) {
            Ok((config, schedule)) => {
                (self.config, self.schedule) = (config, schedule);
                note(&format!("the configuration was read anew; runs begin at {}", self.schedule));
            }
            Err(_) => note("the configuration is not taken; runs go on with the one before"),
        }
    }
}

/// Waits by the clock of the machine, which may be set or stand still meanwhile. Whether it was put back behind a time.
async fn until(due: DateTime<Utc>, last: DateTime<Utc>) -> bool {
    while let Ok(left) = (due - Utc::now()).to_std() {
        if Utc::now() < last {
            return true;
        }
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
    false
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
