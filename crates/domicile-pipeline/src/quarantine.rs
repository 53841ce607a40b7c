//! Where a record goes that cannot be routed or delivered: kept as it is, with the reason, until it is replayed or dropped.

mod again;
mod ahead;
mod deliver;
mod filter;
mod kept;
mod list;
mod newer;
mod replay;
mod store;
mod waiting;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float64Type, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::batch::Defect;
use crate::extension::extension;
use crate::overlap::Mark;
use crate::position::Position;

pub(crate) use filter::Narrowed;
pub use filter::QuarantineFilter;
pub(crate) use kept::{Quarantine, Stored, cleared, taken_over};
pub use list::{QuarantineGroup, QuarantineList, QuarantinedRecord, UnreachedQuarantine};
pub use replay::{Replay, ReplayedPlace};
pub(crate) use store::{Dialect, Row, Store};
pub(crate) use waiting::{ReadAgain, Waiting};

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
    /// All there are.
    pub const ALL: [Self; 4] = [Cause::NoKey, Cause::UnknownKey, Cause::BadValue, Cause::Refused];

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

    /// The cause with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// What became of a record that was in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It was delivered to the home that keeps it.
    Replayed,
    /// The source's `ignore` rule leaves it out.
    Ignored,
    /// It was dropped, for a reason that is kept.
    Dropped,
    /// Its home is known now, and has it: see there.
    Moved,
    /// A run has read it again for the home, which was behind it.
    Read,
}

impl Resolution {
    const ALL: [Self; 5] =
        [Resolution::Replayed, Resolution::Ignored, Resolution::Dropped, Resolution::Moved, Resolution::Read];

    /// The name that stands in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Resolution::Replayed => "replayed",
            Resolution::Ignored => "ignored",
            Resolution::Dropped => "dropped",
            Resolution::Moved => "moved",
            Resolution::Read => "read",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.name() == name)
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
    /// What the reason is about, for grouping: no value of a record but a routing key stands in it.
    pub about: Option<String>,
    /// The reason, for a person.
    pub reason: String,
    /// The record as JSON; a value that did not fit its column stands as the source holds it.
    pub record: String,
    /// Stands for the columns and types that the record was read with.
    pub shape: Option<String>,
    /// A home takes it over from the control database, and what became of it.
    pub resolution: Option<Resolution>,
}

/// What stands for columns and their types.
pub(crate) fn shape(schema: &Schema) -> String {
    let mut hasher = Sha256::new();
    for field in schema.fields() {
        hasher.update(format!("{:?} {:?} {:?};", field.name(), field.data_type(), extension(field)));
    }
    hexadecimal(&hasher.finalize()[..8])
}

/// The hash of a text, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
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
