//! Where records come from.

use std::fmt;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::batch::{Batch, BatchLimit, Position};
use crate::error::Error;

/// How sure it is that reading by the cursor misses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GuaranteeClass {
    /// No record is missed and none is read twice.
    Exact,
    /// No record is missed as long as the stated condition holds.
    Bounded,
    /// Records can be missed; nothing in the source can rule it out.
    Heuristic,
}

/// A source's guarantee class, why it has it, and what would raise it.
#[derive(Clone, Debug, Serialize)]
pub struct Guarantee {
    /// The class.
    pub class: GuaranteeClass,
    /// Why the source has this class.
    pub reason: String,
    /// What would raise it; `None` for an exact source.
    pub raise: Option<String>,
}

impl fmt::Display for GuaranteeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GuaranteeClass::Exact => "exact",
            GuaranteeClass::Bounded => "bounded",
            GuaranteeClass::Heuristic => "heuristic",
        })
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.reason)?;
        self.raise.as_ref().map_or(Ok(()), |raise| write!(f, "; {raise}"))
    }
}

/// A database that records are read from, in batches, by a cursor that only grows.
///
/// An implementation MUST read each batch in one snapshot, MUST return records in the order of the cursor and all
/// records of one cursor value in one batch, and MUST NOT write to the source. It SHOULD hold locks and snapshots no
/// longer than the reading of one batch takes.
#[async_trait]
pub(crate) trait Source: Send {
    /// The columns of a record.
    fn schema(&self) -> SchemaRef;

    /// The number of the cursor's column in the schema.
    fn cursor(&self) -> usize;

    /// What reading by the cursor guarantees.
    fn guarantee(&self) -> &Guarantee;

    /// Records that are given as JSON in place of the source's own, taken as the source would hold and give them. The error
    /// names the record.
    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String>;

    /// The highest position up to which everything is settled now: nothing will appear at or below it later.
    async fn horizon(&mut self) -> Result<Position, Error>;

    /// Reads records behind `after` and up to `upto`, at most `limit`.
    ///
    /// The batch's `upto` is the cursor of its last record, or `upto` itself when the source has no more.
    async fn read(&mut self, after: Position, upto: Position, limit: BatchLimit) -> Result<Batch, Error>;
}
