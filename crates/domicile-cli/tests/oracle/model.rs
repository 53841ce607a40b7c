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
    /// The second of an hour at which the application says that it came.
    placed: u64,
}

/// As what the records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// By their numbers.
    Orders,
    /// By the times that the application sets, into tables that refuse nothing.
    Copies,
}

/// So many seconds there are between the first and the last record. The overlap is longer.
const SECONDS: u64 = 3_000;

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
pub(crate) struct Contents(BTreeMap<String, Vec<String>>);

/// The records that are committed in the source, by their ids, and what was done to them later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) records: BTreeMap<i64, Record>,
    pub(crate) quarantine: Quarantine,
    /// The records are also read as copies.
    pub(crate) is_read_twice: bool,
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
        Self { tag, label, amount, bucket: random.below(4), is_ignored, placed: random.below(SECONDS) }
    }

    /// One of the first home, which takes it.
    pub(crate) fn plain(tag: String) -> Self {
        Self { tag, label: Some("España"), amount: Some(100), bucket: 0, is_ignored: false, placed: 0 }
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
        let placed_at = format!("2024-01-01 12:{:02}:{:02}", self.placed / 60, self.placed % 60);
        format!("('{}', {}, {amount}, {}, {note}, '{placed_at}')", self.tag, text(self.label), self.bucket)
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
    fn fate(&self, source: Source) -> Fate {
        match (self.amount, self.key(), self.home(false)) {
            (None, _, _) => Fate::Quarantined("bad_value"),
            _ if self.is_ignored => Fate::Ignored,
            (_, None, _) => Fate::Quarantined("no_key"),
            (_, Some(_), None) => Fate::Quarantined("unknown_key"),
            (Some(REFUSED), _, Some(REFUSING)) if source == Source::Orders => Fate::Quarantined("refused"),
            _ => Fate::Delivered,
        }
    }

    /// Whether it is delivered once all is mended that can be.
    fn is_mended(&self, source: Source) -> bool {
        matches!(self.fate(source), Fate::Quarantined("refused" | "unknown_key"))
    }
}

impl Model {
    /// What a home has to hold in the end.
    pub(crate) fn home(&self, home: &str) -> Contents {
        let mut contents = Contents::default();
        let delivered = self.delivered(home, Source::Orders);
        contents.put("orders", delivered.iter().map(|(_, record, amount)| format!("{}\t{amount}", record.tag)));
        contents.put("daily", daily(&delivered));
        contents.put("latest", latest(&delivered));
        if self.is_read_twice {
            let delivered = self.delivered(home, Source::Copies);
            contents.put("copies", delivered.iter().map(|(_, record, amount)| format!("{}\t{amount}", record.tag)));
            contents.put("sums", sums(&delivered));
        }
        let is_replayed = self.quarantine == Quarantine::Replayed;
        self.put_kept(&mut contents, |record| {
            let is_first = record.home(false) == Some(home);
            (is_first || is_replayed && record.home(true) == Some(home)).then_some(!is_first)
        });
        contents
    }

    /// What the control database has to hold in the end.
    pub(crate) fn control(&self) -> Contents {
        let mut contents = Contents::default();
        self.put_kept(&mut contents, |record| record.home(false).is_none().then_some(false));
        contents
    }

    /// The records that a home is given, by their ids, with their amounts.
    fn delivered(&self, home: &str, source: Source) -> Vec<(i64, &Record, i64)> {
        let is_replayed = self.quarantine == Quarantine::Replayed;
        let is_delivered =
            |record: &Record| record.fate(source) == Fate::Delivered || is_replayed && record.is_mended(source);
        let own = self.records.iter().filter(|(_, record)| record.home(is_replayed) == Some(home));
        own.filter(|(_, record)| is_delivered(record))
            .map(|(id, record)| (*id, record, record.amount.expect("what is delivered has one")))
            .collect()
    }

    /// What a database keeps of records that are its own, and whether it has taken those over.
    fn put_kept(&self, contents: &mut Contents, own: impl Fn(&Record) -> Option<bool>) {
        let own: Vec<_> = self.records.iter().filter_map(|(id, record)| Some((*id, record, own(record)?))).collect();
        let first = || own.iter().filter(|(_, _, is_taken_over)| !is_taken_over).map(|(_, record, _)| *record);
        let kept = |source| {
            let kept = move |(id, record, is_taken_over): &(i64, &Record, bool)| {
                Some((*id, self.quarantined(record, *is_taken_over, source)?))
            };
            own.iter().filter_map(kept)
        };
        contents.put("quarantine", kept(Source::Orders).map(|(id, why)| format!("{id}\t{why}")));
        contents.put("account", [account(first(), Source::Orders)]);
        if self.is_read_twice {
            let mut counts = BTreeMap::new();
            kept(Source::Copies).for_each(|(_, why)| *counts.entry(why).or_insert(0) += 1);
            contents.put("quarantine of copies", counts.into_iter().map(|(why, count)| format!("{why}\t{count}")));
            contents.put("account of copies", [account(first(), Source::Copies)]);
        }
    }

    /// Why a record is in quarantine and what was done about it, as the database holds it that it went to or, where it is taken
    /// over, the one that took it.
    fn quarantined(&self, record: &Record, is_taken_over: bool, source: Source) -> Option<String> {
        let Fate::Quarantined(cause) = record.fate(source) else { return None };
        let resolution = match self.quarantine {
            Quarantine::Waits => "NULL",
            Quarantine::Dropped => "dropped",
            Quarantine::Replayed if record.key() == Some("BR") && !is_taken_over => "moved",
            Quarantine::Replayed if record.is_mended(source) => "replayed",
            Quarantine::Replayed => "NULL",
        };
        Some(format!("{cause}\t{resolution}"))
    }

    /// The same, but for one cent in one record that is delivered.
    pub(crate) fn altered(&self) -> Self {
        let mut altered = self.clone();
        let mut delivered =
            altered.records.values_mut().filter(|record| record.fate(Source::Orders) == Fate::Delivered);
        let amount = delivered.next().and_then(|record| record.amount.as_mut()).expect("some are delivered");
        *amount += 1;
        altered
    }

    /// Why records are in quarantine.
    pub(crate) fn causes(&self) -> BTreeSet<&'static str> {
        let cause = |record: &Record| match record.fate(Source::Orders) {
            Fate::Quarantined(cause) => Some(cause),
            _ => None,
        };
        self.records.values().filter_map(cause).collect()
    }
}

/// What is read, delivered, ignored and quarantined. It is accounted for where a record went first.
fn account<'a>(records: impl Iterator<Item = &'a Record>, source: Source) -> String {
    let (mut delivered, mut ignored, mut quarantined) = (0, 0, 0);
    for record in records {
        match record.fate(source) {
            Fate::Delivered => delivered += 1,
            Fate::Ignored => ignored += 1,
            Fate::Quarantined(_) => quarantined += 1,
        }
    }
    format!("{}\t{delivered}\t{ignored}\t{quarantined}", delivered + ignored + quarantined)
}

/// The amounts of each bucket.
fn buckets(delivered: &[(i64, &Record, i64)]) -> BTreeMap<u64, Vec<i64>> {
    let mut buckets: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for (_, record, amount) in delivered {
        buckets.entry(record.bucket).or_default().push(*amount);
    }
    buckets
}

/// For each bucket how many there are, and their sum.
fn sums(delivered: &[(i64, &Record, i64)]) -> Vec<String> {
    let line =
        |(bucket, amounts): (u64, Vec<i64>)| format!("{bucket}\t{}\t{}", amounts.len(), amounts.iter().sum::<i64>());
    buckets(delivered).into_iter().map(line).collect()
}

/// For each bucket how many there are, their sum, the least and the greatest.
fn daily(delivered: &[(i64, &Record, i64)]) -> Vec<String> {
    let line = |(bucket, amounts): (u64, Vec<i64>)| {
        let (total, low, high) = (amounts.iter().sum::<i64>(), amounts.iter().min()?, amounts.iter().max()?);
        Some(format!("{bucket}\t{}\t{total}\t{low}\t{high}", amounts.len()))
    };
    buckets(delivered).into_iter().filter_map(line).collect()
}

/// For each bucket the last record.
fn latest(delivered: &[(i64, &Record, i64)]) -> Vec<String> {
    let last: BTreeMap<_, _> = delivered.iter().map(|(id, record, _)| (record.bucket, *id)).collect();
    last.into_iter().map(|(bucket, id)| format!("{bucket}\t{id}")).collect()
}

impl Contents {
    fn put(&mut self, table: &str, lines: impl IntoIterator<Item = String>) {
        let mut lines: Vec<_> = lines.into_iter().collect();
        lines.sort();
        self.0.insert(table.to_owned(), lines);
    }

    /// Adds a line to those of a table.
    pub(crate) fn add(&mut self, table: &str, line: &str) {
        let lines = self.0.entry(table.to_owned()).or_default();
        let place = lines.partition_point(|other| other.as_str() < line);
        lines.insert(place, line.to_owned());
    }

    pub(crate) fn change(&mut self, table: &str, change: impl FnOnce(&mut Vec<String>)) {
        change(self.0.entry(table.to_owned()).or_default());
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
