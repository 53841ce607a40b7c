//! What is refused, each beside a twin that passes, and that nothing of it is sent.

use domicile::{Record, RoutingKey, context};
use domicile_sqlx::{Capability, Demand, Error, Homes, Unreadable};
use domicile_testkit::Server;
use sqlx::{AssertSqlSafe, MySql, Postgres, Sqlite};
use tempfile::TempDir;

use crate::fixture::{World, home, key, note, notes, refusal, routers, url, within};

async fn run(homes: &Homes<Sqlite>, sql: &'static str) -> Result<u64, sqlx::Error> {
    sqlx::query(sql).execute(homes).await.map(|done| done.rows_affected())
}

#[tokio::test]
async fn what_a_statement_says_of_its_key_is_a_witness() {
    let world = World::new(|builder| builder.key_column("orders", "country", Demand::Nothing)).await;
    let homes = &world.homes;
    let before = world.homes.contacts();
    let spanish = "INSERT INTO orders (id, country, note) VALUES (2, 'ES', 'second')";
    let refused = within("FR", run(homes, spanish)).await.unwrap_err();
    assert!(refusal(&refused).routing().unwrap().is_disagreement());
    assert!(
        refused.to_string().contains("es, because the statement's orders.country is ES (placed by domicile.toml:12)")
    );
    let unknown = "INSERT INTO orders (id, country, note) VALUES (2, 'IT', 'second')";
    assert!(refusal(&within("ES", run(homes, unknown)).await.unwrap_err()).routing().unwrap().is_unknown_key());
    let torn = "DELETE FROM orders WHERE country IN ('ES', 'FR')";
    assert!(refusal(&run(homes, torn).await.unwrap_err()).routing().unwrap().is_disagreement());
    let moved = within("ES", run(homes, "UPDATE orders SET country = 'PT' WHERE id = 1")).await.unwrap_err();
    assert!(moved.to_string().contains("not updated in place"), "{moved}");
    assert_eq!(world.homes.contacts(), before);

    // Its own key is enough, and one that agrees is no hindrance.
    assert_eq!(run(homes, spanish).await.unwrap(), 1);
    assert_eq!(
        within("ES", run(homes, "UPDATE orders SET note = 'x' WHERE country IN ('ES', 'PT')")).await.unwrap(),
        2
    );
    // What is undecided goes by the context.
    assert_eq!(within("ES", run(homes, "DELETE FROM orders WHERE id = 2")).await.unwrap(), 1);
}

struct Of(Option<&'static str>);

impl Record for Of {
    fn routing_key(&self) -> Option<RoutingKey> {
        self.0.map(key)
    }
}

#[tokio::test]
async fn a_bound_key_is_known_by_the_record_that_it_is_of() {
    let world = World::plain().await;
    let demanding = Homes::<Sqlite>::builder(routers())
        .home(home("es"), url(&world.folder, "es"))
        .home(home("fr"), url(&world.folder, "fr"))
        .key_column("orders", "country", Demand::Inserts);
    let homes = demanding.build().unwrap();
    let one = "INSERT INTO orders (id, country, note) VALUES (?, ?, 'x')";
    let insert = |homes: Homes<Sqlite>, id: i64| async move {
        sqlx::query(one).bind(id).bind("ES").execute(&homes).await.map(|_| ())
    };
    insert(homes.of(&Of(Some("ES"))), 2).await.unwrap();
    assert_eq!(notes(&world.homes, "es").await, ["planted in es", "x"]);
    for (handle, expected) in [
        (homes.clone(), "Say whose it is by homes.of(&record)"),
        (homes.of(&Of(None)), "Say whose it is by homes.of(&record)"),
        (homes.of(&Of(Some("IT"))), "`IT` has no home"),
    ] {
        let refused = within("ES", insert(handle, 3)).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    }
    let refused = within("FR", insert(homes.of(&Of(Some("ES"))), 3)).await.unwrap_err();
    assert!(refusal(&refused).routing().unwrap().is_disagreement());
    // A record is one row, and says nothing of a second.
    let two =
        sqlx::query("INSERT INTO orders (id, country, note) VALUES (4, ?, 'x'), (5, ?, 'x')").bind("ES").bind("FR");
    let refused = two.execute(&homes.of(&Of(Some("ES")))).await.unwrap_err();
    assert!(refused.to_string().contains("Say whose it is"), "{refused}");
}

#[tokio::test]
async fn a_table_demands_its_key_of_what_it_says() {
    for (demand, refused) in [
        (Demand::Nothing, [false, false, false]),
        (Demand::Inserts, [true, false, false]),
        (Demand::Writes, [true, true, false]),
        (Demand::Everything, [true, true, true]),
    ] {
        let world = World::plain().await;
        let homes = Homes::<Sqlite>::builder(routers())
            .home(home("es"), url(&world.folder, "es"))
            .key_column("orders", "country", demand)
            .build()
            .unwrap();
        let undecided = [
            "INSERT INTO orders (id, note) VALUES (2, 'x')",
            "DELETE FROM orders WHERE id = 2",
            "SELECT id FROM orders",
        ];
        for (sql, refused) in undecided.into_iter().zip(refused) {
            let ran = within("ES", run(&homes, sql)).await;
            assert_eq!(ran.is_err(), refused, "{demand:?}: {sql}");
            if let Err(error) = ran {
                assert!(
                    error.to_string().contains("orders.country cannot be told, which the table demands"),
                    "{error}"
                );
            }
        }
        // sqlx's parameters cannot be read, so that they are undecided as well.
        let bound = sqlx::query("INSERT INTO orders (id, country, note) VALUES (3, ?, 'x')").bind("ES");
        assert_eq!(within("ES", bound.execute(&homes)).await.is_err(), demand >= Demand::Inserts);
        assert!(within("ES", run(&homes, "DELETE FROM orders WHERE country = 'ES'")).await.is_ok());
    }
}

#[tokio::test]
async fn rows_that_are_selected_elsewhere_are_not_inserted_unseen() {
    let world = World::new(|builder| builder.key_column("orders", "country", Demand::Nothing)).await;
    let unseen = "INSERT INTO orders (id, country, note) SELECT id + 1, country, note FROM orders";
    let refused = within("ES", run(&world.homes, unseen)).await.unwrap_err();
    assert!(matches!(refusal(&refused), Error::Statement(_)), "{refused}");
    let seen = "INSERT INTO orders (id, country, note) SELECT id + 1, 'ES', note FROM orders";
    assert_eq!(within("ES", run(&world.homes, seen)).await.unwrap(), 1);
}

#[tokio::test]
async fn two_homes_that_are_one_database_are_refused_whatever_their_urls_are() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    std::fs::write(folder.path().join("es.sqlite"), []).unwrap();
    let build = |french: String| {
        Homes::<Sqlite>::builder(routers()).home(home("es"), path("es.sqlite")).home(home("fr"), french).build()
    };
    let same = build(format!("sqlite://{}/../{}/es.sqlite", folder.path().display(), name_of(&folder)));
    assert!(matches!(same.unwrap_err(), Error::SameDatabase { .. }));

    // A hard link is another name of the same file, which only the file itself tells.
    std::fs::hard_link(folder.path().join("es.sqlite"), folder.path().join("fr.sqlite")).unwrap();
    let linked = build(path("fr.sqlite")).unwrap();
    let error = linked.check().await.all().unwrap_err();
    assert!(error.to_string().contains("are one database"), "{error}");

    std::fs::remove_file(folder.path().join("fr.sqlite")).unwrap();
    build(url(&folder, "fr")).unwrap().check().await.all().unwrap();
}

fn name_of(folder: &TempDir) -> String {
    folder.path().file_name().unwrap().to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_database_that_says_it_is_another_home_is_refused() {
    let world = World::plain().await;
    world.homes.mark(&home("es")).await.unwrap();
    // Again is no mistake.
    world.homes.mark(&home("es")).await.unwrap();
    let swapped = Homes::<Sqlite>::builder(routers())
        .home(home("fr"), url(&world.folder, "es"))
        .home(home("es"), url(&world.folder, "fr"))
        .build()
        .unwrap();
    let error = within("FR", note(&swapped)).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::WrongHome { .. }), "{error}");
    assert!(matches!(swapped.mark(&home("fr")).await.unwrap_err(), Error::WrongHome { .. }));
    // Where markers are required, a home without one is refused until it has one.
    let strict =
        Homes::<Sqlite>::builder(routers()).home(home("fr"), url(&world.folder, "fr")).require_markers().build();
    let strict = strict.unwrap();
    assert!(matches!(refusal(&within("FR", note(&strict)).await.unwrap_err()), Error::Unmarked { .. }));
    strict.mark(&home("fr")).await.unwrap();
    assert_eq!(within("FR", note(&strict)).await.unwrap(), "planted in fr");
}

#[tokio::test]
async fn a_home_of_the_placement_without_a_database_is_an_error_until_it_is_added() {
    let folder = TempDir::new().unwrap();
    let homes = Homes::<Sqlite>::builder(routers()).home(home("es"), url(&folder, "es")).build().unwrap();
    let error = within("FR", run(&homes, "SELECT 1")).await.unwrap_err();
    assert!(matches!(refusal(&error), Error::NoDatabase { .. }), "{error}");
    assert!(matches!(homes.add(home("fr"), url(&folder, "es")).unwrap_err(), Error::SameDatabase { .. }));
    homes.add(home("fr"), url(&folder, "fr")).unwrap();
    within("FR", run(&homes, "SELECT 1")).await.unwrap();
    let twice =
        Homes::<Sqlite>::builder(routers()).home(home("es"), url(&folder, "es")).home(home("es"), url(&folder, "x"));
    assert!(matches!(twice.build().unwrap_err(), Error::AddedTwice { .. }));
    let wrong =
        Homes::<Sqlite>::builder(routers()).home(home("es"), "postgres://user:secret@host/db").build().unwrap_err();
    assert!(matches!(wrong, Error::Url { .. }) && !wrong.to_string().contains("secret"), "{wrong}");
}

#[tokio::test]
async fn a_check_at_start_up_finds_a_home_that_no_router_knows() {
    let folder = TempDir::new().unwrap();
    let homes =
        Homes::<Sqlite>::builder(routers()).home(home("es"), url(&folder, "es")).home(home("it"), url(&folder, "it"));
    let error = homes.elsewhere(home("fr")).build().unwrap().check().await.all().unwrap_err();
    assert_eq!(error.home(), Some(&home("it")));
    assert!(error.to_string().contains("`it` is not a home of the placement"), "{error}");
}

#[tokio::test]
async fn what_leads_elsewhere_is_refused() {
    let world = World::plain().await;
    for sql in ["ATTACH DATABASE 'fr.sqlite' AS fr", "BEGIN", "COMMIT"] {
        let error = within("ES", run(&world.homes, sql)).await.unwrap_err();
        assert!(matches!(refusal(&error), Error::Statement(_)), "{sql}: {error}");
    }
}

/// What begins, ends or divides a transaction, in one SQL or another.
const CONTROL: &[&str] = &[
    "ABORT",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "BEGIN WORK",
    "COMMIT",
    "COMMIT AND CHAIN",
    "COMMIT PREPARED 'x'",
    "COMMIT WORK AND NO CHAIN RELEASE",
    "END",
    "END TRANSACTION",
    "EXECUTE plan",
    "EXECUTE IMMEDIATE 'COMMIT'",
    "PREPARE TRANSACTION 'x'",
    "RELEASE a",
    "ROLLBACK",
    "ROLLBACK AND CHAIN",
    "ROLLBACK TO SAVEPOINT a",
    "SAVEPOINT a",
    "SELECT 1; COMMIT",
    "SELECT 1 END; COMMIT",
    "START TRANSACTION",
    "XA END 'x'",
];

#[tokio::test]
async fn an_open_transaction_is_not_ended_by_a_text() {
    let world = World::plain().await;
    let mut transaction = world.homes.on(home("es")).begin().unwrap();
    sqlx::query("UPDATE orders SET note = 'mine'").execute(&mut transaction).await.unwrap();
    for sql in CONTROL {
        let error = sqlx::query(*sql).execute(&mut transaction).await.unwrap_err();
        assert!(matches!(refusal(&error), Error::Statement(_)), "{sql}: {error}");
        let mut savepoint = transaction.savepoint().await.unwrap();
        let error = sqlx::query(*sql).execute(&mut savepoint).await.unwrap_err();
        assert!(matches!(refusal(&error), Error::Statement(_)), "{sql}: {error}");
        savepoint.commit().await.unwrap();
    }
    // It is still open, and goes on.
    sqlx::query("INSERT INTO orders VALUES (2, 'ES', 'mine, too')").execute(&mut transaction).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(notes(&world.homes, "es").await, ["planted in es"]);
}

#[tokio::test]
async fn a_statement_changes_no_connection_for_those_that_come_after_it() {
    let world = World::plain().await;
    let spain = world.homes.on(home("es"));
    let error = run(&spain, "PRAGMA query_only = ON").await.unwrap_err();
    assert!(error.to_string().contains("would change the connection"), "{error}");
    run(&spain, "PRAGMA user_version = 7").await.unwrap();
    run(&spain, "INSERT INTO orders VALUES (2, 'ES', 'written')").await.unwrap();
}

#[tokio::test]
async fn the_isolation_of_a_transaction_is_set_in_it_and_ends_with_it() {
    let Some(server) = Server::postgres() else { return };
    server.create_database("es");
    let homes = Homes::<Postgres>::builder(routers()).home(home("es"), server.url("es")).build().unwrap();
    let spain = homes.on(home("es"));
    let isolation = || sqlx::query_scalar::<_, String>("SELECT current_setting('transaction_isolation')");
    let mut transaction = spain.begin().unwrap();
    sqlx::query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").execute(&mut transaction).await.unwrap();
    assert_eq!(isolation().fetch_one(&mut transaction).await.unwrap(), "serializable");
    transaction.commit().await.unwrap();
    assert_eq!(isolation().fetch_one(&spain).await.unwrap(), "read committed");
    let session = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE";
    assert!(sqlx::query(session).execute(&spain).await.unwrap_err().to_string().contains("change the connection"));
}

/// Two homes on a server that is never connected to: what is refused is refused before that.
fn unconnected<DB: Capability>(server: &str) -> Homes<DB> {
    let url = |name: &str| format!("{server}/{name}");
    let builder = Homes::<DB>::builder(routers()).home(home("es"), url("es")).home(home("fr"), url("fr"));
    builder.key_column("orders", "country", Demand::Nothing).build().unwrap()
}

#[test]
fn transactions_are_not_written_in_sql_on_any_server() {
    let (postgres, mysql) = (unconnected::<Postgres>("postgres://server"), unconnected::<MySql>("mysql://server"));
    context::with(key("ES"), || {
        for sql in CONTROL {
            assert!(postgres.decide(sql, &Unreadable).is_err(), "PostgreSQL: {sql}");
            assert!(mysql.decide(sql, &Unreadable).is_err(), "MySQL: {sql}");
        }
        for sql in ["SELECT 1", "UPDATE items SET commit = 1", "SELECT begin, abort FROM items"] {
            assert!(postgres.decide(sql, &Unreadable).is_ok(), "PostgreSQL: {sql}");
        }
        // There LOCAL is another word for SESSION.
        assert!(postgres.decide("SET LOCAL statement_timeout = 100", &Unreadable).is_ok());
        assert!(mysql.decide("SET LOCAL autocommit = 0", &Unreadable).is_err());
    });
}

#[test]
fn no_name_in_any_statement_leads_to_the_database_of_another_home() {
    let homes = unconnected::<MySql>("mysql://server");
    let names = |sql: &str| homes.decide(sql, &Unreadable).map(drop).map_err(|error| error.to_string());
    context::with(key("ES"), || {
        for statement in [
            "SELECT {}.f(1)",
            "SELECT * FROM items WHERE id = {}.f(1)",
            "CALL {}.p(1)",
            "SELECT * FROM {}.items",
            "ALTER TABLE items RENAME TO {}.items",
            "RENAME TABLE items TO {}.items",
            "CREATE VIEW {}.v AS SELECT id FROM items",
            "CREATE VIEW v AS SELECT id FROM {}.items",
            "CREATE TABLE items LIKE {}.items",
            "CREATE TABLE items AS SELECT id FROM {}.items",
            "CREATE TRIGGER t AFTER INSERT ON {}.items FOR EACH ROW SET @a = 1",
            "TRUNCATE TABLE {}.items",
            "OPTIMIZE TABLE {}.items",
            "DROP TABLE {}.items",
            "SHOW TABLES FROM {}",
        ] {
            let own = statement.replace("{}", "es");
            assert_eq!(names(&own), Ok(()), "{own}");
            let foreign = statement.replace("{}", "fr");
            let error = names(&foreign).unwrap_err();
            assert!(error.contains("names the database fr") || error.contains("names fr, the database"), "{error}");
        }
        // Also one that is no home's, as far as it can be told: it may be another program's.
        for sql in ["SELECT * FROM other.items", "SELECT other.f(1)", "CALL other.p(1)"] {
            assert!(names(sql).unwrap_err().contains("names the database other"), "{sql}");
        }
    });
}

#[test]
fn what_a_server_tells_of_itself_is_read_and_not_changed() {
    let homes = unconnected::<MySql>("mysql://server");
    context::with(key("ES"), || {
        for sql in [
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()",
            "SELECT * FROM INFORMATION_SCHEMA.columns",
            "SELECT * FROM performance_schema.metadata_locks",
            "SELECT * FROM mysql.time_zone_name",
            "SELECT sys.format_bytes(1)",
            "INSERT INTO items SELECT table_name FROM information_schema.tables",
        ] {
            assert!(homes.decide(sql, &Unreadable).is_ok(), "{sql}");
        }
        for sql in [
            "UPDATE mysql.user SET host = '%'",
            "TRUNCATE TABLE performance_schema.accounts",
            "CALL sys.ps_truncate_all_tables(false)",
            "INSERT INTO mysql.items SELECT id FROM items",
        ] {
            assert!(matches!(homes.decide(sql, &Unreadable).unwrap_err(), Error::Statement(_)), "{sql}");
        }
    });
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_refused_and_not_an_end_of_the_program() {
    let world = World::new(|builder| builder.key_column("orders", "country", Demand::Nothing)).await;
    let delete = |terms| format!("DELETE FROM orders WHERE {}", vec!["country = 'ES'"; terms].join(" OR "));
    let deep = sqlx::query(AssertSqlSafe(delete(50_000))).execute(&world.homes).await.unwrap_err();
    assert!(refusal(&deep).to_string().contains("nested too deeply"), "{deep}");
    let done = sqlx::query(AssertSqlSafe(delete(500))).execute(&world.homes).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

#[tokio::test]
async fn a_failure_of_the_database_is_no_refusal_and_stays_what_it_was() {
    let world = World::plain().await;
    let missing = sqlx::query("SELECT note FROM orders WHERE id = 99").fetch_one(&world.homes);
    let missing = within("ES", missing).await.unwrap_err();
    assert!(matches!(missing, sqlx::Error::RowNotFound));
    let twice = within("ES", run(&world.homes, "INSERT INTO orders VALUES (1, 'ES', 'x')")).await.unwrap_err();
    assert!(twice.as_database_error().unwrap().is_unique_violation());
}
