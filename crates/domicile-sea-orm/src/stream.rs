//! Streams of rows.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::task::{Context, Poll};

use domicile_sqlx::Lease;
use futures::Stream;
use futures::future::BoxFuture;
use sea_orm::{DbBackend, DbErr, QueryResult, QueryStream, Statement, StreamTrait};

use crate::backend::Backend;
use crate::homes::Homes;

/// The rows of a statement, from the home that was decided when the stream was opened; what SeaORM's `stream` reads
/// from, where it is given [`Homes`].
///
/// It keeps its connection until it is dropped, which is closed then if not all rows were read: the statement may still
/// be running on it. Rows of another scope's home never come in between, wherever it is
/// polled.
///
/// ```
/// use domicile::{RoutingKey, context};
/// use futures::TryStreamExt;
/// use sea_orm::EntityTrait;
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/two_homes.rs"));
/// # #[tokio::main] async fn main() -> Shown { let homes = two_homes_with_orders().await;
/// let mut orders = context::scope(RoutingKey::new("ES"), order::Entity::find().stream(&homes)).await?;
/// let mut amounts = Vec::new();
/// while let Some(order) = context::scope(RoutingKey::new("FR"), orders.try_next()).await? {
///     amounts.push(order.amount);
/// }
/// assert_eq!(amounts, [3, 5]);
/// # Ok(()) }
/// ```
pub struct RoutedStream<DB: Backend> {
    // Dropped before the lease is, so that nobody gets the connection while rows are still coming.
    rows: Pin<Box<QueryStream>>,
    lease: Lease<DB>,
}

impl<DB: Backend> Stream for RoutedStream<DB> {
    type Item = Result<QueryResult, DbErr>;

    fn poll_next(self: Pin<&mut Self>, wakeup: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { rows, lease } = self.get_mut();
        let polled = rows.as_mut().poll_next(wakeup);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            lease.keep();
        }
        polled
    }
}

impl<DB: Backend> Unpin for RoutedStream<DB> {}

impl<DB: Backend> Debug for RoutedStream<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutedStream")
    }
}

impl<DB: Backend> StreamTrait for Homes<DB> {
    type Stream<'a> = RoutedStream<DB>;

    fn get_database_backend(&self) -> DbBackend {
        DB::BACKEND
    }

    fn stream_raw<'a>(&'a self, statement: Statement) -> BoxFuture<'a, Result<RoutedStream<DB>, DbErr>> {
        // Decided here and now, and not where the future is polled.
        let leased = self.lease(&statement);
        Box::pin(async move {
            let leased = leased.await?;
            let rows = leased.guarded(leased.connection.stream_raw(statement)).await?;
            // Until its last row was read, the statement may still be running.
            leased.lease.discard();
            Ok(RoutedStream { rows: Box::pin(rows), lease: leased.lease })
        })
    }
}
