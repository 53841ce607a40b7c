//! Where a record goes that cannot be routed or delivered: kept as it is, with the reason.

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::batch::Defect;
use crate::overlap::Mark;
use crate::position::Position;

/// The kind of reason, for grouping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The routing key is NULL.
    NoKey,
    /// No home is placed for the routing key.
    UnknownKey,
    /// A value does not fit its column's type.
    BadValue,
    /// An analyser, or the home's database, refuses the record.
    Refused,
}

impl Cause {
    /// The name that stands in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Cause::NoKey => "no_key",
            Cause::UnknownKey => "unknown_key",
            Cause::BadValue => "bad_value",
            Cause::Refused => "refused",
        }
    }
}

/// A record in quarantine.
#[derive(Clone, Debug)]
pub(crate) struct Quarantined {
    /// Where it stands in the source.
    pub position: Position,
    /// Tells it from others that stand there, also from equal ones.
    pub number: i64,
    /// By what it is known where records are read again.
    pub mark: Option<Mark>,
    /// The kind of reason.
    pub cause: Cause,
    /// The reason, for a person.
    pub reason: String,
    /// The record as JSON; a value that did not fit its column stands as the source holds it.
    pub record: String,
}

/// A record as a JSON object; `defects` are those of the record. Values that did not fit their column stand as the source
/// holds them, and decimals and times as text, so that no digit is lost.
pub(crate) fn record_json(records: &RecordBatch, row: usize, defects: &[Defect]) -> Map<String, Value> {
    let options = FormatOptions::new();
    let schema = records.schema();
    let fields = schema.fields().iter().zip(records.columns()).enumerate();
    let value = |column: usize, array: &dyn datafusion::arrow::array::Array, data_type: &DataType| {
        if let Some(defect) = defects.iter().find(|defect| defect.column == column) {
            return defect.raw.clone();
        }
        if array.is_null(row) {
            return Value::Null;
        }
        let text = ArrayFormatter::try_new(array, &options)
            .map_or_else(|error| error.to_string(), |formatter| formatter.value(row).to_string());
        match data_type {
            DataType::Int64 | DataType::UInt64 | DataType::Boolean => text.parse().unwrap_or(Value::String(text)),
            // From the number itself: what is read from text may differ in its last digit. What is none stays text.
            DataType::Float64 => match array.as_primitive::<Float64Type>().value(row) {
                float if float.is_finite() => float.into(),
                float => float.to_string().into(),
            },
            DataType::Binary => Value::String(format!("0x{text}")),
            _ => Value::String(text),
        }
    };
    fields.map(|(column, (field, array))| (field.name().clone(), value(column, array, field.data_type()))).collect()
}
