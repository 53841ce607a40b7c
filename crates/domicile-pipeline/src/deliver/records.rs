//! Analysing records, and writing what they make; those that are at fault are found by halving.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use domicile::Context;

use super::Deliverer;
use crate::analyse::{Aggregates, Analysers};
use crate::blocking;
use crate::error::{Failure, Refusal};
use crate::fault::{self, Point};
use crate::quarantine::{Cause, Quarantined, record_json, shape};

impl Deliverer {
    /// Writes the objects of all records. Where the home refuses some, the records are halved until those at fault
    /// stand alone, and they go to quarantine.
    pub(super) async fn deliver_records(
        &mut self,
        records: RecordBatch,
        quarantined: &mut Vec<Quarantined>,
    ) -> Result<(), Failure> {
        let mut parts = vec![records];
        while let Some(part) = parts.pop() {
            let rows = part.num_rows();
            if rows == 0 {
                continue;
            }
            match self.try_deliver(&part).await {
                Ok(partials) => {
                    let add = |aggregates: &mut Aggregates| aggregates.add(partials);
                    blocking::with(&mut self.aggregates, add).await.map_err(Failure::refused)?;
                }
                Err(Failure::Refused(refusal)) if rows == 1 => {
                    let transaction = self.transaction.as_mut().expect("records are delivered in a transaction");
                    transaction.tally.add(Cause::Refused, Some(&refusal.to_string()));
                    // Whoever looks for all that are at fault, where all are, is long at work.
                    self.check_poison()?;
                    let (about, reason) = (Some(refusal.to_string()), refusal.into_reason());
                    let position = self.cursor.at(&part, 0);
                    let record = serde_json::Value::Object(record_json(&part, 0, &[])).to_string();
                    let mark = self.overlap.as_ref().map(|overlap| overlap.mark(&part, 0));
                    let (cause, shape) = (Cause::Refused, Some(shape(&part.schema())));
                    let resolution = None;
                    let refused =
                        Quarantined { position, number: 0, mark, cause, about, reason, record, shape, resolution };
                    quarantined.push(refused);
                }
                Err(Failure::Refused(_)) => {
                    parts.push(part.slice(rows / 2, rows - rows / 2));
                    parts.push(part.slice(0, rows / 2));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Writes the objects of records, and returns those that are merged later: all of them or, where each share is merged
    /// by itself, none.
    async fn try_deliver(&mut self, records: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, Failure> {
        let objects = self.stirring(analyse(Arc::clone(&self.analysers), records.clone())).await?;
        let objects = objects.map_err(|reason| Failure::Refused(Refusal::quoting(reason, "an analyser fails")))?;
        let (mut partials, mut rows): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|(table, _)| self.aggregates().merges(*table));
        // What is merged later is written when it is no longer known which record made it.
        for (table, objects) in &partials {
            self.delivery.check(*table, objects)?;
        }
        let mut counts = vec![0; self.report.objects.len()];
        for (table, objects) in rows.iter().chain(&partials) {
            counts[*table] += objects.num_rows() as u64;
        }
        if self.merges_each_share {
            let all = std::mem::take(&mut partials);
            let merge = |aggregates: &mut Aggregates| aggregates.merge(all);
            rows.extend(blocking::with(&mut self.aggregates, merge).await.map_err(Failure::refused)?);
        }
        self.delivery.write(rows).await?;
        fault::at(Point::Staged);
        let transaction = self.transaction.as_mut().expect("shares are delivered in a transaction");
        transaction.objects.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        Ok(partials)
    }
}

/// Analyses on a thread for blocking work, which is told the home by carrying the context over.
pub(crate) async fn analyse(
    analysers: Arc<Analysers>,
    records: RecordBatch,
) -> Result<Vec<(usize, RecordBatch)>, String> {
    let context = Context::current();
    let job = blocking::run(move || context.run(|| analysers.analyse(&records)));
    blocking::caught(job).await.unwrap_or_else(|panic| Err(format!("the analyser {panic}")))
}
