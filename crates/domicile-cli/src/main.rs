//! The command `domicile`: syncs mixed records into their home databases.

mod cli;
mod command;
mod demo;
mod output;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
