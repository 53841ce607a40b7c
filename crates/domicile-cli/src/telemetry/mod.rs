//! How a run is watched while it goes on: by people who see its progress, by logs, by metrics and by traces.

mod log;
mod metrics;
mod server;
#[cfg(feature = "otel")]
mod traces;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use domicile_pipeline::config::SettingPath;
use domicile_pipeline::{Config, Error, Event, Observer, Problems, Report};

#[cfg(not(feature = "otel"))]
use tracing_subscriber::layer::Identity;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::command::Ended;
use crate::output::{self, progress::Progress, report};
use log::Log;
pub(crate) use log::LogFormat;
use metrics::Metrics;
use server::Server;
#[cfg(feature = "otel")]
use traces::Traces;

/// How a run ended; nothing if it was given up.
pub(crate) type Outcome = Result<Option<Report>, Error>;

/// What a command tells of its runs. Standard error has either progress and notes for people, or log lines.
pub(crate) struct Telemetry {
    is_logged: bool,
    /// What is served, and who serves it.
    served: Option<(Arc<Metrics>, Server)>,
    #[cfg(feature = "otel")]
    _traces: Option<Traces>,
}

impl Telemetry {
    /// Progress, for people.
    pub(crate) fn for_people() -> Self {
        Self {
            is_logged: false,
            served: None,
            #[cfg(feature = "otel")]
            _traces: None,
        }
    }

    /// Log lines, or progress if no format is given, and traces where the environment names who collects them.
    ///
    /// # Errors
    ///
    /// If the environment asks for what cannot be logged, or for a collector that cannot be one.
    pub(crate) fn start(format: Option<LogFormat>) -> Result<Self, String> {
        let log = format.map(log::layer).transpose()?;
        #[cfg(feature = "otel")]
        let traces = Traces::start()?;
        #[cfg(feature = "otel")]
        let spans = traces.as_ref().map(Traces::layer);
        #[cfg(not(feature = "otel"))]
        let spans = None::<Identity>;
        if log.is_some() || spans.is_some() {
            registry().with(log).with(spans).init();
        }
        Ok(Self {
            is_logged: format.is_some(),
            served: None,
            #[cfg(feature = "otel")]
            _traces: traces,
        })
    }

    pub(crate) fn is_logged(&self) -> bool {
        self.is_logged
    }

    /// Serves the metrics of a configuration's homes at the address that the command line asks for or, for what goes on, the
    /// configuration. Who has served is replaced once the new one can.
    ///
    /// # Errors
    ///
    /// How the command ends if nobody can listen there, which is told.
    pub(crate) async fn serve(
        &mut self,
        asked: Option<SocketAddr>,
        config: &Config,
        goes_on: bool,
    ) -> Result<(), Ended> {
        let Some(address) = asked.or(config.metrics.filter(|_| goes_on)) else {
            self.served = None;
            return Ok(());
        };
        if let Some((metrics, _)) = self.served.as_ref().filter(|(_, server)| server.asked == address) {
            metrics.configure(config);
            return Ok(());
        }
        let metrics = self.served.as_ref().map_or_else(|| Arc::new(Metrics::new()), |(metrics, _)| Arc::clone(metrics));
        match Server::start(address, Arc::clone(&metrics)).await {
            Ok(server) => {
                metrics.configure(config);
                self.note(&format!("metrics are served on http://{}/metrics", server.address));
                self.served = Some((metrics, server));
                Ok(())
            }
            Err(error) => {
                let message = format!("metrics cannot be served on {address}: {error}");
                Err(self.not_served(&message, asked.is_some(), config))
            }
        }
    }

    fn not_served(&self, message: &str, is_asked: bool, config: &Config) -> Ended {
        if is_asked {
            self.failure(&format!("--metrics: {message}"));
        } else {
            let problem = config.document.problem(&SettingPath::root().key("metrics"), message);
            let problems = Problems::from(problem.help("name an address of this machine that nobody listens on"));
            self.error(&problems.into(), false, false);
        }
        Ended::Wrong
    }

    /// Times of the schedule have passed at which no run has begun.
    pub(crate) fn missed(&self, count: usize) {
        if let Some((metrics, _)) = &self.served {
            metrics.missed(count);
        }
    }

    /// Runs are asked to stop.
    pub(crate) fn stopping(&self) {
        if let Some((metrics, _)) = &self.served {
            metrics.stopping();
        }
    }

    /// Tells what happens.
    pub(crate) fn note(&self, text: &str) {
        if self.is_logged { log::note(text) } else { output::note(text) }
    }

    /// Tells what is not as it should be.
    pub(crate) fn warn(&self, text: &str) {
        if self.is_logged { log::warn(text) } else { output::note(text) }
    }

    /// Tells what failed.
    pub(crate) fn failure(&self, message: &str) {
        if self.is_logged {
            log::failure(message);
        } else {
            report::failure(message);
        }
    }

    /// Tells an error, and says how the command ends with it. As JSON it is one of several lines, or the only result.
    pub(crate) fn error(&self, error: &Error, json: bool, is_one_of_many: bool) -> Ended {
        if self.is_logged {
            log::error(error);
            if json {
                report::error_json(error, is_one_of_many);
            }
            return Ended::from(error);
        }
        if is_one_of_many { report::error_line(error, json) } else { report::error(error, json) }
    }

    /// Watches a run that begins.
    pub(crate) fn run(&self) -> Arc<Watched> {
        let (mut observers, mut progress) = (Vec::<Arc<dyn Observer>>::new(), None);
        if self.is_logged {
            log::note("a run begins");
            observers.push(Arc::new(Log::new()));
        } else {
            let shown = progress.insert(Arc::new(Progress::new()));
            observers.push(Arc::clone(shown) as Arc<dyn Observer>);
        }
        let metrics = self.served.as_ref().map(|(metrics, _)| Arc::clone(metrics));
        if let Some(metrics) = &metrics {
            metrics.run_begins();
            observers.push(Arc::clone(metrics) as Arc<dyn Observer>);
        }
        Arc::new(Watched { began: Instant::now(), is_logged: self.is_logged, progress, metrics, observers })
    }
}

/// A run that is watched.
pub(crate) struct Watched {
    began: Instant,
    is_logged: bool,
    progress: Option<Arc<Progress>>,
    metrics: Option<Arc<Metrics>>,
    observers: Vec<Arc<dyn Observer>>,
}

impl Watched {
    /// The run has come to its end, however that was.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        if let Some(progress) = &self.progress {
            progress.finish();
        }
        if let Some(metrics) = &self.metrics {
            metrics.run_ended(outcome, self.began.elapsed());
        }
        if self.is_logged {
            log::run_ended(outcome, self.began.elapsed());
        }
    }
}

impl Observer for Watched {
    fn observe(&self, event: &Event<'_>) {
        self.observers.iter().for_each(|observer| observer.observe(event));
    }
}
