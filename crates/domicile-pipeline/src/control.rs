//! What the control database keeps from run to run: who it is, and where each routing key was placed.
//!
//! A home's position says how far the home has got with the keys that it had. If a key moves to another home, or loses
//! its home, between two runs, that home's position says nothing of the key's records: some would be delivered twice and
//! others never. The placement that a source was synced with is therefore kept, and a key that has moved is refused.
//! So is a change of the rule that makes the keys, while a home is behind: a record in between might be nobody's then, or two
//! homes'.
//! And a position is of use only to those who made it: each home notes which control database it belongs to, so that
//! two configurations with one source name do not take each other's positions for their own.
//!
//! It also holds the lease of each source, notes whom a source waits for, so that the next run does not begin anew to wait,
//! and up to where all homes were seen to be at the end of a source. This is no position, and nothing is read or
//! written by it: a run that finds nothing new behind it need not ask every home for its position, for a while. Which homes
//! are not well is kept for operators alone (`domicile_state`).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use domicile::RoutingKey;

use crate::config::{Config, From, Problem, SourceConfig};
use crate::error::Failure;
use crate::inspect::{CONTROL, Inspected, in_short};
use crate::lease::{Claim, Holding, Lease, Leased};
use crate::position::Position;
use crate::quarantine::sha256;
use crate::source::Waits;
use crate::state::{Change, OfHome, State};

/// What a control database holds before a run.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Who it is; `None` before the first run.
    pub(crate) id: Option<String>,
    /// The home of each routing key, by source.
    pub(crate) placed: BTreeMap<(String, String), String>,
    /// By source, what stands for the rule that makes the routing keys.
    pub(crate) rules: BTreeMap<String, String>,
    /// By source, the end at which all homes were seen.
    pub(crate) ends: BTreeMap<String, End>,
    /// By source, whom it waits for.
    pub(crate) waits: BTreeMap<String, Waits>,
    /// The homes that were not well when it was last looked.
    pub(crate) states: BTreeMap<OfHome, State>,
    /// By source, who may deliver.
    pub(crate) leases: BTreeMap<String, Leased>,
    /// This run's own lease, once it has taken it.
    pub(crate) holding: Option<Holding>,
}

/// What a run keeps before it delivers.
#[derive(Clone, Debug, Default)]
pub(crate) struct New {
    /// Keys of sources, and their homes.
    pub(crate) placed: Vec<((String, String), String)>,
    /// Sources, and what stands for their rules.
    pub(crate) rules: Vec<(String, String)>,
}

/// Where a source ended when all homes had dealt with everything of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The position of all of them, as it is stored.
    pub(crate) position: String,
    /// What the configuration was then.
    pub(crate) fingerprint: String,
    /// Seconds since 1970.
    pub(crate) at: i64,
}

/// So long a run that finds nothing new does not look at the homes again.
const HOLDS_SECONDS: i64 = 600;

impl End {
    /// The end as it is seen now.
    pub(crate) fn now(position: String, fingerprint: String) -> Self {
        Self { position, fingerprint, at: now() }
    }

    /// Whether it still holds, for a configuration that is what it was then.
    pub(crate) fn holds(&self, fingerprint: &str) -> bool {
        self.fingerprint == fingerprint && (0..HOLDS_SECONDS).contains(&(now() - self.at))
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The way into a control database.
///
/// An implementation MUST keep an id that no other control database has, and MUST write all or nothing.
#[async_trait]
pub(crate) trait Control: Send {
    /// Reads what is kept, without a trace: a missing database is not made.
    async fn read(&mut self) -> Result<Kept, Failure>;
    /// Keeps this as well, makes an id where there is none, and gives the leases that are claimed. The id; or `None`, and
    /// nothing is kept, if somebody has taken one of the leases since it was read.
    async fn keep(&mut self, new: &New, claim: Option<Claim>) -> Result<Option<String>, Failure>;
    /// Lets those of a holder's leases that have not ended last for so many seconds from now. How many they are.
    async fn renew(&mut self, holder: &str, seconds: f64) -> Result<usize, Failure>;
    /// Takes a holder's leases back, and notes ends of sources as [`note`](Self::note) does.
    async fn release(&mut self, holder: &str, ends: Vec<(String, End)>) -> Result<(), Failure>;
    /// Notes the end of a source, at which all homes were seen, in a database that has an id.
    async fn note(&mut self, source: &str, end: &End) -> Result<(), Failure>;
    /// Notes whom a source waits for, if it does.
    async fn wait(&mut self, source: &str, waits: Option<&Waits>) -> Result<(), Failure>;
    /// Notes homes that are not well, or are well again. The table for it is made here, where it is missing: no run fails
    /// for want of it.
    async fn note_states(&mut self, changes: &[Change]) -> Result<(), Failure>;
}

/// So long at most something is being written that a run can do without.
const IN_TIME: Duration = Duration::from_secs(5);

/// Writes what a run can do without, for no longer than it can wait for it. Whoever renews its lease is waited for, because
/// where the control database is a file, one writes at a time; and whoever renews it next is not kept waiting.
pub(crate) async fn in_time(
    lease: Option<&Lease>,
    writing: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let within = lease.map_or(IN_TIME, |lease| lease.third().min(IN_TIME));
    let written = tokio::time::timeout(within, async {
        let _alone = match lease {
            Some(lease) => Some(lease.write_control().await),
            None => None,
        };
        writing.await
    });
    written.await.unwrap_or_else(|_| Err(Failure::Transient(String::from("it was not written in time"))))
}

/// Another run has placed a key since this one looked.
pub(crate) fn placed_elsewhere() -> Failure {
    Failure::Overtaken(String::from("another run has placed a routing key in another home meanwhile"))
}

/// The placement as the control database keeps it.
pub(crate) fn placements(config: &Config) -> impl Iterator<Item = ((String, String), String)> {
    config.sources.iter().flat_map(|source| {
        config.homes.iter().flat_map(|home| {
            let key = |key: &RoutingKey| ((source.name.clone(), key.as_str().to_owned()), home.home.to_string());
            home.keys.iter().map(key)
        })
    })
}

/// Finds the routing keys that have another home than in the last run, or none any more.
pub(crate) fn moved(config: &Config, kept: &Kept) -> Vec<Problem> {
    let known = |source: &str| config.sources.iter().any(|configured| configured.name == source);
    let mut problems = Vec::new();
    for ((source, key), home) in kept.placed.iter().filter(|((source, _), _)| known(source)) {
        let placed = config.homes.iter().find(|home| home.keys.iter().any(|placed| placed.as_str() == key));
        if placed.is_some_and(|placed| placed.home.as_str() == home) {
            continue;
        }
        let now =
            placed.map_or_else(|| String::from("has no home now"), |now| format!("is placed in {} now", now.home));
        let message = format!(
            "source {source}: the routing key `{key}` was placed in home {home} until now, and {now}; what {home} was not given \
             yet might be lost, and what it was given might come twice"
        );
        let help = format!(
            "put it back; or run with the old placement until {home} has caught up; then let the rows of `{key}` be where they \
             belong (a new home reads them all again: delete them from {home}; a home that is past them does not: move \
             them), and say so in the control database: DELETE FROM domicile_placement WHERE source = {} AND routing_key \
             = {}; if {home} only has another name now, that is enough here, and its database is told of it too",
            quoted(source),
            quoted(key)
        );
        let setting = placed.map_or_else(|| config.homes_setting(), |now| now.setting.clone());
        problems.push(config.document.problem(&setting, message).help(help));
    }
    problems
}

/// What stands for the rule that makes a source's routing keys: its expression, and the query that the records come from.
pub(crate) fn rule(source: &SourceConfig) -> String {
    let query = match &source.from {
        From::Query(query) => query,
        From::Table(_) => "",
    };
    sha256(&format!("{}\0{query}", source.key))
}

/// Whether a source has another rule than in the last run, or keys that were placed nowhere.
pub(crate) fn has_changed(config: &Config, source: &SourceConfig, kept: &Kept) -> bool {
    has_another_rule(source, kept) || has_new_keys(config, source, kept)
}

fn has_another_rule(source: &SourceConfig, kept: &Kept) -> bool {
    kept.rules.get(&source.name).is_some_and(|kept| *kept != rule(source))
}

/// Where nothing is kept of a source, nothing was delivered from it, or a program's own router decides.
fn has_new_keys(config: &Config, source: &SourceConfig, kept: &Kept) -> bool {
    let is_known = kept.placed.keys().any(|(of, _)| *of == source.name);
    is_known && placements(config).any(|(key, _)| key.0 == source.name && !kept.placed.contains_key(&key))
}

/// Finds a rule that has changed, or a key that was placed, while that could lose records or deliver them twice.
pub(crate) fn changed(config: &Config, source: &SourceConfig, kept: &Kept, inspected: &Inspected) -> Option<Problem> {
    let behind = inspected.behind(config);
    let name = &source.name;
    let (setting, message, help) = if has_another_rule(source, kept)
        && (!behind.is_empty() || source.overlap.is_some() && inspected.reached() > Position::Start)
    {
        let (what, setting) = match source.from {
            From::Query(_) => ("`key` or `query`", source.setting.key("query")),
            From::Table(_) => ("`key`", source.setting.key("key")),
        };
        let why = match &behind[..] {
            [] => String::from(
                "records are read again (`overlap`): one that is delivered might be given to another home, too",
            ),
            behind => format!(
                "{} is behind the others, or not to be asked: what it was not given yet might be given to nobody, or to two homes",
                in_short(behind)
            ),
        };
        let catch_up =
            if behind.is_empty() { "put it back" } else { "put it back, and run until all homes have caught up" };
        let help = format!(
            "{catch_up}; or, if no such record gets another home by it, say so in the control database: DELETE FROM domicile_rule \
             WHERE source = {}",
            quoted(name)
        );
        (setting, format!("source {name}: {what} has changed since the last run, and {why}"), help)
    } else if has_new_keys(config, source, kept) && behind.iter().any(|who| who == CONTROL) {
        let message = format!(
            "source {name}: a routing key was placed since the last run, and {CONTROL} is behind the homes: a record of that key \
             which it was not given yet might be given to nobody"
        );
        let help = format!("run without that key until {CONTROL} has caught up, and place it then");
        (config.homes_setting(), message, help)
    } else {
        return None;
    };
    Some(config.document.problem(&setting, message).help(help))
}

/// A text, quoted for SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
