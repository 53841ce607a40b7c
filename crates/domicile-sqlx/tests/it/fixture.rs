//! Homes in files of SQLite, and what the tests ask of them.

use domicile::{Chain, Home, Placement, PlacementRouter, RoutingKey, context};
use domicile_sqlx::{Builder, Error, Homes};
use sqlx::Sqlite;
use tempfile::TempDir;

/// The homes of Spain, which has Portugal's records as well, and of France.
pub(crate) struct World {
    pub(crate) homes: Homes<Sqlite>,
    pub(crate) folder: TempDir,
}

pub(crate) fn home(name: &str) -> Home {
    Home::new(name).unwrap()
}

pub(crate) fn key(key: &str) -> RoutingKey {
    RoutingKey::new(key)
}

pub(crate) fn placement_router() -> PlacementRouter {
    let placement = Placement::builder()
        .place(key("ES"), home("es"), "domicile.toml:12")
        .place(key("PT"), home("es"), "domicile.toml:12")
        .place(key("FR"), home("fr"), "domicile.toml:13");
    PlacementRouter::new(placement.build().unwrap())
}

pub(crate) fn routers() -> Chain {
    Chain::new(placement_router())
}

pub(crate) fn url(folder: &TempDir, name: &str) -> String {
    format!("sqlite:{}?mode=rwc", folder.path().join(format!("{name}.sqlite")).display())
}

impl World {
    /// Both homes with a table of orders, each of which holds one with the id 1.
    pub(crate) async fn new(describe: impl FnOnce(Builder<Sqlite>) -> Builder<Sqlite>) -> Self {
        let folder = TempDir::new().unwrap();
        let builder = Homes::<Sqlite>::builder(routers())
            .home(home("es"), url(&folder, "es"))
            .home(home("fr"), url(&folder, "fr"));
        let homes = describe(builder).build().unwrap();
        for name in ["es", "fr"] {
            plant(&homes, name).await;
        }
        Self { homes, folder }
    }

    pub(crate) async fn plain() -> Self {
        Self::new(|builder| builder).await
    }
}

/// Makes a table of orders in a home, with one order that names the home.
pub(crate) async fn plant(homes: &Homes<Sqlite>, name: &str) {
    let homes = homes.on(home(name));
    let create = "CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT, note TEXT NOT NULL)";
    sqlx::query(create).execute(&homes).await.unwrap();
    let country = name.to_uppercase();
    let sql = format!("INSERT INTO orders VALUES (1, '{country}', 'planted in {name}')");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&homes).await.unwrap();
}

/// The note of the order 1, wherever the context leads.
pub(crate) async fn note(homes: &Homes<Sqlite>) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT note FROM orders WHERE id = 1").fetch_one(homes).await
}

/// The notes of all orders of a home, by its own connection.
pub(crate) async fn notes(homes: &Homes<Sqlite>, name: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT note FROM orders ORDER BY id").fetch_all(&homes.on(home(name))).await.unwrap()
}

/// Runs a future in a scope of a key.
pub(crate) async fn within<T>(scope: &str, future: impl Future<Output = T>) -> T {
    context::scope(key(scope), future).await
}

/// Returns the refusal that an error holds.
pub(crate) fn refusal(error: &sqlx::Error) -> &Error {
    Error::of(error).unwrap_or_else(|| panic!("the database has failed: {error}"))
}
