//! A transaction belongs to one home from its first statement.

use std::time::{Duration, Instant};

use domicile_sea_orm::Demand;
use futures::TryStreamExt;
use sea_orm::entity::prelude::*;
use sea_orm::{DbErr, TransactionError, TransactionTrait};
use tokio::time::timeout;

use crate::entity::{customer, order};
use crate::fixture::{World, home, order, plant, refusal, within};
use crate::nested;

async fn amounts(world: &World, name: &str) -> Vec<i64> {
    let orders = order::Entity::find().all(&world.homes.on(home(name))).await.unwrap();
    orders.into_iter().map(|order| order.amount).collect()
}

#[tokio::test]
async fn the_first_statement_pins_it_and_one_for_another_home_is_refused() {
    let world = World::new().await;
    let transaction = world.homes.begin().await.unwrap();
    order(1, "ES", 1).insert(&transaction).await.unwrap();
    assert_eq!(transaction.home(), Some(&home("es")));
    let error = order(2, "FR", 2).insert(&transaction).await.unwrap_err();
    assert!(refusal(&error).routing().unwrap().is_disagreement());
    let error = within("FR", customer::Entity::find().all(&transaction)).await.unwrap_err();
    assert!(error.to_string().contains("the open transaction belongs to es"), "{error}");
    // Without a word from the context it goes on where it is.
    assert_eq!(customer::Entity::find().one(&transaction).await.unwrap().unwrap().name, "Ana");
    transaction.commit().await.unwrap();
    assert_eq!((amounts(&world, "es").await, amounts(&world, "fr").await), (vec![1], vec![]));
}

#[tokio::test]
async fn a_callback_commits_what_is_well_and_rolls_back_what_is_not() {
    let world = World::new().await;
    let run = |id: i64, country: &'static str| {
        world.homes.transaction::<_, (), DbErr>(move |transaction| {
            Box::pin(async move {
                order(id, "ES", id).insert(transaction).await?;
                order(id + 1, country, id + 1).insert(transaction).await?;
                Ok(())
            })
        })
    };
    run(1, "PT").await.unwrap();
    let Err(TransactionError::Transaction(error)) = run(3, "FR").await else { panic!("it was committed") };
    assert!(refusal(&error).routing().unwrap().is_disagreement());
    assert_eq!(amounts(&world, "es").await, [1, 2]);
}

#[tokio::test]
async fn transactions_nest_and_each_is_undone_alone() {
    let world = World::new().await;
    let outer = within("ES", world.homes.begin()).await.unwrap();
    order(1, "ES", 1).insert(&outer).await.unwrap();
    let inner = outer.begin().await.unwrap();
    order(2, "ES", 2).insert(&inner).await.unwrap();
    let innermost = inner.begin().await.unwrap();
    order(3, "PT", 3).insert(&innermost).await.unwrap();
    assert!(order(4, "FR", 4).insert(&innermost).await.is_err());
    innermost.commit().await.unwrap();
    inner.rollback().await.unwrap();
    let kept = outer.begin().await.unwrap();
    order(5, "ES", 5).insert(&kept).await.unwrap();
    kept.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(amounts(&world, "es").await, [1, 5]);
}

#[tokio::test]
async fn a_nested_one_may_come_first_where_the_context_says_the_home() {
    let world = World::new().await;
    let outer = world.homes.begin().await.unwrap();
    assert!(outer.begin().await.is_err());
    let inner = within("ES", outer.begin()).await.unwrap();
    assert_eq!(outer.home(), Some(&home("es")));
    order(1, "ES", 1).insert(&inner).await.unwrap();
    inner.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(amounts(&world, "es").await, [1]);
}

#[tokio::test]
async fn two_first_statements_at_the_same_time_open_one_transaction() {
    let world = World::new().await;
    let transaction = world.homes.begin().await.unwrap();
    let (one, other) = tokio::join!(order(1, "ES", 1).insert(&transaction), order(1, "FR", 2).insert(&transaction));
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    let error = one.err().or(other.err()).unwrap();
    assert!(error.to_string().contains("the open transaction belongs to"), "{error}");
    transaction.commit().await.unwrap();
    assert_eq!(amounts(&world, "es").await.len() + amounts(&world, "fr").await.len(), 1);
}

#[tokio::test]
async fn dropped_without_a_commit_it_leaves_nothing() {
    let world = World::new().await;
    let transaction = world.homes.begin().await.unwrap();
    order(1, "ES", 1).insert(&transaction).await.unwrap();
    drop(transaction);
    assert_eq!(amounts(&world, "es").await, Vec::<i64>::new());
}

#[tokio::test]
async fn a_nested_one_that_outlives_its_outer_one_is_refused_and_nothing_of_it_is_written() {
    nested::outlives(&World::new().await.homes).await;
}

#[tokio::test]
async fn an_outer_one_is_not_committed_while_a_nested_one_is_open() {
    nested::is_open(&World::new().await.homes).await;
}

#[tokio::test]
async fn a_level_that_is_ended_ends_what_is_within_it_and_no_more() {
    nested::ends_what_is_within(&World::new().await.homes).await;
}

#[tokio::test]
async fn what_is_dropped_while_a_statement_runs_is_undone_before_the_next() {
    nested::dropped_while_busy(&World::new().await.homes).await;
}

#[tokio::test]
async fn two_are_not_nested_side_by_side() {
    let world = World::new().await;
    let outer = within("ES", world.homes.begin()).await.unwrap();
    order(1, "ES", 1).insert(&outer).await.unwrap();
    let one = outer.begin().await.unwrap();
    let other = outer.begin().await.unwrap_err();
    assert!(other.to_string().contains("a transaction within this one is still open"), "{other}");
    one.commit().await.unwrap();
    let other = outer.begin().await.unwrap();
    other.commit().await.unwrap();
    outer.commit().await.unwrap();
    assert_eq!(amounts(&world, "es").await, [1]);
}

#[tokio::test]
async fn an_error_says_where_the_transaction_was_begun() {
    async fn by_any<C: TransactionTrait>(db: &C) -> Result<C::Transaction, DbErr> {
        db.begin().await
    }

    let world = World::new().await;
    let line = line!() + 1;
    let transaction = world.homes.begin().await.unwrap();
    order(1, "ES", 1).insert(&transaction).await.unwrap();
    let error = order(2, "FR", 2).insert(&transaction).await.unwrap_err().to_string();
    assert!(error.contains(&format!("transactions.rs:{line}")), "{error}");

    transaction.rollback().await.unwrap();

    // In code that is generic it is where that says so.
    let transaction = by_any(&world.homes).await.unwrap();
    order(1, "ES", 1).insert(&transaction).await.unwrap();
    let error = order(2, "FR", 2).insert(&transaction).await.unwrap_err().to_string();
    assert!(error.contains(&format!("transactions.rs:{}", line - 5)), "{error}");
    transaction.rollback().await.unwrap();

    let line = line!() + 1;
    let ended = world.homes.transaction::<_, (), DbErr>(|transaction| {
        Box::pin(async move {
            order(1, "ES", 1).insert(transaction).await?;
            order(2, "FR", 2).insert(transaction).await.map(drop)
        })
    });
    let error = ended.await.unwrap_err().to_string();
    assert!(error.contains(&format!("transactions.rs:{line}")), "{error}");
}

#[tokio::test]
async fn what_waits_for_a_stream_of_the_same_transaction_is_told_so_in_time() {
    let wait = Duration::from_millis(300);
    let world = World::bare(|builder| builder.key_column("orders", "country", Demand::Inserts).wait(wait));
    plant(&world.homes.on(home("es")), "Ana").await;
    let transaction = within("ES", world.homes.begin()).await.unwrap();
    order::Entity::insert_many([order(1, "ES", 1), order(2, "ES", 2)]).exec(&transaction).await.unwrap();
    let mut rows = order::Entity::find().stream(&transaction).await.unwrap();
    assert_eq!(rows.try_next().await.unwrap().unwrap().id, 1);
    let begun = Instant::now();
    let waiting = timeout(wait * 30, order::Entity::find().all(&transaction)).await;
    let error = waiting.expect("it does not wait for ever").unwrap_err();
    assert!(begun.elapsed() >= wait && error.to_string().contains("a stream of it MUST be read to its end"), "{error}");
    assert!(transaction.begin().await.is_err());

    // It is read on, and what comes after it has the connection.
    assert_eq!(rows.try_next().await.unwrap().unwrap().id, 2);
    assert!(rows.try_next().await.unwrap().is_none());
    drop(rows);
    assert_eq!(order::Entity::find().all(&transaction).await.unwrap().len(), 2);
    // One that only waits for a statement gets its turn.
    let (one, other) = tokio::join!(
        order::Entity::find().all(&transaction),
        order::Entity::find().filter(order::Column::Id.eq(1)).all(&transaction)
    );
    assert_eq!((one.unwrap().len(), other.unwrap().len()), (2, 1));
    transaction.commit().await.unwrap();
    assert_eq!(amounts(&world, "es").await, [1, 2]);
}
