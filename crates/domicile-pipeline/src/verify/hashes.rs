//! What stands for a row: a number for what it is known by, and one for all of it.
//!
//! They are 128 bits of a hash that is seeded anew in each process, so that rows which differ have other numbers. The numbers
//! of many rows are added up, and then stand for all of those rows in any order.

use std::hash::BuildHasher;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use foldhash::quality::RandomState;
use serde_json::Value;

use crate::batch::Defect;
use crate::extension::{JSON, JSONB, UUID, extension, uuid};
use crate::table::Table;

/// A key is told with so many characters of each of its values.
const TOLD_CHARACTERS: usize = 80;

/// Makes numbers of the rows of one table.
pub(super) struct Hasher {
    /// The columns by which a row is known; all columns where there is no better.
    identity: Vec<usize>,
    /// Rows are known by some of their columns.
    is_named: bool,
    /// By column, how a home may write its text in another way.
    forms: Vec<Form>,
    /// Nobody knows any more what stands in a row beside what it is known by.
    only_identity: bool,
    of_identity: RowConverter,
    of_all: RowConverter,
    seeds: [RandomState; 4],
}

/// How a text may be written in several ways.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsItIs,
    /// With other spaces, and in another order.
    Json,
    /// In upper case.
    Uuid,
}

/// The numbers of rows.
pub(super) struct Hashed {
    pub(super) ids: Vec<u128>,
    pub(super) digests: Vec<u128>,
}

impl Hasher {
    /// For a table whose rows are known by its key or, without one, by the columns that are named as those of the cursor.
    pub(super) fn new(table: &Table, cursor: &[String], only_identity: bool) -> Result<Self, String> {
        let named = cursor.iter().map(|name| table.schema.index_of(name).ok()).collect::<Option<Vec<_>>>();
        let named = if table.key.is_empty() { named.unwrap_or_default() } else { table.key.clone() };
        let all: Vec<usize> = (0..table.schema.fields().len()).collect();
        let converter = |columns: &[usize]| {
            let field = |&column: &usize| SortField::new(table.schema.field(column).data_type().clone());
            RowConverter::new(columns.iter().map(field).collect()).map_err(|error| error.to_string())
        };
        let identity = if named.is_empty() { all.clone() } else { named.clone() };
        let form = |column: &usize| match extension(table.schema.field(*column)) {
            Some(JSON | JSONB) => Form::Json,
            Some(UUID) => Form::Uuid,
            _ => Form::AsItIs,
        };
        Ok(Self {
            of_identity: converter(&identity)?,
            of_all: converter(&all)?,
            identity,
            is_named: !named.is_empty(),
            forms: all.iter().map(form).collect(),
            only_identity,
            seeds: std::array::from_fn(|_| RandomState::default()),
        })
    }

    /// The numbers of rows, of which some have values that are none of their columns' types.
    pub(super) fn hash(&self, rows: &RecordBatch, defects: &[Defect]) -> Result<Hashed, String> {
        let columns = self.normal(rows);
        let identity: Vec<_> = self.identity.iter().map(|&column| Arc::clone(&columns[column])).collect();
        let number = |converter: &RowConverter, columns: &[ArrayRef], high: &RandomState, low: &RandomState| {
            let rows = converter.convert_columns(columns).map_err(|error| error.to_string())?;
            let number = |row: datafusion::arrow::row::Row<'_>| {
                (u128::from(high.hash_one(row.data())) << 64) | u128::from(low.hash_one(row.data()))
            };
            Ok::<_, String>(rows.iter().map(number).collect::<Vec<_>>())
        };
        let ids = number(&self.of_identity, &identity, &self.seeds[0], &self.seeds[1])?;
        let mut digests = if self.only_identity {
            ids.clone()
        } else {
            number(&self.of_all, &columns, &self.seeds[2], &self.seeds[3])?
        };
        // What is NULL here is something else there.
        for defect in defects {
            digests[defect.row] = !digests[defect.row];
        }
        Ok(Hashed { ids, digests })
    }

    /// The columns by which a row is known.
    pub(super) fn identity(&self) -> &[usize] {
        &self.identity
    }

    /// The columns of rows, of which what homes take for the same is the same.
    pub(super) fn normal(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        rows.columns().iter().zip(&self.forms).map(|(column, form)| normal(column, *form)).collect()
    }

    /// What a row is known by, for people; `None` where that would be all of it.
    pub(super) fn told(&self, rows: &RecordBatch, row: usize) -> Option<String> {
        let options = FormatOptions::new().with_null("NULL");
        let schema = rows.schema();
        let value = |&column: &usize| {
            let text = ArrayFormatter::try_new(rows.column(column), &options)
                .map_or_else(|error| error.to_string(), |formatter| formatter.value(row).to_string());
            let told: String = text.chars().take(TOLD_CHARACTERS).collect();
            let more = if told.len() < text.len() { "…" } else { "" };
            format!("{} = {told}{more}", schema.field(column).name())
        };
        self.is_named.then(|| self.identity.iter().map(value).collect::<Vec<_>>().join(", "))
    }
}

/// Values of which those that a home takes for the same are the same: it may also keep a zero without its sign, and any number
/// that is none for another.
fn normal(column: &ArrayRef, form: Form) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let same = |float: f64| if float.is_nan() { f64::NAN } else { float + 0.0 };
            Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(same))
        }
        DataType::Utf8 if form != Form::AsItIs => {
            let same = |text: &str| if form == Form::Json { sorted(text) } else { uuid(text) };
            let same = |text: Option<&str>| text.map(|text| same(text).unwrap_or_else(|| text.to_owned()));
            Arc::new(column.as_string::<i32>().iter().map(same).collect::<StringArray>())
        }
        _ => Arc::clone(column),
    }
}

fn sorted(text: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(text).ok()?;
    json.sort_all_objects();
    Some(json.to_string())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Float64Array;

    use super::*;

    #[test]
    fn what_homes_take_for_the_same_is_the_same() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 0.0, 1.5]));
        let same = normal(&floats, Form::AsItIs);
        let same = same.as_primitive::<Float64Type>();
        assert_eq!(same.value(0).to_bits(), same.value(1).to_bits());
        assert!(same.value(2) > 1.0);
        assert_eq!(sorted(r#"{"b": [1, {"d": 2, "c": 3}], "a": "x"}"#), sorted(r#"{"a":"x","b":[1,{"c":3,"d":2}]}"#));
        assert_ne!(sorted(r#"{"a": 1}"#), sorted(r#"{"a": 2}"#));
    }
}
