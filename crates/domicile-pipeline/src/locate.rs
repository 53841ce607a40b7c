//! Which home each record of a batch belongs to, by its own data.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, concat, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use domicile::{Chain, Home, Operation, Route, RoutingKey, context};
use serde_json::{Map, Value};

use crate::batch::{Batch, Defect, Position};
use crate::country;
use crate::quarantine::{Cause, Quarantined, record_json};
use crate::sql::{COUNTRY_CODE, Planner, evaluate};

/// How many near misses a reason names.
const SUGGESTIONS: usize = 3;

/// Finds the home of each record: evaluates the routing key and asks the router once for each distinct key.
pub(crate) struct Locator {
    source: String,
    key: Rule,
    ignore: Option<Rule>,
    cursor: usize,
    /// Columns that `country_code` is asked about, for naming near misses.
    labels: Vec<usize>,
    router: Arc<Chain>,
    /// The number of each home; the number behind the last stands for "none".
    slots: HashMap<Home, usize>,
}

/// An SQL expression over a record.
struct Rule {
    sql: String,
    expression: Arc<dyn PhysicalExpr>,
    columns: Vec<usize>,
}

/// What the router says of one distinct routing key.
pub(crate) enum Verdict {
    /// The number of the home, and why.
    Home(usize, Route),
    /// No home is placed for the key; the router's reason.
    Unknown(String),
    /// The key is NULL; each record has a reason of its own.
    NoKey,
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
    pub(crate) quarantined: Vec<Quarantined>,
}

impl Rule {
    fn new(planner: &Planner, schema: &SchemaRef, sql: &str, data_type: &DataType) -> Result<(Self, Expr), String> {
        let (written, expression) = planner.expression(sql).map_err(|error| error.strip_backtrace())?;
        let found = expression.data_type(schema).map_err(|error| error.strip_backtrace())?;
        if crate::table::delivered_as(&found).as_ref() != Some(data_type) {
            return Err(format!("it gives {found}, not {data_type}"));
        }
        let columns = collect_columns(&expression).iter().map(|column| column.index()).collect();
        Ok((Self { sql: sql.to_owned(), expression, columns }, written))
    }

    /// The expression's value for every record. A record for which it fails has NULL, and the reason is kept.
    fn evaluate(
        &self,
        records: &RecordBatch,
        data_type: &DataType,
        failures: &mut BTreeMap<usize, String>,
    ) -> Result<ArrayRef, String> {
        let typed = |array: ArrayRef| cast(&array, data_type).map_err(|error| error.to_string());
        if let Ok(array) = evaluate(&self.expression, records) {
            return typed(array);
        }
        // One record's value makes the whole evaluation fail; look at each alone to find which.
        let values = (0..records.num_rows()).map(|row| match evaluate(&self.expression, &records.slice(row, 1)) {
            Ok(value) => typed(value),
            Err(error) => {
                failures.insert(row, format!("`{}`: {}", self.sql, error.strip_backtrace()));
                Ok(new_null_array(data_type, 1))
            }
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let values: Vec<&dyn Array> = values.iter().map(|array| &**array).collect();
        concat(&values).map_err(|error| error.to_string())
    }
}

impl Locator {
    /// Plans the rules of a source. An error names the setting that is wrong.
    pub(crate) fn new(
        planner: &Planner,
        schema: &SchemaRef,
        source: &crate::config::SourceConfig,
        cursor: usize,
        router: Arc<Chain>,
        homes: &[Home],
    ) -> Result<Self, (&'static str, String)> {
        let (key, written) =
            Rule::new(planner, schema, &source.key, &DataType::Utf8).map_err(|message| ("key", message))?;
        let ignore = source.ignore.as_ref().map(|sql| Rule::new(planner, schema, sql, &DataType::Boolean));
        let ignore = ignore.transpose().map_err(|message| ("ignore", message))?.map(|(rule, _)| rule);
        let slots = homes.iter().cloned().enumerate().map(|(slot, home)| (home, slot)).collect();
        let labels = country_columns(&written, schema);
        Ok(Self { source: source.name.clone(), key, ignore, cursor, labels, router, slots })
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
        let mut numbers: HashMap<Option<&str>, u32> = HashMap::new();
        let rows = keys.iter().map(|key| {
            *numbers.entry(key).or_insert_with(|| {
                verdicts.push(key.map_or(Verdict::NoKey, |key| self.ask_router(key)));
                u32::try_from(verdicts.len() - 1).expect("a batch has fewer than 2^32 records")
            })
        });
        let rows = rows.collect();
        (verdicts, rows)
    }

    /// The router learns the key as an application would tell it: from the context.
    fn ask_router(&self, key: &str) -> Verdict {
        let answer = context::with(RoutingKey::new(key), || self.router.route(&Operation::write(&self.source)));
        match answer {
            Ok(route) => match self.slots.get(route.home()) {
                Some(&slot) => Verdict::Home(slot, route),
                None => Verdict::Unknown(format!("the router names the home {}, which is not configured", route.home())),
            },
            Err(error) => Verdict::Unknown(error.to_string()),
        }
    }

    /// Splits a batch into the homes' shares. Records at or below a home's position in `starts` are left out: the
    /// home has dealt with them.
    pub(crate) fn split(&self, batch: &Batch, judged: &Judged, starts: &[Position]) -> Result<Vec<Share>, String> {
        let nowhere = self.slots.len();
        let mut shares: Vec<Option<Share>> = (0..=nowhere).map(|_| None).collect();
        let empty = batch.records.slice(0, 0);
        let mut shares_of = |slot: usize, work: &mut dyn FnMut(&mut Share)| {
            let share = shares[slot].get_or_insert_with(|| Share {
                slot,
                upto: batch.upto,
                records: empty.clone(),
                ignored: 0,
                quarantined: Vec::new(),
            });
            work(share);
        };
        let cursors = batch.records.column(self.cursor).as_primitive::<Int64Type>();
        let behind = starts.iter().any(|start| *start > batch.after);
        let mut by_slot: Vec<Vec<u32>> = vec![Vec::new(); nowhere];
        for row in 0..batch.records.num_rows() {
            let slot = self.slot(batch, judged, row);
            if behind && Position::At(cursors.value(row)) <= starts[slot] {
                continue;
            }
            if judged.is_ignored(row) {
                shares_of(slot, &mut |share| share.ignored += 1);
            } else if let Some((cause, reason)) = self.why_quarantined(batch, judged, row) {
                let record = Value::Object(record_json(&batch.records, row, batch.defects_of(row))).to_string();
                let quarantined = Quarantined { position: cursors.value(row), cause, reason, record };
                shares_of(slot, &mut |share| share.quarantined.push(quarantined.clone()));
            } else {
                by_slot[slot].push(u32::try_from(row).expect("a batch has fewer than 2^32 records"));
            }
        }
        for (slot, slice) in slices(&batch.records, by_slot)? {
            shares_of(slot, &mut |share| share.records = slice.clone());
        }
        Ok(shares.into_iter().flatten().collect())
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

    /// Why a record cannot be delivered; `None` if it can.
    pub(crate) fn why_quarantined(&self, batch: &Batch, judged: &Judged, row: usize) -> Option<(Cause, String)> {
        let defects = if batch.defects.is_empty() { &[] } else { batch.defects_of(row) };
        if let [_, ..] = defects {
            let schema = batch.records.schema();
            let reason = |defect: &Defect| format!("`{}`: {}", schema.field(defect.column).name(), defect.reason);
            return Some((Cause::BadValue, defects.iter().map(reason).collect::<Vec<_>>().join("; ")));
        }
        if let Some(reason) = judged.failures.get(&row) {
            return Some((Cause::BadValue, reason.clone()));
        }
        match judged.verdict(row) {
            Verdict::Home(..) => None,
            Verdict::Unknown(reason) => Some((Cause::UnknownKey, reason.clone())),
            Verdict::NoKey => {
                let near = self.labels.iter().filter_map(|&column| near_misses(&batch.records, column, row));
                let reason = format!("the routing key `{}` is NULL", self.key.sql);
                Some((Cause::NoKey, [reason].into_iter().chain(near).collect::<Vec<_>>().join("; ")))
            }
        }
    }

    /// The expression of the routing key.
    pub(crate) fn key_sql(&self) -> &str {
        &self.key.sql
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
    pub(crate) fn verdict(&self, row: usize) -> &Verdict {
        &self.verdicts[self.rows[row] as usize]
    }

    pub(crate) fn is_ignored(&self, row: usize) -> bool {
        self.ignored.as_ref().is_some_and(|ignored| ignored.is_valid(row) && ignored.value(row))
    }
}

/// Each home's records, in their order. The batch is put into the homes' order once, and the slices share its memory.
fn slices(records: &RecordBatch, by_slot: Vec<Vec<u32>>) -> Result<Vec<(usize, RecordBatch)>, String> {
    let order: Vec<u32> = by_slot.iter().flatten().copied().collect();
    let sorted = take_record_batch(records, &UInt32Array::from(order)).map_err(|error| error.to_string())?;
    let mut begin = 0;
    let mut slices = Vec::new();
    for (slot, rows) in by_slot.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
        slices.push((slot, sorted.slice(begin, rows.len())));
        begin += rows.len();
    }
    Ok(slices)
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

fn near_misses(records: &RecordBatch, column: usize, row: usize) -> Option<String> {
    let name = records.schema().field(column).name().clone();
    let array = records.column(column);
    if array.is_null(row) {
        return Some(format!("`{name}` is NULL"));
    }
    let labels = cast(array, &DataType::Utf8).ok()?;
    let label = labels.as_string::<i32>().value(row);
    let near: Vec<_> = country::suggestions(label, SUGGESTIONS)
        .iter()
        .map(|suggestion| format!("{} ({})", suggestion.name, suggestion.code))
        .collect();
    let said = format!("`{name}` is {label:?}");
    Some(if near.is_empty() { said } else { format!("{said}; did you mean {}?", near.join(" or ")) })
}
