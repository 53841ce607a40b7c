//! Where records come from.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::batch::{Batch, BatchLimit};
use crate::cursor::{Cursor, is_ordered};
use crate::error::Error;
use crate::position::Position;

mod answering;

pub(crate) use answering::open;

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

/// Up to where a source is settled.
#[derive(Clone, Debug)]
pub(crate) struct Horizon {
    /// Nothing will appear at or below this position later.
    pub upto: Position,
    /// Who or what keeps it from going further, if something does.
    pub waits_for: Option<String>,
    /// The writers among it, for the next run.
    pub waits: Option<Waits>,
}

/// A position up to which a source is settled once some transactions have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waits {
    pub upto: Position,
    /// What was asked, which server it was and since when it ran: for another one it says nothing.
    pub server: String,
    /// The transactions, by names that none has at the same server that began later.
    pub writers: BTreeSet<String>,
}

impl Waits {
    /// The text that stands for it in a database.
    pub(crate) fn stored(&self) -> String {
        json!({ "upto": self.upto.stored(), "server": self.server, "writers": self.writers }).to_string()
    }

    /// What a text of a database stands for, if it is one of this version's.
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        let stored: Value = serde_json::from_str(text).ok()?;
        let writer = |writer: &Value| writer.as_str().map(str::to_owned);
        Some(Self {
            upto: Position::from_stored(Some(stored["upto"].as_str()?)).ok()?,
            server: stored["server"].as_str()?.to_owned(),
            writers: stored["writers"].as_array()?.iter().map(writer).collect::<Option<_>>()?,
        })
    }
}

impl Horizon {
    /// Everything that is there is settled.
    pub(crate) fn all(upto: Position) -> Self {
        Self { upto, waits_for: None, waits: None }
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

    /// Reads only these columns, given by their numbers in order, from now on. Those of the cursor are among them.
    fn narrow(&mut self, columns: &[usize]);

    /// Whether this user may read these columns, where that is not known once the source is open.
    async fn check_access(&mut self) -> Result<(), Unopened> {
        Ok(())
    }

    /// The columns by which it is read.
    fn cursor(&self) -> &Cursor;

    /// What reading by the cursor guarantees.
    fn guarantee(&self) -> &Guarantee;

    /// What is needed such that an index finds the records that come next, if none does. Of a source whose records may come
    /// from anywhere it is not known.
    async fn unindexed(&mut self) -> Result<Option<Unindexed>, Error>;

    /// Records that are given as JSON in place of the source's own, taken as the source would hold and give them; they may
    /// have columns that are not read. The error names the record.
    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String>;

    /// Up to where everything is settled now. Who is not known to have ended is waited for, within a bound; what was
    /// `reached` before has been settled ever since. `waits` is what an earlier run has left to wait for.
    async fn horizon(&mut self, reached: &Position, waits: Option<&Waits>) -> Result<Horizon, Error>;

    /// Writers are waited for no longer than this from now on, by one who only looks.
    fn hurry(&mut self, wait: Duration) {
        let _ = wait;
    }

    /// Counts the records behind each of these positions, which are in order, and up to the next: up to one more than `most`.
    /// `None` for those where that takes longer than it may. Nothing else is asked of the source then.
    async fn count(&mut self, positions: &[Position], counting: Counting) -> Result<Vec<Option<u64>>, Error>;

    /// Reads records from a bound and up to `upto`, at most `limit`. The bound may have fewer values than the cursor has
    /// columns if it is included: then all records are read whose first values are at least these.
    ///
    /// The batch's `upto` is the cursor of its last record, or `upto` itself when the source has no more.
    async fn read(&mut self, from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> Result<Batch, Error>;
}

/// How far records are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counting {
    /// Of each count.
    pub(crate) most: u64,
    /// For all of them.
    pub(crate) within: Duration,
}

/// A source of which no index finds the records that come next.
pub(crate) struct Unindexed {
    pub(crate) message: String,
    /// What makes an index that does.
    pub(crate) fix: String,
}

impl Unindexed {
    pub(crate) fn new(cursor: &[&str], fix: String) -> Self {
        let message = format!(
            "no index has the records in the order of the cursor `{}`, so that a batch may take as long as a look through all \
             of them",
            cursor.join(", ")
        );
        Self { message, fix }
    }
}

/// Why a source cannot be opened: which setting is wrong, and what to do.
pub(crate) struct Unopened {
    /// The setting of the source, for example `cursor`.
    pub(crate) setting: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Everything that stops a source from being opened, and its columns if they are known.
pub(crate) struct NotOpened {
    pub(crate) why: Vec<Unopened>,
    pub(crate) schema: Option<SchemaRef>,
}

impl From<Vec<Unopened>> for NotOpened {
    fn from(why: Vec<Unopened>) -> Self {
        Self { why, schema: None }
    }
}

impl NotOpened {
    /// The cursor cannot be found among the columns. One that is missing in the configuration has been reported.
    pub(crate) fn no_cursor(schema: &SchemaRef, wrong: Option<(&str, &str)>) -> Self {
        let why = wrong.map(|(name, why)| Unopened::no_cursor(schema, name, why));
        Self { why: why.into_iter().collect(), schema: Some(Arc::clone(schema)) }
    }
}

impl Unopened {
    pub(crate) fn new(setting: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { setting, message: message.into(), help: help.into() }
    }

    /// A server, or the connection to it, fails.
    pub(crate) fn unreachable(database: impl fmt::Display, why: &str) -> Self {
        let message = format!("the database {database} cannot be opened: {why}");
        Self::new("url", message, "check that the server runs, and that this user may log in and read there")
    }

    /// A column of the cursor is none by which records can be read.
    fn no_cursor(schema: &Schema, name: &str, why: &str) -> Self {
        let can_be = |field: &&FieldRef| is_ordered(field.data_type());
        let names: Vec<_> = schema.fields().iter().filter(can_be).map(|field| field.name()).collect();
        Self::new("cursor", format!("the cursor `{name}` {why}"), format!("the columns that can be one are: {names:?}"))
    }

    /// The configuration gives a type to a column that there is none of.
    pub(crate) fn no_column(name: &str) -> Self {
        Self::new("columns", format!("there is no column `{name}`"), "remove it, or correct its name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_waited_for_is_read_as_it_was_stored() {
        let writers = ["3/14", "[[49], [108, 97]]"].map(String::from).into();
        let waits = Waits { upto: Position::At(7), server: String::from("since \"noon\""), writers };
        assert_eq!(Waits::from_stored(&waits.stored()), Some(waits));
        for other in ["", "{}", r#"{"upto": "7", "server": "s", "writers": [1]}"#, r#"{"server": "s", "writers": []}"#]
        {
            assert_eq!(Waits::from_stored(other), None, "{other}");
        }
    }
}
