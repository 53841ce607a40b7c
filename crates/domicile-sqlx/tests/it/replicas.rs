//! Replicas answer where a scope allows it, until it has written; and nothing is ever written to one.

use domicile::{Context, ReplicaReads, context};
use domicile_sqlx::{Contacts, Demand, Homes};
use domicile_testkit::Server;
use sqlx::{Postgres, Sqlite};
use tempfile::TempDir;

use crate::fixture::{home, key, note, plant, routers, url, within};

/// A home whose replica is a copy that has fallen behind: its order says so.
async fn homes(folder: &TempDir) -> Homes<Sqlite> {
    let plain = Homes::<Sqlite>::builder(routers()).home(home("es"), url(folder, "es")).build().unwrap();
    plant(&plain, "es").await;
    let path = |name: &str| folder.path().join(format!("{name}.sqlite"));
    std::fs::copy(path("es"), path("copy")).unwrap();
    sqlx::query("UPDATE orders SET note = 'newer'").execute(&plain.on(home("es"))).await.unwrap();
    let replicas = [format!("sqlite:{}", path("copy").display())];
    let builder = Homes::<Sqlite>::builder(routers()).home_with_replicas(home("es"), url(folder, "es"), replicas);
    builder.home(home("fr"), url(folder, "fr")).key_column("orders", "country", Demand::Nothing).build().unwrap()
}

fn contacts(homes: &Homes<Sqlite>) -> (u64, u64) {
    let Contacts { primary, replicas, .. } = homes.contacts()[&home("es")];
    (primary, replicas)
}

#[tokio::test]
async fn a_replica_answers_only_where_the_scope_allows_it() {
    let folder = TempDir::new().unwrap();
    let homes = homes(&folder).await;
    within("ES", async {
        assert_eq!(note(&homes).await.unwrap(), "newer");
        assert_eq!(contacts(&homes), (1, 0));
        context::scope(ReplicaReads::new(), async {
            assert_eq!(note(&homes).await.unwrap(), "planted in es");
            assert_eq!(contacts(&homes), (1, 1));
        })
        .await;
        assert_eq!(note(&homes).await.unwrap(), "newer");
    })
    .await;
}

#[tokio::test]
async fn a_scope_reads_its_own_writes_also_from_a_task_that_it_was_carried_to() {
    let folder = TempDir::new().unwrap();
    let homes = homes(&folder).await;
    let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
    scope
        .scope(async {
            assert_eq!(note(&homes).await.unwrap(), "planted in es");
            let (here, writer) = (Context::current(), homes.clone());
            let write = async move { sqlx::query("UPDATE orders SET note = 'mine'").execute(&writer).await };
            tokio::spawn(here.scope(write)).await.unwrap().unwrap();
            assert_eq!(note(&homes).await.unwrap(), "mine");
            // Another scope has written nothing.
            context::scope(ReplicaReads::new(), async { assert_eq!(note(&homes).await.unwrap(), "planted in es") })
                .await;
        })
        .await;
}

#[tokio::test]
async fn replicas_are_never_written_to() {
    let folder = TempDir::new().unwrap();
    let homes = homes(&folder).await;
    let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
    scope
        .scope(async {
            sqlx::query("UPDATE orders SET note = 'mine'").execute(&homes).await.unwrap();
            let mut transaction = homes.begin().unwrap();
            let own: String = sqlx::query_scalar("SELECT note FROM orders").fetch_one(&mut transaction).await.unwrap();
            assert_eq!(own, "mine");
            transaction.commit().await.unwrap();
            assert_eq!(contacts(&homes).1, 0);
        })
        .await;

    // A write that looks like a read is refused by the replica's connection itself.
    let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
    scope
        .scope(async {
            let hidden = sqlx::query("PRAGMA user_version = 7").execute(&homes).await;
            assert!(hidden.is_ok(), "that is known to be a write: {hidden:?}");
            assert_eq!(contacts(&homes).1, 0);
        })
        .await;
    let copy = format!("sqlite:{}", folder.path().join("copy.sqlite").display());
    let replica =
        Homes::<Sqlite>::builder(routers()).home_with_replicas(home("es"), url(&folder, "es"), [copy]).build();
    let replica = replica.unwrap();
    let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
    scope
        .scope(async {
            let decided = replica.decide("SELECT 1", &domicile_sqlx::Unreadable).unwrap();
            let lease = decided.lease().await.unwrap();
            let written = sqlx::query("UPDATE orders SET note = 'by force'").execute(lease.pool()).await.unwrap_err();
            assert!(written.to_string().contains("readonly"), "{written}");
        })
        .await;
}

#[tokio::test]
async fn a_transaction_that_reads_first_opens_at_the_primary() {
    let folder = TempDir::new().unwrap();
    let homes = homes(&folder).await;
    let read = || sqlx::query_scalar::<_, String>("SELECT note FROM orders WHERE country = 'ES'");
    context::scope(ReplicaReads::new(), async {
        assert_eq!(read().fetch_one(&homes).await.unwrap(), "planted in es");
        // Where it is begun, nothing says the home.
        let mut transaction = homes.begin().unwrap();
        assert_eq!(read().fetch_one(&mut transaction).await.unwrap(), "newer");
        let write = "UPDATE orders SET note = 'newest' WHERE country = 'ES'";
        sqlx::query(write).execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
    })
    .await;
    let mut transaction = homes.begin().unwrap();
    let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
    let read = sqlx::query_scalar::<_, String>("SELECT note FROM orders").fetch_one(&mut transaction);
    assert_eq!(scope.scope(read).await.unwrap(), "newest");
    assert_eq!(contacts(&homes), (2, 1));
}

#[tokio::test]
async fn a_transaction_that_reads_first_writes_to_the_primary_of_a_server() {
    let Some(server) = Server::postgres() else { return };
    for name in ["es", "copy"] {
        server.create_database(name);
        server.sql(name, "CREATE TABLE orders (country TEXT)");
    }
    let homes = Homes::<Postgres>::builder(routers())
        .home_with_replicas(home("es"), server.url("es"), [server.url("copy")])
        .elsewhere(home("fr"))
        .key_column("orders", "country", Demand::Nothing)
        .build()
        .unwrap();
    context::scope(ReplicaReads::new(), async {
        let mut transaction = homes.begin().unwrap();
        sqlx::query("SELECT * FROM orders WHERE country = 'ES'").execute(&mut transaction).await.unwrap();
        sqlx::query("INSERT INTO orders (country) VALUES ('ES')").execute(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
    })
    .await;
    let count = |name| server.sql(name, "SELECT count(*) FROM orders");
    assert_eq!((count("es").as_str(), count("copy").as_str()), ("1", "0"));
}
