//! The levels of a transaction: itself, and the transactions within it.
//!
//! SeaORM counts levels and knows no more of them, so that a commit ends the innermost one, whichever was meant. Here
//! each level is known by a number of its own: it is ended with all that is within it, and what has ended is refused.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domicile_sqlx::{Error, Lease};
use sea_orm::{DatabaseTransaction, DbErr, TransactionOptions, TransactionTrait};
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::error::told;

/// A level of a transaction. Dropped before it is committed, it is undone with all that is within it.
pub(crate) struct Level<DB: Backend> {
    levels: Arc<Levels<DB>>,
    id: u64,
}

/// All levels of a transaction that are open, and its connection.
struct Levels<DB: Backend> {
    // From the outermost to the innermost. They are dropped before the lease is, so that nobody gets the connection with
    // the transaction still open. SeaORM's own lock panics where a transaction is dropped while another statement of it
    // is running: all that is done with one is done under this lock instead, and dropping one, too.
    open: tokio::sync::Mutex<Vec<Open>>,
    // What was dropped while a statement was running. It is undone before the next one.
    dropped: Mutex<Vec<u64>>,
    next: AtomicU64,
    lease: Lease<DB>,
}

struct Open {
    id: u64,
    transaction: DatabaseTransaction,
}

/// The transaction, for one statement; no other runs meanwhile.
pub(crate) struct Running<'l, DB: Backend> {
    open: MutexGuard<'l, Vec<Open>>,
    pub(crate) lease: &'l Lease<DB>,
}

impl<DB: Backend> Deref for Running<'_, DB> {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.open.last().expect("it was looked at").transaction
    }
}

impl<DB: Backend> Level<DB> {
    /// The outermost one, which was opened on this connection.
    pub(crate) fn outermost(transaction: DatabaseTransaction, lease: Lease<DB>) -> Self {
        let open = tokio::sync::Mutex::new(vec![Open { id: 0, transaction }]);
        let levels = Levels { open, dropped: Mutex::default(), next: AtomicU64::new(1), lease };
        Self { levels: Arc::new(levels), id: 0 }
    }

    /// Opens one within this, which must be the innermost.
    pub(crate) async fn within(&self, options: TransactionOptions) -> Result<Self, DbErr> {
        let mut open = self.lock().await?;
        if self.position(&open)? + 1 < open.len() {
            let why = "a transaction within this one is still open: commit it or roll it back before another is begun";
            return Err(refused(why));
        }
        // Where this is cancelled nobody knows how many levels the database has: all are dropped then, and undone.
        let outer = std::mem::take(&mut *open);
        let innermost = &outer.last().expect("it was looked at").transaction;
        let begun = self.levels.lease.to_its_end(innermost.begin_with_options(options)).await;
        *open = outer;
        let id = self.levels.next.fetch_add(1, Ordering::Relaxed);
        open.push(Open { id, transaction: begun? });
        Ok(Self { levels: Arc::clone(&self.levels), id })
    }

    /// Waits until no other statement is running.
    pub(crate) async fn running(&self) -> Result<Running<'_, DB>, DbErr> {
        let open = self.lock().await?;
        self.position(&open)?;
        Ok(Running { open, lease: &self.levels.lease })
    }

    /// Commits it, where it is the innermost one; otherwise it is undone with what is within it.
    pub(crate) async fn commit(&self) -> Result<(), DbErr> {
        let mut open = self.lock().await?;
        let at = self.position(&open)?;
        if at + 1 < open.len() {
            self.levels.roll_back(&mut open, at).await?;
            let why = "a transaction within this one was still open, so that nothing of either is kept: commit it or \
                       roll it back first";
            return Err(refused(why));
        }
        let innermost = open.pop().expect("it was looked at").transaction;
        self.levels.lease.to_its_end(innermost.commit()).await
    }

    /// Rolls it back with what is within it. What has ended before was rolled back then.
    pub(crate) async fn rollback(&self) -> Result<(), DbErr> {
        let mut open = self.lock().await?;
        match self.position(&open) {
            Ok(at) => self.levels.roll_back(&mut open, at).await,
            Err(_) => Ok(()),
        }
    }

    async fn lock(&self) -> Result<MutexGuard<'_, Vec<Open>>, DbErr> {
        let mut open = match self.levels.open.try_lock() {
            Ok(open) => open,
            // Boxed, because it is rare, and its timer would be moved for each statement.
            Err(_) => Box::pin(self.levels.turn()).await?,
        };
        self.levels.undo_dropped(&mut open);
        Ok(open)
    }

    fn position(&self, open: &[Open]) -> Result<usize, DbErr> {
        open.iter().position(|level| level.id == self.id).ok_or_else(|| {
            refused(
                "the transaction that this one is within has ended before it, so that nothing of this one is kept: end \
                 it first",
            )
        })
    }
}

impl<DB: Backend> Drop for Level<DB> {
    fn drop(&mut self) {
        self.levels.dropped().push(self.id);
        if let Ok(mut open) = self.levels.open.try_lock() {
            self.levels.undo_dropped(&mut open);
        }
    }
}

impl<DB: Backend> Levels<DB> {
    fn dropped(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the connection is free. Rows that nobody reads would keep it for ever, also from whoever holds them.
    async fn turn(&self) -> Result<MutexGuard<'_, Vec<Open>>, DbErr> {
        let (home, waited) = (self.lease.home(), self.lease.wait());
        timeout(waited, self.open.lock()).await.map_err(|_| {
            let used = "the transaction has one, which is in use by another statement of it: a stream of it MUST be read \
                        to its end, or dropped, before anything else is done with the transaction";
            told(Error::Exhausted { home: home.clone(), waited, used: used.into() })
        })
    }

    /// Rolls back the level at this place, after all that is within it.
    async fn roll_back(&self, open: &mut Vec<Open>, at: usize) -> Result<(), DbErr> {
        while open.len() > at {
            let innermost = open.pop().expect("it was looked at").transaction;
            self.lease.to_its_end(innermost.rollback()).await?;
        }
        Ok(())
    }

    /// Undoes each level that was dropped and has not ended. SeaORM queues that before the next statement.
    fn undo_dropped(&self, open: &mut Vec<Open>) {
        for id in self.dropped().drain(..) {
            if let Some(at) = open.iter().position(|level| level.id == id) {
                while open.len() > at {
                    open.pop();
                }
            }
        }
    }
}

fn refused(why: &'static str) -> DbErr {
    told(domicile::Error::refused(why).into())
}
