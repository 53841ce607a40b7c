//! The command `domicile`: syncs mixed records into their home databases.

mod cli;
mod command;
mod demo;
mod output;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // The command that tests build fails where it is told to.
    let _faults = fail::has_failpoints().then(fail::FailScenario::setup);
    cli::Cli::parse().run()
}
