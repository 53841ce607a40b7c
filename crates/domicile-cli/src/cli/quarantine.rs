//! What can be typed behind `domicile quarantine`.

use clap::{Args, Subcommand};
use domicile_pipeline::{Cause, QuarantineFilter};

use super::Configured;

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Says how many records there are, by source, home and cause, and what became of those that were replayed or dropped.
    List(Selected),
    /// Shows records that wait, with all that they hold, in the order of their source.
    ///
    /// Exit codes: 0, or 1 where something failed or the --record is not there, 2 wrong usage or configuration.
    Show(Show),
    /// Delivers records after the rule, or the homes' tables, were mended: each once. Those that are refused again stay.
    ///
    /// Exit codes: 0 none of them is in quarantine any more, 1 something failed or the --record does not wait there, 2 wrong
    /// usage or configuration, 3 some are.
    Replay(Selected),
    /// Drops records for a reason, which is kept; what they hold is not.
    ///
    /// Exit codes: 0, or 1 where something failed or the --record does not wait there, 2 wrong usage or configuration.
    Drop(Drop),
}

/// A command on records in quarantine.
#[derive(Debug, Args)]
pub(crate) struct Selected {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// What this home keeps only; may be given several times.
    #[arg(long)]
    home: Vec<String>,
    /// What has no home, and is kept in the control database.
    #[arg(long)]
    no_home: bool,
    /// What comes from this source only; may be given several times.
    #[arg(long)]
    source: Vec<String>,
    /// What is there for this cause only; may be given several times.
    #[arg(long, value_parser = ["no_key", "unknown_key", "bad_value", "refused"])]
    cause: Vec<String>,
    /// The record with this cursor, which is a list in JSON where it has several columns.
    #[arg(long, value_name = "CURSOR", allow_negative_numbers = true)]
    record: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// Show also those that were replayed, ignored, dropped or moved.
    #[arg(long)]
    pub(crate) all: bool,
    /// Show at most so many records.
    #[arg(long, default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Drop {
    #[command(flatten)]
    pub(crate) selected: Selected,
    /// Why they are dropped.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Drop all records, where nothing says which.
    #[arg(long)]
    pub(crate) all: bool,
}

impl Selected {
    pub(crate) fn filter(&self) -> QuarantineFilter {
        QuarantineFilter {
            homes: self.home.clone(),
            no_home: self.no_home,
            sources: self.source.clone(),
            causes: self.cause.iter().filter_map(|cause| Cause::from_name(cause)).collect(),
            record: self.record.clone(),
            resolved: false,
        }
    }

    /// Whether a single record is meant.
    pub(crate) fn is_of_record(&self) -> bool {
        self.record.is_some()
    }
}

impl Show {
    pub(crate) fn filter(&self) -> QuarantineFilter {
        QuarantineFilter { resolved: self.all, ..self.selected.filter() }
    }
}
