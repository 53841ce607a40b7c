//! A bound on how long a database may take for one answer.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use tokio::time::timeout;

use super::{Delivery, Opened};
use crate::account::Account;
use crate::error::Failure;
use crate::overlap::Mark;
use crate::position::Position;
use crate::quarantine::Quarantined;

/// A way into a database that may hang: its server is stopped, or the network swallows what is sent. Whoever waits for it would
/// hold the others' memory for ever.
pub(crate) struct Answering {
    delivery: Box<dyn Delivery>,
    within: Duration,
    /// An answer did not come. Nothing more is asked then: dropping the delivery ends its connection.
    is_lost: bool,
}

impl Answering {
    pub(crate) fn new(delivery: Box<dyn Delivery>, within: Duration) -> Self {
        Self { delivery, within, is_lost: false }
    }
}

/// Waits for an answer for so long.
async fn answered<R>(
    within: Duration,
    is_lost: &mut bool,
    answer: impl Future<Output = Result<R, Failure>>,
) -> Result<R, Failure> {
    timeout(within, answer).await.unwrap_or_else(|_| {
        *is_lost = true;
        let seconds = within.as_secs_f64();
        Err(Failure::Transient(format!("it has not answered for {seconds} s (`delivery.answer_seconds`)")))
    })
}

#[async_trait]
impl Delivery for Answering {
    async fn inspect(&mut self) -> Result<Opened, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.inspect()).await
    }

    fn commit_interval(&self) -> Duration {
        self.delivery.commit_interval()
    }

    fn is_open(&self) -> bool {
        !self.is_lost && self.delivery.is_open()
    }

    async fn open(&mut self) -> Result<Position, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.open()).await
    }

    fn epoch(&self) -> i64 {
        self.delivery.epoch()
    }

    async fn begin(&mut self, control: Option<&str>, idle: Duration) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.begin(control, idle)).await
    }

    async fn stir(&mut self) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.stir()).await
    }

    fn check(&self, table: usize, objects: &RecordBatch) -> Result<(), Failure> {
        self.delivery.check(table, objects)
    }

    async fn check_access(&mut self) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.check_access()).await
    }

    async fn write(&mut self, objects: Vec<(usize, RecordBatch)>) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.write(objects)).await
    }

    async fn quarantine(&mut self, records: Vec<Quarantined>) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.quarantine(records)).await
    }

    async fn seen(&mut self) -> Result<Vec<Mark>, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.seen()).await
    }

    async fn remember(&mut self, marks: Vec<Mark>, begin: i64) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.remember(marks, begin)).await
    }

    async fn commit(
        &mut self,
        merged: Vec<(usize, RecordBatch)>,
        upto: Position,
        account: Account,
    ) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.commit(merged, upto, account)).await
    }

    async fn rollback(&mut self) {
        if !self.is_lost {
            self.is_lost = timeout(self.within, self.delivery.rollback()).await.is_err();
        }
    }

    async fn close(&mut self) {
        if !self.is_lost {
            self.is_lost = timeout(self.within, self.delivery.close()).await.is_err();
        }
    }
}
