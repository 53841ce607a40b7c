//! Connections: how many there are, who waits, and which are closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domicile::{Chain, Placement, PlacementRouter, context};
use domicile_sqlx::{Budget, Error, Homes};
use futures::TryStreamExt;
use futures::future::join_all;
use sqlx::Sqlite;
use tempfile::TempDir;
use tokio::sync::Barrier;

use crate::fixture::{World, home, note, refusal, url, within};

const SHORT: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_homes_live_under_a_budget_of_fifty_connections() {
    let folder = TempDir::new().unwrap();
    let budget = Budget::new(50);
    let names: Vec<String> = (0..500).map(|index| format!("h{index}")).collect();
    let placement = names.iter().fold(Placement::builder(), |placement, name| placement.home(home(name)));
    let routers = Chain::new(PlacementRouter::new(placement.build().unwrap()));
    let builder = Homes::<Sqlite>::builder(routers).budget(budget.clone()).wait(Duration::from_secs(60));
    let homes =
        names.iter().fold(builder, |builder, name| builder.home(home(name), url(&folder, name))).build().unwrap();

    let most = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tasks = names.iter().flat_map(|name| [name, name]).map(|name| {
        let (homes, name, budget, most) = (homes.clone(), name.clone(), budget.clone(), Arc::clone(&most));
        tokio::spawn(context::scope(home(&name), async move {
            sqlx::query("CREATE TABLE IF NOT EXISTS names (name TEXT)").execute(&homes).await.unwrap();
            sqlx::query("INSERT INTO names VALUES (?)").bind(&name).execute(&homes).await.unwrap();
            most.fetch_max(budget.open(), std::sync::atomic::Ordering::Relaxed);
            let found: Vec<String> = sqlx::query_scalar("SELECT name FROM names").fetch_all(&homes).await.unwrap();
            assert!(found.iter().all(|found| *found == name), "{name}: {found:?}");
        }))
    });
    for ended in join_all(tasks.collect::<Vec<_>>()).await {
        ended.unwrap();
    }
    let counted = homes.everywhere().fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM names")).await;
    assert_eq!(counted.count().unwrap(), 1_000);
    assert_eq!(files_open(&folder).min(50), files_open(&folder), "more than the budget is open");
    assert!((10..=50).contains(&most.load(std::sync::atomic::Ordering::Relaxed)));
}

/// How many of the homes' files this process has open, by the system's own account.
fn files_open(folder: &TempDir) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    let homes: std::collections::BTreeSet<_> = open
        .filter(|path| {
            path.starts_with(folder.path()) && path.extension().is_some_and(|extension| extension == "sqlite")
        })
        .collect();
    homes.len()
}

#[tokio::test]
async fn a_home_whose_connections_are_all_in_use_keeps_no_other_from_its_own() {
    let world = World::new(|builder| builder.connections_per_home(1).wait(SHORT)).await;
    let homes = &world.homes;
    let mut rows = within("ES", async { sqlx::query("SELECT note FROM orders").fetch(homes) }).await;
    assert!(rows.try_next().await.unwrap().is_some());
    let error = within("ES", note(homes)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::Exhausted { .. }), "{error}");
    assert!(error.to_string().contains("all 1 of the home are in use"), "{error}");
    assert_eq!(within("FR", note(homes)).await.unwrap(), "planted in fr");
    drop(rows);
    assert_eq!(within("ES", note(homes)).await.unwrap(), "planted in es");
}

#[tokio::test]
async fn a_connection_in_use_is_never_closed_and_an_idle_one_makes_room() {
    let world = World::new(|builder| builder.budget(Budget::new(1)).wait(SHORT)).await;
    let homes = &world.homes;
    // One after the other, each home closes the other's.
    for _ in 0..3 {
        assert_eq!(within("ES", note(homes)).await.unwrap(), "planted in es");
        assert_eq!(within("FR", note(homes)).await.unwrap(), "planted in fr");
    }
    let mut transaction = within("ES", async { homes.begin().unwrap() }).await;
    sqlx::query("UPDATE orders SET note = 'kept'").execute(&mut transaction).await.unwrap();
    let error = within("FR", note(homes)).await.unwrap_err();
    assert!(error.to_string().contains("all 1 of the budget are in use"), "{error}");
    transaction.commit().await.unwrap();
    assert_eq!(within("FR", note(homes)).await.unwrap(), "planted in fr");
    assert_eq!(within("ES", note(homes)).await.unwrap(), "kept");
}

#[tokio::test]
async fn who_waits_gets_the_next_connection_that_is_given_back() {
    let world = World::new(|builder| builder.budget(Budget::new(1)).wait(Duration::from_secs(60))).await;
    let (homes, barrier) = (world.homes.clone(), Arc::new(Barrier::new(2)));
    let rows = context::with(home("es"), || sqlx::query("SELECT note FROM orders").fetch(&homes));
    let waiting = {
        let (homes, barrier) = (homes.clone(), Arc::clone(&barrier));
        tokio::spawn(context::scope(home("fr"), async move {
            barrier.wait().await;
            note(&homes).await
        }))
    };
    let mut rows = rows;
    assert!(rows.try_next().await.unwrap().is_some());
    barrier.wait().await;
    // It cannot have it now; it is let run until it waits.
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(rows);
    assert_eq!(waiting.await.unwrap().unwrap(), "planted in fr");
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_after_its_time() {
    let budget = Budget::new(10).close_idle_after(Duration::from_millis(100));
    let world = World::new(|builder| builder.budget(budget.clone())).await;
    assert!(budget.open() > 0);
    let begun = Instant::now();
    while budget.open() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{budget:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(files_open(&world.folder), 0);
    assert_eq!(within("ES", note(&world.homes)).await.unwrap(), "planted in es");
}
