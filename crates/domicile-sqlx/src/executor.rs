//! Transactions and savepoints as executors of sqlx.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use sqlx::{Database, Describe, Execute, Executor, SqlStr};

use crate::connection::{Step, Taken};
use crate::decide::Unreadable;
use crate::savepoint::Savepoint;
use crate::transaction::Transaction;

/// Implements the executors for one kind of database after the other. An implementation for all of them would make the
/// compiler go round in circles in any code that is generic over databases, which is why sqlx has none for its own.
macro_rules! executors {
    ($DB:ty) => {
        impl<'t> Executor<'t> for &'t mut Transaction<$DB> {
            type Database = $DB;

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step<$DB>>
            where
                't: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                let decided =
                    Taken::of(query).and_then(|query| Ok((self.homes.decide(query.sql.as_str(), &Unreadable)?, query)));
                let steps = async_stream::try_stream! {
                    let (decided, query) = decided?;
                    let open = self.open(decided).await.map_err(sqlx::Error::from)?;
                    let mut steps = (*open.transaction).fetch_many(query);
                    while let Some(step) = open.lease.step(&mut steps).await? {
                        yield step;
                    }
                };
                steps.boxed()
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxFuture<'e, Result<Option<<$DB as Database>::Row>, sqlx::Error>>
            where
                't: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                let decided =
                    Taken::of(query).and_then(|query| Ok((self.homes.decide(query.sql.as_str(), &Unreadable)?, query)));
                async move {
                    let (decided, query) = decided?;
                    let open = self.open(decided).await?;
                    open.lease.to_its_end((*open.transaction).fetch_optional(query)).await
                }
                .boxed()
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [<$DB as Database>::TypeInfo],
            ) -> BoxFuture<'e, Result<<$DB as Database>::Statement, sqlx::Error>>
            where
                't: 'e,
            {
                let decided = self.homes.decide(sql.as_str(), &Unreadable);
                async move {
                    let open = self.open(decided?).await?;
                    open.lease.to_its_end((*open.transaction).prepare_with(sql, parameters)).await
                }
                .boxed()
            }

            #[doc(hidden)]
            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$DB>, sqlx::Error>>
            where
                't: 'e,
            {
                let decided = self.homes.decide(sql.as_str(), &Unreadable);
                async move {
                    let open = self.open(decided?).await?;
                    open.lease.to_its_end((*open.transaction).describe(sql)).await
                }
                .boxed()
            }
        }

        impl<'s> Executor<'s> for &'s mut Savepoint<'_, $DB> {
            type Database = $DB;

            fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step<$DB>>
            where
                's: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                let decided = Taken::of(query).and_then(|query| {
                    self.homes.decide(query.sql.as_str(), &Unreadable)?;
                    Ok(query)
                });
                let steps = async_stream::try_stream! {
                    let mut steps = (*self.transaction).fetch_many(decided?);
                    while let Some(step) = self.lease.step(&mut steps).await? {
                        yield step;
                    }
                };
                steps.boxed()
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> BoxFuture<'e, Result<Option<<$DB as Database>::Row>, sqlx::Error>>
            where
                's: 'e,
                E: 'q + Execute<'q, $DB>,
            {
                let decided = Taken::of(query).and_then(|query| {
                    self.homes.decide(query.sql.as_str(), &Unreadable)?;
                    Ok(query)
                });
                async move { self.lease.to_its_end((*self.transaction).fetch_optional(decided?)).await }.boxed()
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [<$DB as Database>::TypeInfo],
            ) -> BoxFuture<'e, Result<<$DB as Database>::Statement, sqlx::Error>>
            where
                's: 'e,
            {
                let decided = self.homes.decide(sql.as_str(), &Unreadable);
                async move {
                    decided?;
                    self.lease.to_its_end((*self.transaction).prepare_with(sql, parameters)).await
                }
                .boxed()
            }

            #[doc(hidden)]
            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$DB>, sqlx::Error>>
            where
                's: 'e,
            {
                let decided = self.homes.decide(sql.as_str(), &Unreadable);
                async move {
                    decided?;
                    self.lease.to_its_end((*self.transaction).describe(sql)).await
                }
                .boxed()
            }
        }
    };
}

#[cfg(feature = "mysql")]
executors!(sqlx::MySql);
#[cfg(feature = "postgres")]
executors!(sqlx::Postgres);
#[cfg(feature = "sqlite")]
executors!(sqlx::Sqlite);
