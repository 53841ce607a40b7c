//! Asking all homes.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::entity::{customer, order};
use crate::fixture::{World, home, order, within};

async fn world() -> World {
    let world = World::new().await;
    for (id, country, amount) in [(1, "ES", 30), (2, "PT", 10), (1, "FR", 20)] {
        order(id, country, amount).insert(&world.homes).await.unwrap();
    }
    world
}

#[tokio::test]
async fn each_home_answers_for_itself() {
    let world = world().await;
    let orders = world.homes.everywhere().all(order::Entity::find()).await.rows().unwrap();
    let told: Vec<_> = orders.iter().map(|order| (order.home().as_str(), order.amount)).collect();
    assert_eq!(told, [("es", 30), ("es", 10), ("fr", 20)]);

    let fr = world.homes.on(home("fr"));
    fr.execute_unprepared("ALTER TABLE orders RENAME TO gone").await.unwrap();
    let counts = world.homes.everywhere().count(order::Entity::find()).await;
    let answered: Vec<_> = counts.iter().map(|(home, count)| (home.as_str(), count.as_ref().ok().copied())).collect();
    assert_eq!(answered, [("es", Some(2)), ("fr", None)]);
    // A home that has failed is no number that is too small.
    assert_eq!(counts.count().unwrap_err().home(), Some(&home("fr")));
}

#[tokio::test]
async fn what_can_be_merged_is_and_what_cannot_is_refused() {
    let world = world().await;
    let everywhere = world.homes.everywhere();
    assert_eq!(everywhere.count(order::Entity::find()).await.count().unwrap(), 3);
    let of = |aggregate: Expr| order::Entity::find().select_only().column_as(aggregate, "value");
    let sum = everywhere.scalar::<_, Option<i64>>(of(order::Column::Amount.sum())).await;
    assert_eq!(sum.sum(i64::checked_add).unwrap(), Some(60));
    let least = everywhere.scalar::<_, Option<i64>>(of(order::Column::Amount.min())).await;
    assert_eq!(least.min().unwrap(), Some(10));
    let greatest = everywhere.scalar::<_, Option<i64>>(of(order::Column::Amount.max())).await;
    assert_eq!(greatest.max().unwrap(), Some(30));
    // An average of averages is not the average.
    let average = everywhere.scalar::<_, Option<f64>>(of(order::Column::Amount.avg())).await;
    assert!(average.max().unwrap_err().to_string().contains("they are avg"));
    let sum_as_max = everywhere.scalar::<_, Option<i64>>(of(order::Column::Amount.sum())).await;
    assert!(sum_as_max.max().is_err());

    let first = order::Entity::find().order_by_asc(order::Column::Amount).limit(2);
    let first = everywhere.all(first).await.top(2, |one, other| one.amount.cmp(&other.amount)).unwrap();
    assert_eq!(first.iter().map(|order| order.amount).collect::<Vec<_>>(), [10, 20]);
    let any = everywhere.all(order::Entity::find().limit(2)).await;
    assert!(any.rows().unwrap_err().to_string().contains("LIMIT without an ORDER BY"));
}

#[tokio::test]
async fn counts_are_added_up_where_no_row_is_counted_in_several_homes() {
    let world = world().await;
    let everywhere = world.homes.everywhere();
    let amounts = || order::Entity::find().select_only().column(order::Column::Amount);
    for (select, why) in [
        (amounts().distinct(), "DISTINCT rows"),
        (amounts().group_by(order::Column::Amount), "groups"),
        (order::Entity::find().order_by_asc(order::Column::Id).limit(1), "the rows of a LIMIT"),
        (order::Entity::find().order_by_asc(order::Column::Id).limit(2).offset(1), "the rows of a LIMIT"),
    ] {
        let counts = everywhere.count(select).await;
        // Each home's is still there to be looked at.
        assert!(counts.iter().all(|(_, count)| count.is_ok()));
        let error = counts.count().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let of_both = order::Entity::find().filter(order::Column::Amount.gte(20)).order_by_asc(order::Column::Id);
    assert_eq!(everywhere.count(of_both).await.count().unwrap(), 2);
    assert_eq!(everywhere.count(amounts()).await.count().unwrap(), 3);
    let joined = order::Entity::find().inner_join(customer::Entity);
    assert_eq!(everywhere.count(joined).await.count().unwrap(), 3);
}

#[tokio::test]
async fn a_scope_that_is_confined_to_a_home_asks_no_other() {
    let world = world().await;
    let counts = domicile::context::scope(domicile::Confined::to(home("es")).unwrap(), async {
        world.homes.everywhere().count(order::Entity::find()).await
    });
    let counts = counts.await;
    let answered: Vec<_> = counts.iter().map(|(home, count)| (home.as_str(), count.is_ok())).collect();
    assert_eq!(answered, [("es", true), ("fr", false)]);
    // A key in the context is no hindrance: asking everywhere is said in words.
    assert_eq!(within("ES", world.homes.everywhere().count(order::Entity::find())).await.count().unwrap(), 3);
}
