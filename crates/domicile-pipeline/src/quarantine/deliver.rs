//! Delivering records of a quarantine to a home, beside runs that may go on.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use domicile::{Context, Home};

use super::kept::Quarantine;
use super::newer::Newer;
use crate::analyse::{Aggregates, Analysers, Combine};
use crate::deliver::analyse;
use crate::error::{Failure, Refusal};
use crate::plan::Planned;

/// A home that records are replayed to, with its quarantine.
pub(super) struct Target {
    pub(super) quarantine: Quarantine,
    home: Home,
    analysers: Arc<Analysers>,
    combines: Vec<Option<Combine>>,
}

impl Target {
    pub(super) fn new(quarantine: Quarantine, home: &Home, planned: &Planned) -> Self {
        let (analysers, combines) = (Arc::clone(&planned.writing.analysers), planned.combines.clone());
        Self { quarantine, home: home.clone(), analysers, combines }
    }

    /// Writes what all of the records make, in the transaction that is open. Those that are refused are told, each with why:
    /// the records are halved until these stand alone.
    pub(super) async fn deliver(
        &mut self,
        records: RecordBatch,
        newer: &Newer,
    ) -> Result<Vec<(usize, Refusal)>, Failure> {
        let mut refused = Vec::new();
        let mut parts = vec![(0, records)];
        while let Some((begin, part)) = parts.pop() {
            let rows = part.num_rows();
            if rows == 0 {
                continue;
            }
            match self.try_deliver(&part, newer).await {
                Ok(()) => {}
                Err(Failure::Refused(refusal)) if rows == 1 => refused.push((begin, refusal)),
                Err(Failure::Refused(_)) => {
                    parts.push((begin + rows / 2, part.slice(rows / 2, rows - rows / 2)));
                    parts.push((begin, part.slice(0, rows / 2)));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(refused)
    }

    async fn try_deliver(&mut self, records: &RecordBatch, newer: &Newer) -> Result<(), Failure> {
        let context = Context::empty().and(self.home.clone());
        let objects = context.scope(analyse(Arc::clone(&self.analysers), records.clone())).await;
        let objects = objects.map_err(|reason| Failure::Refused(Refusal::quoting(reason, "an analyser fails")))?;
        let (partials, made): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|(table, _)| self.combines[*table].is_some());
        let mut rows = Vec::new();
        for (number, objects) in made {
            let table = (number, &self.analysers.tables()[number]);
            let left = newer.without_older(records, table, objects).map_err(Failure::Failed)?;
            rows.push((number, left));
        }
        for (table, objects) in &partials {
            self.quarantine.store.check(*table, objects)?;
        }
        let mut aggregates = Aggregates::new(&self.combines, usize::MAX);
        rows.extend(aggregates.merge(partials).map_err(Failure::refused)?);
        self.quarantine.store.write(rows).await
    }
}
