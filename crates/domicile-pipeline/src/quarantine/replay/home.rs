//! Replaying what a home keeps.

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;

use super::super::ahead::Ahead;
use super::super::deliver::Target;
use super::super::kept::{Quarantine, Stored};
use super::super::newer::{Newer, Undelivered};
use super::{New, ReplayedPlace, Replayer, Verdict};
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::quarantine::Resolution;

/// So often a transaction is tried again that a run has come in the way of.
pub(super) const TRIES: usize = 5;

/// Records of a page, what is stored of each, and what becomes of it.
pub(super) struct Judged {
    pub(super) page: Vec<Stored>,
    pub(super) records: RecordBatch,
    pub(super) verdicts: Vec<Verdict>,
}

impl Replayer<'_> {
    pub(super) async fn replay_home(&mut self, slot: usize, place: &mut ReplayedPlace) -> Result<(), Failure> {
        let Some(mut target) = self.target(slot).await? else { return Ok(()) };
        let mut ahead = Ahead::default();
        while let Some(page) = self.next(&mut target.quarantine, &mut ahead).await? {
            let mut done = self.place(place.home.as_deref());
            let judged = self.judged(page, &mut done).await?;
            let mut tries = 0..TRIES;
            let done = loop {
                match (self.replay_page(slot, &mut target, &judged, done.clone()).await, tries.next()) {
                    // Such as a deadlock with a run, which has ended the transaction.
                    (Err(Failure::Transient(_)), Some(_)) => target = self.target_again(slot).await?,
                    (done, _) => break done?,
                }
            };
            place.add(done);
        }
        target.quarantine.store.close().await;
        Ok(())
    }

    /// Replays records in one transaction of the home that keeps them.
    async fn replay_page(
        &mut self,
        slot: usize,
        target: &mut Target,
        judged: &Judged,
        mut done: ReplayedPlace,
    ) -> Result<ReplayedPlace, Failure> {
        let deliverable = |(row, verdict): (usize, &Verdict)| matches!(verdict, Verdict::Deliver(_)).then_some(row);
        let deliverable: Vec<_> = judged.verdicts.iter().enumerate().filter_map(deliverable).collect();
        let newer = self.begin(slot, target, &rows(&judged.records, &deliverable)?).await?;
        fault::at(Point::ReplayBegun);
        let mut taken = Vec::new();
        for (row, (stored, verdict)) in judged.page.iter().zip(&judged.verdicts).enumerate() {
            let quarantine = &mut target.quarantine;
            match verdict {
                Verdict::Deliver(home) if *home != slot => {
                    let home = &self.pipeline.config.homes[*home].home;
                    done.unplayed(stored, format!("its home is {home} by the rules now, and another home keeps it"));
                }
                Verdict::Deliver(_) => {
                    if self.resolve(quarantine, stored, Resolution::Replayed, None).await? {
                        taken.push(row);
                    }
                }
                Verdict::Ignore => {
                    done.ignored += u64::from(self.resolve(quarantine, stored, Resolution::Ignored, None).await?);
                }
                Verdict::Keep(_, new) => {
                    done.kept += u64::from(self.keep(quarantine, stored, &stored.key, new, true).await?);
                }
            }
        }
        let refused = target.deliver(rows(&judged.records, &taken)?, &newer).await?;
        done.delivered += (taken.len() - refused.len()) as u64;
        done.kept += refused.len() as u64;
        for (number, refusal) in refused {
            let stored = &judged.page[taken[number]];
            self.keep(&mut target.quarantine, stored, &stored.key, &New::from(refusal), false).await?;
        }
        fault::at(Point::ReplayWritten);
        target.quarantine.store.commit_beside().await?;
        fault::at(Point::ReplayCommitted);
        Ok(done)
    }

    /// The way into a home whose connection is of no use any more.
    pub(super) async fn target_again(&self, slot: usize) -> Result<Target, Failure> {
        let missing = || Failure::Failed(String::from("its tables are gone"));
        self.target(slot).await?.ok_or_else(missing)
    }

    /// Begins a transaction in which these records are delivered. Where rows are replaced, it is known who made them last, and
    /// no run moves the home on until it ends.
    pub(super) async fn begin(
        &mut self,
        slot: usize,
        target: &mut Target,
        records: &RecordBatch,
    ) -> Result<Newer, Failure> {
        if !self.planned.replaces() || records.num_rows() == 0 {
            target.quarantine.store.begin_beside().await?;
            return Ok(Newer::default());
        }
        let (source, limit) = (self.source().to_owned(), self.limit());
        for _ in 0..TRIES {
            let reached = target.quarantine.reached(&source, false).await?;
            let mut control =
                Quarantine::open(self.planned.writing.store_of_control(&self.pipeline.config.control)).await?;
            let mut undelivered = Undelivered::of(&source, &mut target.quarantine, control.as_mut()).await?;
            let home = (slot, &self.pipeline.config.homes[slot].home);
            let newer = self.planned.newer(home, records, &reached, &mut undelivered, limit).await?;
            if let Some(mut control) = control {
                control.store.close().await;
            }
            target.quarantine.store.begin_beside().await?;
            if target.quarantine.reached(&source, true).await? == reached {
                return Ok(newer);
            }
            target.quarantine.store.rollback().await;
        }
        let message =
            "a run goes on in it, and rows that it replaces are to be replayed; replay them while no run does";
        Err(Failure::Failed(String::from(message)))
    }
}

/// Some of the records.
pub(super) fn rows(records: &RecordBatch, rows: &[usize]) -> Result<RecordBatch, Failure> {
    let rows = rows.iter().map(|row| u32::try_from(*row).expect("a page has fewer than 2^32 records"));
    let rows = UInt32Array::from_iter_values(rows);
    take_record_batch(records, &rows).map_err(|error| Failure::Failed(error.to_string()))
}
