//! A transaction belongs to one home from its first statement.

use domicile_sqlx::Transaction;
use sqlx::Sqlite;

use crate::fixture::{World, home, note, notes, refusal, within};

async fn add(transaction: &mut Transaction<Sqlite>, id: i64, note: &str) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO orders (id, note) VALUES (?, ?)";
    sqlx::query(insert).bind(id).bind(note).execute(transaction).await.map(drop)
}

#[tokio::test]
async fn the_first_statement_pins_it_and_one_for_another_home_is_refused_and_not_sent() {
    let world = World::plain().await;
    let mut transaction = world.homes.begin().unwrap();
    assert_eq!(transaction.home(), None);
    within("ES", add(&mut transaction, 2, "second")).await.unwrap();
    assert_eq!(transaction.home(), Some(&home("es")));
    let before = world.homes.contacts()[&home("fr")];

    let elsewhere = within("FR", add(&mut transaction, 3, "lost")).await.unwrap_err();
    assert!(refusal(&elsewhere).routing().unwrap().is_disagreement());
    for part in ["the open transaction belongs to es", "opened by its first statement", "RoutingKey(FR) was set at"] {
        assert!(elsewhere.to_string().contains(part), "{elsewhere}");
    }
    assert_eq!(world.homes.contacts()[&home("fr")], before);

    // It is still good, also where the context says nothing.
    add(&mut transaction, 4, "fourth").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(notes(&world.homes, "es").await, ["planted in es", "second", "fourth"]);
    assert_eq!(notes(&world.homes, "fr").await, ["planted in fr"]);
}

#[tokio::test]
async fn what_the_context_said_when_it_was_begun_counts() {
    let world = World::plain().await;
    let mut transaction = within("ES", async { world.homes.begin().unwrap() }).await;
    let changed = within("FR", add(&mut transaction, 2, "lost")).await.unwrap_err();
    assert!(refusal(&changed).routing().unwrap().is_disagreement());
    within("ES", add(&mut transaction, 2, "second")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(notes(&world.homes, "es").await, ["planted in es", "second"]);
}

#[tokio::test]
async fn dropped_or_rolled_back_it_leaves_nothing_and_its_connection_is_free_again() {
    let world = World::new(|builder| builder.connections_per_database(1)).await;
    within("ES", async {
        let mut dropped = world.homes.begin().unwrap();
        add(&mut dropped, 2, "lost").await.unwrap();
        drop(dropped);
        let mut rolled_back = world.homes.begin().unwrap();
        add(&mut rolled_back, 2, "lost").await.unwrap();
        rolled_back.rollback().await.unwrap();
        assert_eq!(note(&world.homes).await.unwrap(), "planted in es");
    })
    .await;
    assert_eq!(notes(&world.homes, "es").await, ["planted in es"]);
}

#[tokio::test]
async fn a_savepoint_is_undone_alone_and_kept_to_the_same_home() {
    let world = World::plain().await;
    within("ES", async {
        let mut transaction = world.homes.begin().unwrap();
        add(&mut transaction, 2, "kept").await.unwrap();
        let mut savepoint = transaction.savepoint().await.unwrap();
        sqlx::query("DELETE FROM orders").execute(&mut savepoint).await.unwrap();
        let elsewhere = within("FR", sqlx::query("DELETE FROM orders").execute(&mut savepoint)).await;
        assert!(refusal(&elsewhere.unwrap_err()).routing().unwrap().is_disagreement());
        let mut inner = savepoint.savepoint().await.unwrap();
        sqlx::query("INSERT INTO orders (id, note) VALUES (9, 'lost')").execute(&mut inner).await.unwrap();
        inner.commit().await.unwrap();
        savepoint.rollback().await.unwrap();
        transaction.commit().await.unwrap();
    })
    .await;
    assert_eq!(notes(&world.homes, "es").await, ["planted in es", "kept"]);
}

#[tokio::test]
async fn without_a_statement_there_is_nothing_to_commit_and_nobody_is_contacted() {
    let world = World::plain().await;
    let before = world.homes.contacts();
    within("ES", async { world.homes.begin().unwrap().commit().await.unwrap() }).await;
    assert_eq!(world.homes.contacts(), before);
}
