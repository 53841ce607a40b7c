//! What must be there, worked out in memory: nothing of it is computed with Domicile's own code.

use std::collections::{BTreeMap, BTreeSet};

use domicile_testkit::SplitMix64;

/// The homes and the one key of each.
pub(crate) const HOMES: [(&str, &str); 3] = [("es", "ES"), ("fr", "FR"), ("de", "DE")];

/// What stands in the column that the key is made of, and the key that it means.
const LABELS: [(Option<&str>, Option<&str>); 8] = [
    (Some("España"), Some("ES")),
    (Some("  spain "), Some("ES")),
    (Some("France"), Some("FR")),
    (Some("Frankreich"), Some("FR")),
    (Some("Deutschland"), Some("DE")),
    (Some("Brasil"), Some("BR")),
    (Some("nowhere at all"), None),
    (None, None),
];

/// The home that refuses an amount, as long as it is not mended.
pub(crate) const REFUSING: &str = "es";
/// That amount. Others take it.
pub(crate) const REFUSED: i64 = 13;

/// A record of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// No other record has it.
    pub(crate) tag: String,
    label: Option<&'static str>,
    /// None is no number: the source holds a word.
    pub(crate) amount: Option<i64>,
    bucket: u64,
    /// The source's rule leaves it out.
    is_ignored: bool,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Delivered,
    Ignored,
    Quarantined(&'static str),
}

/// What the operator has done to what is in quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Quarantine {
    /// Nothing.
    #[default]
    Waits,
    /// The home takes what it refused and another home takes Brazil, and all was replayed.
    Replayed,
    /// All of it was dropped.
    Dropped,
}

/// What a database holds: the lines of each of its tables, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents(pub(crate) BTreeMap<&'static str, Vec<String>>);

/// The records that are committed in the source, by their ids, and what was done to them later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) records: BTreeMap<i64, Record>,
    pub(crate) quarantine: Quarantine,
}

impl Record {
    /// A record by chance: most can be delivered. Only some sources can hold a word for a number.
    pub(crate) fn random(random: &mut SplitMix64, tag: String, may_be_broken: bool) -> Self {
        let label = LABELS[random.below(LABELS.len() as u64) as usize].0;
        let amount = match random.below(12) {
            0 => Some(REFUSED),
            1 if may_be_broken => None,
            _ => Some(random.below(10_000) as i64 - 1_000),
        };
        // Where the key of a record that is left out is placed later, `verify` looks for it there.
        let is_ignored = random.below(15) == 0 && label != Some("Brasil");
        Self { tag, label, amount, bucket: random.below(4), is_ignored }
    }

    /// One of the first home, which takes it.
    pub(crate) fn plain(tag: String) -> Self {
        Self { tag, label: Some("España"), amount: Some(100), bucket: 0, is_ignored: false }
    }

    /// One that its home refuses.
    pub(crate) fn refused(tag: String) -> Self {
        Self { amount: Some(REFUSED), ..Self::plain(tag) }
    }

    /// Its values for an INSERT.
    pub(crate) fn values(&self) -> String {
        let text = |text: Option<&str>| text.map_or(String::from("NULL"), |text| format!("'{text}'"));
        let amount = self.amount.map_or(String::from("'many'"), |amount| amount.to_string());
        let note = text(self.is_ignored.then_some("test"));
        format!("('{}', {}, {amount}, {}, {note})", self.tag, text(self.label), self.bucket)
    }

    fn key(&self) -> Option<&'static str> {
        LABELS.iter().find(|(label, _)| *label == self.label).and_then(|(_, key)| *key)
    }

    /// The home that it belongs in, if there is one.
    fn home(&self, takes_brazil: bool) -> Option<&'static str> {
        let key = self.key().map(|key| if key == "BR" && takes_brazil { "FR" } else { key });
        HOMES.iter().find(|(_, own)| Some(*own) == key).map(|(home, _)| *home)
    }

    /// What becomes of it where nothing was mended.
    fn fate(&self) -> Fate {
        match (self.amount, self.key(), self.home(false)) {
            (None, _, _) => Fate::Quarantined("bad_value"),
            _ if self.is_ignored => Fate::Ignored,
            (_, None, _) => Fate::Quarantined("no_key"),
            (_, Some(_), None) => Fate::Quarantined("unknown_key"),
            (Some(REFUSED), _, Some(REFUSING)) => Fate::Quarantined("refused"),
            _ => Fate::Delivered,
        }
    }

    /// Whether it is delivered once all is mended that can be.
    fn is_mended(&self) -> bool {
        matches!(self.fate(), Fate::Quarantined("refused" | "unknown_key"))
    }
}

impl Model {
    /// What a home has to hold in the end.
    pub(crate) fn home(&self, home: &str) -> Contents {
        let is_replayed = self.quarantine == Quarantine::Replayed;
        let own = || self.records.iter().filter(|(_, record)| record.home(is_replayed) == Some(home));
        let delivered: Vec<_> = own()
            .filter(|(_, record)| record.fate() == Fate::Delivered || is_replayed && record.is_mended())
            .map(|(id, record)| (*id, record, record.amount.expect("what is delivered has one")))
            .collect();
        let orders = delivered.iter().map(|(_, record, amount)| format!("{}\t{amount}", record.tag));
        let mut contents = Contents::default();
        contents.put("orders", orders);
        contents.put("daily", daily(&delivered));
        contents.put("latest", latest(&delivered));
        let first = |record: &Record| record.home(false) == Some(home);
        contents.put("quarantine", own().filter_map(|(id, record)| self.quarantined(*id, record, !first(record))));
        contents.put("account", [self.account(self.records.values().filter(|record| first(record)))]);
        contents
    }

    /// What the control database has to hold in the end.
    pub(crate) fn control(&self) -> Contents {
        let homeless = || self.records.iter().filter(|(_, record)| record.home(false).is_none());
        let mut contents = Contents::default();
        contents.put("quarantine", homeless().filter_map(|(id, record)| self.quarantined(*id, record, false)));
        contents.put("account", [self.account(homeless().map(|(_, record)| record))]);
        contents
    }

    /// A record in quarantine, as the database holds it that it went to or, where it is taken over, the one that took it.
    fn quarantined(&self, id: i64, record: &Record, is_taken_over: bool) -> Option<String> {
        let Fate::Quarantined(cause) = record.fate() else { return None };
        let resolution = match self.quarantine {
            Quarantine::Waits => "NULL",
            Quarantine::Dropped => "dropped",
            Quarantine::Replayed if record.key() == Some("BR") && !is_taken_over => "moved",
            Quarantine::Replayed if record.is_mended() => "replayed",
            Quarantine::Replayed => "NULL",
        };
        Some(format!("{id}\t{cause}\t{resolution}"))
    }

    /// What is read, delivered, ignored and quarantined. It is accounted for where a record went first.
    fn account<'a>(&self, records: impl Iterator<Item = &'a Record>) -> String {
        let (mut delivered, mut ignored, mut quarantined) = (0, 0, 0);
        for record in records {
            match record.fate() {
                Fate::Delivered => delivered += 1,
                Fate::Ignored => ignored += 1,
                Fate::Quarantined(_) => quarantined += 1,
            }
        }
        format!("{}\t{delivered}\t{ignored}\t{quarantined}", delivered + ignored + quarantined)
    }

    /// The same, but for one cent in one record that is delivered.
    pub(crate) fn altered(&self) -> Self {
        let mut altered = self.clone();
        let mut delivered = altered.records.values_mut().filter(|record| record.fate() == Fate::Delivered);
        let amount = delivered.next().and_then(|record| record.amount.as_mut()).expect("some are delivered");
        *amount += 1;
        altered
    }

    /// Why records are in quarantine.
    pub(crate) fn causes(&self) -> BTreeSet<&'static str> {
        let cause = |record: &Record| match record.fate() {
            Fate::Quarantined(cause) => Some(cause),
            _ => None,
        };
        self.records.values().filter_map(cause).collect()
    }
}

/// For each bucket how many there are, their sum, the least and the greatest.
fn daily(delivered: &[(i64, &Record, i64)]) -> Vec<String> {
    let mut buckets: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for (_, record, amount) in delivered {
        buckets.entry(record.bucket).or_default().push(*amount);
    }
    let line = |(bucket, amounts): (u64, Vec<i64>)| {
        let (total, low, high) = (amounts.iter().sum::<i64>(), amounts.iter().min()?, amounts.iter().max()?);
        Some(format!("{bucket}\t{}\t{total}\t{low}\t{high}", amounts.len()))
    };
    buckets.into_iter().filter_map(line).collect()
}

/// For each bucket the last record.
fn latest(delivered: &[(i64, &Record, i64)]) -> Vec<String> {
    let last: BTreeMap<_, _> = delivered.iter().map(|(id, record, _)| (record.bucket, *id)).collect();
    last.into_iter().map(|(bucket, id)| format!("{bucket}\t{id}")).collect()
}

impl Contents {
    pub(crate) fn put(&mut self, table: &'static str, lines: impl IntoIterator<Item = String>) {
        let mut lines: Vec<_> = lines.into_iter().collect();
        lines.sort();
        self.0.insert(table, lines);
    }

    /// In what this differs from what was expected, in words.
    pub(crate) fn differences(&self, place: &str, expected: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (table, expected) in &expected.0 {
            let mut found = self.0.get(table).cloned().unwrap_or_default();
            for line in expected {
                match found.iter().position(|found| found == line) {
                    Some(position) => drop(found.remove(position)),
                    None => differences.push(format!("{place}.{table}: missing {line:?}")),
                }
            }
            differences.extend(found.iter().map(|line| format!("{place}.{table}: not expected {line:?}")));
        }
        differences
    }
}
