//! What can be typed.

mod quarantine;
mod status;
mod trace;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::command;
use crate::telemetry::LogFormat;
pub(crate) use quarantine::{Drop, Quarantine, Selected, Show};
pub(crate) use status::Status;
pub(crate) use trace::Trace;

/// Every record finds its home database.
///
/// Exit codes: 0 all is done, 1 something failed, 2 wrong usage or configuration, 3 done, with records in quarantine, 4 another
/// run is under way, 5 stopped by a signal before the end.
#[derive(Debug, Parser)]
#[command(name = "domicile", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a source of mixed, dirty orders, syncs it to 25 homes, and shows what arrived where.
    ///
    /// Run it again to add new orders to the source and sync only those.
    Demo(Demo),
    /// Syncs once, or by a schedule: everything that is settled in the sources now.
    Run(Run),
    /// Validates everything without writing, and reports all problems at once.
    Check(Configured),
    /// Shows where records would go and why, and which objects would be made. Writes nothing.
    Explain(Explain),
    /// Proves from the data that the homes hold what the sources have for them, and nothing else. Writes nothing.
    ///
    /// Rows, aggregates and accounting are compared with a fresh computation up to where each home has got. Exit codes: 0 all
    /// is proved, 1 something differs or cannot be reached, 2 wrong usage or configuration.
    Verify(Verify),
    /// Says how far each home is, whether it is well and, if not, why and since when. Writes nothing.
    ///
    /// Rows behind are the records of the source that a home has not passed yet, up to where the source is settled: not all
    /// of them are its own. They are counted up to a million, for at most five seconds. Time behind is how much later the
    /// source ends, where its cursor begins with a time; else it is how long ago the home was last seen to move on or to be
    /// at the end. A home that is not well is told as the last run has noted it. Exit codes: 0 all homes are well, 1 one
    /// fails, is blocked, cannot be reached, or is behind by more than --max-lag-rows or --max-lag-seconds, 2 wrong usage or
    /// configuration. With --watch it ends with 0 when it is stopped.
    Status(Status),
    /// Tells what became of one record: what the rules say of it, whether its home has passed it, and when, and what
    /// quarantines keep of it. Writes nothing.
    ///
    /// The verdict is one word: delivered, ignored, dropped, quarantined, blocked, not_reached, misplaced, missing, changed or
    /// unknown. Exit codes: 0 it was delivered, ignored by the rule or dropped, 1 it was not or not yet, it is not known, or
    /// a database cannot be asked, 2 wrong usage or configuration.
    Trace(Trace),
    /// Lists, shows, replays or drops what was not delivered.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
}

/// A command on a configuration.
#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// The configuration file.
    #[arg(default_value = "domicile.toml")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Go on by a schedule: this cron expression or, without one, that of the configuration. SIGHUP reads the configuration
    /// anew, SIGTERM and SIGINT end it.
    #[arg(long, value_name = "CRON", num_args = 0..=1)]
    pub(crate) schedule: Option<Option<String>>,
    /// Log to standard error, in place of progress. Runs of a schedule are logged as text unless somebody looks at them on a
    /// terminal. The environment says what is logged, as in DOMICILE_LOG=warn: error, warn, info, which it is unless it is
    /// said, debug or off.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log: Option<LogFormat>,
    /// Serve metrics for Prometheus at this IP address and port, with /health and /ready, in place of what the configuration
    /// says; for as long as the command runs, which is not long without a schedule.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder to make everything in.
    #[arg(default_value = "domicile-demo")]
    pub(crate) dir: PathBuf,
    /// Size of the source when it is made: 1 is 1.5 million orders.
    #[arg(long, default_value_t = 0.01, value_parser = scale)]
    pub(crate) scale: f64,
    /// Orders to add when the source is there already.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) new: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// The source, if there are several. The first one otherwise.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Explain the record with this cursor, which is a list in JSON where it has several columns.
    #[arg(long, allow_negative_numbers = true, conflicts_with_all = ["after", "limit", "stdin"])]
    pub(crate) record: Option<String>,
    /// Begin behind this cursor.
    #[arg(long, allow_negative_numbers = true, conflicts_with = "stdin")]
    pub(crate) after: Option<String>,
    /// Explain at most so many records of the source.
    #[arg(long, default_value_t = 10, conflicts_with = "stdin")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Read the records from standard input: JSON objects with the source's columns.
    #[arg(long)]
    pub(crate) stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Verify this home only; may be given several times.
    #[arg(long)]
    pub(crate) home: Vec<String>,
    /// Verify what comes from this source only; may be given several times.
    #[arg(long)]
    pub(crate) source: Vec<String>,
}

fn scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| String::from("it is not a number"))?;
    if (0.0001..=100.0).contains(&scale) { Ok(scale) } else { Err(String::from("it must be from 0.0001 to 100")) }
}

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Demo(arguments) => command::demo::demo(&arguments),
            Command::Run(arguments) => command::run::run(&arguments),
            Command::Check(arguments) => command::check::check(&arguments),
            Command::Explain(arguments) => command::explain::explain(&arguments),
            Command::Verify(arguments) => command::verify::verify(&arguments),
            Command::Status(arguments) => command::status::status(&arguments),
            Command::Trace(arguments) => command::trace::trace(&arguments),
            Command::Quarantine(what) => command::quarantine::quarantine(&what),
            Command::Schema => command::schema::schema(),
        };
        outcome.into()
    }
}
