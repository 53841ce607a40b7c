//! One reading of a source, for homes that are about equally far.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tracing::{Instrument, info_span};

use super::homes::Homes;
use super::lead::{Ended, Reader, Shared};
use crate::batch::{Batch, BatchLimit};
use crate::blocking;
use crate::deliver::{Limits, Message};
use crate::error::Error;
use crate::fault::{self, Point};
use crate::locate::{Locator, Split};
use crate::plan::Planned;
use crate::position::Position;
use crate::report::{BatchRead, Event};
use crate::source::Source;

/// What is read of a source for some homes.
pub(super) struct Reading {
    /// How far the last of the homes has got.
    pub(super) after: Position,
    /// Whether there is anything to read.
    pub(super) is_needed: bool,
    from: Bound<Position>,
    starts: Arc<[Position]>,
}

/// A batch, the permit for its memory, and how long reading it took.
type Permitted = (Batch, Arc<OwnedSemaphorePermit>, Duration);

/// Batches that are read ahead of their delivery.
struct Ahead {
    batches: mpsc::Receiver<Result<Permitted, Error>>,
    /// The next one is not read yet, for want of memory.
    waits_for_memory: Arc<AtomicBool>,
}

impl Reading {
    /// What homes lack that begin at these positions.
    pub(super) fn of(planned: &Planned, starts: Vec<Position>, upto: &Position) -> Self {
        let after = starts.iter().min().unwrap_or(upto).clone();
        let (from, is_needed) = match &planned.overlap {
            Some(overlap) => (overlap.from(&after), *upto > Position::Start),
            None => (after.behind(), after < *upto),
        };
        Self { after, is_needed, from, starts: Arc::from(starts) }
    }

    /// Reads batches, locates the records of each and hands every home its share: up to where that was done, also where the rest
    /// fails.
    pub(super) async fn distribute(
        self,
        planned: Planned,
        homes: &Homes,
        shared: &Shared<'_>,
        Reader { limits, is_catching_up, .. }: &Reader,
        reached: &mut Option<Position>,
    ) -> Result<Ended, Error> {
        let (name, locator, is_catching_up) = (planned.writing.name, planned.locator, *is_catching_up);
        let failed = |message: &str| Error::source(&name, message);
        let upto = shared.upto;
        let memory = Arc::clone(&limits.memory);
        let mut ahead = read_ahead(planned.source, self.from, upto.clone(), shared.batch, memory);
        loop {
            if homes.is_idle() {
                return Ok(Ended::Deserted);
            }
            let stop = if reached.is_some() { shared.enough } else { &shared.run.until.stop };
            let received = stop.run_until_cancelled(next(&mut ahead, homes, limits)).await;
            let Some(received) = received else { return Ok(Ended::Stopped) };
            let Some(batch) = received else { break };
            let (batch, permit, took) = batch?;
            let (records, bytes) = (batch.records.num_rows(), batch.records.get_array_memory_size());
            let read = BatchRead { source: &name, records, bytes, upto: &batch.upto, took, is_catching_up };
            shared.observer.observe(&Event::BatchRead(read));
            let end = batch.upto.clone();
            let split = locate(batch, Arc::clone(&locator), Arc::clone(&self.starts)).await;
            fault::at(Point::Located);
            let Split { shares, rows, homeless } = split.map_err(|message| failed(&message))?;
            // A home that got beyond records which it is taken to have none of would never be given them.
            limits.poison.check_homeless(rows, &homeless).map_err(|message| failed(&message))?;
            for share in shares {
                homes.send(share.slot, Message::Share(share, Arc::clone(&permit))).await;
            }
            *reached = Some(end);
        }
        // The channel also ends when reading panics, and what was not read must not count as read.
        if reached.as_ref() == Some(upto) { Ok(Ended::AtItsEnd) } else { Err(failed("reading ended before its end")) }
    }
}

/// Reads batches ahead of their delivery, as far as memory is allowed.
fn read_ahead(
    mut source: Box<dyn Source>,
    mut from: Bound<Position>,
    upto: Position,
    limit: BatchLimit,
    memory: Arc<Semaphore>,
) -> Ahead {
    let (sender, batches) = mpsc::channel(1);
    let waits_for_memory = Arc::<AtomicBool>::default();
    let waits = Arc::clone(&waits_for_memory);
    let reading = async move {
        loop {
            waits.store(true, Ordering::Relaxed);
            let permit = Arc::clone(&memory).acquire_owned().await.expect("the semaphore is never closed");
            waits.store(false, Ordering::Relaxed);
            fault::at(Point::BeforeRead);
            let began = Instant::now();
            let batch = source.read(&from, &upto, limit).instrument(info_span!("read")).await;
            let took = began.elapsed();
            fault::at(Point::AfterRead);
            let reached = batch.as_ref().map_or(&upto, |batch| &batch.upto).clone();
            if sender.send(batch.map(|batch| (batch, Arc::new(permit), took))).await.is_err() || reached >= upto {
                return;
            }
            from = reached.behind();
        }
    };
    tokio::spawn(reading.in_current_span());
    Ahead { batches, waits_for_memory }
}

/// The next batch. Homes that hold all memory and do not get on are let go, so that it comes.
async fn next(ahead: &mut Ahead, homes: &Homes, limits: &Limits) -> Option<Result<Permitted, Error>> {
    loop {
        match timeout(limits.others_wait, ahead.batches.recv()).await {
            Ok(received) => return received,
            Err(_) if ahead.waits_for_memory.load(Ordering::Relaxed) => homes.let_go_of_stuck(limits.others_wait),
            Err(_) => {}
        }
    }
}

async fn locate(batch: Batch, locator: Arc<Locator>, starts: Arc<[Position]>) -> Result<Split, String> {
    let job = blocking::run(move || {
        let judged = locator.judge(&batch.records)?;
        locator.split(&batch, &judged, &starts)
    });
    blocking::caught(job).await.unwrap_or_else(|panic| Err(format!("locating {panic}")))
}
