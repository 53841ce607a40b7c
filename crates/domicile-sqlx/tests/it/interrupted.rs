//! Statements that are given up half-way: nobody gets the connection on which one may still be running.

use std::time::Duration;

use domicile_sqlx::{Homes, Savepoint, Transaction};
use domicile_testkit::Server;
use futures::TryStreamExt;
use sqlx::{MySql, Postgres, Sqlite};
use tokio::time::timeout;

use crate::fixture::{home, routers};

/// When a statement is given up that takes much longer.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(200);

macro_rules! interrupted {
    ($name:ident, $database:ty, $start:expr, $texts:expr) => {
        mod $name {
            use super::*;

            /// The number of the connection, one that takes long, and rows of which a late one takes long.
            const TEXTS: [&str; 3] = $texts;
            const WHO: &str = TEXTS[0];
            const SLOW: &str = TEXTS[1];
            const ROWS: &str = TEXTS[2];

            /// One home that has one connection, and waits for it for a shorter time than the statements take.
            fn home_of(server: &Server) -> Homes<$database> {
                server.create_database("es");
                let homes = Homes::<$database>::builder(routers())
                    .home(home("es"), server.url("es"))
                    .elsewhere(home("fr"))
                    .connections_per_database(1)
                    .wait(Duration::from_secs(5));
                homes.build().unwrap().on(home("es"))
            }

            async fn who(homes: &Homes<$database>) -> Result<i64, sqlx::Error> {
                sqlx::query_scalar(WHO).fetch_one(homes).await
            }

            async fn first_row(homes: &Homes<$database>) {
                assert!(sqlx::query(ROWS).fetch(homes).try_next().await.unwrap().is_some());
            }

            async fn first_row_in(transaction: &mut Transaction<$database>) {
                assert!(sqlx::query(ROWS).fetch(transaction).try_next().await.unwrap().is_some());
            }

            async fn slow_in(savepoint: &mut Savepoint<'_, $database>) {
                timeout(GIVEN_UP_AFTER, sqlx::query(SLOW).fetch_optional(savepoint)).await.unwrap_err();
            }

            #[tokio::test]
            async fn the_next_gets_another_connection() {
                let Some(server) = $start else { return };
                let homes = home_of(&server);
                let mut before = who(&homes).await.unwrap();
                let mut is_another = async |given_up: &str| {
                    let now = who(&homes).await.unwrap_or_else(|error| panic!("after {given_up}: {error}"));
                    assert_ne!(now, before, "after {given_up}");
                    before = now;
                };
                timeout(GIVEN_UP_AFTER, sqlx::query(SLOW).execute(&homes)).await.unwrap_err();
                is_another("a statement").await;
                first_row(&homes).await;
                is_another("a stream").await;

                let mut transaction = homes.begin().unwrap();
                timeout(GIVEN_UP_AFTER, sqlx::query(SLOW).execute(&mut transaction)).await.unwrap_err();
                drop(transaction);
                is_another("a statement of a transaction").await;
                let mut transaction = homes.begin().unwrap();
                timeout(GIVEN_UP_AFTER, sqlx::query(SLOW).fetch_optional(&mut transaction)).await.unwrap_err();
                drop(transaction);
                is_another("a row of a transaction").await;
                let mut transaction = homes.begin().unwrap();
                first_row_in(&mut transaction).await;
                drop(transaction);
                is_another("a stream of a transaction").await;

                let mut transaction = homes.begin().unwrap();
                let mut savepoint = transaction.savepoint().await.unwrap();
                slow_in(&mut savepoint).await;
                drop(savepoint);
                drop(transaction);
                is_another("a row of a savepoint").await;
                let mut transaction = homes.begin().unwrap();
                let mut savepoint = transaction.savepoint().await.unwrap();
                timeout(GIVEN_UP_AFTER, sqlx::query(SLOW).execute(&mut savepoint)).await.unwrap_err();
                drop(savepoint);
                drop(transaction);
                is_another("a statement of a savepoint").await;
            }

            #[tokio::test]
            async fn what_has_ended_leaves_its_connection_to_the_next() {
                let Some(server) = $start else { return };
                let homes = home_of(&server);
                let before = who(&homes).await.unwrap();
                assert_eq!(sqlx::query(WHO).fetch_all(&homes).await.unwrap().len(), 1);
                sqlx::query("SELECT no_such_column").execute(&homes).await.unwrap_err();
                assert_eq!(who(&homes).await.unwrap(), before);

                let mut transaction = homes.begin().unwrap();
                assert_eq!(sqlx::query(WHO).fetch_all(&mut transaction).await.unwrap().len(), 1);
                let mut savepoint = transaction.savepoint().await.unwrap();
                assert_eq!(sqlx::query(WHO).fetch_all(&mut savepoint).await.unwrap().len(), 1);
                sqlx::query("SELECT no_such_column").execute(&mut savepoint).await.unwrap_err();
                savepoint.rollback().await.unwrap();
                sqlx::query(WHO).execute(&mut transaction).await.unwrap();
                // Dropped while nothing is running, it is rolled back and its connection used again.
                drop(transaction);
                assert_eq!(who(&homes).await.unwrap(), before);
            }
        }
    };
}

interrupted!(
    postgres,
    Postgres,
    Server::postgres(),
    [
        "SELECT pg_backend_pid()::bigint",
        "SELECT pg_sleep(60)",
        "SELECT CASE WHEN row = 200000 THEN pg_sleep(60)::text END FROM generate_series(1, 200001) AS row",
    ]
);
interrupted!(
    mariadb,
    MySql,
    Server::mariadb(),
    [
        "SELECT CAST(CONNECTION_ID() AS SIGNED)",
        "SELECT SLEEP(60)",
        "SELECT IF(seq = 200000, SLEEP(60), seq) FROM seq_1_to_200001",
    ]
);

#[tokio::test]
async fn a_home_in_memory_keeps_its_data_wherever_a_statement_is_given_up() {
    let homes = Homes::<Sqlite>::builder(routers()).home(home("es"), "sqlite::memory:").elsewhere(home("fr"));
    let homes = homes.build().unwrap().on(home("es"));
    sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&homes).await.unwrap();
    for polls in 1..8 {
        for round in 0..50 {
            let mut insert = Box::pin(sqlx::query("INSERT INTO orders VALUES (1)").execute(&homes));
            for _ in 0..polls {
                if futures::poll!(insert.as_mut()).is_ready() {
                    break;
                }
                // SQLite works on a thread of its own, and may be given the time for a step or not.
                match round % 2 {
                    0 => tokio::task::yield_now().await,
                    _ => tokio::time::sleep(Duration::from_micros(50)).await,
                }
            }
            drop(insert);
            let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders").fetch_one(&homes).await;
            assert!(count.is_ok(), "given up after {polls} polls: {count:?}");
        }
    }
}
