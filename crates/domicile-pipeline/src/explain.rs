//! Where each record would go, why, and which objects would be made of it: a dry run of everything but delivery.

use std::io::BufRead;
use std::ops::Bound;

use datafusion::arrow::array::RecordBatch;
use domicile::Context;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::batch::{Batch, BatchLimit};
use crate::error::Error;
use crate::locate::{Fate, Judged, NearMisses, Why};
use crate::pipeline::Pipeline;
use crate::plan::Planned;
use crate::position::Position;
use crate::quarantine::{Cause, record_json};
use crate::source::Source;

/// Which records to explain.
pub enum Records<'a> {
    /// The first so many records behind a cursor of the source.
    Source {
        /// The cursor to begin behind; `None` begins at the start. A cursor of several columns is a list in JSON, as in
        /// `["2026-01-31 12:00", 7]`.
        after: Option<String>,
        /// At most so many records.
        limit: usize,
    },
    /// The records with this cursor.
    At(String),
    /// JSON objects, one after the other, as the source's records.
    Json(&'a mut dyn BufRead),
}

/// What would become of one record.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// Its cursor in the source, if it has one.
    pub position: Option<Position>,
    /// Where it would go.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The expression of the routing key, as the configuration writes it.
    pub key_expression: String,
    /// The values that the routing key was worked out from.
    pub key_inputs: Map<String, Value>,
    /// The objects that would be made.
    pub objects: Vec<ExplainedObject>,
}

/// Where a record would go.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// To a home.
    Delivered {
        /// The home.
        home: String,
        /// Why there.
        reason: String,
    },
    /// Nowhere: the source's `ignore` rule leaves it out.
    Ignored,
    /// To quarantine.
    Quarantined {
        /// The kind of reason.
        cause: Cause,
        /// The reason.
        reason: String,
    },
}

/// An object that would be made.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedObject {
    /// Its table.
    pub table: String,
    /// Its columns.
    pub object: Map<String, Value>,
}

impl Pipeline {
    /// Explains records of a source (the first one, if none is named). Writes nothing.
    ///
    /// # Errors
    ///
    /// If the configuration is wrong, the source cannot be read or has no record that is named, or the JSON does not fit the
    /// source's columns.
    pub async fn explain(&self, source: Option<&str>, records: Records<'_>) -> Result<Vec<Explained>, Error> {
        let mut all = self.plan().await?;
        let number = match source {
            None => 0,
            Some(name) => all
                .iter()
                .position(|planned| planned.writing.name == name)
                .ok_or_else(|| Error::usage(format!("source {name}: the configuration has no such source")))?,
        };
        let mut planned = all.swap_remove(number);
        let position = |text: String| {
            let read = planned.source.cursor().read(&text);
            read.map_err(|message| Error::usage(format!("source {}: {message}", planned.writing.name)))
        };
        let (mut from, last, limit) = match records {
            Records::Source { after: None, limit } => (Bound::Unbounded, None, limit),
            Records::Source { after: Some(text), limit } => (position(text)?.behind(), None, limit),
            Records::At(text) => {
                let position = position(text)?;
                (Bound::Included(position.clone()), Some(position), usize::MAX)
            }
            Records::Json(json) => {
                let batch = from_json(&*planned.source, json);
                let batch =
                    batch.map_err(|message| Error::usage(format!("source {}: {message}", planned.writing.name)))?;
                return self.explain_batch(&planned, &batch);
            }
        };
        let horizon = planned.source.horizon(&Position::Start, None).await?.upto;
        let upto = last.clone().map_or_else(|| horizon.clone(), |last| last.min(horizon.clone()));
        let most = BatchLimit { rows: self.config.batch.rows, bytes: self.config.batch.bytes };
        let mut all = Vec::new();
        while begins_before(&from, &upto) && all.len() < limit {
            let mut batch = planned.source.read(&from, &upto, most).await?;
            batch.records = batch.records.slice(0, (limit - all.len()).min(batch.records.num_rows()));
            from = batch.upto.behind();
            all.extend(self.explain_batch(&planned, &batch)?);
        }
        if let (Some(asked), true) = (last, all.is_empty()) {
            let message = format!("there is no record {asked} up to {horizon}, to where it can be read now");
            return Err(Error::usage(format!("source {}: {message}", planned.writing.name)));
        }
        Ok(all)
    }

    fn explain_batch(&self, planned: &Planned, batch: &Batch) -> Result<Vec<Explained>, Error> {
        let explained = || {
            let judged = planned.locator.judge(&batch.records)?;
            let mut near_misses = NearMisses::default();
            let rows = 0..batch.records.num_rows();
            let explained = rows.map(|row| self.explain_record(planned, batch, &judged, row, &mut near_misses));
            Ok(explained.collect())
        };
        explained().map_err(|message: String| Error::source(&planned.writing.name, message))
    }

    fn explain_record(
        &self,
        planned: &Planned,
        batch: &Batch,
        judged: &Judged,
        row: usize,
        near_misses: &mut NearMisses,
    ) -> Explained {
        let (_, outcome, objects) = self.outcome(planned, batch, judged, row, near_misses);
        Explained {
            position: planned.source.cursor().of(&batch.records, row),
            outcome,
            key_expression: planned.locator.key_shown().to_owned(),
            key_inputs: planned.locator.key_inputs(batch, row),
            objects,
        }
    }

    /// What would become of a record, and the number of the home that it is read for, or that of the control database.
    pub(crate) fn outcome(
        &self,
        planned: &Planned,
        batch: &Batch,
        judged: &Judged,
        row: usize,
        near_misses: &mut NearMisses,
    ) -> (usize, Outcome, Vec<ExplainedObject>) {
        let records = &batch.records;
        let mut objects = Vec::new();
        let fate = planned.locator.fate(batch, judged, row, near_misses);
        let slot = fate.slot();
        let outcome = match fate {
            Fate::Ignored(_) => Outcome::Ignored,
            Fate::Quarantined(_, cause, Why { reason, .. }) => Outcome::Quarantined { cause, reason },
            Fate::Delivered(slot, route) => {
                let home = self.config.homes[slot].home.clone();
                match Context::empty()
                    .and(home.clone())
                    .run(|| planned.writing.analysers.analyse(&records.slice(row, 1)))
                {
                    Ok(made) => {
                        objects =
                            made.iter().flat_map(|(table, rows)| explained_objects(planned, *table, rows)).collect();
                        Outcome::Delivered { home: home.to_string(), reason: route.to_string() }
                    }
                    Err(reason) => Outcome::Quarantined { cause: Cause::Refused, reason },
                }
            }
        };
        (slot, outcome, objects)
    }
}

/// Whether there can be records from a bound up to a position.
fn begins_before(from: &Bound<Position>, upto: &Position) -> bool {
    match from {
        Bound::Unbounded => *upto > Position::Start,
        Bound::Excluded(after) => after < upto,
        Bound::Included(first) => first <= upto,
    }
}

fn explained_objects(planned: &Planned, table: usize, rows: &RecordBatch) -> Vec<ExplainedObject> {
    let table = planned.writing.analysers.tables()[table].name.clone();
    let object = |row| ExplainedObject { table: table.clone(), object: record_json(rows, row, &[]) };
    (0..rows.num_rows()).map(object).collect()
}

fn from_json(source: &dyn Source, json: &mut dyn BufRead) -> Result<Batch, String> {
    let values = serde_json::Deserializer::from_reader(json).into_iter::<Value>();
    let values = values.collect::<Result<Vec<_>, _>>().map_err(|error| format!("this is no JSON: {error}"))?;
    let object = |(number, value)| match value {
        Value::Object(object) => Ok(object),
        _ => Err(format!("record {} of the input is no JSON object", number + 1)),
    };
    source.given(&values.into_iter().enumerate().map(object).collect::<Result<Vec<_>, _>>()?)
}
