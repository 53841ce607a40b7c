//! sqlx's macros, which check their SQL when they are compiled, against what is kept in `.sqlx`.
//!
//! After a change of a query here, keep it anew: make a database with the tables of `fixture::plant` and let
//! `cargo sqlx prepare -- --tests` look at it.

use futures::TryStreamExt;

use crate::fixture::{World, key, within};
use domicile::context;

struct Order {
    id: i64,
    note: String,
}

#[tokio::test]
async fn queries_that_were_checked_when_compiled_reach_their_home() {
    let world = World::plain().await;
    let homes = &world.homes;
    within("FR", async {
        let inserted = sqlx::query!("INSERT INTO orders (id, country, note) VALUES (?, ?, ?)", 2, "FR", "second");
        assert_eq!(inserted.execute(homes).await.unwrap().rows_affected(), 1);
        let order =
            sqlx::query_as!(Order, "SELECT id, note FROM orders WHERE id = ?", 2).fetch_one(homes).await.unwrap();
        assert_eq!((order.id, order.note.as_str()), (2, "second"));
        let first = sqlx::query!("SELECT note FROM orders WHERE id = ?", 1).fetch_optional(homes).await.unwrap();
        assert_eq!(first.unwrap().note, "planted in fr");
    })
    .await;
    let count = sqlx::query_scalar!("SELECT count(*) FROM orders");
    assert_eq!(within("ES", count.fetch_one(homes)).await.unwrap(), 1);
    // A stream of the macros is lazy until it is polled; `here` keeps the home that it was made for.
    let all = || sqlx::query_as!(Order, "SELECT id, note FROM orders");
    let rows = context::with(key("FR"), || all().fetch(homes));
    assert_eq!(within("ES", rows.try_collect::<Vec<_>>()).await.unwrap().len(), 1);
    let here = context::with(key("FR"), || homes.here()).unwrap();
    assert_eq!(within("ES", all().fetch(&here).try_collect::<Vec<_>>()).await.unwrap().len(), 2);

    let mut transaction = homes.begin().unwrap();
    let deleted = sqlx::query!("DELETE FROM orders WHERE id = ?", 1);
    within("ES", deleted.execute(&mut transaction)).await.unwrap();
    transaction.commit().await.unwrap();
    let count = sqlx::query_scalar!("SELECT count(*) FROM orders");
    assert_eq!(within("ES", count.fetch_one(homes)).await.unwrap(), 0);
}
