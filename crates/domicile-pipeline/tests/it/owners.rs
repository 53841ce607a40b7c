//! A database that is not the one that it is taken for: nothing is read or written then.

use std::sync::Arc;

use domicile_pipeline::{Error, Silent};
use domicile_testkit::Server;
use mysql_async::prelude::Queryable;

use crate::fixture::{Setup, World as Files, counts, home, only, open, run, runtime};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

const FILES: &str = "spain = \"ES\"\nfrance = \"FR\"";

fn copying(homes: &str) -> Setup {
    Setup::new().homes(homes).insert("orders", "SELECT id, country FROM record")
}

/// What is wrong, where each problem begins with its setting.
fn refused(world: &Files, setup: &Setup) -> Vec<String> {
    let error = run(&world.pipeline(setup), Arc::new(Silent)).unwrap_err();
    let checked = world.problems(setup);
    assert_eq!(told(&error), checked, "a run says what a check says");
    checked
}

fn told(error: &Error) -> Vec<String> {
    crate::fixture::described(error.problems().unwrap_or_else(|| panic!("{error}")))
}

#[test]
fn homes_that_have_exchanged_their_databases_are_refused() {
    let world = Files::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Zoé', NULL, 2.00"]);
    let homes = |spain: &str, france: &str| {
        let home = |name: &str, file: &str, key: &str| {
            format!("[homes.{name}]\nurl = \"sqlite:${{D:-homes}}/{file}.sqlite\"\nkeys = \"{key}\"\n")
        };
        copying(&format!("{}{}", home("spain", spain, "ES"), home("france", france, "FR")))
    };
    world.run(&homes("a", "b"));
    world.order(&["'FR', 'Ida', NULL, 4.00"]);
    let problems = refused(&world, &homes("b", "a"));
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[1].contains("home spain: it has a position of the source `orders` as the home `france`"));
    assert!(problems[1].contains("UPDATE domicile_position SET home = 'spain' WHERE home = 'france'"), "{problems:?}");
    assert_eq!(world.rows("a", "SELECT id, country FROM orders"), ["1|ES"], "nothing is written");
    // A source that is new knows as well whose the database is.
    let new = refused(&world, &homes("b", "a").setting("name = \"new\""));
    assert!(new[1].contains("home spain: it has a position of the source `orders` as the home `france`"), "{new:?}");

    assert_eq!(counts(home(&world.run(&homes("a", "b")), "france")), [1, 1, 0, 0], "put back, it goes on");
}

#[test]
fn a_home_with_the_marker_of_another_is_refused() {
    let marked = |as_home: &str| {
        let world = Files::with_orders(&["'ES', 'Ana', NULL, 1.00"]);
        std::fs::create_dir_all(world.home_path("spain").parent().unwrap()).unwrap();
        let create = "CREATE TABLE domicile_home (one INTEGER PRIMARY KEY CHECK (one = 1), home TEXT NOT NULL)";
        let insert = format!("INSERT INTO domicile_home VALUES (1, '{as_home}')");
        open_new(&world, &format!("{create}; {insert}"));
        world
    };
    let problems = refused(&marked("france"), &copying(FILES));
    let expected = "home spain: its table domicile_home says that it is the home `france`";
    assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");
    assert_eq!(counts(home(&marked("spain").run(&copying(FILES)), "spain")), [1, 1, 0, 0]);
}

fn open_new(world: &Files, sql: &str) {
    rusqlite::Connection::open(world.home_path("spain")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_source_of_the_same_name_elsewhere_is_refused_until_it_is_said_to_be_the_same() {
    let world = Files::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Zoé', NULL, 2.00"]);
    world.run(&copying(FILES));
    std::fs::rename(world.path("source.sqlite"), world.path("moved.sqlite")).unwrap();
    open(&world.path("moved.sqlite")).execute_batch("INSERT INTO orders (country, amount) VALUES ('ES', 4)").unwrap();
    let setup = || copying(FILES).file("moved.sqlite");
    let problems = refused(&world, &setup());
    let expected = "its position of this source was read from `sqlite source.sqlite orders` and not from `sqlite moved.sqlite orders`, and says nothing";
    assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");

    let elsewhere = world.run(&setup().setting("name = \"elsewhere\""));
    assert_eq!(elsewhere.total().delivered, 3, "under another name it is read from the start");
    let same = setup().setting("origin = \"sqlite source.sqlite orders\"");
    assert_eq!(counts(home(&world.run(&same), "spain")), [1, 1, 0, 0], "the same records go on where they were");
}

macro_rules! contract {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

contract! {
    two_names_of_one_database_are_refused_before_anything_is_written
    a_marker_is_read_on_a_server
}

fn two_names_of_one_database_are_refused_before_anything_is_written(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, country FROM record");
    world.order(&["'ES', 'Ana', 1.50", "'FR', 'Zoé', 2.00"]);
    let url = |database: &str| world.server.url(database);
    let alias = |database: &str| url(database).replace("127.0.0.1", "localhost");
    assert_ne!(url("es"), alias("es"), "there are two names of the server");
    let config = |france: &str, control: &str| {
        let homes = format!(
            "[homes.es]\nurl = \"{}\"\nkeys = \"ES\"\n[homes.fr]\nurl = \"{france}\"\nkeys = \"FR\"",
            url("es")
        );
        pipeline(world.config(&url("source"), &homes, control, "rows = 3"))
    };
    for (france, control, who, first) in [
        (alias("es"), url("control"), "home fr", "home es"),
        (url("fr"), alias("es"), "the control database", "home es"),
    ] {
        let error = run(&config(&france, &control), Arc::new(Silent)).unwrap_err();
        let expected = format!("{who}: it is the same database as that of {first}");
        assert!(told(&error).len() == 1 && told(&error)[0].contains(&expected), "{error:?}");
    }
    let report = succeeded(run(&config(&alias("fr"), &url("control")), Arc::new(Silent)).unwrap());
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([1, 1, 0, 0], [1, 1, 0, 0]));

    // Once there are positions, they tell it, and whose the database is goes on.
    world.order(&["'ES', 'Eva', 4.00"]);
    let report = only(run(&config(&alias("es"), &url("control")), Arc::new(Silent)).unwrap());
    let failure = home(&report, "fr").failure.as_deref().unwrap_or_default();
    assert!(failure.contains("it has a position of the source `orders` as the home `es`"), "{report:?}");
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
}

#[test]
fn databases_of_two_servers_of_mariadb_that_say_the_same_of_themselves_are_two() {
    let (Some(world), Some(mut other)) = (World::new(&MARIADB), Server::mariadb()) else { return };
    let mut world = world.analyser("orders", "", "SELECT id, country FROM record");
    world.order(&["'ES', 'Ana', 1.50", "'FR', 'Zoé', 2.00"]);
    other.create_database("es");
    // As in two containers that are made of one image: each has its own folder, port and address, by names that are the same.
    let port_of = |url: String| url.rsplit(['/', ':']).nth(1).unwrap().to_owned();
    let (port, other_port) = (port_of(world.server.url("es")), port_of(other.url("es")));
    let here = String::from("--datadir=/proc/self/cwd/data");
    for server in [&world.server, &other] {
        // It is there from the folder that the server starts in, and from that of its data, to which it goes.
        std::os::unix::fs::symlink(".", server.dir().join("data/data")).unwrap();
    }
    world.server.restart_with([here.clone()]);
    other.restart_with([here, String::from("--bind-address=127.0.0.2"), format!("--port={port}")]);
    let spain = world.server.url("es");
    let france = other.url("es").replace(&format!("127.0.0.1:{other_port}"), &format!("127.0.0.2:{port}"));
    let homes = |france: &str| {
        format!("[homes.es]\nurl = \"{spain}\"\nkeys = \"ES\"\n[homes.fr]\nurl = \"{france}\"\nkeys = \"FR\"")
    };
    let told_of_itself = |url: &str| {
        let sql = "SELECT CONCAT_WS(' ', @@hostname, @@port, @@datadir)";
        let of = async |url: &str| -> Option<String> {
            mysql_async::Conn::from_url(url).await.unwrap().query_first(sql).await.unwrap()
        };
        runtime().block_on(of(url)).unwrap()
    };
    assert_eq!(told_of_itself(&spain), told_of_itself(&france));
    let (source, control) = (world.server.url("source"), world.server.url("control"));
    let alias = spain.replace("127.0.0.1", "localhost");
    let error = run(&pipeline(world.config(&source, &homes(&alias), &control, "")), Arc::new(Silent)).unwrap_err();
    assert!(told(&error)[0].contains("home fr: it is the same database as that of home es"), "{error:?}");
    let report = run(&pipeline(world.config(&source, &homes(&france), &control, "")), Arc::new(Silent)).unwrap();
    let report = succeeded(report);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([1, 1, 0, 0], [1, 1, 0, 0]));
}

fn a_marker_is_read_on_a_server(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, country FROM record");
    world.order(&["'ES', 'Ana', 1.50"]);
    world.server.sql("es", "CREATE TABLE domicile_home (one integer PRIMARY KEY, home varchar(63) NOT NULL)");
    world.server.sql("es", "INSERT INTO domicile_home VALUES (1, 'fr')");
    let error = run(&world.pipeline(), Arc::new(Silent)).unwrap_err();
    assert!(told(&error)[0].contains("home es: its table domicile_home says that it is the home `fr`"), "{error:?}");
    world.server.sql("es", "UPDATE domicile_home SET home = 'es'");
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
}
