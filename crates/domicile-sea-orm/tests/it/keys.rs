//! What statements say of their routing key.

use domicile_sea_orm::{Demand, Error};
use sea_orm::ExprTrait;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{ActiveValue::Set, ActiveValue::Unchanged, DbBackend, DbErr, IntoActiveModel, Statement};

use crate::entity::order;
use crate::fixture::{World, home, order, refusal, within};

async fn count(world: &World, name: &str) -> u64 {
    order::Entity::find().count(&world.homes.on(home(name))).await.unwrap()
}

fn disagrees(error: &DbErr) -> bool {
    refusal(error).routing().is_some_and(domicile::Error::is_disagreement)
}

#[tokio::test]
async fn rows_of_two_homes_in_one_insert_are_refused_and_rows_of_one_are_not() {
    let world = World::new().await;
    let torn = order::Entity::insert_many([order(1, "ES", 1), order(2, "FR", 2)]).exec(&world.homes).await.unwrap_err();
    assert!(disagrees(&torn), "{torn}");
    assert_eq!((count(&world, "es").await, count(&world, "fr").await), (0, 0));
    order::Entity::insert_many([order(1, "ES", 1), order(2, "PT", 2)]).exec(&world.homes).await.unwrap();
    assert_eq!((count(&world, "es").await, count(&world, "fr").await), (2, 0));
}

#[tokio::test]
async fn a_row_whose_key_contradicts_the_context_is_not_inserted() {
    let world = World::new().await;
    let error = within("FR", order(1, "ES", 1).insert(&world.homes)).await.unwrap_err();
    assert!(disagrees(&error));
    for part in
        ["es, because the statement's orders.country is ES", "fr, because RoutingKey(FR) was set at", "fixture.rs"]
    {
        assert!(error.to_string().contains(part), "{error}");
    }
    within("ES", order(1, "ES", 1).insert(&world.homes)).await.unwrap();
    let unknown = order(2, "IT", 1).insert(&world.homes).await.unwrap_err();
    assert!(refusal(&unknown).routing().unwrap().is_unknown_key());
}

#[tokio::test]
async fn an_insert_without_its_key_is_refused_where_the_table_demands_it() {
    let world = World::new().await;
    let silent = order::ActiveModel { id: Set(1), customer_id: Set(1), amount: Set(1), ..Default::default() };
    let error = within("ES", silent.insert(&world.homes)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::Statement(_)), "{error}");
    assert!(error.to_string().contains("orders.country cannot be told, which the table demands"), "{error}");
}

#[tokio::test]
async fn a_conflict_may_change_a_row_but_not_its_key() {
    let world = World::new().await;
    order(1, "ES", 1).insert(&world.homes).await.unwrap();
    let insert = |columns: &[order::Column]| {
        let conflict = OnConflict::column(order::Column::Id).update_columns(columns.iter().copied()).to_owned();
        order::Entity::insert(order(1, "ES", 7)).on_conflict(conflict)
    };
    insert(&[order::Column::Amount]).exec(&world.homes).await.unwrap();
    assert_eq!(order::Entity::find_by_id(1).one(&world.homes.on(home("es"))).await.unwrap().unwrap().amount, 7);
    let error = insert(&[order::Column::Country]).exec(&world.homes).await.unwrap_err();
    assert!(error.to_string().contains("not updated in place"), "{error}");
}

#[tokio::test]
async fn a_key_is_not_updated_in_place() {
    let world = World::new().await;
    order(1, "ES", 1).insert(&world.homes).await.unwrap();
    let moved = order::ActiveModel { id: Unchanged(1), country: Set("FR".into()), ..Default::default() };
    for scope in ["ES", "FR"] {
        let error = within(scope, moved.clone().update(&world.homes)).await.unwrap_err();
        assert!(error.to_string().contains("not updated in place"), "{error}");
    }
    let mut changed =
        within("ES", order::Entity::find_by_id(1).one(&world.homes)).await.unwrap().unwrap().into_active_model();
    changed.amount = Set(2);
    within("ES", changed.update(&world.homes)).await.unwrap();
}

#[tokio::test]
async fn what_is_selected_is_inserted_only_where_its_key_can_be_told() {
    let world = World::new().await;
    order(1, "ES", 1).insert(&world.homes).await.unwrap();
    let copy = |country: Expr| {
        let select = Query::select()
            .expr(Expr::col(order::Column::Id).add(1))
            .expr(country)
            .columns([order::Column::CustomerId, order::Column::Amount])
            .from(order::Entity)
            .to_owned();
        let columns = [order::Column::Id, order::Column::Country, order::Column::CustomerId, order::Column::Amount];
        Query::insert().into_table(order::Entity).columns(columns).select_from(select).unwrap().to_owned()
    };
    let error = within("ES", world.homes.execute(&copy(Expr::col(order::Column::Country)))).await.unwrap_err();
    assert!(error.to_string().contains("it inserts what it selects"), "{error}");
    within("ES", world.homes.execute(&copy(Expr::val("PT")))).await.unwrap();
    assert_eq!(count(&world, "es").await, 2);
    assert!(disagrees(&within("FR", world.homes.execute(&copy(Expr::val("ES")))).await.unwrap_err()));
}

#[tokio::test]
async fn predicates_lead_home_without_a_context() {
    let world = World::new().await;
    order::Entity::insert_many([order(1, "ES", 1), order(2, "PT", 2)]).exec(&world.homes).await.unwrap();
    order(1, "FR", 3).insert(&world.homes).await.unwrap();
    let of = |keys: &[&str]| order::Entity::find().filter(order::Column::Country.is_in(keys.iter().copied()));
    assert_eq!(of(&["ES"]).count(&world.homes).await.unwrap(), 1);
    assert_eq!(of(&["ES", "PT"]).count(&world.homes).await.unwrap(), 2);
    assert!(disagrees(&of(&["ES", "FR"]).count(&world.homes).await.unwrap_err()));
    let delete = order::Entity::delete_many().filter(order::Column::Country.eq("FR"));
    assert_eq!(delete.exec(&world.homes).await.unwrap().rows_affected, 1);

    // A common table expression, in raw SQL with parameters.
    let sql = "WITH mine AS (SELECT * FROM orders WHERE amount >= ? AND country = ?) SELECT * FROM mine";
    let raw = |country: &str| Statement::from_sql_and_values(DbBackend::Sqlite, sql, [1.into(), country.into()]);
    let found = order::Entity::find().from_raw_sql(raw("PT")).all(&world.homes).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(disagrees(
        &within("FR", order::Entity::find().from_raw_sql(raw("PT")).all(&world.homes)).await.unwrap_err()
    ));
}

#[tokio::test]
async fn a_table_that_demands_everything_lets_nothing_pass_that_is_undecided() {
    let strict = World::bare(|builder| builder.key_column("orders", "country", Demand::Everything));
    let schema = sea_orm::Schema::new(DbBackend::Sqlite);
    let create = schema.create_table_from_entity(order::Entity);
    let error = within("ES", strict.homes.execute(&create)).await.unwrap_err();
    assert!(error.to_string().contains("demands"), "{error}");
    within("ES", strict.homes.execute_unprepared("CREATE TABLE others (id INTEGER)")).await.unwrap();
    let by_id = within("ES", order::Entity::find_by_id(1).one(&strict.homes)).await.unwrap_err();
    assert!(by_id.to_string().contains("no predicate says which values its key column has"), "{by_id}");
    let by_key = order::Entity::find().filter(order::Column::Country.eq("ES")).one(&strict.homes).await.unwrap_err();
    assert!(by_key.to_string().contains("no such table"), "{by_key}");
}
