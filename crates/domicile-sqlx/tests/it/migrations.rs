//! sqlx's migrations, in every home that they are for.

use domicile::{Chain, Confined, EachHome, Home, Operation, Route, Router, context};
use domicile_sqlx::{Capability, Demand, Error, Homes, Migrated, Migrations};
use domicile_testkit::Server;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{MySql, Postgres, SqlSafeStr, Sqlite};
use tempfile::TempDir;

use crate::fixture::{home, placement_router, routers, url};

/// Audits are kept in Spain.
struct Audits;

impl Router for Audits {
    fn name(&self) -> &str {
        "audits"
    }

    fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
        Ok(None)
    }

    fn route_write(&self, _: &Operation<'_>) -> Result<Option<Route>, domicile::Error> {
        Ok(None)
    }

    fn allow_migrate(&self, home: &Home, table: &str) -> Option<bool> {
        (table == "audits").then(|| home.as_str() == "es")
    }
}

/// Both homes, without tables; an order is not inserted without its country.
fn world(folder: &TempDir) -> Homes<Sqlite> {
    let homes = Homes::<Sqlite>::builder(Chain::new(Audits).then(placement_router()))
        .home(home("es"), url(folder, "es"))
        .home(home("fr"), url(folder, "fr"))
        .key_column("orders", "country", Demand::Inserts);
    homes.build().unwrap()
}

const ORDERS: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY, country VARCHAR(2))";
const AUDITS: &str = "CREATE TABLE audits (id INTEGER PRIMARY KEY)";

/// Migrations with the versions 1, 2, 3 and so on.
fn migrator(texts: &[&'static str]) -> Migrator {
    let migration = |(version, sql): (i64, &&'static str)| {
        Migration::new(version, "a migration".into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations((1..).zip(texts).map(migration).collect())
}

type Each<T> = Vec<Result<T, String>>;

fn told<T>(each: EachHome<T, Error>) -> Each<T> {
    each.into_iter().map(|(_, result)| result.map_err(|error| error.to_string())).collect()
}

async fn applied(homes: &Homes<Sqlite>, texts: &[&'static str]) -> Each<Vec<i64>> {
    let migrated = told(homes.migrate(&migrator(texts)).await);
    migrated.into_iter().map(|result| result.map(|migrated: Migrated| migrated.applied)).collect()
}

async fn lists(homes: &Homes<Sqlite>, texts: &[&'static str]) -> Vec<[Vec<i64>; 3]> {
    let lists = |told: Migrations| [told.applied, told.pending, told.elsewhere];
    told(homes.migrations(&migrator(texts)).await).into_iter().map(|told| lists(told.unwrap())).collect()
}

#[tokio::test]
async fn each_home_gets_what_is_for_it_and_tells_what_is_not() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    let texts = [ORDERS, AUDITS];
    assert_eq!(lists(&homes, &texts).await, [[vec![], vec![1, 2], vec![]], [vec![], vec![1], vec![2]]]);
    assert_eq!(applied(&homes, &texts).await, [Ok(vec![1, 2]), Ok(vec![1])]);
    assert_eq!(lists(&homes, &texts).await, [[vec![1, 2], vec![], vec![]], [vec![1], vec![], vec![2]]]);
    assert_eq!(applied(&homes, &texts).await, [Ok(vec![]), Ok(vec![])]);
}

#[tokio::test]
async fn one_that_is_for_a_home_only_in_part_has_to_be_split() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    let both = "CREATE TABLE orders (id INTEGER); CREATE TABLE audits (id INTEGER)";
    let [es, fr] = applied(&homes, &[both]).await.try_into().unwrap();
    // All of it is for Spain.
    assert_eq!(es, Ok(vec![1]));
    let error = fr.unwrap_err();
    let why = "migration 1 (a migration) is for home fr only in part: orders belong there, and audits do not; split it";
    assert!(error.contains(why), "{error}");
    assert_eq!(lists(&homes.on(home("es")), &[both]).await, [[vec![1], vec![], vec![]]]);
}

#[tokio::test]
async fn rows_are_only_brought_into_their_home() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    let texts = [ORDERS, "INSERT INTO orders (id, country) VALUES (1, 'FR')"];
    assert_eq!(applied(&homes, &texts).await, [Ok(vec![1]), Ok(vec![1, 2])]);

    let torn = "INSERT INTO orders (id, country) VALUES (2, 'ES'), (2, 'FR')";
    for result in applied(&homes, &[texts[0], texts[1], torn]).await {
        let error = result.unwrap_err();
        assert!(error.contains("migration 3 (a migration) is for home"), "{error}");
        assert!(error.contains("rows of orders with the routing key FR"), "{error}");
    }
    for (unsaid, why) in [
        ("INSERT INTO orders (id) VALUES (3)", "whose routing key country cannot be told: it does not name"),
        ("INSERT INTO orders (id, country) SELECT id, country FROM orders", "country cannot be told"),
        ("INSERT INTO orders (id, country) VALUES (3, 'ZZ')", "has rows of orders that cannot be routed: routing key"),
    ] {
        let error = applied(&homes.on(home("fr")), &[texts[0], texts[1], unsaid]).await.remove(0).unwrap_err();
        assert!(error.contains("migration 3 (a migration)") && error.contains(why), "{error}");
    }
    let count = homes.everywhere().fetch_scalar::<i64, _>(|| sqlx::query("SELECT count(*) FROM orders")).await;
    assert_eq!(count.iter().map(|(_, count)| *count.as_ref().unwrap()).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test]
async fn what_cannot_be_read_says_itself_which_tables_it_is_for() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    // SQLite knows it, and the parser does not.
    for result in applied(&homes, &["REINDEX audits"]).await {
        let error = result.unwrap_err();
        assert!(error.contains("migration 1 (a migration) is not run"), "{error}");
        assert!(error.contains("by a line in it such as `-- domicile: tables orders, customers`"), "{error}");
    }
    for text in ["-- domicile: table audits\nREINDEX audits", "-- domicile: tables ,\nREINDEX audits"] {
        let error = applied(&homes, &[text]).await.remove(0).unwrap_err();
        assert!(error.contains("has a line that is not understood: `-- domicile: table"), "{error}");
    }
    let texts = [AUDITS, "-- domicile: tables audits\nREINDEX audits"];
    assert_eq!(applied(&homes, &texts).await, [Ok(vec![1, 2]), Ok(vec![])]);
}

#[tokio::test]
async fn what_a_statement_must_not_do_a_migration_must_not_do_unsaid() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    for text in ["UPDATE orders SET country = 'FR'", "ATTACH DATABASE 'other.sqlite' AS other"] {
        for result in applied(&homes, &[ORDERS, text]).await {
            let error = result.unwrap_err();
            assert!(error.contains("migration 2 (a migration) is not run"), "{error}");
        }
    }
    assert_eq!(applied(&homes, &[ORDERS, "UPDATE orders SET id = 1"]).await, [Ok(vec![1, 2]), Ok(vec![1, 2])]);
}

#[tokio::test]
async fn a_scope_that_is_confined_migrates_its_home_and_is_refused_the_others_until_it_is_left() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    context::scope(Confined::to(home("es")).unwrap(), async {
        let before = homes.contacts();
        let [es, fr] = homes.migrate(&migrator(&[ORDERS])).await.into_iter().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(es.1.unwrap().applied, [1]);
        let error = fr.1.unwrap_err();
        assert!(error.routing().unwrap().is_disagreement() && error.to_string().contains("confined"), "{error}");
        assert_eq!(homes.contacts()[&home("fr")], before[&home("fr")]);
        assert!(homes.migrations(&migrator(&[ORDERS])).await.all().is_err());
    })
    .await;
    assert_eq!(applied(&homes, &[ORDERS]).await, [Ok(vec![]), Ok(vec![1])]);
    context::scope(Confined::to(home("fr")).unwrap(), async {
        assert_eq!(applied(&homes.on(home("fr")), &[ORDERS]).await, [Ok(vec![])]);
    })
    .await;
}

#[tokio::test]
async fn what_a_migration_makes_for_its_session_ends_with_it() {
    let folder = TempDir::new().unwrap();
    let homes = world(&folder);
    let texts = [ORDERS, "CREATE TEMP TABLE orders (id INTEGER)"];
    assert_eq!(applied(&homes.on(home("es")), &texts).await, [Ok(vec![1, 2])]);
    // The temporary table would hide the other one, which has a country.
    sqlx::query("INSERT INTO orders (id, country) VALUES (1, 'ES')").execute(&homes).await.unwrap();
}

/// Leads the session that migrates Spain away by `lead`, and inserts an item in Spain afterwards.
async fn led_away<DB: Capability>(server: &Server, lead: &'static str) -> [String; 2]
where
    DB::Connection: Migrate,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    DB::Arguments: sqlx::IntoArguments<DB>,
{
    for name in ["es", "fr"] {
        server.create_database(name);
        server.sql(name, "CREATE TABLE items (id INT)");
    }
    let homes = Homes::<DB>::builder(routers()).home(home("es"), server.url("es")).home(home("fr"), server.url("fr"));
    let homes = homes.build().unwrap();
    let spain = homes.on(home("es"));
    homes.migrate(&migrator(&["CREATE TABLE first (id INT)"])).await.all().unwrap();
    spain.migrate(&migrator(&["CREATE TABLE first (id INT)", lead])).await.all().unwrap();
    sqlx::query("INSERT INTO items VALUES (1)").execute(&spain).await.unwrap();
    ["es", "fr"].map(|name| server.sql(name, "SELECT count(*) FROM items").trim().to_owned())
}

#[tokio::test]
async fn a_migration_leads_no_later_statement_to_another_place() {
    if let Some(server) = Server::mariadb() {
        let lead = "-- domicile: tables items\nUSE fr; CREATE TABLE second (id INT);";
        assert_eq!(led_away::<MySql>(&server, lead).await, ["1", "0"]);
    }
    if let Some(server) = Server::postgres() {
        let lead = "-- domicile: tables items\n\
                    CREATE SCHEMA other; CREATE TABLE other.items (id int); SET search_path = other, public";
        assert_eq!(led_away::<Postgres>(&server, lead).await, ["1", "0"]);
    }
}

/// Several programs that start at the same time, each with connections of its own.
async fn at_the_same_time<DB: Capability>(server: &Server)
where
    DB::Connection: Migrate,
{
    server.create_database("es");
    server.create_database("fr");
    let program = || {
        let homes =
            Homes::<DB>::builder(routers()).home(home("es"), server.url("es")).home(home("fr"), server.url("fr"));
        homes.build().unwrap()
    };
    let programs: Vec<_> = (0..4).map(|_| program()).collect();
    let migrator = migrator(&[ORDERS, AUDITS]);
    let migrated = futures::future::join_all(programs.iter().map(|homes| homes.migrate(&migrator))).await;
    let mut applied: Vec<_> = migrated
        .into_iter()
        .flat_map(|each| each.all().unwrap())
        .flat_map(|home| home.applied.iter().map(|version| (home.home().to_string(), *version)).collect::<Vec<_>>())
        .collect();
    applied.sort();
    assert_eq!(applied, [("es".into(), 1), ("es".into(), 2), ("fr".into(), 1), ("fr".into(), 2)]);
}

#[tokio::test]
async fn what_several_programs_apply_at_the_same_time_is_told_by_one_of_them() {
    if let Some(server) = Server::postgres() {
        at_the_same_time::<Postgres>(&server).await;
    }
    if let Some(server) = Server::mariadb() {
        at_the_same_time::<MySql>(&server).await;
    }
}
