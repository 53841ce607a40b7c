// What the examples of the documentation begin with, hidden: a home for Spain, which has Portugal's records as well, and
// one for France, each in SQLite in memory. Nothing is imported, so that the examples can show what they import.

pub type Shown = Result<(), Box<dyn std::error::Error>>;

/// The routers, which know to which home the records of a country belong.
pub fn routers() -> domicile::Chain {
    use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey};

    let (es, fr) = (Home::new("es").unwrap(), Home::new("fr").unwrap());
    let placement = Placement::builder()
        .place(RoutingKey::new("ES"), es.clone(), "domicile.toml:12")
        .place(RoutingKey::new("PT"), es, "domicile.toml:12")
        .place(RoutingKey::new("FR"), fr, "domicile.toml:13");
    Chain::new(PlacementRouter::new(placement.build().unwrap()))
}

/// Both homes, without tables. Orders have a key column, which no statement need name.
pub fn two_homes() -> domicile_sqlx::Homes<sqlx::Sqlite> {
    use domicile::Home;
    use domicile_sqlx::{Demand, Homes};

    let homes = Homes::builder(routers())
        .home(Home::new("es").unwrap(), "sqlite::memory:")
        .home(Home::new("fr").unwrap(), "sqlite::memory:")
        .key_column("orders", "country", Demand::Nothing);
    homes.build().unwrap()
}

/// Both homes, with orders of 3 and 5 in Spain and one of 4 in France.
pub async fn two_homes_with_orders() -> domicile_sqlx::Homes<sqlx::Sqlite> {
    let homes = two_homes();
    homes.migrate(&migrator()).await.all().unwrap();
    for insert in [
        "INSERT INTO orders (country, amount) VALUES ('ES', 3), ('PT', 5)",
        "INSERT INTO orders (country, amount) VALUES ('FR', 4)",
    ] {
        sqlx::query(insert).execute(&homes).await.unwrap();
    }
    homes
}

/// What makes the table of orders, in every home.
pub fn migrator() -> sqlx::migrate::Migrator {
    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType, Migrator};

    let create = "CREATE TABLE orders (country TEXT, amount INTEGER)".into_sql_str();
    Migrator::with_migrations(vec![Migration::new(1, "orders".into(), MigrationType::Simple, create, false)])
}
