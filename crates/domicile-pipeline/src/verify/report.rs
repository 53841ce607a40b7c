//! What a verification has found.

use serde::Serialize;

use crate::account::Account;
use crate::position::Position;
use crate::source::Guarantee;

/// Which part of a configuration is verified.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The homes by name; all where there are none.
    pub homes: Vec<String>,
    /// The sources by name; all where there are none.
    pub sources: Vec<String>,
}

/// What a verification has found.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// The sources, in the configuration's order.
    pub sources: Vec<VerifiedSource>,
    /// The homes, in the configuration's order.
    pub homes: Vec<VerifiedHome>,
    /// The control database, which has no tables of analysers.
    pub control: VerifiedHome,
    /// What was not verified, and why.
    pub unverified: Vec<String>,
}

/// A source that homes were verified with.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedSource {
    /// The source's name.
    pub source: String,
    /// What reading it guarantees: what was missed is found missing.
    pub guarantee: Guarantee,
    /// Why it was not read to its end.
    pub failure: Option<String>,
}

/// What was found in a home, or in the control database.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedHome {
    /// The home's name.
    pub home: String,
    /// Its accounting, source by source.
    pub accounts: Vec<VerifiedAccount>,
    /// Its tables.
    pub tables: Vec<VerifiedTable>,
    /// Why it was not verified.
    pub failure: Option<String>,
}

/// The accounting of a source in a home.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedAccount {
    /// The source's name.
    pub source: String,
    /// How far the home has got.
    pub position: Position,
    /// What its accounting says, in sum.
    #[serde(flatten)]
    pub account: Account,
    /// Records of the home that the source has up to the position.
    pub in_source: u64,
    /// Records in the home's quarantine.
    pub in_quarantine: u64,
    /// Records that are ignored, and that the control database accounts for, because they had no home when they were read. In
    /// the control database they are those that have one by the rules of now.
    pub ignored_elsewhere: u64,
    /// What is wrong with it.
    pub differences: Vec<String>,
}

/// What was found in a table of a home.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedTable {
    /// The table's name.
    pub table: String,
    /// Rows that it has.
    pub rows: u64,
    /// Keys of rows that differ from a fresh computation. Where `is_at_least`, there may be more.
    pub differing: u64,
    /// Not all ranges that differ were looked through.
    pub is_at_least: bool,
    /// The first of the keys.
    pub differences: Vec<Difference>,
}

/// A row that differs from a fresh computation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// The row's key or, in a table without one, its cursor; else the records that it was made of, where it is missing.
    pub key: Option<String>,
    /// In what it differs.
    pub kind: DifferenceKind,
    /// The home that the row belongs in, where that is known: the source makes the same row there.
    pub belongs_in: Option<String>,
}

/// In what a row differs from a fresh computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It is not there.
    Missing,
    /// It is there, and no record of the home makes it.
    Unexpected,
    /// Another value stands in it.
    Changed,
    /// It is there more often.
    Repeated,
}

impl DifferenceKind {
    /// The word for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Unexpected => "unexpected",
            DifferenceKind::Changed => "changed",
            DifferenceKind::Repeated => "repeated",
        }
    }
}

impl VerifiedHome {
    pub(super) fn failed(home: &str, failure: String) -> Self {
        Self { home: home.to_owned(), accounts: Vec::new(), tables: Vec::new(), failure: Some(failure) }
    }

    /// Whether all that was verified in it is as the source says.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.failure.is_none()
            && self.accounts.iter().all(|account| account.differences.is_empty())
            && self.tables.iter().all(|table| table.differing == 0)
    }
}

impl Verified {
    /// Homes lack no more than the control database accounts for in place of them. One that has read such records itself, because
    /// it is newer, lacks none of them: so there are no more than homes lack or account for.
    pub(super) fn compare_ignored(&mut self, all_homes: bool) {
        for (number, of_control) in self.control.accounts.iter_mut().enumerate() {
            let of_homes = self.homes.iter().filter_map(|home| home.accounts.get(number));
            let lacks: u64 = of_homes.clone().map(|account| account.ignored_elsewhere).sum();
            let ignored: u64 = of_homes.clone().map(|account| account.account.ignored).sum();
            let there = of_homes.filter(|account| account.position >= of_control.position).count();
            let has = of_control.ignored_elsewhere;
            if lacks > has || (all_homes && there == self.homes.len() && has > lacks + ignored) {
                of_control.differences.push(format!(
                    "homes lack {lacks} records that are ignored, and {has} that have a home by the rules of now are accounted \
                     for here"
                ));
            }
        }
    }

    /// Whether all that was verified is as the sources say. What was not is told in `unverified`.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.sources.iter().all(|source| source.failure.is_none())
            && self.homes.iter().chain([&self.control]).all(VerifiedHome::is_proved)
    }
}
