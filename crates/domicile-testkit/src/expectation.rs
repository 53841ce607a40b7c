//! What must arrive where, worked out from the source's rows alone, in plain Rust and integer cents.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::Sandbox;
use crate::actual::{Actual, Record};
use crate::labels::{Belongs, HOMES, belongs};
use crate::tally::{Differences, Tally};
use crate::value::{cents, is_amount, is_day};

/// What must be in the homes and in the control database of a sandbox with the shop's configuration.
#[derive(Debug)]
pub struct Expectation {
    records: Vec<Record>,
    refused: BTreeSet<i64>,
}

/// How many records of one place had which fate.
#[derive(Clone, Copy, Default)]
struct Account {
    read: u64,
    delivered: u64,
    ignored: u64,
    quarantined: u64,
}

/// One row of the table `daily`; amounts in cents, `None` where no sale has one.
#[derive(Clone, Copy, Default)]
struct Day {
    sales: u64,
    revenue: Option<i64>,
    largest: Option<i64>,
}

/// What happens to one record.
enum Fate {
    Delivered,
    Ignored,
    Quarantined(&'static str),
}

impl Expectation {
    /// Looks at what the source holds now.
    #[must_use]
    pub fn of(sandbox: &Sandbox) -> Self {
        Self { records: crate::actual::records(sandbox), refused: BTreeSet::new() }
    }

    /// These records are refused by their homes, so they must be in the homes' quarantine.
    #[must_use]
    pub fn refused(mut self, ids: impl IntoIterator<Item = i64>) -> Self {
        self.refused.extend(ids);
        self
    }

    /// Compares it with what has arrived.
    ///
    /// # Errors
    ///
    /// All differences.
    pub fn compare(&self, sandbox: &Sandbox) -> Result<(), Differences> {
        let actual = Actual::of(sandbox);
        let mut differences = actual.broken.clone();
        differences.extend(self.tally().differences(&actual.tally));
        let read = self.records.len() as u64;
        if actual.read != read {
            differences.push(format!("the accounts have read {} records, the source has {read}", actual.read));
        }
        if actual.read != actual.dealt_with {
            differences.push(format!("{} records were read and {} dealt with", actual.read, actual.dealt_with));
        }
        if differences.is_empty() { Ok(()) } else { Err(Differences(differences)) }
    }

    /// Where a record belongs, and what happens to it. A value that does not fit comes before any rule.
    fn judge(&self, record: &Record) -> (&'static str, Fate) {
        let belongs = belongs(record.country.as_deref());
        let place = if let Belongs::Home(home) = belongs { home } else { "control" };
        let fits_or_null = |value: &Option<String>, fits: fn(&str) -> bool| value.as_deref().is_none_or(fits);
        let fate = if !fits_or_null(&record.amount, is_amount) || !fits_or_null(&record.sold_on, is_day) {
            Fate::Quarantined("bad_value")
        } else if record.status.as_deref() == Some("test") {
            Fate::Ignored
        } else {
            match belongs {
                Belongs::Home(_) if self.refused.contains(&record.id) => Fate::Quarantined("refused"),
                Belongs::Home(_) => Fate::Delivered,
                Belongs::UnknownKey => Fate::Quarantined("unknown_key"),
                Belongs::NoKey => Fate::Quarantined("no_key"),
            }
        };
        (place, fate)
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let mut accounts: BTreeMap<&str, Account> = BTreeMap::new();
        let mut by_home: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in &self.records {
            let (place, fate) = self.judge(record);
            let account = accounts.entry(place).or_default();
            account.read += 1;
            match fate {
                Fate::Delivered => {
                    account.delivered += 1;
                    by_home.entry(place).or_default().push(record);
                }
                Fate::Ignored => account.ignored += 1,
                Fate::Quarantined(cause) => {
                    account.quarantined += 1;
                    let row = format!("position={} cause={cause} {}", record.id, record.row());
                    tally.add(&format!("{place}.quarantine"), row);
                }
            }
        }
        for (place, Account { read, delivered, ignored, quarantined }) in accounts {
            let row =
                format!("source=sales read={read} delivered={delivered} ignored={ignored} quarantined={quarantined}");
            tally.add(&format!("{place}.account"), row);
        }
        for (home, records) in by_home {
            objects(home, &records, &mut tally);
        }
        if let Some(last) = self.records.iter().map(|record| record.id).max() {
            for place in HOMES.iter().map(|home| home.name).chain(["control"]) {
                tally.add(&format!("{place}.position"), format!("source=sales position={last}"));
            }
        }
        tally
    }
}

/// The objects that are made of a home's records.
fn objects(home: &str, records: &[&Record], tally: &mut Tally) {
    let mut customers = BTreeMap::new();
    let mut days: BTreeMap<(&str, &str), Day> = BTreeMap::new();
    let known = |value: &'_ Option<String>| value.clone().unwrap_or_else(|| String::from("NULL"));
    for record in records {
        tally.add(&format!("{home}.sales"), record.row());
        customers.insert(known(&record.customer), record.id);
        let key = (record.sold_on.as_deref().unwrap_or("NULL"), record.status.as_deref().unwrap_or("NULL"));
        let day = days.entry(key).or_default();
        day.sales += 1;
        if let Some(cents) = record.amount.as_deref().and_then(cents) {
            day.revenue = Some(day.revenue.unwrap_or(0) + cents);
            day.largest = Some(day.largest.unwrap_or(i64::MIN).max(cents));
        }
    }
    for (customer, last) in customers {
        tally.add(&format!("{home}.customers"), format!("customer={customer} home={home} last_sale={last}"));
    }
    let cents = |cents: Option<i64>| cents.map_or_else(|| String::from("NULL"), |cents| format!("{cents}c"));
    for ((day, status), Day { sales, revenue, largest }) in days {
        let (revenue, largest) = (cents(revenue), cents(largest));
        let row = format!("day={day} status={status} sales={sales} revenue={revenue} largest={largest}");
        tally.add(&format!("{home}.daily"), row);
    }
}

/// Asserts that everything in the source is where it belongs, exactly once.
///
/// # Panics
///
/// If it is not; the message says what differs.
#[track_caller]
pub fn assert_arrived(sandbox: &Sandbox) {
    if let Err(differences) = Expectation::of(sandbox).compare(sandbox) {
        panic!("{differences}");
    }
}
