//! Statements that are given up half-way: nobody gets the connection on which one may still be running.

use std::time::{Duration, Instant};

use domicile_sea_orm::{Budget, Homes, Transaction};
use domicile_testkit::Server;
use futures::TryStreamExt;
use sea_orm::{ConnectionTrait, DbErr, Statement, StreamTrait, TransactionTrait};
use sqlx::{MySql, Postgres};
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

            /// One home that has one connection, and waits for it for a shorter time than the statements take.
            fn home_of(server: &Server, budget: &Budget) -> Homes<$database> {
                server.create_database("es");
                let homes = Homes::<$database>::builder(routers())
                    .home(home("es"), server.url("es"))
                    .elsewhere(home("fr"))
                    .budget(budget.clone())
                    .connections_per_database(1)
                    .wait(Duration::from_secs(5));
                Homes::from(homes.build().unwrap()).on(home("es"))
            }

            fn text<C: ConnectionTrait>(connection: &C, text: &str) -> Statement {
                Statement::from_string(connection.get_database_backend(), text)
            }

            async fn who(homes: &Homes<$database>) -> Result<i64, DbErr> {
                let row = homes.query_one_raw(text(homes, TEXTS[0])).await?.unwrap();
                row.try_get_by_index(0)
            }

            async fn first_row_in(transaction: &Transaction<$database>) {
                let mut rows = transaction.stream_raw(text(transaction, TEXTS[2])).await.unwrap();
                assert!(rows.try_next().await.unwrap().is_some());
            }

            #[tokio::test]
            async fn the_next_gets_another_connection() {
                let Some(server) = $start else { return };
                let homes = home_of(&server, &Budget::new(5));
                let mut before = who(&homes).await.unwrap();
                let mut is_another = async |given_up: &str| {
                    let now = who(&homes).await.unwrap_or_else(|error| panic!("after {given_up}: {error}"));
                    assert_ne!(now, before, "after {given_up}");
                    before = now;
                };
                timeout(GIVEN_UP_AFTER, homes.execute_unprepared(TEXTS[1])).await.unwrap_err();
                is_another("a statement").await;
                let mut rows = homes.stream_raw(text(&homes, TEXTS[2])).await.unwrap();
                assert!(rows.try_next().await.unwrap().is_some());
                drop(rows);
                is_another("a stream").await;

                let transaction = homes.begin().await.unwrap();
                timeout(GIVEN_UP_AFTER, transaction.execute_unprepared(TEXTS[1])).await.unwrap_err();
                drop(transaction);
                is_another("a statement of a transaction").await;
                let transaction = homes.begin().await.unwrap();
                first_row_in(&transaction).await;
                drop(transaction);
                is_another("a stream of a transaction").await;
                let transaction = homes.begin().await.unwrap();
                let within = transaction.begin().await.unwrap();
                let slow = text(&within, TEXTS[1]);
                timeout(GIVEN_UP_AFTER, within.query_all_raw(slow)).await.unwrap_err();
                drop(within);
                drop(transaction);
                is_another("rows of a savepoint").await;
            }

            #[tokio::test]
            async fn what_has_ended_leaves_its_connection_to_the_next() {
                let Some(server) = $start else { return };
                let homes = home_of(&server, &Budget::new(5));
                let before = who(&homes).await.unwrap();
                let rows = homes.stream_raw(text(&homes, TEXTS[0])).await.unwrap();
                assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap().len(), 1);
                assert_eq!(who(&homes).await.unwrap(), before);
                let rows = homes.stream_raw(text(&homes, "SELECT no_such_column")).await.unwrap();
                assert!(rows.try_collect::<Vec<_>>().await.is_err());
                assert_eq!(who(&homes).await.unwrap(), before);

                let transaction = homes.begin().await.unwrap();
                let rows = transaction.stream_raw(text(&homes, TEXTS[0])).await.unwrap();
                assert_eq!(rows.try_collect::<Vec<_>>().await.unwrap().len(), 1);
                let within = transaction.begin().await.unwrap();
                let rows = within.stream_raw(text(&homes, "SELECT no_such_column")).await.unwrap();
                assert!(rows.try_collect::<Vec<_>>().await.is_err());
                within.rollback().await.unwrap();
                transaction.execute_unprepared(TEXTS[0]).await.unwrap();
                // Dropped while nothing is running, it is rolled back and its connection used again.
                drop(transaction);
                assert_eq!(who(&homes).await.unwrap(), before);
            }

            #[tokio::test]
            async fn a_connection_that_does_not_answer_is_kept_for_nobody() {
                let Some(mut server) = $start else { return };
                let budget = Budget::new(5);
                let homes = home_of(&server, &budget);
                who(&homes).await.unwrap();
                assert_eq!(budget.open(), 1);
                server.pause();
                homes.execute_unprepared(TEXTS[0]).await.unwrap_err();
                let begun = Instant::now();
                while budget.open() > 0 {
                    assert!(begun.elapsed() < Duration::from_secs(30), "{budget:?}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                server.resume();
                who(&homes).await.unwrap();
                assert_eq!(budget.open(), 1);
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
