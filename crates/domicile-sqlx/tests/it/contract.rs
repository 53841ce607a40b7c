//! What must hold on every kind of database, proved on real servers. A server that is not installed is told loudly, and
//! is a failure in CI.

use std::time::Duration;

use domicile::{Context, ReplicaReads};
use domicile_sqlx::{Budget, Demand, Error, Homes};
use domicile_testkit::Server;
use futures::TryStreamExt;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{MySql, Postgres, SqlSafeStr, Sqlite};
use tempfile::TempDir;

use crate::fixture::{home, key, refusal, routers, within};

/// Where the databases of a test are.
enum Place {
    Server(Server),
    Folder(TempDir),
}

impl Place {
    fn of(server: Option<Server>) -> Option<Self> {
        let server = server?;
        server.create_database("es");
        server.create_database("fr");
        Some(Self::Server(server))
    }

    fn folder() -> Option<Self> {
        Some(Self::Folder(TempDir::new().unwrap()))
    }

    fn url(&self, name: &str) -> String {
        match self {
            Self::Server(server) => server.url(name),
            Self::Folder(folder) => crate::fixture::url(folder, name),
        }
    }
}

fn migrator() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(
            1,
            "orders",
            "CREATE TABLE orders (id BIGINT PRIMARY KEY, country VARCHAR(2), amount BIGINT NOT NULL)",
        ),
        migration(2, "index", "CREATE INDEX by_country ON orders (country)"),
    ])
}

macro_rules! contract {
    ($name:ident, $database:ty, $place:expr) => {
        mod $name {
            use super::*;

            type Homes = super::Homes<$database>;

            async fn world(place: &Place) -> Homes {
                let builder = Homes::builder(routers())
                    .home_with_replicas(home("es"), place.url("es"), [place.url("es")])
                    .home(home("fr"), place.url("fr"))
                    .key_column("orders", "country", Demand::Nothing);
                let homes = builder.build().unwrap();
                homes.migrate(&migrator()).await.all().unwrap();
                homes
            }

            async fn run(homes: &Homes, sql: &'static str) -> Result<u64, sqlx::Error> {
                sqlx::query(sql).execute(homes).await.map(|done| done.rows_affected())
            }

            async fn ids(homes: &Homes, name: &str) -> Vec<i64> {
                let ids = sqlx::query_scalar::<$database, i64>("SELECT id FROM orders ORDER BY id");
                ids.fetch(&homes.on(home(name))).try_collect().await.unwrap()
            }

            #[tokio::test]
            async fn statements_reach_their_home_and_no_other() {
                let Some(place) = $place else { return };
                let homes = world(&place).await;
                within("ES", run(&homes, "INSERT INTO orders VALUES (1, 'ES', 30)")).await.unwrap();
                run(&homes, "INSERT INTO orders (id, country, amount) VALUES (1, 'FR', 20)").await.unwrap();
                let before = homes.contacts();
                let spanish = "INSERT INTO orders (id, country, amount) VALUES (2, 'ES', 10), (3, 'PT', 5)";
                let error = within("FR", run(&homes, spanish)).await.unwrap_err();
                assert!(refusal(&error).routing().unwrap().is_disagreement(), "{error}");
                let error = run(&homes, "DELETE FROM orders WHERE id = 1").await.unwrap_err();
                assert!(refusal(&error).routing().unwrap().is_no_opinion(), "{error}");
                let error = within("ES", run(&homes, "UPDATE orders SET country = 'FR'")).await.unwrap_err();
                assert!(error.to_string().contains("not updated in place"), "{error}");
                assert_eq!(homes.contacts(), before);
                run(&homes, spanish).await.unwrap();
                assert_eq!((ids(&homes, "es").await, ids(&homes, "fr").await), (vec![1, 2, 3], vec![1]));
            }

            #[tokio::test]
            async fn a_transaction_stays_in_its_home_and_is_undone_when_dropped() {
                let Some(place) = $place else { return };
                let homes = world(&place).await;
                for commits in [false, true] {
                    let mut transaction = homes.begin().unwrap();
                    let insert = "INSERT INTO orders (id, country, amount) VALUES (1, 'ES', 1)";
                    sqlx::query(insert).execute(&mut transaction).await.unwrap();
                    let elsewhere = sqlx::query("DELETE FROM orders WHERE country = 'FR'").execute(&mut transaction);
                    let error = elsewhere.await.unwrap_err();
                    assert!(refusal(&error).routing().unwrap().is_disagreement(), "{error}");
                    let mut savepoint = transaction.savepoint().await.unwrap();
                    sqlx::query("DELETE FROM orders").execute(&mut savepoint).await.unwrap();
                    savepoint.rollback().await.unwrap();
                    if commits {
                        transaction.commit().await.unwrap();
                    } else {
                        drop(transaction);
                    }
                    assert_eq!(ids(&homes, "es").await, if commits { vec![1] } else { vec![] });
                }
            }

            #[tokio::test]
            async fn every_home_answers_for_itself() {
                let Some(place) = $place else { return };
                let homes = world(&place).await;
                run(&homes, "INSERT INTO orders (id, country, amount) VALUES (1, 'ES', 30)").await.unwrap();
                run(&homes, "INSERT INTO orders (id, country, amount) VALUES (1, 'FR', 20)").await.unwrap();
                let everywhere = homes.everywhere();
                let count = everywhere.fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM orders")).await;
                assert_eq!(count.count().unwrap(), 2);
                let max =
                    everywhere.fetch_scalar::<Option<i64>, _>(|| sqlx::query("SELECT max(amount) FROM orders")).await;
                assert_eq!(max.max().unwrap(), Some(30));
                let error = everywhere.execute(|| sqlx::query("DELETE FROM orders WHERE country = 'ES'")).await.all();
                assert_eq!(error.unwrap_err().home(), Some(&home("fr")), "it names its home, and is not for this one");
                assert_eq!((ids(&homes, "es").await, ids(&homes, "fr").await), (vec![], vec![1]));
            }

            #[tokio::test]
            async fn replicas_read_where_it_is_allowed_and_cannot_write() {
                let Some(place) = $place else { return };
                let homes = world(&place).await;
                let scope = Context::current().and(key("ES")).and(ReplicaReads::new());
                let before = homes.contacts()[&home("es")];
                scope
                    .scope(async {
                        run(&homes, "SELECT id FROM orders").await.unwrap();
                        let decided = homes.decide("SELECT 1", &domicile_sqlx::Unreadable).unwrap();
                        let lease = decided.lease().await.unwrap();
                        let forced = sqlx::query("DELETE FROM orders").execute(lease.pool()).await.unwrap_err();
                        let message = forced.to_string().to_lowercase().replace('-', "");
                        assert!(message.contains("readonly") || message.contains("read only"), "{message}");
                        drop(lease);
                        run(&homes, "INSERT INTO orders VALUES (1, 'ES', 1)").await.unwrap();
                        let own: i64 = sqlx::query_scalar("SELECT id FROM orders").fetch_one(&homes).await.unwrap();
                        assert_eq!(own, 1);
                    })
                    .await;
                let after = homes.contacts()[&home("es")];
                assert_eq!((after.primary - before.primary, after.replicas - before.replicas), (2, 2));
            }

            #[tokio::test]
            async fn one_database_is_not_two_homes_and_a_marker_tells_the_wrong_one() {
                let Some(place) = $place else { return };
                let homes = world(&place).await;
                homes.mark(&home("es")).await.unwrap();
                let twin =
                    Homes::builder(routers()).home(home("es"), place.url("es")).home(home("fr"), place.url("es"));
                assert!(matches!(twin.build().unwrap_err(), Error::SameDatabase { .. }));
                if let Place::Server(server) = &place {
                    // Another name of the same machine, which only the server itself tells.
                    let alias = server.url("fr").replace("127.0.0.1", "localhost");
                    let twin = Homes::builder(routers()).home(home("es"), server.url("fr")).home(home("fr"), alias);
                    let error = twin.build().unwrap().check().await.all().unwrap_err();
                    assert!(error.to_string().contains("are one database"), "{error}");
                }
                let wrong = Homes::builder(routers()).home(home("fr"), place.url("es")).build().unwrap();
                let error = within("FR", run(&wrong, "SELECT 1")).await.unwrap_err();
                assert!(matches!(refusal(&error), Error::WrongHome { .. }), "{error}");
                homes.check().await.all().unwrap();
            }

            #[tokio::test]
            async fn migrations_tell_who_is_behind() {
                let Some(place) = $place else { return };
                let builder =
                    Homes::builder(routers()).home(home("es"), place.url("es")).home(home("fr"), place.url("fr"));
                let homes = builder.build().unwrap();
                let behind = async || {
                    let all = homes.migrations(&migrator()).await.all().unwrap();
                    all.iter().map(|home| home.pending.len()).collect::<Vec<_>>()
                };
                assert_eq!(behind().await, [2, 2]);
                let spain = homes.among([home("es")]);
                spain.execute(|| sqlx::query("SELECT 1")).await.all().unwrap();
                assert_eq!(behind().await, [2, 2], "looking changes nothing");
                homes.migrate(&migrator()).await.all().unwrap();
                assert_eq!(behind().await, [0, 0]);
                assert!(homes.migrate(&migrator()).await.all().unwrap().iter().all(|home| home.applied.is_empty()));
            }
        }
    };
}

contract!(sqlite, Sqlite, Place::folder());
contract!(postgres, Postgres, Place::of(Server::postgres()));
contract!(mariadb, MySql, Place::of(Server::mariadb()));

#[tokio::test]
async fn a_name_that_leads_to_another_database_of_the_server_is_refused() {
    let Some(place) = Place::of(Server::mariadb()) else { return };
    let homes = Homes::<MySql>::builder(routers()).home(home("es"), place.url("es")).home(home("fr"), place.url("fr"));
    let homes = homes.build().unwrap();
    homes.migrate(&migrator()).await.all().unwrap();
    let error = within("ES", sqlx::query("SELECT * FROM fr.orders").execute(&homes)).await.unwrap_err();
    assert!(error.to_string().contains("it names the database fr, which is not that of its home es"), "{error}");
    within("ES", sqlx::query("SELECT * FROM es.orders").execute(&homes)).await.unwrap();
    // Also where the statement cannot be read.
    let error = within("ES", sqlx::query("OPTIMIZE TABLE `fr`.orders").execute(&homes)).await.unwrap_err();
    assert!(error.to_string().contains("it names fr, the database of another home"), "{error}");
    within("ES", sqlx::query("OPTIMIZE TABLE es.orders").execute(&homes)).await.unwrap();
}

#[tokio::test]
async fn databases_of_one_name_on_two_servers_are_two_homes() {
    let (Some(one), Some(other)) = (Server::mariadb(), Server::mariadb()) else { return };
    one.create_database("shop");
    other.create_database("shop");
    let homes =
        Homes::<MySql>::builder(routers()).home(home("es"), one.url("shop")).home(home("fr"), other.url("shop"));
    let homes = homes.build().unwrap();
    homes.migrate(&migrator()).await.all().unwrap();
    within("ES", sqlx::query("INSERT INTO shop.orders VALUES (1, 'ES', 1)").execute(&homes)).await.unwrap();
    assert_eq!(one.sql("shop", "SELECT count(*) FROM orders"), "1");
    assert_eq!(other.sql("shop", "SELECT count(*) FROM orders"), "0");
}

macro_rules! outage {
    ($name:ident, $database:ty, $start:expr) => {
        #[tokio::test]
        async fn $name() {
            let (Some(mut es), Some(fr)) = ($start, $start) else { return };
            es.create_database("es");
            fr.create_database("fr");
            let budget = Budget::new(4);
            let homes = Homes::<$database>::builder(routers())
                .home(home("es"), es.url("es"))
                .home(home("fr"), fr.url("fr"))
                .budget(budget.clone())
                .wait(Duration::from_secs(2))
                .build()
                .unwrap();
            let ask = || async { sqlx::query("SELECT 1").execute(&homes).await };
            within("ES", ask()).await.unwrap();
            within("FR", ask()).await.unwrap();
            assert_eq!((es.connections("es"), fr.connections("fr")), (1, 1));

            es.kill();
            within("ES", ask()).await.unwrap_err();
            within("FR", ask()).await.unwrap();
            let all = homes.everywhere().execute(|| sqlx::query("SELECT 1")).await;
            let answered: Vec<_> = all.iter().map(|(home, answer)| (home.as_str(), answer.is_ok())).collect();
            assert_eq!(answered, [("es", false), ("fr", true)]);

            // It is back as soon as its server is.
            es.start_again();
            within("ES", ask()).await.unwrap();
            assert!(budget.open() <= 4);
        }
    };
}

outage!(a_postgres_that_is_killed_is_one_home_that_is_down_and_comes_back, Postgres, Server::postgres());
outage!(a_mariadb_that_is_killed_is_one_home_that_is_down_and_comes_back, MySql, Server::mariadb());
