//! Which home each record of a batch belongs to, by its own data.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, concat, take_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use domicile::{Chain, Context, Home, Operation, Origin, Route, RoutingKey};
use serde_json::{Map, Value};

use crate::batch::{Batch, Defect};
use crate::config::{Document, SettingPath, SourceConfig, UNTOLD};
use crate::country;
use crate::cursor::Cursor;
use crate::overlap::{Mark, Overlap};
use crate::position::Position;
use crate::quarantine::{Cause, Quarantined, record_json};
use crate::sql::{COUNTRY_CODE, Plan, Planner, evaluate, is_varying, said};

/// How many near misses a reason names.
const SUGGESTIONS: usize = 3;

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
}

/// An SQL expression over a record.
struct Rule {
    /// As the configuration writes it, without what the environment holds.
    shown: String,
    /// A value of the environment is in it.
    conceals: bool,
    expression: Plan,
    columns: Vec<usize>,
}

/// What the router says of one distinct routing key.
enum Verdict {
    /// The number of the home, and why.
    Home(usize, Route),
    /// No home is placed for the key; the router's reason.
    Unknown(String),
    /// The key is NULL; each record has a reason of its own.
    NoKey,
}

/// What becomes of one record: the number of its home, or that of the control database, and why.
pub(crate) enum Fate<'a> {
    Delivered(usize, &'a Route),
    Ignored(usize),
    Quarantined(usize, Cause, String),
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
}

impl Share {
    fn is_empty(&self) -> bool {
        self.records.num_rows() == 0 && self.ignored == 0 && self.quarantined.is_empty()
    }
}

impl Rule {
    fn new(
        planner: &Planner,
        schema: &SchemaRef,
        sql: &str,
        (shown, conceals): (&str, bool),
        data_type: &DataType,
    ) -> Result<(Self, Expr), String> {
        let (written, expression) = planner.expression(sql).map_err(|error| said(&error))?;
        let mut varying = None;
        let visited = written.apply(|part| {
            if let Expr::ScalarFunction(call) = part
                && is_varying(call)
            {
                varying = Some(call.name().to_owned());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.expect("the visit never fails");
        if let Some(name) = varying {
            return Err(format!("{name}() depends on more than the record, which would have another home each time"));
        }
        let found = expression.schema().field(0).data_type().clone();
        if crate::table::delivered_as(&found).as_ref() != Some(data_type) {
            let wanted = match data_type {
                DataType::Utf8 => format!("a routing key is text: CAST({shown} AS VARCHAR)"),
                _ => String::from("what is ignored is said by true or false"),
            };
            return Err(format!("it gives {found}, and {wanted}"));
        }
        let columns =
            written.column_refs().into_iter().filter_map(|column| schema.index_of(column.name()).ok()).collect();
        Ok((Self { shown: shown.to_owned(), conceals, expression, columns }, written))
    }

    fn told(&self, error: &DataFusionError) -> String {
        if self.conceals { String::from(UNTOLD) } else { said(error) }
    }

    /// The expression's value for every record. A record for which it fails has NULL, and the reason is kept.
    fn evaluate(
        &self,
        records: &RecordBatch,
        data_type: &DataType,
        failures: &mut BTreeMap<usize, String>,
    ) -> Result<ArrayRef, String> {
        let mut values = Vec::new();
        let mut parts = vec![(0, records.num_rows())];
        while let Some((begin, rows)) = parts.pop() {
            match evaluate(&self.expression, &records.slice(begin, rows)) {
                Ok(array) => values.push(cast(&array, data_type).map_err(|error| error.to_string())?),
                Err(error) if rows == 1 => {
                    failures.insert(begin, format!("`{}`: {}", self.shown, self.told(&error)));
                    values.push(new_null_array(data_type, 1));
                }
                Err(error) if rows == 0 => return Err(self.told(&error)),
                // One record's value makes the whole evaluation fail; halve them until it stands alone.
                Err(_) => parts.extend([(begin + rows / 2, rows - rows / 2), (begin, rows / 2)]),
            }
        }
        let values: Vec<&dyn Array> = values.iter().map(|array| &**array).collect();
        concat(&values).map_err(|error| error.to_string())
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
        Ok(Self { source, key, ignore, cursor, overlap, is_country_code, labels, origin, router, slots })
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
                    Verdict::Unknown(format!("the router names the home {}, which is not configured", route.home()))
                }
            },
            Err(error) => Verdict::Unknown(error.to_string()),
        }
    }

    /// Splits a batch into the homes' shares. Records at or below a home's position in `starts` are left out: the
    /// home has dealt with them.
    pub(crate) fn split(&self, batch: &Batch, judged: &Judged, starts: &[Position]) -> Result<Vec<Share>, String> {
        let nowhere = self.slots.len();
        let share = |slot| Share {
            slot,
            upto: batch.upto.clone(),
            records: batch.records.slice(0, 0),
            ignored: 0,
            ignored_marks: Vec::new(),
            quarantined: Vec::new(),
        };
        let mut shares: Vec<Share> = (0..=nowhere).map(share).collect();
        // The records are in the order of the cursor, so that those that a home knows for good are the first.
        let known: Vec<_> = starts.iter().map(|start| self.count_known(&batch.records, start)).collect();
        let is_new = |row: usize, slot: usize| row >= known[slot];
        let mut by_slot: Vec<Vec<u32>> = vec![Vec::new(); nowhere];
        let mut near_misses = NearMisses::default();
        for row in 0..batch.records.num_rows() {
            match self.fate(batch, judged, row, &mut near_misses) {
                Fate::Delivered(slot, _) if is_new(row, slot) => {
                    by_slot[slot].push(u32::try_from(row).expect("a batch has fewer than 2^32 records"));
                }
                Fate::Ignored(slot) if is_new(row, slot) => {
                    shares[slot].ignored += 1;
                    shares[slot].ignored_marks.extend(self.mark(&batch.records, row));
                }
                Fate::Quarantined(slot, cause, reason) if is_new(row, slot) => {
                    let record = Value::Object(record_json(&batch.records, row, batch.defects_of(row))).to_string();
                    let position = self.cursor.at(&batch.records, row);
                    let mark = self.mark(&batch.records, row);
                    let quarantined = Quarantined { position, number: 0, mark, cause, reason, record };
                    shares[slot].quarantined.push(quarantined);
                }
                _ => {}
            }
        }
        for (slot, slice) in slices(&batch.records, by_slot)? {
            shares[slot].records = slice;
        }
        shares.retain(|share| !share.is_empty());
        Ok(shares)
    }

    /// How many of the records, which are the first, a home that begins at `start` has dealt with for good.
    fn count_known(&self, records: &RecordBatch, start: &Position) -> usize {
        match &self.overlap {
            Some(overlap) => overlap.count_before(records, overlap.begin(start)),
            None => self.cursor.count_upto(records, start),
        }
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
            return Fate::Quarantined(slot, Cause::BadValue, reasons.join("; "));
        }
        if let Some(reason) = judged.failures.get(&row) {
            return Fate::Quarantined(slot, Cause::BadValue, reason.clone());
        }
        if judged.ignored.as_ref().is_some_and(|ignored| ignored.is_valid(row) && ignored.value(row)) {
            return Fate::Ignored(slot);
        }
        match judged.verdict(row) {
            Verdict::Home(slot, route) => Fate::Delivered(*slot, route),
            Verdict::Unknown(reason) => Fate::Quarantined(slot, Cause::UnknownKey, reason.clone()),
            Verdict::NoKey => {
                let labels = self.labels.iter().map(|&column| near_misses.of(&batch.records, column, row));
                let reason = format!("the routing key `{}` is NULL", self.key.shown);
                let reasons: Vec<_> = [reason].into_iter().chain(labels).collect();
                Fate::Quarantined(slot, Cause::NoKey, reasons.join("; "))
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

/// The columns that an expression hands to `country_code` as they are.
fn country_columns(expression: &Expr, schema: &SchemaRef) -> Vec<usize> {
    let mut columns = Vec::new();
    let visited = expression.apply(|node| {
        if let Expr::ScalarFunction(call) = node
            && call.name() == COUNTRY_CODE
            && let Some(Expr::Column(column)) = call.args.first()
            && let Ok(number) = schema.index_of(column.name())
        {
            columns.push(number);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.expect("the visit never fails");
    columns
}

/// Countries that are near to labels which name none. Finding them is slow, so each label is looked at once, and of a
/// batch full of rubbish only so many.
#[derive(Default)]
pub(crate) struct NearMisses {
    known: HashMap<String, String>,
}

impl NearMisses {
    const MOST_LABELS: usize = 256;

    /// What a record's column holds, for the reason why it has no home.
    fn of(&mut self, records: &RecordBatch, column: usize, row: usize) -> String {
        let schema = records.schema();
        let name = schema.field(column).name();
        let label = cast(&records.column(column).slice(row, 1), &DataType::Utf8);
        let label =
            label.ok().filter(|label| label.is_valid(0)).map(|label| label.as_string::<i32>().value(0).to_owned());
        let Some(label) = label else { return format!("`{name}` is NULL") };
        let said = format!("`{name}` is {label:?}");
        if self.known.len() >= Self::MOST_LABELS && !self.known.contains_key(&label) {
            return said;
        }
        let near = self.known.entry(label).or_insert_with_key(|label| suggested(label));
        if near.is_empty() { said } else { format!("{said}; did you mean {near}?") }
    }
}

fn suggested(label: &str) -> String {
    let near = country::suggestions(label, SUGGESTIONS);
    let near: Vec<_> = near.iter().map(|suggestion| format!("{} ({})", suggestion.name, suggestion.code)).collect();
    near.join(" or ")
}
