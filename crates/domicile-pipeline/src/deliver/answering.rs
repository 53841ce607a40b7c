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
use crate::quarantine::{Dialect, Quarantined, Row, Store};

/// A way into a database that may hang: its server is stopped, or the network swallows what is sent. Whoever waits for it would
/// hold the others' memory for ever.
pub(crate) struct Answering<D: ?Sized> {
    delivery: Box<D>,
    within: Duration,
    /// An answer did not come. Nothing more is asked then: dropping the delivery ends its connection.
    is_lost: bool,
}

impl<D: ?Sized> Answering<D> {
    pub(crate) fn new(delivery: Box<D>, within: Duration) -> Self {
        Self { delivery, within, is_lost: false }
    }
}

/// Waits for an answer for so long. Once one did not come, nobody is asked any more.
async fn answered<R>(
    within: Duration,
    is_lost: &mut bool,
    answer: impl Future<Output = Result<R, Failure>>,
) -> Result<R, Failure> {
    let answer = if *is_lost { None } else { timeout(within, answer).await.ok() };
    answer.unwrap_or_else(|| {
        *is_lost = true;
        Err(late(within))
    })
}

/// Waits for an answer for so long, of a database that is asked nothing more.
pub(crate) async fn answers<R>(
    within: Duration,
    answer: impl Future<Output = Result<R, Failure>>,
) -> Result<R, Failure> {
    timeout(within, answer).await.unwrap_or_else(|_| Err(late(within)))
}

fn late(within: Duration) -> Failure {
    let seconds = within.as_secs_f64();
    Failure::Transient(format!("it has not answered for {seconds} s (`delivery.answer_seconds`)"))
}

#[async_trait]
impl<D: Delivery + ?Sized> Delivery for Answering<D> {
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

    async fn complete(
        &mut self,
        merged: Vec<(usize, RecordBatch)>,
        upto: Position,
        account: Account,
    ) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.complete(merged, upto, account)).await
    }

    async fn commit(&mut self, upto: Position) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.commit(upto)).await
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

#[async_trait]
impl Store for Answering<dyn Store> {
    fn dialect(&self) -> &'static Dialect {
        self.delivery.dialect()
    }

    async fn connect(&mut self) -> Result<bool, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.connect()).await
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.columns(table)).await
    }

    async fn select(&mut self, sql: &str, values: &[Option<String>]) -> Result<Vec<Row>, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.select(sql, values)).await
    }

    async fn execute(&mut self, sql: &str, values: &[Option<String>]) -> Result<u64, Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.execute(sql, values)).await
    }

    async fn kept(&mut self, reason: String, record: String) -> Result<(String, String), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.kept(reason, record)).await
    }

    async fn mend(&mut self) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.mend()).await
    }

    async fn prepare(&mut self) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.prepare()).await
    }

    async fn begin_beside(&mut self) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.begin_beside()).await
    }

    async fn commit_beside(&mut self) -> Result<(), Failure> {
        answered(self.within, &mut self.is_lost, self.delivery.commit_beside()).await
    }
}
