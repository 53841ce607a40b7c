//! What can be typed behind `domicile trace`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Trace {
    /// The configuration file.
    #[arg(default_value = "domicile.toml")]
    pub(crate) config: PathBuf,
    /// The record's cursor, which is a list in JSON where it has several columns.
    #[arg(allow_negative_numbers = true)]
    pub(crate) key: String,
    /// The source, if there are several. The first one otherwise.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Print the result as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
