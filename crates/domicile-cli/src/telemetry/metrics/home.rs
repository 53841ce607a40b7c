//! What is known of a home in one source.

use std::collections::BTreeMap;

use domicile_pipeline::{Account, Cause, Committed, Failure, FailureClass, HomeReport, Position};
use prometheus_client::metrics::histogram::Histogram;

use super::{durations, now};

/// What is known of a home, or of the control database, in one source.
pub(super) struct OfHome {
    pub(super) account: Account,
    pub(super) causes: BTreeMap<&'static str, u64>,
    /// Objects by table.
    pub(super) objects: BTreeMap<String, u64>,
    pub(super) transactions: Histogram,
    pub(super) commits: u64,
    pub(super) retries: u64,
    pub(super) failures: u64,
    /// When it last committed, in seconds since 1970.
    pub(super) committed_at: Option<f64>,
    /// When it was last known to be where the source ended.
    pub(super) current_at: Option<f64>,
    /// Nothing is known before it was tried.
    pub(super) is_up: Option<bool>,
    /// Somebody has to mend it.
    pub(super) is_blocked: bool,
    position: Option<Position>,
    source_ends_at: Option<Position>,
}

impl Default for OfHome {
    fn default() -> Self {
        Self {
            account: Account::default(),
            causes: Cause::ALL.into_iter().map(|cause| (cause.name(), 0)).collect(),
            objects: BTreeMap::new(),
            transactions: durations(),
            commits: 0,
            retries: 0,
            failures: 0,
            committed_at: None,
            current_at: None,
            is_up: None,
            is_blocked: false,
            position: None,
            source_ends_at: None,
        }
    }
}

impl OfHome {
    /// Counts the objects of just these tables.
    pub(super) fn expect<'a>(&mut self, tables: impl Iterator<Item = &'a str>) {
        self.objects = tables.map(|table| (table.to_owned(), self.objects.get(table).copied().unwrap_or(0))).collect();
    }

    pub(super) fn source_ends_at(&mut self, upto: &Position) {
        self.source_ends_at = Some(upto.clone());
    }

    pub(super) fn committed(&mut self, commit: &Committed<'_>) {
        self.account += commit.account;
        for (cause, count) in commit.causes {
            *self.causes.entry(cause.name()).or_default() += count;
        }
        for made in commit.objects {
            if let Some(count) = self.objects.get_mut(&made.table) {
                *count += made.count;
            }
        }
        self.transactions.observe(commit.took.as_secs_f64());
        self.commits += 1;
        self.committed_at = Some(now());
        self.is_at(commit.position);
        self.is_well();
    }

    pub(super) fn waits(&mut self) {
        self.retries += 1;
        self.is_up = Some(false);
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.failures += 1;
        (self.is_up, self.is_blocked) = (Some(false), failure.class() != FailureClass::Transient);
    }

    /// Nothing more becomes of it in this run, which has read the source to its end or not.
    pub(super) fn run_ended(&mut self, report: &HomeReport, is_at_its_end: bool) {
        if let Some(position) = &report.position {
            self.is_at(position);
        }
        if report.failure.is_none() {
            self.is_well();
            if is_at_its_end && !report.is_behind {
                self.current_at = Some(now());
            }
        }
    }

    /// How much larger the source's last cursor is, where that is a number.
    pub(super) fn lag(&self) -> Option<i128> {
        let (upto, position) = (self.source_ends_at.as_ref()?, self.position.as_ref()?);
        if position >= upto {
            return Some(0);
        }
        upto.integer().zip(position.integer()).map(|(upto, position)| upto.saturating_sub(position))
    }

    /// What is read and not accounted for.
    pub(super) fn balance(&self) -> i128 {
        let Account { read, delivered, ignored, .. } = self.account;
        let quarantined: u64 = self.causes.values().sum();
        i128::from(read) - i128::from(delivered) - i128::from(ignored) - i128::from(quarantined)
    }

    fn is_at(&mut self, position: &Position) {
        if self.source_ends_at.as_ref() == Some(position) {
            self.current_at = Some(now());
        }
        self.position = Some(position.clone());
    }

    fn is_well(&mut self) {
        (self.is_up, self.is_blocked) = (Some(true), false);
    }
}
