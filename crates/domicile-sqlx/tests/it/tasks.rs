//! Tasks and threads: nothing is inherited, nothing is left behind.

use domicile::{Context, context};
use futures::future::join_all;

use crate::fixture::{World, key, note, refusal, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_task_without_a_context_is_an_error_and_with_one_is_not() {
    let world = World::plain().await;
    within("ES", async {
        let homes = world.homes.clone();
        let bare = tokio::spawn(async move { note(&homes).await }).await.unwrap().unwrap_err();
        assert!(refusal(&bare).routing().unwrap().is_no_opinion());
        let homes = world.homes.clone();
        let carried = tokio::spawn(Context::current().scope(async move { note(&homes).await })).await.unwrap();
        assert_eq!(carried.unwrap(), "planted in es");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_are_used_again_hold_no_stale_context() {
    let world = World::plain().await;
    // More tasks than threads, half of them in a scope, which they leave in the middle of their lives.
    let tasks = (0..200).map(|index| {
        let homes = world.homes.clone();
        let task = async move {
            let before = note(&homes).await;
            let (country, name) = if index % 2 == 0 { ("ES", "es") } else { ("FR", "fr") };
            let within = within(country, async {
                tokio::task::yield_now().await;
                note(&homes).await
            });
            assert_eq!(within.await.unwrap(), format!("planted in {name}"));
            (before.is_err(), note(&homes).await.is_err())
        };
        tokio::spawn(task)
    });
    for ended in join_all(tasks).await {
        assert_eq!(ended.unwrap(), (true, true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_is_cancelled_is_in_nobodys_way() {
    use std::time::{Duration, Instant};

    let world = World::new(|builder| builder.connections_per_database(2).wait(Duration::from_secs(60))).await;
    let slow =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000000) SELECT max(i) FROM n";
    within("ES", async {
        let begun = Instant::now();
        let cancelled = tokio::time::timeout(Duration::from_millis(100), sqlx::query(slow).execute(&world.homes));
        assert!(cancelled.await.is_err());
        // The connection that is still busy with it is not the one that comes next.
        assert_eq!(note(&world.homes).await.unwrap(), "planted in es");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    })
    .await;
}

#[tokio::test]
async fn blocking_work_asks_for_the_context_by_one_call() {
    let world = World::plain().await;
    within("FR", async {
        let (here, homes) = (Context::current(), world.homes.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let bare = homes.here().is_err();
            let carried = here.run(|| homes.here().unwrap().home().unwrap().to_string());
            (bare, carried)
        });
        assert_eq!(asked.await.unwrap(), (true, "fr".into()));
        assert_eq!(context::get::<domicile::RoutingKey>().as_deref(), Some(&key("FR")));
    })
    .await;
}
