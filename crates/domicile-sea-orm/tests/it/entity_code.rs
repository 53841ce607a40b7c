//! Entity code as it is written for one database runs on the homes without a change.

use domicile::{Located, Record, context};
use futures::TryStreamExt;
use sea_orm::entity::prelude::*;
use sea_orm::{
    ActiveValue::Set, DbBackend, DbErr, FromQueryResult, IntoActiveModel, LoaderTrait, QueryOrder, QuerySelect,
    Statement, StreamTrait, TransactionTrait,
};

use crate::entity::{customer, order};
use crate::fixture::{World, home, order, refusal, within};

#[derive(Debug, PartialEq, FromQueryResult)]
struct Total {
    total: i64,
}

/// Written for any connection, long before there were homes.
pub(crate) async fn shop<C: ConnectionTrait + TransactionTrait + StreamTrait>(
    db: &C,
    country: &str,
) -> Result<(), DbErr> {
    // Inserting one and many, and saving what is new and what is not.
    order(1, country, 10).insert(db).await?;
    order::Entity::insert_many([order(2, country, 20), order(3, country, 30)]).exec(db).await?;
    let mut saved = customer::ActiveModel { name: Set("new".into()), ..Default::default() }.save(db).await?;
    saved.name = Set("known".into());
    let saved = saved.save(db).await?;
    assert_eq!(saved.name.unwrap(), "known");

    // Finding, with what is related.
    let first = order::Entity::find_by_id(1).one(db).await?.unwrap();
    assert_eq!((first.amount, first.country.as_str()), (10, country));
    let customer = first.find_related(customer::Entity).one(db).await?.unwrap();
    assert_eq!(customer.find_related(order::Entity).count(db).await?, 3);
    let both = order::Entity::find().find_also_related(customer::Entity).all(db).await?;
    assert!(both.iter().all(|(_, customer)| customer.is_some()));
    let with_orders = customer::Entity::find().find_with_related(order::Entity).all(db).await?;
    assert_eq!(with_orders.iter().map(|(_, orders)| orders.len()).sum::<usize>(), 3);

    // Loaders.
    let customers = customer::Entity::find().order_by_asc(customer::Column::Id).all(db).await?;
    let orders = customers.load_many(order::Entity, db).await?;
    assert_eq!(orders[0].len(), 3);
    let of_orders = order::Entity::find().all(db).await?.load_one(customer::Entity, db).await?;
    assert!(of_orders.iter().all(Option::is_some));

    // Paginators and cursors.
    let pages = order::Entity::find().order_by_asc(order::Column::Id).paginate(db, 2);
    assert_eq!((pages.num_pages().await?, pages.fetch_page(1).await?.len()), (2, 1));
    let after = order::Entity::find().cursor_by(order::Column::Id).after(1).first(5).all(db).await?;
    assert_eq!(after.len(), 2);

    // Raw statements.
    let backend = ConnectionTrait::get_database_backend(db);
    let sql = match backend {
        DbBackend::Postgres => "SELECT CAST(sum(amount) AS BIGINT) AS total FROM orders WHERE country = $1",
        DbBackend::MySql => "SELECT CAST(sum(amount) AS SIGNED) AS total FROM orders WHERE country = ?",
        _ => "SELECT CAST(sum(amount) AS INTEGER) AS total FROM orders WHERE country = ?",
    };
    let raw = Statement::from_sql_and_values(backend, sql, [country.into()]);
    assert_eq!(Total::find_by_statement(raw).one(db).await?, Some(Total { total: 60 }));
    let raw = Statement::from_string(backend, "UPDATE orders SET amount = amount + 1");
    assert_eq!(db.execute_raw(raw).await?.rows_affected(), 3);

    // Streams.
    let amounts =
        order::Entity::find().select_only().column(order::Column::Amount).into_tuple::<i64>().stream(db).await?;
    assert_eq!(amounts.try_fold(0, async |sum, amount| Ok(sum + amount)).await?, 63);

    // Updating and deleting.
    let mut changed = order::Entity::find_by_id(2).one(db).await?.unwrap().into_active_model();
    changed.amount = Set(5);
    assert_eq!(changed.update(db).await?.amount, 5);
    let many = order::Entity::update_many().col_expr(order::Column::Amount, Expr::value(1));
    assert_eq!(many.filter(order::Column::Country.eq(country)).exec(db).await?.rows_affected, 3);
    order::Entity::find_by_id(3).one(db).await?.unwrap().delete(db).await?;
    assert_eq!(order::Entity::delete_many().filter(order::Column::Id.eq(2_i64)).exec(db).await?.rows_affected, 1);
    Ok(())
}

#[tokio::test]
async fn all_of_it_reaches_the_home_of_the_context_and_no_other() {
    let world = World::new().await;
    let before = world.homes.sqlx().contacts()[&home("fr")];
    within("ES", shop(&world.homes, "ES")).await.unwrap();
    assert_eq!(world.homes.sqlx().contacts()[&home("fr")], before);
    within("FR", shop(&world.homes, "FR")).await.unwrap();
    for (name, country) in [("es", "ES"), ("fr", "FR")] {
        let orders = order::Entity::find().all(&world.homes.on(home(name))).await.unwrap();
        assert_eq!(orders.iter().map(|order| order.country.as_str()).collect::<Vec<_>>(), [country]);
    }
    // The same code in a transaction, which is pinned by its first statement, and with no context at all around it.
    let error = shop(&world.homes, "ES").await.unwrap_err();
    assert!(error.to_string().contains("UNIQUE"), "the first insert says its home, and finds its id taken: {error}");
    let error = order::Entity::find_by_id(1).one(&world.homes).await.unwrap_err();
    assert!(refusal(&error).routing().unwrap().is_no_opinion());
}

#[tokio::test]
async fn all_of_it_runs_in_a_transaction() {
    let world = World::new().await;
    let transaction = world.homes.begin().await.unwrap();
    within("PT", shop(&transaction, "PT")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(order::Entity::find().count(&world.homes.on(home("es"))).await.unwrap(), 1);
}

#[tokio::test]
async fn the_same_primary_key_in_two_homes_is_two_objects() {
    let world = World::new().await;
    for (country, amount) in [("ES", 10), ("FR", 20)] {
        order(1, country, amount).insert(&world.homes).await.unwrap();
    }
    let mut spanish =
        within("ES", order::Entity::find_by_id(1).one(&world.homes)).await.unwrap().unwrap().into_active_model();
    spanish.amount = Set(11);
    within("ES", spanish.update(&world.homes)).await.unwrap();
    let amounts = || async {
        let everywhere = world.homes.everywhere().all(order::Entity::find()).await.rows().unwrap();
        everywhere.iter().map(|order| (order.home().to_string(), order.amount)).collect::<Vec<_>>()
    };
    assert_eq!(amounts().await, [("es".into(), 11), ("fr".into(), 20)]);
    within("FR", order::Entity::delete_by_id(1).exec(&world.homes)).await.unwrap();
    assert_eq!(amounts().await, [("es".into(), 11)]);
}

#[tokio::test]
async fn a_related_object_is_fetched_from_the_home_of_its_owner() {
    let world = World::new().await;
    for (country, name) in [("ES", "Ana"), ("FR", "Anne")] {
        order(1, country, 10).insert(&world.homes).await.unwrap();
        let everywhere = world.homes.everywhere().all(order::Entity::find()).await.rows().unwrap();
        let mine: Located<order::Model> = everywhere.into_iter().find(|order| order.country == country).unwrap();
        // No context here: the order knows where it is from.
        let its = world.homes.of(&mine);
        assert_eq!(mine.find_related(customer::Entity).one(&its).await.unwrap().unwrap().name, name);
        // In another home's scope the customer with the same id is another one, and is not fetched.
        let other = if country == "ES" { "FR" } else { "ES" };
        let error = within(other, mine.find_related(customer::Entity).one(&its)).await.unwrap_err();
        assert!(error.to_string().contains("the record was loaded from"), "{error}");
    }
}

impl Record for order::Model {
    fn routing_key(&self) -> Option<domicile::RoutingKey> {
        Some(domicile::RoutingKey::new(self.country.as_str()))
    }
}

#[tokio::test]
async fn a_model_that_knows_its_key_is_a_witness_of_what_is_done_for_it() {
    let world = World::new().await;
    let spanish = order(1, "ES", 10).insert(&world.homes).await.unwrap();
    let its = world.homes.of(&spanish);
    assert_eq!(spanish.find_related(customer::Entity).one(&its).await.unwrap().unwrap().name, "Ana");
    assert!(within("FR", spanish.find_related(customer::Entity).one(&its)).await.is_err());
}

#[tokio::test]
async fn a_stream_and_a_paginator_keep_their_home() {
    let world = World::new().await;
    for id in 1..=3 {
        order(id, "ES", id).insert(&world.homes).await.unwrap();
    }
    let stream = within("ES", order::Entity::find().stream(&world.homes)).await.unwrap();
    let orders: Vec<_> = within("FR", stream.try_collect()).await.unwrap();
    assert_eq!(orders.len(), 3);

    let here = context::with(domicile::RoutingKey::new("ES"), || world.homes.here()).unwrap();
    let pages = order::Entity::find().order_by_asc(order::Column::Id).paginate(&here, 2);
    assert_eq!(within("FR", pages.fetch_page(1)).await.unwrap().len(), 1);
    // Without `here` each page goes where it is asked for.
    let pages = order::Entity::find().order_by_asc(order::Column::Id).paginate(&world.homes, 2);
    assert_eq!(within("FR", pages.fetch_page(0)).await.unwrap().len(), 0);
}

/// What a future holds is moved and allocated for each statement. Opening a connection needs kilobytes, and is rare.
#[tokio::test]
async fn a_statement_takes_no_more_memory_through_homes_than_on_a_connection() {
    use sqlx::Executor;

    let world = World::new().await;
    let ask = || Statement::from_string(DbBackend::Sqlite, "SELECT 1");
    let bare = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    let most = size_of_val(&*bare.query_one_raw(ask()));
    let transaction = world.homes.begin().await.unwrap();
    for (what, size) in [
        ("homes", size_of_val(&*world.homes.query_one_raw(ask()))),
        ("a transaction", size_of_val(&*transaction.query_one_raw(ask()))),
    ] {
        assert!(size <= most, "{what}: {size} bytes, bare: {most}");
    }
    let pool = bare.get_sqlite_connection_pool();
    let most = size_of_val(&*pool.fetch_optional(sqlx::query("SELECT 1")));
    let size = size_of_val(&*world.homes.sqlx().fetch_optional(sqlx::query("SELECT 1")));
    assert!(size <= most, "{size} bytes, bare: {most}");
}
