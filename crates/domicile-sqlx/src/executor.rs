//! Transactions and savepoints as executors of sqlx.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use sqlx::{Database, Describe, Execute, Executor, SqlStr};

use crate::connection::{Step, Taken};
use crate::decide::Unreadable;
use crate::transaction::{Savepoint, Transaction};

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
                    while let Some(step) = steps.try_next().await? {
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
                    (*open.transaction).fetch_optional(query).await
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
                    (*open.transaction).prepare_with(sql, parameters).await
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
                    (*open.transaction).describe(sql).await
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
                match decided {
                    Ok(query) => (*self.transaction).fetch_many(query),
                    Err(error) => futures::stream::once(async { Err(error) }).boxed(),
                }
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
                match decided {
                    Ok(query) => (*self.transaction).fetch_optional(query),
                    Err(error) => async { Err(error) }.boxed(),
                }
            }

            fn prepare_with<'e>(
                self,
                sql: SqlStr,
                parameters: &'e [<$DB as Database>::TypeInfo],
            ) -> BoxFuture<'e, Result<<$DB as Database>::Statement, sqlx::Error>>
            where
                's: 'e,
            {
                match self.homes.decide(sql.as_str(), &Unreadable) {
                    Ok(_) => (*self.transaction).prepare_with(sql, parameters),
                    Err(error) => async { Err(error.into()) }.boxed(),
                }
            }

            #[doc(hidden)]
            fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$DB>, sqlx::Error>>
            where
                's: 'e,
            {
                match self.homes.decide(sql.as_str(), &Unreadable) {
                    Ok(_) => (*self.transaction).describe(sql),
                    Err(error) => async { Err(error.into()) }.boxed(),
                }
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
