//! Entity code on real servers. One that is not installed is told loudly, and is a failure in CI.

use domicile::{ReplicaReads, context};
use domicile_sea_orm::{Demand, Homes};
use domicile_testkit::Server;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{AccessMode, TransactionTrait};
use sqlx::{MySql, Postgres};

use crate::entity::{customer, order};
use crate::entity_code::shop;
use crate::fixture::{home, order, plant, refusal, routers, within};
use crate::nested;

macro_rules! on_a_server {
    ($name:ident, $database:ty, $start:expr) => {
        mod $name {
            use super::*;

            fn world_of(server: &Server) -> Homes<$database> {
                let homes = Homes::<$database>::builder(routers())
                    .home(home("es"), server.url("es"))
                    .home(home("fr"), server.url("fr"))
                    .key_column("orders", "country", Demand::Inserts);
                homes.build().unwrap().into()
            }

            async fn world(server: &Server) -> Homes<$database> {
                server.create_database("es");
                server.create_database("fr");
                let homes = world_of(server);
                plant(&homes.on(home("es")), "Ana").await;
                plant(&homes.on(home("fr")), "Anne").await;
                homes
            }

            #[tokio::test]
            async fn entity_code_reaches_the_home_of_the_context_and_no_other() {
                let Some(server) = $start else { return };
                let homes = world(&server).await;
                within("ES", shop(&homes, "ES")).await.unwrap();
                // As the server itself tells it.
                assert_eq!(server.sql("es", "SELECT id, country FROM orders"), "1\tES");
                assert_eq!(server.sql("fr", "SELECT count(*) FROM orders"), "0");
                let transaction = homes.begin().await.unwrap();
                within("FR", shop(&transaction, "FR")).await.unwrap();
                assert_eq!(server.sql("fr", "SELECT count(*) FROM orders"), "0");
                transaction.commit().await.unwrap();
                assert_eq!(server.sql("fr", "SELECT id, country FROM orders"), "1\tFR");
            }

            #[tokio::test]
            async fn a_home_that_is_misconfigured_keeps_no_other_from_working() {
                let Some(server) = $start else { return };
                drop(world(&server).await);
                let right = server.url("es");
                let (user, _) = right.split_once('@').unwrap();
                let (_, password) = user.rsplit_once(':').unwrap();
                let wrong_password = right.replace(password, "not-the-password");
                let unknown_host = right.replace("127.0.0.1", "no-such-host.invalid");
                for wrong in [wrong_password, unknown_host] {
                    let homes = Homes::<$database>::builder(routers())
                        .home(home("es"), wrong)
                        .home(home("fr"), server.url("fr"))
                        .key_column("orders", "country", Demand::Inserts);
                    let homes = Homes::from(homes.build().unwrap());
                    let (spanish, french) = (order(1, "ES", 1).insert(&homes), order(1, "FR", 1).insert(&homes));
                    let (spanish, french) = tokio::join!(within("ES", spanish), within("FR", french));
                    let error = spanish.unwrap_err();
                    assert!(error.to_string().contains("home es cannot be connected to"), "{error}");
                    assert!(!error.to_string().contains(password) && !error.to_string().contains("not-the-password"));
                    assert_eq!(french.unwrap().id, 1);
                    let each = homes.everywhere().count(order::Entity::find()).await;
                    assert_eq!(
                        each.iter().map(|(_, count)| count.as_ref().ok().copied()).collect::<Vec<_>>(),
                        [None, Some(1)]
                    );
                    assert_eq!(
                        order::Entity::delete_by_id(1).exec(&homes.on(home("fr"))).await.unwrap().rows_affected,
                        1
                    );
                }
                // With the right URL, it is the same home as before.
                within("ES", order(1, "ES", 1).insert(&world_of(&server))).await.unwrap();
            }

            #[tokio::test]
            async fn what_a_statement_says_of_its_key_is_a_witness() {
                let Some(server) = $start else { return };
                let homes = world(&server).await;
                let before = homes.sqlx().contacts();
                let torn = order::Entity::insert_many([order(1, "ES", 1), order(2, "FR", 2)]).exec(&homes).await;
                assert!(refusal(&torn.unwrap_err()).routing().unwrap().is_disagreement());
                let foreign = within("FR", order(1, "ES", 1).insert(&homes)).await.unwrap_err();
                assert!(refusal(&foreign).routing().unwrap().is_disagreement());
                assert_eq!(homes.sqlx().contacts(), before);

                order::Entity::insert_many([order(1, "ES", 1), order(2, "PT", 2)]).exec(&homes).await.unwrap();
                let conflict = OnConflict::column(order::Column::Id).update_column(order::Column::Amount).to_owned();
                order::Entity::insert(order(1, "ES", 9)).on_conflict(conflict).exec(&homes).await.unwrap();
                let key = OnConflict::column(order::Column::Id).update_column(order::Column::Country).to_owned();
                let error = order::Entity::insert(order(1, "PT", 9)).on_conflict(key).exec(&homes).await.unwrap_err();
                assert!(error.to_string().contains("not updated in place"), "{error}");
                assert_eq!(
                    server.sql("es", "SELECT id, country, amount FROM orders ORDER BY id"),
                    "1\tES\t9\n2\tPT\t2"
                );
                let of_keys = order::Entity::find().filter(order::Column::Country.is_in(["ES", "PT"]));
                assert_eq!(of_keys.count(&homes).await.unwrap(), 2);
            }

            #[tokio::test]
            async fn a_transaction_stays_in_its_home() {
                let Some(server) = $start else { return };
                let homes = world(&server).await;
                let transaction = homes.begin().await.unwrap();
                order(1, "ES", 1).insert(&transaction).await.unwrap();
                let error = within("FR", customer::Entity::find().one(&transaction)).await.unwrap_err();
                assert!(error.to_string().contains("the open transaction belongs to es"), "{error}");
                let nested = transaction.begin().await.unwrap();
                order(2, "ES", 2).insert(&nested).await.unwrap();
                nested.rollback().await.unwrap();
                transaction.commit().await.unwrap();
                assert_eq!(server.sql("es", "SELECT id FROM orders"), "1");
            }

            #[tokio::test]
            async fn a_transaction_that_reads_first_writes_to_the_primary() {
                let Some(server) = $start else { return };
                drop(world(&server).await);
                // The replica is a database of its own here, so that it shows what reaches it.
                let homes = Homes::<$database>::builder(routers())
                    .home_with_replicas(home("es"), server.url("es"), [server.url("fr")])
                    .elsewhere(home("fr"))
                    .key_column("orders", "country", Demand::Inserts);
                let homes = Homes::from(homes.build().unwrap());
                context::scope(ReplicaReads::new(), async {
                    let read = || order::Entity::find().filter(order::Column::Country.eq("ES"));
                    read().all(&homes).await.unwrap();
                    assert_eq!(homes.sqlx().contacts()[&home("es")].replicas, 1);
                    // Not even one that says that it writes does so to the replica.
                    let transaction = homes.begin_with_config(None, Some(AccessMode::ReadWrite)).await.unwrap();
                    read().all(&transaction).await.unwrap();
                    order(1, "ES", 1).insert(&transaction).await.unwrap();
                    transaction.commit().await.unwrap();
                })
                .await;
                assert_eq!(homes.sqlx().contacts()[&home("es")].replicas, 1);
                let count = |name| server.sql(name, "SELECT count(*) FROM orders");
                assert_eq!((count("es").as_str(), count("fr").as_str()), ("1", "0"));
            }

            #[tokio::test]
            async fn transactions_that_are_ended_in_the_wrong_order_write_nothing() {
                let Some(server) = $start else { return };
                let homes = world(&server).await;
                nested::outlives(&homes).await;
                server.sql("es", "DELETE FROM orders");
                nested::is_open(&homes).await;
                server.sql("es", "DELETE FROM orders");
                nested::ends_what_is_within(&homes).await;
                server.sql("es", "DELETE FROM orders");
                nested::dropped_while_busy(&homes).await;
            }
        }
    };
}

on_a_server!(postgres, Postgres, Server::postgres());
on_a_server!(mariadb, MySql, Server::mariadb());
