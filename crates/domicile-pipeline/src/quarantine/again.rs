//! A record in quarantine, as the source's record that it was.

use std::ops::Bound;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use serde_json::Value;

use super::kept::{Stored, taken_over};
use super::{record_json, shape};
use crate::batch::{Batch, BatchLimit, Defect};
use crate::plan::Planned;
use crate::position::Position;

/// Records of a page that could be had again, and what is stored of them.
pub(super) struct Again {
    pub(super) stored: Vec<Stored>,
    pub(super) batch: Batch,
    /// Why the others could not.
    pub(super) lost: Vec<(Stored, String)>,
}

impl Planned {
    /// The records of a page. What was kept is taken where it is certain to be the record, to the last digit: with the
    /// columns and types that are read now. Otherwise the source is asked for it.
    pub(super) async fn again(&mut self, page: Vec<Stored>, limit: BatchLimit) -> Result<Again, String> {
        let (mut stored, mut records, mut defects, mut lost) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for kept in page {
            let had = match self.as_kept(&kept) {
                Some(record) => Ok((record, Vec::new())),
                None => self.asked_of_source(&kept, limit).await,
            };
            match had {
                Ok((record, of_record)) => {
                    let row = records.len();
                    defects.extend(of_record.into_iter().map(|defect| Defect { row, ..defect }));
                    records.push(record);
                    stored.push(kept);
                }
                Err(why) => lost.push((kept, why)),
            }
        }
        let all = concat_batches(&self.source.schema(), &records).map_err(|error| error.to_string())?;
        Ok(Again { stored, batch: Batch { records: all, upto: Position::Start, defects }, lost })
    }

    /// The record as it was kept, if that says all that is needed.
    fn as_kept(&self, kept: &Stored) -> Option<RecordBatch> {
        if kept.cause == super::Cause::BadValue.name() || kept.shape.as_deref() != Some(&shape(&self.source.schema())) {
            return None;
        }
        let Ok(Value::Object(object)) = serde_json::from_str(&kept.record) else { return None };
        let batch = self.source.given(std::slice::from_ref(&object)).ok()?;
        // As a text: a number may have lost its last bit on its way here, and would be equal to itself.
        let text = Value::Object(record_json(&batch.records, 0, &[])).to_string();
        let is_same = batch.defects.is_empty()
            && text == kept.record
            && self.source.cursor().at(&batch.records, 0).key().as_deref() == Some(kept.key.text.as_str());
        is_same.then_some(batch.records)
    }

    async fn asked_of_source(
        &mut self,
        kept: &Stored,
        limit: BatchLimit,
    ) -> Result<(RecordBatch, Vec<Defect>), String> {
        let Some(position) = &kept.key.position else {
            return Err(String::from("its cursor is too long to be kept, so that the source cannot be asked for it"));
        };
        if !self.source.cursor().admits(position) {
            return Err(String::from("it was read by another cursor than the source has now"));
        }
        let batch = self.source.read(&Bound::Included(position.clone()), position, limit).await;
        let batch = batch.map_err(|error| error.to_string())?;
        let row = self.row_of(kept, &batch)?;
        Ok((batch.records.slice(row, 1), batch.defects_of(row).to_vec()))
    }

    /// Which of the records with its cursor it is.
    fn row_of(&self, kept: &Stored, batch: &Batch) -> Result<usize, String> {
        let rows = batch.records.num_rows();
        let number = if kept.key.number < 0 { taken_over(kept.key.number) } else { kept.key.number };
        let found = match &self.overlap {
            Some(overlap) => (0..rows).find(|row| overlap.mark(&batch.records, *row).number() == number),
            None if rows == 1 => Some(0),
            None => {
                let text = |row| Value::Object(record_json(&batch.records, row, batch.defects_of(row))).to_string();
                let found = (0..rows).find(|row| text(*row) == kept.record);
                if found.is_none() && rows > 1 {
                    let why = "several records of the source have its cursor, and none of them is as it was kept";
                    return Err(String::from(why));
                }
                found
            }
        };
        found.ok_or_else(|| String::from("the source has no such record any more"))
    }
}
