//! What is told of one record.

use serde::Serialize;

use crate::account::Account;
use crate::explain::Outcome;
use crate::position::Position;
use crate::quarantine::{Resolution, UnreachedQuarantine};
use crate::state::Condition;

/// What became of the record with a cursor, or of the records, where several have it. Nothing that they hold stands in it but
/// what a reason may quote.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// The source.
    pub source: String,
    /// The cursor.
    pub position: Position,
    /// In one word.
    pub verdict: Verdict,
    /// The records that the source has with this cursor now.
    pub records: Vec<TracedRecord>,
    /// What any quarantine keeps of records with this cursor, also what is resolved.
    pub quarantine: Vec<TracedQuarantine>,
    /// More have this cursor, or are in one quarantine with it, than are told.
    pub is_cut: bool,
    /// Databases that could not be asked.
    pub unreached: Vec<UnreachedQuarantine>,
}

/// What became of a record, in one word. Of several records it is the one that stands first here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It waits in a quarantine.
    Quarantined,
    /// Its home has not passed it, because it is blocked or fails.
    Blocked,
    /// Its home has not passed it yet.
    NotReached,
    /// Another home has its row.
    Misplaced,
    /// Its home has passed it, and has no such row.
    Missing,
    /// Its home has its row with other values than the source makes of it now.
    Changed,
    /// Neither the source nor a quarantine has it; or its home has passed it and does not account for it, or cannot be asked.
    Unknown,
    /// It was dropped from quarantine, for a reason.
    Dropped,
    /// The source's `ignore` rule leaves it out.
    Ignored,
    /// Its home has passed it, or a replay has delivered it.
    Delivered,
}

impl Verdict {
    /// The name for people and scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Quarantined => "quarantined",
            Verdict::Blocked => "blocked",
            Verdict::NotReached => "not_reached",
            Verdict::Misplaced => "misplaced",
            Verdict::Missing => "missing",
            Verdict::Changed => "changed",
            Verdict::Unknown => "unknown",
            Verdict::Dropped => "dropped",
            Verdict::Ignored => "ignored",
            Verdict::Delivered => "delivered",
        }
    }
}

impl Trace {
    /// Whether it is known for good what became of it: it was delivered, ignored by the rule, or dropped.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let is_final = matches!(self.verdict, Verdict::Delivered | Verdict::Ignored | Verdict::Dropped);
        is_final && self.unreached.is_empty() && !self.is_cut
    }
}

/// A record of the source.
#[derive(Clone, Debug, Serialize)]
pub struct TracedRecord {
    /// What the rules say of it now.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The home that it is read for; `None` for the control database, because it has none.
    pub read_for: Option<String>,
    /// Whether that has passed it.
    pub passage: Passage,
    /// The rows that it makes by the rules, and whether its home has them now.
    pub rows: Vec<TracedRow>,
}

/// A row that a record makes by the rules, and what is there of it, without what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedRow {
    /// The table.
    pub table: String,
    /// The columns by which it is told from others: the table's key or, without one, the cursor, or all of them.
    pub known_by: Vec<String>,
    /// No other record makes a row that is known by the same: the cursor, or what tells records of one cursor apart, is among
    /// the columns, and no other source writes the table.
    pub is_own: bool,
    /// Whether the home has it.
    pub state: RowState,
    /// The columns in which what the home has differs.
    pub differing: Vec<String>,
    /// Other homes that have a row which is known by the same.
    pub elsewhere: Vec<String>,
    /// Which homes were not looked through, and why.
    pub why: Option<String>,
}

/// Whether a home has a row, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// It has.
    There,
    /// It has another one that is known by the same.
    Differs,
    /// It has not.
    Missing,
    /// What many records make is one row: only [`verify`](crate::Pipeline::verify) can prove that.
    Merged,
    /// It could not be looked through.
    Unknown,
}

impl TracedRow {
    pub(super) fn of(table: &str, state: RowState) -> Self {
        let (known_by, differing, elsewhere) = (Vec::new(), Vec::new(), Vec::new());
        Self { table: table.to_owned(), known_by, is_own: false, state, differing, elsewhere, why: None }
    }
}

/// Whether a home, or the control database, has passed a record.
#[derive(Clone, Debug, Serialize)]
pub struct Passage {
    /// In one word.
    pub state: PassageState,
    /// How far it has got; `None` where it cannot be asked.
    pub position: Option<Position>,
    /// The transaction in which it passed the record, if its accounting tells.
    pub batch: Option<TracedBatch>,
    /// Why it has not passed it, or what is not known of that it has.
    pub why: Option<String>,
    /// Since when runs have found it not to be well, in UTC.
    pub since: Option<String>,
}

/// Whether a home has passed a record, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassageState {
    /// It has.
    Passed,
    /// It has not yet.
    NotReached,
    /// It has not, because it fails for a reason that passes by itself.
    Failing,
    /// It has not, because somebody has to mend something before it gets on.
    Blocked,
    /// It cannot be asked now.
    Unreachable,
}

impl From<Condition> for PassageState {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Well => PassageState::NotReached,
            Condition::Failing => PassageState::Failing,
            Condition::Blocked => PassageState::Blocked,
        }
    }
}

/// A transaction that has moved a home on, with all of its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedBatch {
    /// It began behind this cursor.
    pub after: Position,
    /// It ended with this one.
    pub upto: Position,
    /// When it was committed, in UTC.
    pub committed_at: String,
    /// What became of its records.
    #[serde(flatten)]
    pub account: Account,
}

/// What a quarantine keeps of a record, without what the record holds.
#[derive(Clone, Debug, Serialize)]
pub struct TracedQuarantine {
    /// The home that keeps it; `None` for the control database.
    pub home: Option<String>,
    /// Tells it from others with this cursor; negative where the home has taken it over from the control database.
    pub number: i64,
    /// The kind of reason.
    pub cause: String,
    /// The reason, which may quote a value.
    pub reason: String,
    /// When it came, in UTC.
    pub first_seen: String,
    /// When it was last tried, in UTC.
    pub last_seen: String,
    /// What became of it; `None` while it waits.
    pub resolution: Option<Resolution>,
    /// When that was, in UTC.
    pub resolved_at: Option<String>,
    /// Who did it.
    pub resolved_by: Option<String>,
    /// Why it was dropped.
    pub note: Option<String>,
    /// The home that it was moved to.
    pub moved_to: Option<String>,
}
