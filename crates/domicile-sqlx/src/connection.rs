//! The executor of sqlx: a statement goes to its home.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use sqlx::Either;
use sqlx::error::BoxDynError;
use sqlx::{Database, Execute, Executor, SqlStr};

use crate::capability::Capability;
use crate::decide::Unreadable;
use crate::homes::Homes;

/// A query whose text was looked at, as it was given to the executor.
pub(crate) struct Taken<DB: Database> {
    pub(crate) sql: SqlStr,
    arguments: Option<DB::Arguments>,
    statement: Option<DB::Statement>,
    persistent: bool,
}

impl<DB: Database> Taken<DB> {
    pub(crate) fn of<'q>(mut query: impl Execute<'q, DB>) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let (statement, persistent) = (query.statement().cloned(), query.persistent());
        Ok(Self { sql: query.sql(), arguments, statement, persistent })
    }
}

impl<DB: Database> Execute<'_, DB> for Taken<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.statement.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.persistent
    }
}

/// What a query makes: how much it changed, or a row.
pub(crate) type Step<DB> = Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>, sqlx::Error>;

impl<'p, DB: Capability> Executor<'p> for &'_ Homes<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Step<DB>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        // Here and now, and not where the stream is polled, which may be in another scope.
        let decided = Taken::of(query).and_then(|query| Ok((self.decide(query.sql.as_str(), &Unreadable)?, query)));
        let steps = async_stream::try_stream! {
            let (decided, query) = decided?;
            let (lease, mut connection) = decided.connect().await.map_err(sqlx::Error::from)?;
            let mut steps = connection.fetch_many(query);
            while let Some(step) = lease.step(&mut steps).await? {
                yield step;
            }
        };
        steps.boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<DB::Row>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let decided = Taken::of(query).and_then(|query| Ok((self.decide(query.sql.as_str(), &Unreadable)?, query)));
        async move {
            let (decided, query) = decided?;
            let (lease, mut connection) = decided.connect().await?;
            lease.to_its_end(connection.fetch_optional(query)).await
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [DB::TypeInfo],
    ) -> BoxFuture<'e, Result<DB::Statement, sqlx::Error>>
    where
        'p: 'e,
    {
        let decided = self.decide(sql.as_str(), &Unreadable);
        async move {
            let (lease, mut connection) = decided?.connect().await?;
            lease.to_its_end(connection.prepare_with(sql, parameters)).await
        }
        .boxed()
    }

    #[doc(hidden)]
    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<sqlx::Describe<DB>, sqlx::Error>>
    where
        'p: 'e,
    {
        let decided = self.decide(sql.as_str(), &Unreadable);
        async move {
            let (lease, mut connection) = decided?.connect().await?;
            lease.to_its_end(connection.describe(sql)).await
        }
        .boxed()
    }
}
