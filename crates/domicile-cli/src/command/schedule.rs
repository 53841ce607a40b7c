//! `domicile run --schedule`: one run after the other, at the times of a cron expression.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use domicile_pipeline::{Config, Pipeline, Schedule, Until};
use tokio_util::sync::CancellationToken;

use super::run::{threads, until_stopped};
use super::signal::Signals;
use super::{Ended, block_on};
use crate::cli::{Configured, Run};
use crate::output::{report, summary};
use crate::telemetry::{Outcome, Telemetry};

/// A clock that is put forward, or a machine that wakes up, is noticed after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Runs until it is asked to stop.
pub(super) fn go_on(arguments: &Run, cron: Option<&str>, telemetry: &mut Telemetry) -> Ended {
    let (config, schedule) = match scheduled(&arguments.configured, cron, telemetry, false) {
        Ok(scheduled) => scheduled,
        Err(ended) => return ended,
    };
    block_on(threads(&config), async {
        match telemetry.serve(arguments.metrics, &config, true).await {
            Ok(()) => Scheduled { arguments, cron, telemetry, config, schedule, last: Utc::now() }.go_on().await,
            Err(ended) => ended,
        }
    })
}

/// The configuration with its schedule, or how the command ends without one.
fn scheduled(
    arguments: &Configured,
    cron: Option<&str>,
    telemetry: &Telemetry,
    is_one_of_many: bool,
) -> Result<(Config, Schedule), Ended> {
    let config = Config::load(&arguments.config);
    let config = config.map_err(|problems| telemetry.error(&problems.into(), arguments.json, is_one_of_many))?;
    let wrong = |message: &str| {
        telemetry.failure(message);
        Ended::Wrong
    };
    let schedule = match cron {
        Some(cron) => Schedule::new(cron, config.time_zone())
            .map_err(|invalid| wrong(&format!("--schedule {cron}: {invalid}")))?,
        None => config.schedule.clone().ok_or_else(|| {
            let path = arguments.config.display();
            wrong(&format!("{path} has no `schedule`: add one, or give it with --schedule \"*/5 * * * *\""))
        })?,
    };
    Ok((config, schedule))
}

struct Scheduled<'a> {
    arguments: &'a Run,
    /// The expression of the command line, which stays when the configuration is read anew.
    cron: Option<&'a str>,
    telemetry: &'a mut Telemetry,
    config: Config,
    schedule: Schedule,
    /// Times of the schedule behind this one are due.
    last: DateTime<Utc>,
}

impl Scheduled<'_> {
    async fn go_on(mut self) -> Ended {
        let mut signals = Signals::of_going_on();
        loop {
            let Some(due) = self.schedule.next_after(self.last) else {
                self.telemetry.note(&format!("the schedule {} has come to its end", self.schedule));
                return Ended::Done;
            };
            tokio::select! {
                is_reload = signals.stop_or_reload() => {
                    if !is_reload || self.reload(&mut signals).await == Ended::Stopped {
                        return Ended::Done;
                    }
                }
                is_set_back = until(due, self.last) => {
                    let now = Utc::now();
                    if is_set_back {
                        let text = format!("the clock was put back to {}; runs go on by it", shown(now));
                        self.telemetry.warn(&text);
                        self.last = now;
                        continue;
                    }
                    self.tell_missed(due, now);
                    self.last = now;
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
            let since = shown(due);
            let runs = if missed == 1 { "scheduled run has" } else { "scheduled runs have" };
            let text = format!("{missed} {runs} been missed since {since}; made up for by one");
            self.telemetry.warn(&text);
            self.telemetry.missed(missed);
        }
    }

    /// One run. What fails is told, and the next run tries again. Homes that catch up do not keep the others from what is new
    /// when the next run is due.
    async fn run(&mut self, signals: &mut Signals) -> Ended {
        let until = Until::default();
        let mut reload = false;
        let asked = async || {
            while signals.stop_or_reload().await {
                reload = true;
            }
            until.stop.cancel();
        };
        if !self.telemetry.is_logged() {
            self.telemetry.note(&format!("{} a run begins", shown(Utc::now())));
        }
        let pipeline = Pipeline::new(self.config.clone());
        let next = tokio::spawn(end_catching_up(self.schedule.clone(), until.catch_up.clone()));
        let done = until_stopped(&pipeline, self.telemetry, &until, asked).await;
        next.abort();
        let ended = self.tell(&done);
        match (until.stop.is_cancelled(), reload) {
            (true, _) => Ended::Stopped,
            (false, true) => self.reload(signals).await,
            (false, false) => ended,
        }
    }

    /// Tells how a run ended. Logs have told it already, and who reads them does not want a table between them.
    fn tell(&self, done: &Outcome) -> Ended {
        match done {
            Ok(Some(done)) => {
                if self.arguments.configured.json {
                    report::json_line(done);
                } else if !self.telemetry.is_logged() {
                    summary::print(done);
                }
                Ended::from(done)
            }
            Ok(None) => Ended::Stopped,
            Err(error) => self.telemetry.error(error, self.arguments.configured.json, true),
        }
    }

    /// Reads the configuration anew. One that a run would be refused with is told, and the old one stays.
    async fn reload(&mut self, signals: &mut Signals) -> Ended {
        let anew = tokio::select! {
            anew = self.read_anew() => anew,
            () = signals.stop() => return Ended::Stopped,
        };
        match anew {
            Ok((config, schedule)) => {
                // Times of another schedule that are past were never to be kept.
                if schedule != self.schedule {
                    self.last = Utc::now();
                }
                (self.config, self.schedule) = (config, schedule);
                self.telemetry.note(&format!("the configuration was read anew; runs begin at {}", self.schedule));
                Ended::Done
            }
            Err(ended) => {
                self.telemetry.warn("the configuration is not taken; runs go on with the one before");
                ended
            }
        }
    }

    async fn read_anew(&mut self) -> Result<(Config, Schedule), Ended> {
        let configured = &self.arguments.configured;
        let (config, schedule) = scheduled(configured, self.cron, self.telemetry, true)?;
        if let Some(problems) = Pipeline::new(config.clone()).refusal().await {
            return Err(self.telemetry.error(&problems.into(), configured.json, true));
        }
        self.telemetry.serve(self.arguments.metrics, &config, true).await?;
        Ok((config, schedule))
    }
}

/// Asks a run to end with homes that catch up when the next run is due.
async fn end_catching_up(schedule: Schedule, catch_up: CancellationToken) {
    let now = Utc::now();
    if let Some(due) = schedule.next_after(now) {
        until(due, now).await;
        catch_up.cancel();
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
