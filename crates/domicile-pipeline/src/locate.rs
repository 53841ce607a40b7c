//! Which home each record of a batch belongs to, by its own data.

mod near_misses;
mod rule;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::Expr;
use domicile::{Chain, Context, Home, Operation, Origin, Route, RoutingKey};
use serde_json::{Map, Value};

pub(crate) use near_misses::NearMisses;
use near_misses::country_columns;
use rule::Rule;

use crate::batch::{Batch, Defect};
use crate::config::{Document, SettingPath, SourceConfig};
use crate::cursor::Cursor;
use crate::deliver::Tally;
use crate::overlap::{Mark, Overlap};
use crate::position::Position;
use crate::quarantine::{Cause, Quarantined, ReadAgain, Waiting, record_json, shape};
use crate::sql::{COUNTRY_CODE, Planner};

/// Finds the home of each record: evaluates the routing key and asks the router once for each distinct key.
pub(crate) struct Locator {
    source: String,
    key: Rule,
    ignore: Option<Rule>,
    cursor: Cursor,
    overlap: Option<Arc<Overlap>>,
    is_country_code: bool,
    /// Columns that `country_code` is asked about, for naming near misses.
    labels: Vec<usize>,
    /// Where the configuration says what the routing key is.
    origin: Origin,
    router: Arc<Chain>,
    /// The number of each home; the number behind the last stands for "none".
    slots: HashMap<Home, usize>,
    /// What the control database keeps, where homes may read it again.
    waiting: OnceLock<Waiting>,
}

/// What the router says of one distinct routing key.
enum Verdict {
    /// The number of the home, and why.
    Home(usize, Route),
    /// No home is placed for the key, which is told in short; the router's reason.
    Unknown(String, String),
    /// The key is NULL; each record has a reason of its own.
    NoKey,
}

/// What becomes of one record: the number of its home, or that of the control database, and why.
pub(crate) enum Fate<'a> {
    Delivered(usize, &'a Route),
    Ignored(usize),
    Quarantined(usize, Cause, Why),
}

impl Fate<'_> {
    pub(crate) fn slot(&self) -> usize {
        match self {
            Fate::Delivered(slot, _) | Fate::Ignored(slot) | Fate::Quarantined(slot, ..) => *slot,
        }
    }
}

/// Why a record is put into quarantine.
pub(crate) struct Why {
    pub(crate) reason: String,
    /// What the reason is about, for grouping.
    pub(crate) about: Option<String>,
}

/// A batch whose records have been judged.
pub(crate) struct Judged {
    verdicts: Vec<Verdict>,
    /// The verdict of each record.
    rows: Vec<u32>,
    ignored: Option<BooleanArray>,
    /// Records for which a rule fails, and how.
    failures: BTreeMap<usize, String>,
}

/// One home's share of a batch, or that of the control database.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) slot: usize,
    /// Every record of the home up to here is in this share or an earlier one.
    pub(crate) upto: Position,
    pub(crate) records: RecordBatch,
    pub(crate) ignored: u64,
    /// By what those that are ignored are known where records are read again.
    pub(crate) ignored_marks: Vec<Mark>,
    pub(crate) quarantined: Vec<Quarantined>,
    /// What the control database keeps of these records, and the home has from now on.
    pub(crate) taken_over: Vec<Quarantined>,
}

/// What becomes of a batch.
pub(crate) struct Split {
    pub(crate) shares: Vec<Share>,
    /// Records of the batch.
    pub(crate) rows: u64,
    /// Those without a home, also where the control database has them already: it may be read for by another reader.
    pub(crate) homeless: Tally,
}

impl Share {
    fn is_empty(&self) -> bool {
        self.records.num_rows() == 0 && self.ignored == 0 && self.quarantined.is_empty()
    }
}

impl Locator {
    /// Plans the rules of a source. Errors name the settings that are wrong.
    pub(crate) fn new(
        planner: &Planner,
        schema: &SchemaRef,
        source: &SourceConfig,
        document: &Document,
        (cursor, overlap): (Cursor, Option<Arc<Overlap>>),
        router: Arc<Chain>,
        homes: &[Home],
    ) -> Result<Self, Vec<(&'static str, String)>> {
        let rule = |setting: &SettingPath, sql: &str, data_type| {
            let shown = (document.shown(setting).trim(), document.conceals(setting));
            Rule::new(planner, schema, sql, shown, data_type)
        };
        let at = source.setting.key("key");
        let key = rule(&at, &source.key, &DataType::Utf8);
        let ignore = source.ignore.as_ref().map(|sql| rule(&source.setting.key("ignore"), sql, &DataType::Boolean));
        let ((key, written), ignore) = match (key, ignore.transpose()) {
            (Ok(key), Ok(ignore)) => (key, ignore.map(|(rule, _)| rule)),
            (key, ignore) => {
                let key = key.err().map(|message| ("key", message));
                return Err(key.into_iter().chain(ignore.err().map(|message| ("ignore", message))).collect());
            }
        };
        let slots = homes.iter().cloned().enumerate().map(|(slot, home)| (home, slot)).collect();
        let labels = country_columns(&written, schema);
        let is_country_code = matches!(&written, Expr::ScalarFunction(call) if call.name() == COUNTRY_CODE);
        let origin = Origin::told(format!("{}:{}", document.name(), document.line(&at)));
        let source = source.name.clone();
        Ok(Self {
            source,
            key,
            ignore,
            cursor,
            overlap,
            is_country_code,
            labels,
            origin,
            router,
            slots,
            waiting: OnceLock::new(),
        })
    }

    /// Judges every record, and asks the router once for each distinct key of the batch.
    pub(crate) fn judge(&self, records: &RecordBatch) -> Result<Judged, String> {
        let mut failures = BTreeMap::new();
        let keys = self.key.evaluate(records, &DataType::Utf8, &mut failures)?;
        let ignored = self.ignore.as_ref().map(|rule| rule.evaluate(records, &DataType::Boolean, &mut failures));
        let ignored = ignored.transpose()?.map(|array| array.as_boolean().clone());
        let (verdicts, rows) = self.ask(keys.as_string::<i32>());
        Ok(Judged { verdicts, rows, ignored, failures })
    }

    fn ask(&self, keys: &StringArray) -> (Vec<Verdict>, Vec<u32>) {
        let mut verdicts = Vec::new();
        let mut numbers: foldhash::HashMap<Option<&str>, u32> = foldhash::HashMap::default();
        let rows = keys.iter().map(|key| {
            *numbers.entry(key).or_insert_with(|| {
                verdicts.push(key.map_or(Verdict::NoKey, |key| self.ask_router(key)));
                u32::try_from(verdicts.len() - 1).expect("a batch has fewer than 2^32 records")
            })
        });
        let rows = rows.collect();
        (verdicts, rows)
    }

    /// The router learns the key as an application would tell it: from the context. What the caller has set is no
    /// concern of the record's.
    fn ask_router(&self, key: &str) -> Verdict {
        let context = Context::empty().and_from(RoutingKey::new(key), self.origin.clone());
        match context.run(|| self.router.route(&Operation::write(&self.source))) {
            Ok(route) => match self.slots.get(route.home()) {
                Some(&slot) => Verdict::Home(slot, route),
                None => {
                    let reason = format!("the router names the home {}, which is not configured", route.home());
                    Verdict::Unknown(in_short(key), reason)
                }
            },
            Err(error) => Verdict::Unknown(in_short(key), error.to_string()),
        }
    }

    /// Splits a batch into the homes' shares. Records at or below a home's position in `starts` are left out: the
    /// home has dealt with them.
    pub(crate) fn split(&self, batch: &Batch, judged: &Judged, starts: &[Position]) -> Result<Split, String> {
        let nowhere = self.slots.len();
        let share = |slot| Share {
            slot,
            upto: batch.upto.clone(),
            records: batch.records.slice(0, 0),
            ignored: 0,
            ignored_marks: Vec::new(),
            quarantined: Vec::new(),
            taken_over: Vec::new(),
        };
        let mut shares: Vec<Share> = (0..=nowhere).map(share).collect();
        // The records are in the order of the cursor, so that those that a home knows for good are the first.
        let known: Vec<_> = starts.iter().map(|start| self.count_known(&batch.records, start)).collect();
        let is_new = |row: usize, slot: usize| row >= known[slot];
        let mut by_slot: Vec<Vec<u32>> = vec![Vec::new(); nowhere];
        let (mut near_misses, mut homeless) = (NearMisses::default(), Tally::default());
        for row in 0..batch.records.num_rows() {
            let fate = self.fate(batch, judged, row, &mut near_misses);
            let slot = fate.slot();
            if let Fate::Quarantined(slot, cause, why) = &fate
                && *slot == nowhere
            {
                homeless.add(*cause, why.about.as_deref());
            }
            if slot != nowhere && is_new(row, slot) {
                shares[slot].taken_over.extend(self.taken_over(batch, row));
            }
            match fate {
                Fate::Delivered(slot, _) if is_new(row, slot) => {
                    by_slot[slot].push(u32::try_from(row).expect("a batch has fewer than 2^32 records"));
                }
                Fate::Ignored(slot) if is_new(row, slot) => {
                    shares[slot].ignored += 1;
                    shares[slot].ignored_marks.extend(self.mark(&batch.records, row));
                }
                Fate::Quarantined(slot, cause, Why { reason, about }) if is_new(row, slot) => {
                    let record = Value::Object(record_json(&batch.records, row, batch.defects_of(row))).to_string();
                    let position = self.cursor.at(&batch.records, row);
                    let mark = self.mark(&batch.records, row);
                    let (shape, resolution) = (Some(shape(&batch.records.schema())), None);
                    let quarantined =
                        Quarantined { position, number: 0, mark, cause, about, reason, record, shape, resolution };
                    shares[slot].quarantined.push(quarantined);
                }
                _ => {}
            }
        }
        for (slot, slice) in slices(&batch.records, by_slot)? {
            shares[slot].records = slice;
        }
        shares.retain(|share| !share.is_empty());
        Ok(Split { shares, rows: batch.records.num_rows() as u64, homeless })
    }

    /// How many of the records, which are the first, a home that begins at `start` has dealt with for good.
    fn count_known(&self, records: &RecordBatch, start: &Position) -> usize {
        match &self.overlap {
            Some(overlap) => overlap.count_before(records, overlap.begin(start)),
            None => self.cursor.count_upto(records, start),
        }
    }

    /// Homes read what the control database keeps again, from now on.
    pub(crate) fn expect(&self, waiting: Waiting) {
        let _ = self.waiting.set(waiting);
    }

    fn taken_over(&self, batch: &Batch, row: usize) -> Vec<Quarantined> {
        let Some(waiting) = self.waiting.get() else { return Vec::new() };
        let (records, cursor) = (&batch.records, &self.cursor);
        let position = cursor.at(records, row);
        let beside = [row.checked_sub(1), Some(row + 1)].into_iter().flatten();
        let is_single =
            || beside.filter(|row| *row < records.num_rows()).all(|other| cursor.at(records, other) != position);
        let number = self.mark(records, row).map(|mark| mark.number());
        let read = ReadAgain { position: &position, number, is_single: is_single() };
        waiting.taken_over(&read, || Value::Object(record_json(records, row, batch.defects_of(row))).to_string())
    }

    fn mark(&self, records: &RecordBatch, row: usize) -> Option<Mark> {
        self.overlap.as_ref().map(|overlap| overlap.mark(records, row))
    }

    /// The home of a record, or the number for "none". Where a value that does not fit has a part in the key, the key
    /// is not known.
    fn slot(&self, batch: &Batch, judged: &Judged, row: usize) -> usize {
        let broken_key = !batch.defects.is_empty()
            && batch.defects_of(row).iter().any(|defect| self.key.columns.contains(&defect.column));
        match judged.verdict(row) {
            Verdict::Home(slot, _) if !broken_key => *slot,
            _ => self.slots.len(),
        }
    }

    /// What becomes of a record. A value that does not fit comes first: no rule can be trusted with it.
    pub(crate) fn fate<'a>(
        &self,
        batch: &Batch,
        judged: &'a Judged,
        row: usize,
        near_misses: &mut NearMisses,
    ) -> Fate<'a> {
        let slot = self.slot(batch, judged, row);
        let defects = if batch.defects.is_empty() { &[] } else { batch.defects_of(row) };
        if let [_, ..] = defects {
            let schema = batch.records.schema();
            let reason = |defect: &Defect| format!("`{}`: {}", schema.field(defect.column).name(), defect.reason);
            let reasons: Vec<_> = defects.iter().map(reason).collect();
            let names: Vec<_> =
                defects.iter().map(|defect| format!("`{}`", schema.field(defect.column).name())).collect();
            let why = Why { reason: reasons.join("; "), about: Some(names.join(", ")) };
            return Fate::Quarantined(slot, Cause::BadValue, why);
        }
        if let Some(reason) = judged.failures.get(&row) {
            let about = Some(String::from("a rule of the source"));
            return Fate::Quarantined(slot, Cause::BadValue, Why { reason: reason.clone(), about });
        }
        if judged.ignored.as_ref().is_some_and(|ignored| ignored.is_valid(row) && ignored.value(row)) {
            return Fate::Ignored(slot);
        }
        match judged.verdict(row) {
            Verdict::Home(slot, route) => Fate::Delivered(*slot, route),
            Verdict::Unknown(key, reason) => {
                let why = Why { reason: reason.clone(), about: Some(key.clone()) };
                Fate::Quarantined(slot, Cause::UnknownKey, why)
            }
            Verdict::NoKey => {
                let labels = self.labels.iter().map(|&column| near_misses.of(&batch.records, column, row));
                let reason = format!("the routing key `{}` is NULL", self.key.shown);
                let reasons: Vec<_> = [reason].into_iter().chain(labels).collect();
                Fate::Quarantined(slot, Cause::NoKey, Why { reason: reasons.join("; "), about: None })
            }
        }
    }

    /// Whether a number of a home is the one that stands for none.
    pub(crate) fn is_nowhere(&self, slot: usize) -> bool {
        slot == self.slots.len()
    }

    /// The numbers of the columns that the rules are made of.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        [&self.key].into_iter().chain(&self.ignore).flat_map(|rule| rule.columns.iter().copied())
    }

    /// Whether the routing key is what `country_code` gives, and nothing else.
    pub(crate) fn is_country_code(&self) -> bool {
        self.is_country_code
    }

    /// The expression of the routing key, as the configuration writes it.
    pub(crate) fn key_shown(&self) -> &str {
        &self.key.shown
    }

    /// The columns that the routing key is made of, and their values in a record.
    pub(crate) fn key_inputs(&self, batch: &Batch, row: usize) -> Map<String, Value> {
        let mut record = record_json(&batch.records, row, batch.defects_of(row));
        let schema = batch.records.schema();
        record.retain(|name, _| self.key.columns.iter().any(|&column| schema.field(column).name() == name));
        record
    }
}

impl Judged {
    fn verdict(&self, row: usize) -> &Verdict {
        &self.verdicts[self.rows[row] as usize]
    }
}

/// Each home's records, in their order, in memory of their own: a home may keep them for longer than others.
fn slices(records: &RecordBatch, by_slot: Vec<Vec<u32>>) -> Result<Vec<(usize, RecordBatch)>, String> {
    let taken = by_slot.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(|(slot, rows)| {
        let slice = take_record_batch(records, &UInt32Array::from(rows)).map_err(|error| error.to_string())?;
        Ok((slot, slice))
    });
    taken.collect()
}

/// A routing key for grouping, which may be any text.
fn in_short(key: &str) -> String {
    const CHARACTERS: usize = 100;
    let short: String = key.chars().take(CHARACTERS).collect();
    if short.len() < key.len() { short + "…" } else { short }
}
