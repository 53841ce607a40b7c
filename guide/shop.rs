// What the code of the chapter begins with: a shop with a home in Spain and one in France, in SQLite in memory.

use std::sync::OnceLock;

use domicile::{Chain, Context, Home, Located, Operation, Placement, PlacementRouter, RoutingKey, context};
use domicile_sea_orm::{Homes, refusal};
use domicile_sqlx::Demand;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, Schema, TransactionTrait};
use sqlx::Sqlite;

pub mod customer {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "customers")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many)]
        pub orders: HasMany<super::order::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod order {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub country: String,
        pub customer_id: i64,
        #[sea_orm(belongs_to, from = "customer_id", to = "id")]
        pub customer: BelongsTo<super::customer::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub type Shown = Result<(), Box<dyn std::error::Error>>;

static HOMES: OnceLock<Homes<Sqlite>> = OnceLock::new();

/// The one handle to all homes.
pub fn db() -> &'static Homes<Sqlite> {
    HOMES.get().expect("the shop is open")
}

pub async fn open() -> Shown {
    let (es, fr) = (Home::new("es")?, Home::new("fr")?);
    let placement =
        Placement::builder().place(spain(), es.clone(), "shop.rs").place(france(), fr.clone(), "shop.rs").build()?;
    let homes = domicile_sqlx::Homes::<Sqlite>::builder(Chain::new(PlacementRouter::new(placement)))
        .home(es, "sqlite::memory:")
        .home(fr, "sqlite::memory:")
        .key_column("orders", "country", Demand::Inserts);
    let homes = HOMES.get_or_init(|| homes.build().expect("the homes differ").into());
    let create = |home: Homes<Sqlite>| async move {
        let schema = Schema::new(home.get_database_backend());
        home.execute(&schema.create_table_from_entity(customer::Entity)).await?;
        home.execute(&schema.create_table_from_entity(order::Entity)).await
    };
    homes.everywhere().ask(create).await.all()?;
    Ok(())
}

pub fn spain() -> RoutingKey {
    RoutingKey::new("ES")
}

pub fn france() -> RoutingKey {
    RoutingKey::new("FR")
}

pub fn customer(name: &str) -> customer::ActiveModel {
    customer::ActiveModel { name: Set(name.into()), ..Default::default() }
}

pub fn order(country: &str, customer_id: i64) -> order::ActiveModel {
    order::ActiveModel { country: Set(country.into()), customer_id: Set(customer_id), ..Default::default() }
}

/// The names of a home's customers, in the order in which they came.
pub async fn customers_of(home: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let home = db().on(Home::new(home)?);
    let customers = customer::Entity::find().order_by_asc(customer::Column::Id).all(&home).await?;
    Ok(customers.into_iter().map(|customer| customer.name).collect())
}

/// Holds the refusal in an error of SeaORM against a text, in which `…` stands for anything.
pub fn refused(error: &DbErr, text: &str) {
    matches(&refusal(error).expect("it was refused").to_string(), text);
}

/// Holds a message against a text, in which `…` stands for anything.
pub fn matches(message: &str, text: &str) {
    let (first, others) = text.split_once('…').unwrap_or((text, ""));
    let mut rest = message.strip_prefix(first).unwrap_or_else(|| panic!("`{first}` is not how it begins: {message}"));
    for part in others.split('…') {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is missing: {message}")).1;
    }
    assert!(rest.is_empty() || text.ends_with('…'), "`{rest}` was not expected: {message}");
}
