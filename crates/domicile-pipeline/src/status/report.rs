//! What is told of homes as they are now.

use serde::Serialize;

use crate::position::Position;
use crate::state::Condition;

/// How homes are now, by source.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When that was, in UTC.
    pub at: String,
    /// The sources, in the configuration's order.
    pub sources: Vec<SourceStatus>,
    /// Why it is not known what the control database keeps: whether a run is under way, and which homes were not well.
    pub control_failure: Option<String>,
}

/// How a source is now, and its homes.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStatus {
    /// The source's name.
    pub source: String,
    /// Whether the last run has read it to its end. If not, nothing of it, or nothing more, is delivered to any home.
    pub state: Condition,
    /// Why it was not.
    pub why: Option<String>,
    /// Since when runs have found it not to be well, in UTC.
    pub since: Option<String>,
    /// Up to where it is settled; `None` where that cannot be told.
    pub end: Option<Position>,
    /// Who or what keeps it from being settled further, if something does.
    pub waits_for: Option<String>,
    /// Why its end cannot be told.
    pub failure: Option<String>,
    /// The run that is under way, if one is.
    pub run: Option<RunUnderWay>,
    /// The homes, in the configuration's order.
    pub homes: Vec<HomeStatus>,
    /// The control database, which keeps what has no home; `None` where only some homes are asked for.
    pub control: Option<HomeStatus>,
}

/// A run that has the lease of a source.
#[derive(Clone, Debug, Serialize)]
pub struct RunUnderWay {
    /// The host that it runs on.
    pub host: String,
    /// Its process there.
    pub process: u32,
    /// When it began, in UTC.
    pub since: String,
    /// Its lease ends then, unless it is renewed.
    pub lease_seconds_left: u64,
}

/// How a home is now, with one source.
#[derive(Clone, Debug, Serialize)]
pub struct HomeStatus {
    /// The home's name.
    pub home: String,
    /// In one word.
    pub state: HomeState,
    /// Why it is not well.
    pub why: Option<String>,
    /// Since when runs have found it not to be well, in UTC.
    pub since: Option<String>,
    /// How far it has got; `None` where that cannot be asked.
    pub position: Option<Position>,
    /// How far behind the end of the source it is.
    pub lag: Lag,
    /// When it was last moved on, in UTC: also by records of other homes alone.
    pub last_commit: Option<String>,
    /// Records that wait in its quarantine.
    pub quarantined: Option<u64>,
}

/// How far a home is behind. `None` stands for what is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Records of the source that it has not passed yet, up to the end: its own, and those of other homes among them.
    pub rows: Option<u64>,
    /// There are more, which were not counted.
    pub is_more: bool,
    /// How much later the end of the source is, where its cursor begins with a time. Else, so long ago the home was last seen
    /// to move on or to be at the end: what it lacks is not older than that if it was at the end then.
    pub seconds: Option<u64>,
}

/// How a home is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HomeState {
    /// It has passed everything that is settled in the source.
    UpToDate,
    /// The same, and the source has more that is not settled yet.
    Waiting,
    /// It is behind, and a run is under way.
    Running,
    /// It is behind, and no run is under way.
    Behind,
    /// Nothing of the source was ever delivered to it.
    NeverDelivered,
    /// It has got somewhere, and it is not known where the source ends.
    Unknown,
    /// It fails for a reason that passes by itself, and is tried again.
    Failing,
    /// Somebody has to mend something before it gets on.
    Blocked,
    /// It cannot be asked now.
    Unreachable,
}

impl From<Condition> for HomeState {
    /// A home that is well gets on; how far it is behind is known beside that.
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Well => HomeState::Unknown,
            Condition::Failing => HomeState::Failing,
            Condition::Blocked => HomeState::Blocked,
        }
    }
}

impl HomeState {
    /// The words for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HomeState::UpToDate => "up to date",
            HomeState::Waiting => "waiting",
            HomeState::Running => "running",
            HomeState::Behind => "behind",
            HomeState::NeverDelivered => "never delivered",
            HomeState::Unknown => "unknown",
            HomeState::Failing => "failing",
            HomeState::Blocked => "blocked",
            HomeState::Unreachable => "unreachable",
        }
    }

    /// Whether nobody need look at it.
    #[must_use]
    pub fn is_well(self) -> bool {
        !matches!(self, HomeState::Failing | HomeState::Blocked | HomeState::Unreachable)
    }
}

impl Lag {
    /// Whether it is more than these, each of which may be left open. What is not known may be.
    #[must_use]
    pub fn exceeds(&self, rows: Option<u64>, seconds: Option<u64>) -> bool {
        let is_more = |lag: Option<u64>, most: Option<u64>| most.is_some_and(|most| lag.is_none_or(|lag| lag > most));
        is_more(self.rows, rows) || is_more(self.seconds, seconds)
    }
}

impl SourceStatus {
    /// The homes and the control database, as far as they were asked for.
    pub fn databases(&self) -> impl Iterator<Item = &HomeStatus> {
        self.homes.iter().chain(&self.control)
    }
}

impl Status {
    /// Whether everything could be asked, and every source and home is well.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let is_well = |source: &SourceStatus| {
            let is_read = source.failure.is_none() && source.state == Condition::Well;
            is_read && source.databases().all(|of| of.state.is_well())
        };
        self.control_failure.is_none() && self.sources.iter().all(is_well)
    }

    /// Whether a home is further behind than this, or may be.
    #[must_use]
    pub fn lags_by_more_than(&self, rows: Option<u64>, seconds: Option<u64>) -> bool {
        self.sources.iter().flat_map(SourceStatus::databases).any(|of| of.lag.exceeds(rows, seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_that_is_not_known_may_be_more_than_any() {
        let lag = Lag { rows: Some(7), is_more: false, seconds: None };
        assert!(!lag.exceeds(None, None));
        assert!(!lag.exceeds(Some(7), None));
        assert!(lag.exceeds(Some(6), None));
        assert!(lag.exceeds(Some(7), Some(1_000_000)));
    }
}
