//! Transactions within transactions that are ended in the wrong order, on every kind of database.

use domicile_sea_orm::{Backend, Homes};
use futures::TryStreamExt;
use sea_orm::entity::prelude::*;
use sea_orm::{StreamTrait, TransactionTrait};

use crate::entity::order;
use crate::fixture::{home, order, refusal, within};

/// The ids of the orders of Spain, by another connection.
async fn ids<DB: Backend>(homes: &Homes<DB>) -> Vec<i64> {
    let orders = order::Entity::find().all(&homes.on(home("es"))).await.unwrap();
    let mut ids: Vec<_> = orders.into_iter().map(|order| order.id).collect();
    ids.sort_unstable();
    ids
}

const ENDED: &str = "has ended before it, so that nothing of this one is kept";

/// An outer one is undone while a nested one lives, in each way that there is.
pub(crate) async fn outlives<DB: Backend>(homes: &Homes<DB>) {
    for is_rolled_back in [false, true] {
        let outer = within("ES", homes.begin()).await.unwrap();
        order(1, "ES", 1).insert(&outer).await.unwrap();
        let inner = outer.begin().await.unwrap();
        order(2, "ES", 2).insert(&inner).await.unwrap();
        if is_rolled_back {
            outer.rollback().await.unwrap();
        } else {
            drop(outer);
        }
        let error = order(3, "ES", 3).insert(&inner).await.unwrap_err();
        assert!(refusal(&error).routing().unwrap().is_refused() && error.to_string().contains(ENDED), "{error}");
        assert!(inner.begin().await.is_err());
        let error = inner.commit().await.unwrap_err();
        assert!(refusal(&error).routing().unwrap().is_refused() && error.to_string().contains(ENDED), "{error}");
        assert!(ids(homes).await.is_empty());
    }
    // In the right order both are kept.
    let outer = within("ES", homes.begin()).await.unwrap();
    order(1, "ES", 1).insert(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    order(2, "ES", 2).insert(&inner).await.unwrap();
    inner.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(ids(homes).await, [1, 2]);
}

/// An outer one is committed while a nested one is open.
pub(crate) async fn is_open<DB: Backend>(homes: &Homes<DB>) {
    let outer = within("ES", homes.begin()).await.unwrap();
    order(1, "ES", 1).insert(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    order(2, "ES", 2).insert(&inner).await.unwrap();
    let error = outer.commit().await.unwrap_err();
    assert!(error.to_string().contains("a transaction within this one was still open"), "{error}");
    assert!(inner.commit().await.unwrap_err().to_string().contains(ENDED));
    assert!(ids(homes).await.is_empty());

    let outer = within("ES", homes.begin()).await.unwrap();
    order(1, "ES", 1).insert(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    order(2, "ES", 2).insert(&inner).await.unwrap();
    drop(inner);
    outer.commit().await.unwrap();
    assert_eq!(ids(homes).await, [1]);
}

/// A level in the middle is ended: what is around it goes on, and a new one in its place is not the old one's.
pub(crate) async fn ends_what_is_within<DB: Backend>(homes: &Homes<DB>) {
    let outer = within("ES", homes.begin()).await.unwrap();
    order(1, "ES", 1).insert(&outer).await.unwrap();
    let middle = outer.begin().await.unwrap();
    order(2, "ES", 2).insert(&middle).await.unwrap();
    let innermost = middle.begin().await.unwrap();
    order(3, "ES", 3).insert(&innermost).await.unwrap();
    drop(middle);
    let other = outer.begin().await.unwrap();
    order(4, "ES", 4).insert(&other).await.unwrap();
    assert!(innermost.commit().await.unwrap_err().to_string().contains(ENDED));
    other.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(ids(homes).await, [1, 4]);
}

/// A nested one is dropped while rows of its outer one are still coming.
pub(crate) async fn dropped_while_busy<DB: Backend>(homes: &Homes<DB>) {
    let outer = within("ES", homes.begin()).await.unwrap();
    order::Entity::insert_many([order(1, "ES", 1), order(2, "ES", 2)]).exec(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    order(3, "ES", 3).insert(&inner).await.unwrap();
    let backend = ConnectionTrait::get_database_backend(&outer);
    let all = sea_orm::Statement::from_string(backend, "SELECT id FROM orders");
    let mut rows = outer.stream_raw(all).await.unwrap();
    assert!(rows.try_next().await.unwrap().is_some());
    drop(inner);
    assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap().len(), 2);
    assert_eq!(order::Entity::find().count(&outer).await.unwrap(), 2);
    outer.commit().await.unwrap();
    assert_eq!(ids(homes).await, [1, 2]);
}
