//! Asking all homes, and making one answer of theirs where that is right.
//!
//! ```sh
//! cargo run -p domicile-sea-orm --example 3_everywhere
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use domicile::{Chain, Home, Placement, PlacementRouter};
use domicile_sea_orm::Homes;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Schema, Select,
};
use sqlx::Sqlite;

mod sale {
    // What the macros make of an entity must be public in its module.
    #![allow(unreachable_pub)]

    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sales")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub cents: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The sales of each home. The last one has its database, but at first nobody can reach it.
const SALES: [(&str, &[i64]); 4] =
    [("france", &[900]), ("portugal", &[]), ("spain", &[100, 200, 300]), ("italy", &[50, 50])];

fn url(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(format!("{name}.sqlite")).display())
}

/// Opens the homes.
fn open(folder: &Path) -> Result<Homes<Sqlite>, Box<dyn Error>> {
    let mut placement = Placement::builder();
    for (name, _) in SALES {
        placement = placement.home(Home::new(name)?);
    }
    let routers = Chain::new(PlacementRouter::new(placement.build()?));
    let mut homes = Homes::<Sqlite>::builder(routers).wait(Duration::from_secs(1));
    for (name, _) in SALES {
        homes = homes.home(Home::new(name)?, url(folder, name));
    }
    Ok(homes.build()?.into())
}

/// Makes the file of a home, with its sales.
async fn make(folder: &Path, name: &str, sales: &[i64]) -> Result<(), Box<dyn Error>> {
    let database = sea_orm::Database::connect(format!("{}?mode=rwc", url(folder, name))).await?;
    database.execute(&Schema::new(database.get_database_backend()).create_table_from_entity(sale::Entity)).await?;
    let sales = sales.iter().map(|cents| sale::ActiveModel { cents: Set(*cents), ..Default::default() });
    sale::Entity::insert_many(sales).exec_without_returning(&database).await?;
    Ok(database.close().await?)
}

/// A query of one value.
fn value(aggregate: Expr) -> Select<sale::Entity> {
    sale::Entity::find().select_only().column_as(aggregate, "value")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (last, others) = SALES.split_last().ok_or("there are no homes")?;
    for (name, sales) in others {
        make(folder.path(), name, sales).await?;
    }
    let homes = open(folder.path())?;
    one_is_down(&homes).await?;
    make(folder.path(), last.0, last.1).await?;
    println!("\n{} is up", last.0);
    merged(&homes).await?;
    average(&homes).await
}

/// Each home answers for itself, also by its failure.
async fn one_is_down(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let counts = homes.everywhere().count(sale::Entity::find()).await;
    for (home, count) in counts.iter() {
        match count {
            Ok(count) => println!("sales in {home}: {count}"),
            Err(error) => println!("sales in {home}: {error}"),
        }
    }
    let answered = counts.iter().filter(|(_, count)| count.is_ok()).count();
    assert_eq!((counts.len(), answered), (4, 3));

    // What takes all together fails with it: a home that is down is no number that is too small.
    let error = counts.count().unwrap_err();
    println!("all together: {error}");
    assert_eq!(error.home().map(Home::as_str), Some("italy"));

    // Those that are wanted can be named, so that the number says what it is of.
    let among = homes.among([Home::new("france")?, Home::new("spain")?]);
    let count = among.count(sale::Entity::find()).await.count()?;
    println!("France and Spain alone: {count}");
    assert_eq!(count, 4);
    Ok(())
}

/// Sums, counts, extremes and the first few of an order can be made of the homes' own.
async fn merged(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let everywhere = homes.everywhere();
    let count = everywhere.count(sale::Entity::find()).await.count()?;
    // A home without sales has no sum, no least and no greatest, so that each is an `Option`.
    let sum = everywhere.scalar::<_, Option<i64>>(value(sale::Column::Cents.sum())).await.sum(i64::checked_add)?;
    let least = everywhere.scalar::<_, Option<i64>>(value(sale::Column::Cents.min())).await.min()?;
    let greatest = everywhere.scalar::<_, Option<i64>>(value(sale::Column::Cents.max())).await.max()?;
    println!("count {count}, sum {sum:?}, min {least:?}, max {greatest:?}");
    assert_eq!((count, sum, least, greatest), (6, Some(1600), Some(50), Some(900)));

    let dearest = sale::Entity::find().order_by_desc(sale::Column::Cents).limit(2);
    let dearest = everywhere.all(dearest).await.top(2, |one, other| other.cents.cmp(&one.cents))?;
    for sale in &dearest {
        println!("dearest: {} cents, sale {} of {}", sale.cents, sale.id, sale.home());
    }
    let told: Vec<_> = dearest.iter().map(|sale| (sale.home().as_str(), sale.cents)).collect();
    assert_eq!(told, [("france", 900), ("spain", 300)]);

    // A sale knows the home that it is from, which is a witness: what is asked for it is asked there.
    let again = sale::Entity::find().filter(sale::Column::Id.eq(dearest[0].id)).one(&homes.of(&dearest[0])).await?;
    assert_eq!(again.map(|sale| sale.cents), Some(900));
    Ok(())
}

/// The average of averages is not the average of all, which is made of what can be added up.
async fn average(homes: &Homes<Sqlite>) -> Result<(), Box<dyn Error>> {
    let everywhere = homes.everywhere();
    let averages = everywhere.scalar::<_, Option<f64>>(value(sale::Column::Cents.avg())).await;
    for (home, average) in averages.iter() {
        match average {
            Ok(Some(average)) => println!("average in {home}: {average:.2} cents"),
            Ok(None) => println!("average in {home}: none"),
            Err(error) => println!("average in {home}: {error}"),
        }
    }
    let refused = averages.sum(|one, other| Some(one + other)).unwrap_err();
    println!("refused: {refused}");
    assert!(refused.to_string().contains("they are avg"));

    let sum = everywhere.scalar::<_, Option<i64>>(value(sale::Column::Cents.sum())).await.sum(i64::checked_add)?;
    let count = everywhere.count(sale::Entity::find()).await.count()?;
    let sum = sum.ok_or("nothing was sold")?;
    println!("average of all: {sum} / {count} = {:.2} cents", sum as f64 / count as f64);
    assert_eq!((sum, count), (1600, 6));
    Ok(())
}
