//! The metrics: their names, what they mean, and where their values are. Counters end with `_total` where they are served,
//! and names with their unit.

use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;

use super::home::OfHome;
use super::{OfRuns, OfSource};

/// Metrics of one name.
pub(super) struct Family<T> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) value: Value<T>,
}

/// What a metric is, and where its value is.
pub(super) enum Value<T> {
    Counter(fn(&T) -> u64),
    /// Counters with one label more.
    Counters(&'static str, fn(&T) -> Vec<(String, u64)>),
    /// There is none where nothing is known.
    Gauge(fn(&T) -> Option<f64>),
    Histogram(fn(&T) -> &Histogram),
}

use Value::{Counter, Counters, Gauge};

fn family<T>(name: &'static str, value: Value<T>, help: &'static str) -> Family<T> {
    Family { name, help, unit: None, value }
}

fn in_unit<T>(unit: Unit, family: Family<T>) -> Family<T> {
    Family { unit: Some(unit), ..family }
}

fn seconds<T>(name: &'static str, value: Value<T>, help: &'static str) -> Family<T> {
    in_unit(Unit::Seconds, family(name, value, help))
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn number(number: i128) -> f64 {
    number as f64
}

fn named<'a, K: ToString + 'a>(counts: impl IntoIterator<Item = (&'a K, &'a u64)>) -> Vec<(String, u64)> {
    counts.into_iter().map(|(name, count)| (name.to_string(), *count)).collect()
}

/// Metrics with the labels `source` and `home`, which is `control` for what has no home.
pub(super) fn of_homes() -> [Family<OfHome>; 15] {
    [
        family("domicile_records_read", Counter(|home| home.account.read), "Records that were dealt with"),
        family("domicile_records_delivered", Counter(|home| home.account.delivered), "Records that were delivered"),
        family("domicile_records_ignored", Counter(|home| home.account.ignored), "Records that a rule leaves out"),
        family(
            "domicile_records_quarantined",
            Counters("cause", |home| named(&home.causes)),
            "Records that went to quarantine",
        ),
        family(
            "domicile_accounting_balance",
            Gauge(|home| Some(number(home.balance()))),
            "Records that were read, less those delivered, ignored and quarantined: anything but 0 is a bug",
        ),
        family("domicile_objects", Counters("table", |home| named(&home.objects)), "Objects that were written"),
        family("domicile_commits", Counter(|home| home.commits), "Transactions that were committed"),
        seconds(
            "domicile_transaction_duration",
            Value::Histogram(|home| &home.transactions),
            "How long transactions were open that were committed",
        ),
        family("domicile_retries", Counter(|home| home.retries), "How often the home failed and was tried again"),
        family("domicile_failures", Counter(|home| home.failures), "How often the home took nothing more in a run"),
        family("domicile_home_up", Gauge(|home| home.is_up.map(flag)), "Whether the home was well when last tried"),
        family(
            "domicile_home_blocked",
            Gauge(|home| Some(flag(home.is_blocked))),
            "Whether the home fails for a reason that somebody has to mend",
        ),
        family(
            "domicile_position_lag",
            Gauge(|home| home.lag().map(number)),
            "How far the home's position is behind the end of the source, where both are integers",
        ),
        seconds("domicile_last_commit_timestamp", Gauge(|home| home.committed_at), "When the home last committed"),
        seconds(
            "domicile_last_current_timestamp",
            Gauge(|home| home.current_at),
            "When the home was last known to have all that was settled in the source",
        ),
    ]
}

/// Metrics with the label `source`.
pub(super) fn of_sources() -> [Family<OfSource>; 5] {
    [
        family(
            "domicile_source_records",
            Counter(|source| source.records),
            "Records that were read from the source, again for homes that catch up",
        ),
        in_unit(
            Unit::Bytes,
            family("domicile_source_read", Counter(|source| source.bytes), "Memory that these records took"),
        ),
        seconds(
            "domicile_batch_read_duration",
            Value::Histogram(|source| &source.reads),
            "How long reading a batch took",
        ),
        family(
            "domicile_source_up",
            Gauge(|source| source.has_failed.map(|has_failed| flag(!has_failed))),
            "Whether the source was read to its end when last tried",
        ),
        family(
            "domicile_source_waiting",
            Gauge(|source| Some(flag(source.is_waiting))),
            "Whether transactions, or records in the future, keep the source from being read further",
        ),
    ]
}

/// Metrics without labels of the configuration.
pub(super) fn of_runs() -> [Family<OfRuns>; 6] {
    [
        family("domicile_runs", Counters("outcome", |runs| named(&runs.by_outcome)), "Runs that have ended"),
        family("domicile_missed_runs", Counter(|runs| runs.missed), "Times of the schedule at which no run has begun"),
        family("domicile_run_under_way", Gauge(|runs| Some(flag(runs.is_under_way))), "Whether a run is under way"),
        family(
            "domicile_last_run_exit_code",
            Gauge(|runs| runs.last.as_ref().map(|last| f64::from(last.code))),
            "How the last run ended, as the exit code of one that runs once",
        ),
        seconds(
            "domicile_last_run_duration",
            Gauge(|runs| runs.last.as_ref().map(|last| last.took.as_secs_f64())),
            "How long the last run took",
        ),
        seconds(
            "domicile_last_run_end_timestamp",
            Gauge(|runs| runs.last.as_ref().map(|last| last.ended)),
            "When the last run ended",
        ),
    ]
}
