//! Transactions, each of one home.

use std::fmt::{self, Debug, Display};
use std::pin::Pin;

use async_trait::async_trait;
use domicile::{Home, Origin};
use domicile_sqlx::Decided;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sea_orm::{
    AccessMode, ConnectionTrait, DbBackend, DbErr, ExecResult, IsolationLevel, QueryResult, Statement, StreamTrait,
    TransactionError, TransactionOptions, TransactionSession, TransactionTrait,
};
use tokio::sync::OnceCell;

use crate::backend::Backend;
use crate::error::told;
use crate::homes::{Homes, Leased};
use crate::levels::Level;
use crate::parameters::Bound;

/// A transaction, which belongs to one home from its first statement.
///
/// The first statement decides the home as any statement does, and opens the transaction there; a later one that
/// belongs elsewhere is refused, and nothing of it is sent. Where the context said a home when the transaction was
/// begun, the first statement must agree with that, too. What is sent by [`Homes`] and not by the transaction is not
/// part of it, also while it is open: hand the transaction down. It is opened at the primary, also where its first
/// statement only reads and the scope has [`ReplicaReads`](domicile::ReplicaReads). It is rolled back when it is dropped
/// without a commit.
///
/// One statement of it runs at a time, and another waits. A stream runs until it is read to its end or dropped; what waits
/// for it fails when the time is over that a connection is waited for ([`Builder::wait`](crate::Builder::wait)).
///
/// A transaction within this one is a savepoint of it, and is ended first: where this one is dropped or rolled back
/// before it, it is undone with this one, and whatever is still done with it is refused.
///
/// ```
/// use domicile::{RoutingKey, context};
/// use sea_orm::{ActiveModelTrait, EntityTrait, TransactionTrait};
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let transaction = homes.begin().await?;
/// order("PT", 7).insert(&transaction).await?;
/// let elsewhere = context::scope(RoutingKey::new("FR"), order::Entity::find().all(&transaction)).await;
/// assert!(elsewhere.unwrap_err().to_string().contains("the open transaction belongs to es"));
/// transaction.commit().await?;
/// # Ok(()) }
/// ```
#[must_use = "a transaction is rolled back when it is dropped"]
pub struct Transaction<DB: Backend> {
    // What is known before the first statement.
    homes: Homes<DB>,
    begun: Origin,
    options: TransactionOptions,
    open: OnceCell<Open<DB>>,
}

struct Open<DB: Backend> {
    level: Level<DB>,
    homes: Homes<DB>,
    home: Home,
}

impl<DB: Backend> Transaction<DB> {
    fn new(homes: &Homes<DB>, begun: Origin, options: TransactionOptions) -> Result<Self, DbErr> {
        let homes = homes.homes.expecting(&begun).map_err(told)?.into();
        Ok(Self { homes, begun, options, open: OnceCell::new() })
    }

    /// Returns the home that it belongs to; `None` before the first statement.
    ///
    /// ```
    /// use sea_orm::{ActiveModelTrait, TransactionTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let transaction = homes.begin().await?;
    /// assert_eq!(transaction.home(), None);
    /// order("PT", 7).insert(&transaction).await?;
    /// assert_eq!(transaction.home().unwrap().as_str(), "es");
    /// # Ok(()) }
    /// ```
    pub fn home(&self) -> Option<&Home> {
        self.open.get().map(|open| &open.home)
    }

    /// Commits it. One that has had no statement has nothing to commit.
    ///
    /// # Errors
    ///
    /// A refusal where a transaction within it is still open, or the one that it is within has ended; and what the
    /// database fails with. Nothing of it is kept then. Only where the connection broke meanwhile it is not known,
    /// because the commit may have arrived without an answer: look what is there before it is done again.
    ///
    /// ```
    /// use sea_orm::{ActiveModelTrait, EntityTrait, TransactionTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let transaction = homes.begin().await?;
    /// order("PT", 7).insert(&transaction).await?;
    /// order("ES", 9).insert(&transaction).await?;
    /// transaction.commit().await?;
    /// assert_eq!(homes.everywhere().count(order::Entity::find()).await.count()?, 3 + 2);
    ///
    /// let outer = homes.begin().await?;
    /// order("PT", 1).insert(&outer).await?;
    /// let inner = outer.begin().await?;
    /// order("PT", 2).insert(&inner).await?;
    /// drop(outer);
    /// assert!(inner.commit().await.is_err());
    /// assert_eq!(homes.everywhere().count(order::Entity::find()).await.count()?, 3 + 2);
    /// # Ok(()) }
    /// ```
    pub async fn commit(self) -> Result<(), DbErr> {
        match self.open.get() {
            Some(open) => open.level.commit().await,
            None => Ok(()),
        }
    }

    /// Rolls it back, and waits for that, while one that is dropped is rolled back before its connection is used again.
    ///
    /// # Errors
    ///
    /// What the database fails with; it is rolled back then as well, because the connection is closed.
    ///
    /// ```
    /// use sea_orm::{ActiveModelTrait, EntityTrait, TransactionTrait};
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
    /// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
    /// let transaction = homes.begin().await?;
    /// order("PT", 7).insert(&transaction).await?;
    /// transaction.rollback().await?;
    /// assert_eq!(homes.everywhere().count(order::Entity::find()).await.count()?, 3);
    /// # Ok(()) }
    /// ```
    pub async fn rollback(self) -> Result<(), DbErr> {
        match self.open.get() {
            Some(open) => open.level.rollback().await,
            None => Ok(()),
        }
    }

    /// What is open, for a statement that is sent here and now; opens it if it is the first.
    fn ready<'a>(&'a self, sql: &str, parameters: Bound<'_>) -> impl Future<Output = Result<&'a Open<DB>, DbErr>> + 'a {
        let known = self.open.get().map_or(&self.homes, |open| &open.homes);
        let decided = known.homes.decide(sql, &parameters).map_err(told);
        async move { self.open(decided?).await }
    }

    async fn open(&self, decided: Decided<DB>) -> Result<&Open<DB>, DbErr> {
        let open = match self.open.get() {
            Some(open) => open,
            // Boxed, because it is some kilobytes large, and would be moved for each statement.
            None => Box::pin(self.open_by(&decided)).await?,
        };
        // Two first statements at the same time may have been decided before either had opened it.
        if open.home != *decided.route().home() {
            let why = format!(
                "the open transaction belongs to {}, and this statement, which was sent at the same time as its first, to {}",
                open.home,
                decided.route()
            );
            return Err(told(domicile::Error::refused(why).into()));
        }
        Ok(open)
    }

    /// Opens it by its first statement.
    async fn open_by(&self, decided: &Decided<DB>) -> Result<&Open<DB>, DbErr> {
        let open = self.open.get_or_try_init(async || {
            let leased = Leased::of(decided).await?;
            let begin = leased.connection.begin_with_options(self.options);
            let transaction = leased.guarded(begin).await?;
            let homes = self.homes.homes.pinned(&self.begun, decided).into();
            let home = decided.route().home().clone();
            Ok(Open { level: Level::outermost(transaction, leased.lease), homes, home })
        });
        open.await
    }

    async fn run<F, T, E>(self, callback: F) -> Result<T, TransactionError<E>>
    where
        F: for<'c> FnOnce(&'c Self) -> Boxed<'c, Result<T, E>> + Send,
        T: Send,
        E: Display + Debug + Send,
    {
        match callback(&self).await {
            Ok(done) => {
                self.commit().await.map_err(TransactionError::Connection)?;
                Ok(done)
            }
            Err(error) => {
                self.rollback().await.map_err(TransactionError::Connection)?;
                Err(TransactionError::Transaction(error))
            }
        }
    }
}

#[async_trait]
impl<DB: Backend> ConnectionTrait for Transaction<DB> {
    fn get_database_backend(&self) -> DbBackend {
        DB::BACKEND
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let open = self.ready(&statement.sql, Bound(statement.values.as_ref())).await?;
        let running = open.level.running().await?;
        running.lease.to_its_end(running.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let open = self.ready(sql, Bound(None)).await?;
        let running = open.level.running().await?;
        running.lease.to_its_end(running.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let open = self.ready(&statement.sql, Bound(statement.values.as_ref())).await?;
        let running = open.level.running().await?;
        running.lease.to_its_end(running.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let open = self.ready(&statement.sql, Bound(statement.values.as_ref())).await?;
        let running = open.level.running().await?;
        running.lease.to_its_end(running.query_all_raw(statement)).await
    }
}

impl<DB: Backend> StreamTrait for Transaction<DB> {
    type Stream<'a> = BoxStream<'a, Result<QueryResult, DbErr>>;

    fn get_database_backend(&self) -> DbBackend {
        DB::BACKEND
    }

    fn stream_raw<'a>(&'a self, statement: Statement) -> BoxFuture<'a, Result<Self::Stream<'a>, DbErr>> {
        let ready = self.ready(&statement.sql, Bound(statement.values.as_ref()));
        Box::pin(async move {
            let running = ready.await?.level.running().await?;
            let rows = async_stream::try_stream! {
                let mut rows = running.lease.to_its_end(running.stream_raw(statement)).await?;
                // Until its last row was read, the statement may still be running.
                running.lease.discard();
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => yield row,
                        ended => {
                            running.lease.keep();
                            ended?;
                            break;
                        }
                    }
                }
            };
            Ok(rows.boxed())
        })
    }
}

#[async_trait]
impl<DB: Backend> TransactionSession for Transaction<DB> {
    async fn commit(self) -> Result<(), DbErr> {
        self.commit().await
    }

    async fn rollback(self) -> Result<(), DbErr> {
        self.rollback().await
    }
}

/// What SeaORM's macro makes of an `async fn`. It is written out because only then the caller is known.
type Boxed<'b, T> = Pin<Box<dyn Future<Output = T> + Send + 'b>>;

/// The three ways to begin and the two to run, all by [`TransactionOptions`].
macro_rules! transaction_trait {
    ($type:ident) => {
        impl<DB: Backend> TransactionTrait for $type<DB> {
            type Transaction = Transaction<DB>;

            #[track_caller]
            fn begin<'s, 'b>(&'s self) -> Boxed<'b, Result<Transaction<DB>, DbErr>>
            where
                's: 'b,
                Self: 'b,
            {
                Box::pin(self.begin_by(Origin::caller(), TransactionOptions::default()))
            }

            #[track_caller]
            fn begin_with_config<'s, 'b>(
                &'s self,
                isolation_level: Option<IsolationLevel>,
                access_mode: Option<AccessMode>,
            ) -> Boxed<'b, Result<Transaction<DB>, DbErr>>
            where
                's: 'b,
                Self: 'b,
            {
                let options = TransactionOptions { isolation_level, access_mode, ..Default::default() };
                Box::pin(self.begin_by(Origin::caller(), options))
            }

            #[track_caller]
            fn begin_with_options<'s, 'b>(
                &'s self,
                options: TransactionOptions,
            ) -> Boxed<'b, Result<Transaction<DB>, DbErr>>
            where
                's: 'b,
                Self: 'b,
            {
                Box::pin(self.begin_by(Origin::caller(), options))
            }

            #[track_caller]
            fn transaction<'s, 'b, F, T, E>(&'s self, callback: F) -> Boxed<'b, Result<T, TransactionError<E>>>
            where
                F: for<'c> FnOnce(&'c Transaction<DB>) -> Boxed<'c, Result<T, E>> + Send + 'b,
                T: Send + 'b,
                E: Display + Debug + Send + 'b,
                's: 'b,
                Self: 'b,
            {
                self.transaction_with_config(callback, None, None)
            }

            #[track_caller]
            fn transaction_with_config<'s, 'b, F, T, E>(
                &'s self,
                callback: F,
                isolation_level: Option<IsolationLevel>,
                access_mode: Option<AccessMode>,
            ) -> Boxed<'b, Result<T, TransactionError<E>>>
            where
                F: for<'c> FnOnce(&'c Transaction<DB>) -> Boxed<'c, Result<T, E>> + Send + 'b,
                T: Send + 'b,
                E: Display + Debug + Send + 'b,
                's: 'b,
                Self: 'b,
            {
                let begun = self.begin_with_config(isolation_level, access_mode);
                Box::pin(async move { begun.await.map_err(TransactionError::Connection)?.run(callback).await })
            }
        }
    };
}

transaction_trait!(Homes);
transaction_trait!(Transaction);

impl<DB: Backend> Homes<DB> {
    async fn begin_by(&self, begun: Origin, options: TransactionOptions) -> Result<Transaction<DB>, DbErr> {
        Transaction::new(self, begun, options)
    }
}

impl<DB: Backend> Transaction<DB> {
    /// Begins a transaction within this one, which opens this one if need be: the context must say the home then.
    async fn begin_by(&self, _: Origin, options: TransactionOptions) -> Result<Self, DbErr> {
        let open = match self.open.get() {
            Some(open) => open,
            None => self.open(self.homes.homes.decide_write().map_err(told)?).await?,
        };
        let level = open.level.within(options).await?;
        let within = Open { level, homes: open.homes.clone(), home: open.home.clone() };
        Ok(Self {
            homes: open.homes.clone(),
            begun: self.begun.clone(),
            options,
            open: OnceCell::new_with(Some(within)),
        })
    }
}

impl<DB: Backend> Debug for Transaction<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.home() {
            Some(home) => write!(f, "Transaction({home})"),
            None => f.write_str("Transaction(not opened)"),
        }
    }
}
