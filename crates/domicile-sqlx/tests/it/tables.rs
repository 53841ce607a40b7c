//! Routers that decide by the table and by its schema, as statements name them.

use domicile::{Chain, Error, Home, Operation, Route, Router};
use domicile_sqlx::{Capability, Homes, Unreadable};
use domicile_testkit::Server;
use sqlx::{Postgres, Sqlite};
use tempfile::TempDir;

use crate::fixture::{home, placement_router, refusal, url, within};

/// The log of audits is kept in one home, whatever the context says.
struct Audits(Home);

impl Router for Audits {
    fn name(&self) -> &str {
        "audits"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        let is_mine = operation.table() == "audit_log";
        Ok(is_mine.then(|| Route::new(self.0.clone(), "audits are kept in France")))
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route_read(operation)
    }
}

/// What is in one schema is in one home.
struct Schema(&'static str, Home);

impl Router for Schema {
    fn name(&self) -> &str {
        "schema"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        let is_mine = operation.schema() == Some(self.0);
        Ok(is_mine.then(|| Route::new(self.1.clone(), "the archive is in France")))
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route_read(operation)
    }
}

fn routers(schema: &'static str) -> Chain {
    Chain::new(Audits(home("fr"))).then(Schema(schema, home("fr"))).then(placement_router())
}

/// Which home a statement goes to in the scope of Spain.
async fn goes_to<DB: Capability>(homes: &Homes<DB>, sql: &str) -> String {
    let decided = within("ES", async { homes.decide(sql, &Unreadable) }).await;
    decided.unwrap_or_else(|error| panic!("{sql}: {error}")).route().home().to_string()
}

/// What must hold on both, where the schema of the archive is called like this.
macro_rules! by_table_and_schema {
    ($homes:expr, $schema:literal) => {{
        let homes = &$homes;
        for sql in ["CREATE TABLE notes (id INTEGER)", concat!("CREATE TABLE ", $schema, ".orders (id INTEGER)")] {
            within("ES", sqlx::query(sql).execute(homes)).await.unwrap();
        }
        within("ES", sqlx::query("CREATE TABLE audit_log (id INTEGER)").execute(homes)).await.unwrap();
        within("ES", sqlx::query("INSERT INTO audit_log VALUES (1)").execute(homes)).await.unwrap();
        let archived = concat!("INSERT INTO ", $schema, ".orders VALUES (7)");
        within("ES", sqlx::query(archived).execute(homes)).await.unwrap();

        // They are where the routers say, and not where the context does.
        for (table, expected) in [("audit_log", "fr"), (concat!($schema, ".orders"), "fr"), ("notes", "es")] {
            assert_eq!(goes_to(homes, &format!("SELECT count(*) FROM {table}")).await, expected, "{table}");
            assert_eq!(goes_to(homes, &format!("DELETE FROM {table} WHERE id = 0")).await, expected, "{table}");
        }
        let french = homes.on(home("fr"));
        let count = concat!("SELECT count(*) FROM audit_log, ", $schema, ".orders");
        assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&french).await.unwrap(), 1);
        let error = sqlx::query("SELECT 1 FROM audit_log").execute(&homes.on(home("es"))).await.unwrap_err();
        assert!(refusal(&error).routing().unwrap().is_disagreement(), "{error}");

        // A function is no table that a router could be asked about, and tables of two homes are no statement.
        let apart = within("ES", sqlx::query("SELECT 1 FROM audit_log, notes").execute(homes)).await.unwrap_err();
        assert!(apart.to_string().contains("its tables belong to different homes"), "{apart}");
        // Without a context nothing says where a bare name leads to, also where a schema would have said it.
        let error = sqlx::query("SELECT 1 FROM orders").execute(homes).await.unwrap_err();
        assert!(refusal(&error).routing().unwrap().is_no_opinion(), "{error}");
    }};
}

#[tokio::test]
async fn sqlite_tells_routers_the_table_and_the_schema() {
    let folder = TempDir::new().unwrap();
    let builder = Homes::<Sqlite>::builder(routers("main"));
    let homes = builder.home(home("es"), url(&folder, "es")).home(home("fr"), url(&folder, "fr")).build().unwrap();
    by_table_and_schema!(homes, "main");
}

#[tokio::test]
async fn postgres_tells_routers_the_table_and_the_schema() {
    let Some(server) = Server::postgres() else { return };
    for name in ["es", "fr"] {
        server.create_database(name);
    }
    server.sql("fr", "CREATE SCHEMA archive");
    let builder = Homes::<Postgres>::builder(routers("archive"));
    let homes = builder.home(home("es"), server.url("es")).home(home("fr"), server.url("fr")).build().unwrap();
    by_table_and_schema!(homes, "archive");
}
