//! What can be typed behind `domicile status`.

use clap::Args;

use super::Configured;

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Look again every so many seconds, until it is stopped: drawn anew on a terminal, and elsewhere one table, or one line of
    /// JSON, after the other.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) watch: Option<u64>,
    /// This home only; may be given several times.
    #[arg(long)]
    pub(crate) home: Vec<String>,
    /// What comes from this source only; may be given several times.
    #[arg(long)]
    pub(crate) source: Vec<String>,
    /// Exit with 1 where a home has not passed more records of the source than this.
    #[arg(long, value_name = "ROWS")]
    pub(crate) max_lag_rows: Option<u64>,
    /// Exit with 1 where a home is behind by more than so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) max_lag_seconds: Option<u64>,
}
