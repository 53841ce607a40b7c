//! A home that somebody has to mend: it alone is left where it is, and goes on by itself afterwards.

use std::sync::Arc;

use domicile_pipeline::{Condition, Error, HomeReport, Pipeline, Position, Report, Silent, SourceReport};

use crate::fixture::{Setup, World as Files, counts, described, home, only, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline, succeeded};

const HOMES: [&str; 3] = ["es", "fr", "pt"];
const IDS: &str = "SELECT id FROM orders ORDER BY id";

/// Three homes of one kind, each in a database of its own.
enum Place {
    Files(Files),
    Server(Box<World>),
}

impl Place {
    fn files() -> Option<Self> {
        let orders = ["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00", "'PT', 'Rui', NULL, 4.00"];
        Some(Self::Files(Files::with_orders(&orders)))
    }

    fn server(kind: &Kind) -> Option<Self> {
        let world = World::new(kind)?.analyser("orders", "", "SELECT id, customer FROM record");
        world.server.create_database("pt");
        world.order(&["'ES', 'Ana', 1.00", "'FR', 'Luc', 2.00", "'PT', 'Rui', 4.00"]);
        Some(Self::Server(Box::new(world)))
    }

    /// One more order of each home.
    fn order(&self) {
        match self {
            Self::Files(world) => {
                world.order(&["'ES', 'Eva', NULL, 1.00", "'FR', 'Zoé', NULL, 2.00", "'PT', 'Eva', NULL, 4.00"])
            }
            Self::Server(world) => world.order(&["'ES', 'Eva', 1.00", "'FR', 'Zoé', 2.00", "'PT', 'Eva', 4.00"]),
        }
    }

    /// A pipeline with these databases for the three homes, or for the first of them.
    fn pipeline(&self, databases: &[&str]) -> Pipeline {
        self.pipeline_by("country", databases)
    }

    /// The same, with this rule for the routing key.
    fn pipeline_by(&self, key: &str, databases: &[&str]) -> Pipeline {
        let homes = |url: &dyn Fn(&str) -> String| {
            let lines = HOMES.iter().zip(databases).map(|(home, database)| {
                format!("[homes.{home}]\nurl = \"{}\"\nkeys = \"{}\"\n", url(database), home.to_uppercase())
            });
            lines.collect::<String>()
        };
        match self {
            Self::Files(world) => {
                let url = |database: &str| format!("sqlite:${{D:-homes}}/{database}.sqlite");
                let setup = Setup::new().homes(&homes(&url)).insert("orders", "SELECT id, customer FROM record");
                world.pipeline(&setup.key(key))
            }
            Self::Server(world) => {
                let url = |database: &str| world.server.url(database);
                let config = world.config(&url("source"), &homes(&url), &url("control"), "");
                pipeline(config.replace("key = \"country\"", &format!("key = \"{key}\"")))
            }
        }
    }

    fn try_run(&self, databases: &[&str]) -> Result<Report, Error> {
        run(&self.pipeline(databases), Arc::new(Silent))
    }

    fn run(&self) -> SourceReport {
        succeeded(self.try_run(&HOMES).unwrap())
    }

    fn sql(&self, database: &str, sql: &str) {
        match self {
            Self::Files(world) => world.in_home(database, sql),
            Self::Server(world) => drop(world.server.sql(database, sql)),
        }
    }

    fn ids(&self, database: &str) -> String {
        match self {
            Self::Files(world) => world.rows(database, IDS),
            Self::Server(world) => world.rows(database, IDS),
        }
        .join(" ")
    }
}

/// The problems for which a run does nothing at all.
fn told(error: &Error) -> Vec<String> {
    described(error.problems().unwrap_or_else(|| panic!("{error}")))
}

fn assert_blocked(home: &HomeReport, expected: &str) {
    assert_eq!(home.state, Condition::Blocked, "{home:#?}");
    assert!(home.failure.as_deref().is_some_and(|failure| failure.contains(expected)), "{home:#?}");
    assert_eq!(counts(home), [0; 4]);
}

/// The contract, as tests of each kind of database.
macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $(#[test] fn $test() { super::$test(super::Place::files()) })* }
        mod postgres { $(#[test] fn $test() { super::$test(super::Place::server(&super::POSTGRES)) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(super::Place::server(&super::MARIADB)) })* }
    };
}

contract! {
    a_home_whose_table_does_not_fit_is_blocked_alone_and_goes_on_once_it_is_mended
    a_table_that_is_gone_blocks_its_home_alone
    homes_that_have_exchanged_their_databases_are_blocked_and_the_third_goes_on
    a_home_with_the_marker_of_another_is_blocked_alone
    a_home_that_is_wrong_in_the_first_run_stops_it
    a_rule_that_changes_while_a_home_is_behind_is_refused_until_it_has_caught_up
    what_is_wrong_in_all_homes_stops_the_run
}

fn a_home_whose_table_does_not_fit_is_blocked_alone_and_goes_on_once_it_is_mended(place: Option<Place>) {
    let Some(place) = place else { return };
    place.run();
    place.sql("es", "ALTER TABLE orders DROP COLUMN customer");
    for run in 1..=2 {
        place.order();
        let report = only(place.try_run(&HOMES).unwrap());
        let es = home(&report, "es");
        assert_blocked(es, "the table `orders` has no column `customer`; to mend it: ALTER TABLE");
        assert_eq!(report.failure, None, "the source is read");
        for well in ["fr", "pt"] {
            assert_eq!((home(&report, well).state, counts(home(&report, well))), (Condition::Well, [1, 1, 0, 0]));
        }
        assert_eq!((place.ids("es"), place.ids("fr").split(' ').count()), (String::from("1"), 1 + run));
    }
    let column = if matches!(place, Place::Files(_)) { "customer TEXT" } else { "customer varchar(80)" };
    place.sql("es", &format!("ALTER TABLE orders ADD COLUMN {column}"));
    let report = place.run();
    assert_eq!((home(&report, "es").state, counts(home(&report, "es"))), (Condition::Well, [2, 2, 0, 0]));
    assert_eq!((place.ids("es"), place.ids("fr")), (String::from("1 4 7"), String::from("2 5 8")));
}

fn a_table_that_is_gone_blocks_its_home_alone(place: Option<Place>) {
    let Some(place) = place else { return };
    place.run();
    place.sql("pt", "ALTER TABLE orders RENAME TO away");
    place.order();
    let report = only(place.try_run(&HOMES).unwrap());
    assert_blocked(home(&report, "pt"), "there is no table `orders`, but records up to 3 have been read");
    assert_eq!(place.ids("es"), "1 4");
    place.sql("pt", "ALTER TABLE away RENAME TO orders");
    place.run();
    assert_eq!(place.ids("pt"), "3 6");
}

fn homes_that_have_exchanged_their_databases_are_blocked_and_the_third_goes_on(place: Option<Place>) {
    let Some(place) = place else { return };
    place.run();
    place.order();
    let report = only(place.try_run(&["fr", "es", "pt"]).unwrap());
    assert_blocked(home(&report, "es"), "it has a position of the source `orders` as the home `fr`");
    assert_blocked(home(&report, "fr"), "it has a position of the source `orders` as the home `es`");
    assert_eq!(counts(home(&report, "pt")), [1, 1, 0, 0]);
    assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ["1", "2", "3 6"]);
    place.run();
    assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ["1 4", "2 5", "3 6"]);
}

fn a_home_with_the_marker_of_another_is_blocked_alone(place: Option<Place>) {
    let Some(place) = place else { return };
    place.run();
    place.sql("fr", "CREATE TABLE domicile_home (one integer PRIMARY KEY, home varchar(63) NOT NULL)");
    place.sql("fr", "INSERT INTO domicile_home VALUES (1, 'es')");
    place.order();
    let report = only(place.try_run(&HOMES).unwrap());
    assert_blocked(home(&report, "fr"), "its table domicile_home says that it is the home `es`");
    assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ["1 4", "2", "3 6"]);
    place.sql("fr", "UPDATE domicile_home SET home = 'fr'");
    place.run();
    assert_eq!(place.ids("fr"), "2 5");
}

fn a_home_that_is_wrong_in_the_first_run_stops_it(place: Option<Place>) {
    let Some(place) = place else { return };
    if let Place::Files(world) = &place {
        rusqlite::Connection::open(world.home_path("es")).unwrap();
    }
    place.sql("es", "CREATE TABLE orders (customer varchar(80))");
    let error = place.try_run(&HOMES).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(told(&error)[0].contains("home es: the table `orders` has no column `id`"), "{error}");
    if let Place::Files(world) = &place {
        assert!(!world.home_path("fr").exists(), "nothing is written");
    }
    place.sql("es", "DROP TABLE orders");
    place.run();
    assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ["1", "2", "3"]);
}

/// Spain has what was France's, from now on.
const WITHOUT_FRANCE: &str = "CASE country WHEN 'FR' THEN 'ES' ELSE country END";

fn a_rule_that_changes_while_a_home_is_behind_is_refused_until_it_has_caught_up(place: Option<Place>) {
    let Some(place) = place else { return };
    place.run();
    place.sql("fr", "ALTER TABLE orders RENAME TO away");
    place.order();
    let behind = |place: &Place| {
        let error = run(&place.pipeline_by(WITHOUT_FRANCE, &HOMES), Arc::new(Silent)).unwrap_err();
        let expected = "source orders: `key` has changed since the last run, and home fr is behind the others, ";
        assert!(error.is_configuration() && told(&error)[0].contains(expected), "{error}");
    };
    assert_eq!(place.try_run(&HOMES).unwrap().sources[0].failed().count(), 1);
    // Where it is is not known, and then it is known to be behind.
    behind(&place);
    place.sql("fr", "ALTER TABLE away RENAME TO orders");
    behind(&place);
    assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ["1 4", "2", "3 6"]);
    place.run();
    assert_eq!(place.ids("fr"), "2 5");
    for ids in [["1 4 7 8", "2 5", "3 6 9"], ["1 4 7 8 10 11", "2 5", "3 6 9 12"]] {
        place.order();
        succeeded(run(&place.pipeline_by(WITHOUT_FRANCE, &HOMES), Arc::new(Silent)).unwrap());
        assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ids);
    }
}

/// What it is refused for.
#[test]
fn a_rule_that_changed_while_a_home_is_behind_would_lose_a_record() {
    let place = Place::files().unwrap();
    place.run();
    place.sql("fr", "ALTER TABLE orders RENAME TO away");
    place.order();
    place.try_run(&HOMES).unwrap();
    place.sql("fr", "ALTER TABLE away RENAME TO orders");
    let Place::Files(world) = &place else { unreachable!("it is one of files") };
    crate::fixture::open(&world.path("control.sqlite")).execute_batch("DELETE FROM domicile_rule").unwrap();
    succeeded(run(&place.pipeline_by(WITHOUT_FRANCE, &HOMES), Arc::new(Silent)).unwrap());
    assert_eq!([place.ids("es"), place.ids("fr")], ["1 4", "2"], "nobody has the fifth");
}

/// An order of another source.
const OTHER: &str = "[[source]]\nurl = \"sqlite:other.sqlite\"\ntable = \"orders\"\nname = \"other\"\ncursor = \"id\"\nkey = \"country\"\n\
                     [[source.analyser]]\ninto = \"others\"\nsql = \"SELECT id FROM record\"\n";

/// A source of which nothing was ever delivered does not stop those that are delivered from.
#[test]
fn a_source_that_has_not_begun_is_stopped_alone_by_what_is_wrong_for_it() {
    let world = Files::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00"]);
    crate::fixture::open(&world.path("other.sqlite")).execute_batch(crate::fixture::ORDERS).unwrap();
    let homes = "es = \"ES\"\nfr = \"FR\"";
    let setup = || Setup::new().homes(homes).analyser("orders", "", "SELECT id FROM record").further(OTHER);
    let run = || run(&world.pipeline(&setup()), Arc::new(Silent));
    rusqlite::Connection::open(world.home_path("fr")).unwrap();
    world.in_home("fr", "CREATE TABLE others (number bigint)");
    let error = run().unwrap_err();
    assert!(told(&error)[0].contains("home fr: the table `others` has no column `id`"), "{error}");
    assert!(!world.home_path("es").exists(), "nothing is written in the first run of all");
    world.in_home("fr", "DROP TABLE others");
    succeeded_all(&run().unwrap());
    world.in_home("fr", "CREATE TABLE others (number bigint)");
    world.order(&["'FR', 'Zoé', NULL, 4.00"]);
    let report = run().unwrap();
    let [orders, other] = &report.sources[..] else { panic!("{report:?}") };
    assert_eq!((orders.total().delivered, orders.failure.as_deref(), orders.failed().count()), (1, None, 0));
    assert!(other.failure.as_deref().is_some_and(|failure| failure.contains("`others` has no column")), "{other:?}");
    world.in_home("fr", "DROP TABLE others");
    succeeded_all(&run().unwrap());
}

fn succeeded_all(report: &Report) {
    assert!(!report.has_failed(), "{report:?}");
}

fn what_is_wrong_in_all_homes_stops_the_run(place: Option<Place>) {
    let Some(place) = place else { return };
    place.run();
    place.order();
    let other = if matches!(place, Place::Files(_)) { "customer BLOB" } else { "customer date" };
    for home in HOMES {
        place.sql(home, "ALTER TABLE orders RENAME TO away");
        place.sql(home, &format!("CREATE TABLE orders (id bigint, {other})"));
    }
    let error = place.try_run(&HOMES).unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(told(&error)[0].contains("home es and 2 more: `orders.customer` is declared"), "{error}");
    // One of them is enough.
    place.sql("pt", "DROP TABLE orders");
    place.sql("pt", "ALTER TABLE away RENAME TO orders");
    let report = only(place.try_run(&HOMES).unwrap());
    assert_eq!(report.failed().count(), 2);
    assert_eq!(place.ids("pt"), "3 6");
}

/// What a run says of a database, a position or a cursor that would be wrong for all homes.
#[test]
fn a_source_that_is_another_one_stops_the_run_also_where_a_home_is_new() {
    let world = Files::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 2.00"]);
    let setup = |homes: &str| Setup::new().homes(homes).insert("orders", "SELECT id FROM record");
    world.run(&setup("es = \"ES\"\nfr = \"FR\""));
    std::fs::copy(world.path("source.sqlite"), world.path("other.sqlite")).unwrap();
    let with_a_new_one = "es = \"ES\"\nfr = \"FR\"\npt = \"PT\"";
    let error = run(&world.pipeline(&setup(with_a_new_one).file("other.sqlite")), Arc::new(Silent)).unwrap_err();
    assert!(told(&error)[0].contains("home es and 2 more: its position of this source was read from"), "{error}");
    assert!(!world.home_path("pt").exists(), "nothing is written");
    // A position that only one of them has is that home's.
    world.in_home("fr", "UPDATE domicile_position SET origin = 'sqlite elsewhere orders'");
    world.order(&["'ES', 'Eva', NULL, 1.00"]);
    let report = world.try_run(&setup(with_a_new_one));
    assert_blocked(home(&report, "fr"), "its position of this source was read from `sqlite elsewhere orders`");
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
    assert_eq!(home(&report, "pt").position, Some(Position::At(3)));
}

fn new_homes_that_are_one_database_are_both_blocked(kind: &Kind) {
    let Some(place) = Place::server(kind) else { return };
    succeeded(place.try_run(&["es"]).unwrap());
    let Place::Server(world) = &place else { unreachable!("it is one of a server") };
    let alias = world.server.url("pt").replace("127.0.0.1", "localhost");
    let home_of =
        |name: &str, url: &str| format!("[homes.{name}]\nurl = \"{url}\"\nkeys = \"{}\"\n", name.to_uppercase());
    let url = |database: &str| world.server.url(database);
    let homes = [home_of("es", &url("es")), home_of("fr", &url("pt")), home_of("pt", &alias)].concat();
    place.order();
    let config = world.config(&url("source"), &homes, &url("control"), "");
    let report = only(run(&pipeline(config), Arc::new(Silent)).unwrap());
    assert_blocked(home(&report, "fr"), "it is the same database as that of home pt");
    assert_blocked(home(&report, "pt"), "it is the same database as that of home fr");
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
    place.run();
    assert_eq!([place.ids("es"), place.ids("fr"), place.ids("pt")], ["1 4", "2 5", "3 6"]);
}

#[test]
fn new_homes_of_postgres_that_are_one_database_are_both_blocked() {
    new_homes_that_are_one_database_are_both_blocked(&POSTGRES);
}

#[test]
fn new_homes_of_mariadb_that_are_one_database_are_both_blocked() {
    new_homes_that_are_one_database_are_both_blocked(&MARIADB);
}
