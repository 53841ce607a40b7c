//! Connections: how many there are, who waits, and which are closed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domicile::{Chain, Placement, PlacementRouter, context};
use domicile_sqlx::{Budget, Builder, Error, Homes};
use futures::TryStreamExt;
use futures::future::join_all;
use sqlx::Sqlite;
use tempfile::TempDir;
use tokio::sync::Barrier;

use crate::fixture::{World, home, note, refusal, url, within};

const SHORT: Duration = Duration::from_millis(200);

// On one thread, so that nothing is given up or opened by others while it is counted.
#[tokio::test]
async fn five_hundred_homes_live_under_a_budget_of_fifty_connections() {
    let folder = TempDir::new().unwrap();
    let budget = Budget::new(50);
    let names: Vec<String> = (0..500).map(|index| format!("h{index}")).collect();
    let placement = names.iter().fold(Placement::builder(), |placement, name| placement.home(home(name)));
    let routers = Chain::new(PlacementRouter::new(placement.build().unwrap()));
    let builder = Homes::<Sqlite>::builder(routers).budget(budget.clone()).wait(Duration::from_secs(60));
    // Of two connections to one file, SQLite keeps the file of the one that is closed until the other needs no lock.
    let builder = builder.connections_per_database(1);
    let homes =
        names.iter().fold(builder, |builder, name| builder.home(home(name), url(&folder, name))).build().unwrap();

    let most = AtomicUsize::new(0);
    let count = async |name: &String| {
        let name = name.as_str();
        sqlx::query("CREATE TABLE IF NOT EXISTS names (name TEXT)").execute(&homes).await.unwrap();
        sqlx::query("INSERT INTO names VALUES (?)").bind(name).execute(&homes).await.unwrap();
        most.fetch_max(files_open(&folder), Ordering::Relaxed);
        let found: Vec<String> = sqlx::query_scalar("SELECT name FROM names").fetch_all(&homes).await.unwrap();
        assert!(found.iter().all(|found| *found == name), "{name}: {found:?}");
    };
    join_all(names.iter().flat_map(|name| [name, name]).map(|name| context::scope(home(name), count(name)))).await;
    let counted = homes.everywhere().fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM names")).await;
    assert_eq!(counted.count().unwrap(), 1_000);
    // All that it may, and not one more.
    assert_eq!(most.into_inner(), 50);
    assert_eq!((files_open(&folder), budget.open()), (50, 50));
}

/// How many times this process has files of homes open, by the system's own account: each connection has its own once.
fn files_open(folder: &TempDir) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    let is_home =
        |path: &PathBuf| path.starts_with(folder.path()) && path.extension().is_some_and(|end| end == "sqlite");
    open.filter(is_home).count()
}

#[tokio::test]
async fn a_home_whose_connections_are_all_in_use_keeps_no_other_from_its_own() {
    let world = World::new(|builder| builder.connections_per_database(1).wait(SHORT)).await;
    let homes = &world.homes;
    let mut rows = within("ES", async { sqlx::query("SELECT note FROM orders").fetch(homes) }).await;
    assert!(rows.try_next().await.unwrap().is_some());
    let error = within("ES", note(homes)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::Exhausted { .. }), "{error}");
    let told = "no connection to home es became free within 200ms: all 1 to its database are in use";
    assert!(error.to_string().contains(told), "{error}");
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

/// Waits until no connection of the budget is open.
async fn all_closed(budget: &Budget) {
    let begun = Instant::now();
    while budget.open() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{budget:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed_after_its_time() {
    for time in [Duration::from_millis(100), Duration::ZERO] {
        let budget = Budget::new(10).close_idle_after(time);
        let world = World::new(|builder| builder.budget(budget.clone())).await;
        all_closed(&budget).await;
        assert_eq!(files_open(&world.folder), 0);
        assert_eq!(within("ES", note(&world.homes)).await.unwrap(), "planted in es");
        // Also what is opened after all were closed.
        all_closed(&budget).await;
    }
}

#[tokio::test]
async fn the_time_after_which_connections_are_closed_holds_for_all_clones() {
    let budget = Budget::new(10);
    let world = World::new(|builder| builder.budget(budget.clone())).await;
    assert_eq!((within("ES", note(&world.homes)).await.unwrap(), budget.open()), ("planted in es".into(), 2));
    // It is looked for idle connections already, by the time of before.
    let _same = budget.clone().close_idle_after(Duration::from_millis(20));
    all_closed(&budget).await;
    assert_eq!(files_open(&world.folder), 0);
}

#[tokio::test]
async fn bounds_that_are_larger_than_can_be_counted_are_none() {
    let budget = Budget::new(usize::MAX);
    let describe = |builder: Builder<Sqlite>| builder.connections_per_database(usize::MAX).wait(Duration::MAX);
    let world = World::new(|builder| describe(builder.budget(budget.clone()))).await;
    assert_eq!(within("ES", note(&world.homes)).await.unwrap(), "planted in es");
    assert_eq!(budget.open(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_is_taken_while_others_are_closed_stays_open() {
    // Homes that take each other's connections, and a sweep that is always at work.
    let budget = Budget::new(3).close_idle_after(Duration::ZERO);
    let world = World::new(|builder| builder.budget(budget.clone()).wait(Duration::from_secs(60))).await;
    let tasks = (0..8).map(|index| {
        let (homes, name) = (world.homes.clone(), if index % 2 == 0 { "es" } else { "fr" });
        tokio::spawn(async move {
            for _ in 0..100 {
                let decided = context::with(home(name), || homes.decide_write()).unwrap();
                let lease = decided.lease().await.unwrap();
                // A temporary table is gone with its connection.
                sqlx::query("CREATE TEMPORARY TABLE mine (id INTEGER)").execute(lease.pool()).await.unwrap();
                tokio::task::yield_now().await;
                sqlx::query("DROP TABLE mine").execute(lease.pool()).await.unwrap();
            }
        })
    });
    for ended in join_all(tasks.collect::<Vec<_>>()).await {
        ended.unwrap();
    }
    all_closed(&budget).await;
}

#[test]
fn homes_outlive_the_runtime_that_they_were_first_used_in() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let budget = Budget::new(2).close_idle_after(Duration::from_millis(50));
    let first = runtime();
    let world = first.block_on(World::new(|builder| builder.budget(budget.clone())));
    let lease =
        first.block_on(async { within("ES", async { world.homes.decide_write() }).await.unwrap().lease().await });
    drop(first);
    // Given back where nothing runs.
    drop(lease);
    runtime().block_on(async {
        assert_eq!(within("ES", note(&world.homes)).await.unwrap(), "planted in es");
        assert_eq!(within("FR", note(&world.homes)).await.unwrap(), "planted in fr");
        all_closed(&budget).await;
    });
}
