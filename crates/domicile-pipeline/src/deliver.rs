//! Writing each home's share of every batch to that home, exactly once.
//!
//! Each home has a task of its own, so that one that fails delays only itself; one that is merely slow holds batches in
//! memory, and reading waits when there are too many of them, for a while: then it is let go. A task gathers shares into a
//! transaction of the home until that is large or old enough; the transaction also holds the merged aggregates, the
//! accounting and the compare-and-set of the home's position.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use tracing::field::{Empty, display};
use tracing::{Span, info_span};

use crate::account::Account;
use crate::analyse::{Aggregates, Analysers};
use crate::blocking;
use crate::cursor::Cursor;
use crate::error::Failure;
use crate::fault::{self, Point};
use crate::lease::Lease;
use crate::locate::Share;
use crate::overlap::{InAll, Known, Mark, Overlap};
use crate::plan::Planned;
use crate::position::Position;
use crate::quarantine::{Cause, Quarantined};
use crate::report::{HomeReport, Observer, Transacted};

mod answering;
mod breaker;
mod delivery;
mod records;
mod work;

pub(crate) use answering::{Answering, answers};
pub(crate) use breaker::PoisonLimits;
pub(crate) use breaker::Tally;
pub(crate) use delivery::{Delivered, Delivery, Misfit, Opened, Owner};
pub(crate) use records::analyse;
pub(crate) use work::{Work, let_go};

/// When a transaction is large or old enough, and how much may happen at once.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) commit_rows: u64,
    /// `None` for what is usual for the home's kind of database.
    pub(crate) commit_interval: Option<Duration>,
    /// Bytes of records that a home gathers before it delivers them.
    pub(crate) gathered_bytes: usize,
    /// So many databases are delivered to.
    pub(crate) databases: usize,
    /// Rows of partial aggregates that a home keeps in memory for a table.
    pub(crate) aggregate_rows: usize,
    /// Batches that are in memory at the same time.
    pub(crate) memory: Arc<Semaphore>,
    /// Homes that are worked on at the same time, but for those that have been at one thing for too long.
    pub(crate) working: Arc<Semaphore>,
    /// Homes that keep their connection open between shares.
    pub(crate) kept_open: Arc<Semaphore>,
    /// Homes beyond those: each opens for one share, commits and closes.
    pub(crate) opened_briefly: Arc<Semaphore>,
    /// Records that are remembered because they may be read again.
    pub(crate) remembered: InAll,
    /// How many records of a transaction may go to quarantine.
    pub(crate) poison: PoisonLimits,
    /// So long a home may be at what it was given while others wait for it.
    pub(crate) others_wait: Duration,
    /// The run's lease; none where there is nothing to deliver.
    pub(crate) lease: Option<Lease>,
}

impl Limits {
    /// The same for one more reader, whose batches take nobody else's memory.
    pub(crate) fn with_memory(&self, batches: usize) -> Self {
        Self { memory: Arc::new(Semaphore::new(batches)), ..self.clone() }
    }
}

/// What a home's task is told.
pub(crate) enum Message {
    /// Deliver this; the permit is held for as long as the batch's memory is needed.
    Share(Share, Arc<OwnedSemaphorePermit>),
    /// Everything up to here was read, and there will be no more.
    Finish(Position),
}

/// Delivers to one home.
pub(crate) struct Deliverer {
    delivery: Box<dyn Delivery>,
    /// The source that it is delivered from.
    source: String,
    /// The id of the control database that the run belongs to.
    control: Option<String>,
    analysers: Arc<Analysers>,
    /// Here, except while they are merged on another thread.
    aggregates: Option<Aggregates>,
    cursor: Cursor,
    overlap: Option<Arc<Overlap>>,
    /// What is merged is written with each share.
    merges_each_share: bool,
    /// What the home remembers of records that are read again, once it is open.
    known: Option<Known>,
    limits: Arc<Limits>,
    observer: Arc<dyn Observer>,
    report: HomeReport,
    position: Position,
    /// So many bytes of records are gathered yet before they are delivered.
    until_delivered: usize,
    /// Held while the connection stays open between shares.
    open: Option<OwnedSemaphorePermit>,
    transaction: Option<Transaction>,
    /// It is the control database that is delivered to.
    is_control: bool,
}

/// What the open transaction holds.
struct Transaction {
    began: Instant,
    upto: Position,
    account: Account,
    /// Of each record in quarantine, the kind of reason.
    causes: Vec<Cause>,
    /// The same, for the limits.
    tally: Tally,
    /// By position, how many records were put into quarantine.
    numbers: HashMap<Position, i64>,
    /// Objects by the number of their table.
    objects: Vec<u64>,
    /// Records that are not delivered yet, though they are counted.
    gathered: Vec<RecordBatch>,
    /// It has no position unless it is committed.
    span: Span,
    /// Nobody else writes to the control database meanwhile, if this does.
    _writing: Option<OwnedMutexGuard<()>>,
}

impl Deliverer {
    pub(crate) fn new(
        delivery: Box<dyn Delivery>,
        control: Option<&str>,
        number: usize,
        planned: &Planned,
        report: HomeReport,
        limits: Arc<Limits>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        // Homes that fill alike would all deliver at once, and then wait for the source together.
        let until_delivered = limits.gathered_bytes * (number + 1) / limits.databases;
        let open = delivery.is_open().then(|| Arc::clone(&limits.kept_open).try_acquire_owned().ok()).flatten();
        let is_control = number + 1 == limits.databases;
        Self {
            delivery,
            source: planned.writing.name.clone(),
            control: control.map(str::to_owned),
            analysers: Arc::clone(&planned.writing.analysers),
            aggregates: Some(Aggregates::new(&planned.combines, limits.aggregate_rows)),
            cursor: planned.source.cursor().clone(),
            overlap: planned.overlap.clone(),
            merges_each_share: planned.merges_each_share,
            known: None,
            limits,
            observer,
            position: report.position.clone().unwrap_or(Position::Start),
            report,
            until_delivered,
            open,
            transaction: None,
            is_control,
        }
    }

    /// Delivers until the messages end, or the home is let go, and reports. The caller has put the home into the context.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Message>, work: Arc<Work>) -> HomeReport {
        let delivering = blocking::caught(self.deliver_all(&mut messages, &work));
        let Some(delivered) = work.let_go.run_until_cancelled(delivering).await else {
            // Whoever does not answer is asked nothing more: with the connection its transaction ends, and with the messages
            // go the batches that others wait for.
            self.report.fail(let_go(self.limits.others_wait));
            self.report.is_let_go = true;
            self.report.position = Some(self.position);
            return self.report;
        };
        if let Err(failure) = delivered.unwrap_or_else(|panic| Err(Failure::Failed(panic))) {
            // Nothing of the open transaction is kept: the next run begins at the position of the last commit. Undoing it may take
            // long, and nobody waits for the batches that came meanwhile.
            drop(messages);
            let _at_work = work.begin();
            self.delivery.rollback().await;
            // Whatever has failed: a run that has lost its lease is at its end.
            let lost = self.limits.lease.as_ref().and_then(|lease| lease.check().err());
            let failure = lost.unwrap_or(failure);
            self.report.fail(failure);
        }
        let _at_work = work.begin();
        self.delivery.close().await;
        self.report.position = Some(self.position);
        self.report
    }

    async fn deliver_all(&mut self, messages: &mut mpsc::Receiver<Message>, work: &Work) -> Result<(), Failure> {
        let (parallel, others_wait) = (Arc::clone(&self.limits.working), self.limits.others_wait);
        loop {
            let due = self.transaction.as_ref().map(|transaction| transaction.began + self.commit_interval());
            let next = async {
                let message = match due {
                    Some(due) => tokio::time::timeout_at(due, messages.recv()).await,
                    None => Ok(messages.recv().await),
                };
                (message, parallel.acquire().await.expect("the semaphore is never closed"))
            };
            let (message, working) = self.stirring(next).await?;
            let _at_work = work.begin();
            let is_last = matches!(message, Ok(None));
            let mut doing = std::pin::pin!(self.act_on(message));
            match tokio::time::timeout(others_wait, &mut doing).await {
                Ok(done) => done?,
                Err(_) => {
                    // It hangs or is slow, and others are worked on in its place.
                    drop(working);
                    doing.await?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Does what it is told. A transaction that is old enough is committed, and so is the last one.
    async fn act_on(&mut self, message: Result<Option<Message>, Elapsed>) -> Result<(), Failure> {
        match message {
            // The batch's permit is dropped with the share, whose records are few or delivered then.
            Ok(Some(Message::Share(share, _batch))) => self.deliver(share).await,
            Ok(Some(Message::Finish(upto))) => self.finish(upto).await,
            Ok(None) | Err(_) => self.commit().await,
        }
    }

    /// Waits for something that may take long, and lets the home know meanwhile that the run still lives.
    async fn stirring<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let (Some(_), Some(lease)) = (&self.transaction, &self.limits.lease) else { return Ok(work.await) };
        let pause = lease.third();
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(pause, &mut work).await {
                Ok(done) => return Ok(done),
                Err(_) => self.delivery.stir().await?,
            }
        }
    }

    /// The run's lease, as long as it is held.
    fn lease(&self) -> Result<&Lease, Failure> {
        let none = || Failure::Failed(String::from("the run has not taken a lease"));
        let lease = self.limits.lease.as_ref().ok_or_else(none)?;
        lease.check().map(|()| lease)
    }

    fn commit_interval(&self) -> Duration {
        if self.is_control {
            // The lease is renewed there, and waits for no home.
            return Duration::ZERO;
        }
        self.limits.commit_interval.unwrap_or_else(|| self.delivery.commit_interval())
    }

    async fn deliver(&mut self, share: Share) -> Result<(), Failure> {
        let briefly = self.begin().await?;
        let Share { upto, records, ignored, quarantined, .. } = self.without_known(share).await?;
        let rows = records.num_rows() as u64;
        let transaction = self.transaction.as_mut().expect("it was begun above");
        // What is read again ends before the position.
        transaction.upto = upto.max(transaction.upto.clone());
        transaction.account += Account { read: rows + ignored, delivered: rows, ignored, quarantined: 0 };
        self.until_delivered = self.until_delivered.saturating_sub(records.get_array_memory_size());
        transaction.gathered.push(records);
        quarantined.iter().for_each(|record| transaction.tally.add(record.cause, record.about.as_deref()));
        self.quarantine(quarantined).await?;
        self.check_poison()?;
        if self.until_delivered == 0 {
            self.deliver_gathered().await?;
        }
        let transaction = self.transaction.as_ref().expect("it was begun above");
        let large = transaction.account.read >= self.limits.commit_rows;
        let old = transaction.began.elapsed() >= self.commit_interval();
        if large || old || self.aggregates().is_full() || briefly.is_some() {
            self.commit().await?;
        }
        if briefly.is_some() {
            self.delivery.close().await;
        }
        Ok(())
    }

    /// Takes over what the control database keeps, and leaves out what the home has dealt with before, where records are read
    /// again. A replay that is under way may be taking the same records over: it is waited for by the first, and what it has
    /// delivered then is known by the second.
    async fn without_known(&mut self, mut share: Share) -> Result<Share, Failure> {
        let taken_over = std::mem::take(&mut share.taken_over);
        let may_be_replayed = !taken_over.is_empty();
        if may_be_replayed {
            self.delivery.quarantine(taken_over).await?;
        }
        let Some(overlap) = &self.overlap else { return Ok(share) };
        if self.known.is_none() || may_be_replayed {
            let seen = self.delivery.seen().await?;
            self.known.get_or_insert_with(|| Known::new(&self.limits.remembered)).learn(seen);
        }
        let known = self.known.as_mut().expect("it was asked for above");
        known.leave_out(overlap, &mut share).map_err(Failure::Failed)?;
        Ok(share)
    }

    /// Remembers what has been dealt with and may be read again by a home that has got to a position.
    async fn remember(&mut self, upto: &Position) -> Result<(), Failure> {
        let (Some(overlap), Some(known)) = (&self.overlap, &mut self.known) else { return Ok(()) };
        let Some(begin) = overlap.begin(upto) else { return Ok(()) };
        let marks = known.take_new(begin).map_err(Failure::Failed)?;
        self.delivery.remember(marks, begin).await
    }

    /// Fails if too many records go to quarantine. The control database takes nothing else.
    fn check_poison(&self) -> Result<(), Failure> {
        match &self.transaction {
            Some(transaction) if !self.is_control => {
                self.limits.poison.check(transaction.account.read, &transaction.tally)
            }
            _ => Ok(()),
        }
    }

    /// Keeps records that are not among those gathered.
    async fn quarantine(&mut self, mut records: Vec<Quarantined>) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        let transaction = self.transaction.as_mut().expect("records are dealt with in a transaction");
        let count = records.len() as u64;
        transaction.account += Account { read: count, delivered: 0, ignored: 0, quarantined: count };
        transaction.causes.extend(records.iter().map(|quarantined| quarantined.cause));
        for record in &mut records {
            // All records of one cursor are dealt with in one transaction, unless some of them come late.
            let next = transaction.numbers.entry(record.position.clone()).or_insert(0);
            record.number = record.mark.as_ref().map_or(*next, Mark::number);
            *next += 1;
        }
        self.delivery.quarantine(records).await?;
        fault::at(Point::Quarantined);
        Ok(())
    }

    /// Delivers the records of several shares at once: what a home is asked to do costs it less the fewer times it is
    /// asked.
    async fn deliver_gathered(&mut self) -> Result<(), Failure> {
        let transaction = self.transaction.as_mut().expect("records are gathered in a transaction");
        self.until_delivered = self.limits.gathered_bytes;
        let gathered = std::mem::take(&mut transaction.gathered);
        let Some(schema) = gathered.first().map(RecordBatch::schema) else { return Ok(()) };
        let records = concat_batches(&schema, &gathered).map_err(|error| Failure::Failed(error.to_string()))?;
        drop(gathered);
        let mut refused = Vec::new();
        self.deliver_records(records, &mut refused).await?;
        let transaction = self.transaction.as_mut().expect("only a commit ends it");
        // They were counted as delivered.
        transaction.account.read -= refused.len() as u64;
        transaction.account.delivered -= refused.len() as u64;
        self.quarantine(refused).await
    }

    fn aggregates(&self) -> &Aggregates {
        self.aggregates.as_ref().expect("whoever takes the aggregates puts them back before going on")
    }

    /// Opens the home and begins a transaction, where that is not done yet. With all places for open connections
    /// taken, the home is opened briefly: for as long as the returned permit is held.
    async fn begin(&mut self) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        let mut briefly = None;
        if self.open.is_none() {
            self.open = Arc::clone(&self.limits.kept_open).try_acquire_owned().ok();
            if self.open.is_none() {
                let permit = Arc::clone(&self.limits.opened_briefly).acquire_owned().await;
                briefly = Some(permit.expect("the semaphore is never closed"));
            }
            self.known = None;
            let position = self.delivery.open().await?;
            if position != self.position {
                let message = format!("another run has moved the position from {} to {position}", self.position);
                return Err(Failure::Overtaken(message));
            }
        }
        if self.transaction.is_none() {
            let writing = if self.is_control { Some(self.lease()?.write_control().await) } else { None };
            let idle = self.lease()?.duration();
            self.delivery.begin(self.control.as_deref(), idle).await?;
            fault::at(Point::Begun);
            let span = info_span!(
                "transaction",
                home = self.report.home,
                position = Empty,
                read = Empty,
                delivered = Empty,
                ignored = Empty,
                quarantined = Empty
            );
            self.transaction = Some(Transaction {
                began: Instant::now(),
                upto: self.position.clone(),
                account: Account::default(),
                causes: Vec::new(),
                tally: Tally::default(),
                numbers: HashMap::new(),
                objects: vec![0; self.report.objects.len()],
                gathered: Vec::new(),
                span,
                _writing: writing,
            });
        }
        Ok(briefly)
    }

    /// Moves the home's position up to where the source was read, also when none of the records were the home's.
    async fn finish(&mut self, upto: Position) -> Result<(), Failure> {
        if self.transaction.is_none() && self.position >= upto {
            return Ok(());
        }
        let briefly = self.begin().await?;
        let transaction = self.transaction.as_mut().expect("it was begun above");
        transaction.upto = upto.max(transaction.upto.clone());
        self.commit().await?;
        if briefly.is_some() {
            self.delivery.close().await;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        if self.transaction.is_some() {
            self.deliver_gathered().await?;
            self.check_poison()?;
        }
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        self.remember(&transaction.upto).await?;
        let merged = blocking::with(&mut self.aggregates, Aggregates::take).await.map_err(Failure::refused)?;
        let Transaction { began, upto, account, causes, objects, span, .. } = transaction;
        self.delivery.complete(merged, upto.clone(), account).await?;
        fault::at(Point::BeforeCommit);
        // As late as can be: who stands still behind this commits when it goes on, unless the home has undone it.
        self.lease()?;
        let Account { read, delivered, ignored, quarantined } = account;
        span.record("position", display(&upto)).record("read", read).record("delivered", delivered);
        span.record("ignored", ignored).record("quarantined", quarantined);
        let mut by_cause = BTreeMap::new();
        causes.into_iter().for_each(|cause| *by_cause.entry(cause).or_insert(0) += 1);
        let (after, epoch, causes) = (self.position.clone(), self.delivery.epoch(), by_cause);
        let objects = self.report.of_tables(&objects);
        // Where the answer does not come, the home is asked later where it is.
        let transacted = Transacted { began, after, upto: upto.clone(), epoch, account, causes, objects };
        self.report.unconfirmed = Some(transacted);
        let committed = self.delivery.commit(upto).await;
        let done = self.report.unconfirmed.take_if(|_| !committed.as_ref().is_err_and(Failure::is_transient));
        committed?;
        fault::at(Point::Committed);
        let done = done.expect("nobody else has taken it");
        self.position = done.upto.clone();
        self.report.count(&done);
        self.observer.observe(&done.event(&self.source, &self.report.home));
        fault::at(Point::Told);
        Ok(())
    }
}
