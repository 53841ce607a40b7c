// What the examples of the documentation begin with, hidden: a home for Spain, which has Portugal's records as well, and
// one for France, each in SQLite in memory. Nothing is imported, so that the examples can show what they import.

pub type Shown = Result<(), Box<dyn std::error::Error>>;

include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/order.rs"));

/// An order that is in no home yet.
pub fn order(country: &str, amount: i64) -> order::ActiveModel {
    use sea_orm::ActiveValue::Set;

    order::ActiveModel { country: Set(country.into()), amount: Set(amount), ..Default::default() }
}

/// Both homes, without tables. An order is not inserted without its country.
pub fn two_homes() -> domicile_sea_orm::Homes<sqlx::Sqlite> {
    use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey};
    use domicile_sea_orm::{Demand, Homes};

    let (es, fr) = (Home::new("es").unwrap(), Home::new("fr").unwrap());
    let placement = Placement::builder()
        .place(RoutingKey::new("ES"), es.clone(), "domicile.toml:12")
        .place(RoutingKey::new("PT"), es.clone(), "domicile.toml:12")
        .place(RoutingKey::new("FR"), fr.clone(), "domicile.toml:13");
    let homes = Homes::builder(Chain::new(PlacementRouter::new(placement.build().unwrap())))
        .home(es, "sqlite::memory:")
        .home(fr, "sqlite::memory:")
        .key_column("orders", "country", Demand::Inserts);
    homes.build().unwrap().into()
}

/// Both homes, with orders of 3 and 5 in Spain and one of 4 in France.
pub async fn two_homes_with_orders() -> domicile_sea_orm::Homes<sqlx::Sqlite> {
    use sea_orm::{ActiveModelTrait, ConnectionTrait, DbBackend, Schema};

    let homes = two_homes();
    let create = Schema::new(DbBackend::Sqlite).create_table_from_entity(order::Entity);
    homes.everywhere().ask(async |home| home.execute(&create).await).await.all().unwrap();
    for (country, amount) in [("ES", 3), ("PT", 5), ("FR", 4)] {
        order(country, amount).insert(&homes).await.unwrap();
    }
    homes
}
