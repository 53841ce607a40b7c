//! How far each home has got: nothing is lost and nothing comes twice, also when a home is away for a while.

use std::fs;
use std::sync::{Arc, Mutex};

use domicile_pipeline::{Event, Observer, Position, Silent};

use crate::fixture::{Setup, World, counts, home, only, open, run};
use crate::meddler::Meddler;

fn copying() -> Setup {
    Setup::new()
        .analyser("orders", "key = \"id\"", "SELECT id, customer FROM record")
        .merge("total", "SELECT country, count(*) AS n, sum(amount) AS s FROM record GROUP BY country")
}

fn world() -> World {
    World::with_orders(&[
        "'ES', 'Ana', NULL, 1.00",
        "'FR', 'Luc', NULL, 2.00",
        "'ES', 'Eva', NULL, 4.00",
        "'FR', 'Zoé', NULL, 8.00",
        "'XX', 'Bob', NULL, 16.00",
    ])
}

const IDS: &str = "SELECT id FROM orders ORDER BY id";
const TOTAL: &str = "SELECT country, n, s FROM total ORDER BY 1";
const POSITION: &str = "SELECT source, position FROM domicile_position";
const ACCOUNT: &str = "SELECT sum(read), sum(delivered), sum(quarantined) FROM domicile_account";

#[test]
fn each_home_has_its_own_position_up_to_the_horizon() {
    let world = world();
    let report = world.run(&copying().batch_rows(2));
    for name in ["es", "fr"] {
        assert_eq!(world.rows(name, POSITION), ["orders|5"]);
        assert_eq!(home(&report, name).position, Some(Position::At(5)));
    }
    assert_eq!(world.control(POSITION), ["orders|5"]);
    assert_eq!(world.rows("es", IDS), ["1", "3"]);
    assert_eq!(world.control("SELECT position FROM domicile_quarantine"), ["5"]);
}

#[test]
fn a_second_run_with_nothing_new_changes_nothing() {
    let world = world();
    world.run(&copying());
    let dump = || (world.rows("es", IDS), world.rows("es", TOTAL), world.rows("es", ACCOUNT), world.control(ACCOUNT));
    let before = dump();
    let report = world.run(&copying());
    assert_eq!(report.total().read, 0);
    assert_eq!(dump(), before);
}

#[test]
fn a_home_that_is_away_catches_up_and_the_others_go_on() {
    let world = world();
    fs::create_dir(world.home_path("fr")).unwrap();
    let setup = copying().batch_rows(1);
    let report = world.try_run(&setup);
    assert!(report.failure.is_none() && home(&report, "fr").failure.is_some());
    assert_eq!(counts(home(&report, "fr")), [0, 0, 0, 0]);
    assert_eq!(home(&report, "fr").position, None);
    assert_eq!(world.rows("es", IDS), ["1", "3"]);
    assert_eq!(world.control("SELECT position FROM domicile_quarantine"), ["5"]);

    fs::remove_dir(world.home_path("fr")).unwrap();
    world.order(&["'FR', 'Ian', NULL, 32.00", "'ES', 'Mar', NULL, 64.00"]);
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "fr")), [3, 3, 0, 0]);
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0], "nothing comes twice");
    assert_eq!(counts(&report.control), [0, 0, 0, 0]);
    assert_eq!(world.rows("fr", IDS), ["2", "4", "6"]);
    assert_eq!(world.rows("es", IDS), ["1", "3", "7"]);
    assert_eq!(world.rows("fr", TOTAL), ["FR|3|42"]);
    assert_eq!(world.rows("es", TOTAL), ["ES|3|69"]);
    assert_eq!(world.rows("fr", ACCOUNT), ["3|3|0"]);
    assert_eq!(world.rows("es", ACCOUNT), ["3|3|0"]);
}

#[test]
fn a_control_database_that_is_away_stops_the_run_before_anything_is_written() {
    let world = world();
    fs::create_dir(world.path("control.sqlite")).unwrap();
    let error = run(&world.pipeline(&copying()), Arc::new(Silent)).unwrap_err();
    let told =
        "domicile.toml:1:11: error: the control database: the database sqlite:control.sqlite cannot be used: unable";
    assert!(error.to_string().contains(told), "{error}");
    assert!(!error.is_configuration() && !error.is_usage());
    assert!(!world.home_path("es").exists());
    fs::remove_dir(world.path("control.sqlite")).unwrap();
    let report = world.run(&copying());
    assert_eq!(counts(&report.control), [1, 0, 0, 1]);
    assert_eq!(report.total().read, 5);
}

#[test]
fn a_control_database_that_breaks_delays_only_the_quarantine() {
    let world = world();
    world.run(&copying());
    world.order(&["'ES', 'Mar', NULL, 64.00", "'XX', 'Kim', NULL, 1.00"]);
    let view = "ALTER TABLE domicile_quarantine RENAME TO kept; CREATE VIEW domicile_quarantine AS SELECT * FROM kept";
    open(&world.path("control.sqlite")).execute_batch(view).unwrap();
    let report = world.try_run(&copying());
    assert!(report.control.failure.is_some());
    assert_eq!(world.rows("es", IDS), ["1", "3", "6"]);
    let mended = "DROP VIEW domicile_quarantine; ALTER TABLE kept RENAME TO domicile_quarantine";
    open(&world.path("control.sqlite")).execute_batch(mended).unwrap();
    let report = world.run(&copying());
    assert_eq!((counts(&report.control), report.total().read), ([1, 0, 0, 1], 1));
    assert_eq!(world.control("SELECT position FROM domicile_quarantine ORDER BY 1"), ["5", "7"]);
}

#[test]
fn a_check_tells_of_a_home_that_is_away() {
    let world = world();
    assert_eq!(world.problems(&copying()), Vec::<String>::new());
    fs::create_dir(world.home_path("fr")).unwrap();
    let problems = world.problems(&copying());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("home fr: the database "), "{problems:?}");
    assert!(problems[0].ends_with("check the path, and that the file can be written"), "{problems:?}");
}

#[test]
fn a_home_that_breaks_in_the_middle_keeps_what_it_has_committed() {
    let world = world();
    world.order(&["'FR', 'Ian', NULL, 32.00"]);
    let setup = copying().batch_rows(1).commit_rows(1);
    let path = world.home_path("fr");
    let breaks =
        Meddler::new(Some("fr"), move || open(&path).execute_batch("ALTER TABLE total RENAME TO away").unwrap());
    let report = only(run(&world.pipeline(&setup), breaks).unwrap());
    assert!(home(&report, "fr").failure.as_deref().is_some_and(|failure| failure.contains("total")), "{report:#?}");
    assert_eq!(
        (counts(home(&report, "fr")), home(&report, "fr").position.clone()),
        ([1, 1, 0, 0], Some(Position::At(2)))
    );
    assert_eq!(world.rows("fr", IDS), ["2"], "the rows of a transaction that fails are not kept");
    assert_eq!(world.rows("es", TOTAL), ["ES|2|5"], "the others go on");
    world.in_home("fr", "ALTER TABLE away RENAME TO total");
    world.run(&setup);
    assert_eq!(world.rows("fr", IDS), ["2", "4", "6"]);
    assert_eq!(world.rows("fr", TOTAL), ["FR|3|42"]);
}

#[test]
fn a_home_that_is_added_later_gets_its_records_from_the_start() {
    let world = world();
    world.run(&copying());
    let report = world.run(&copying().homes("es = \"ES\"\nfr = \"FR\"\nxx = \"XX\""));
    assert_eq!(counts(home(&report, "xx")), [1, 1, 0, 0]);
    assert_eq!(world.rows("xx", IDS), ["5"]);
    assert_eq!(world.rows("xx", POSITION), ["orders|5"]);
    assert_eq!(report.total().read, 1, "the others have dealt with theirs");
    // What stood in quarantine stays there: nothing takes it out.
    assert_eq!(world.control("SELECT position, cause FROM domicile_quarantine"), ["5|unknown_key"]);
}

#[test]
fn a_key_that_is_placed_later_in_a_home_gets_new_records_only() {
    let world = world();
    world.run(&copying());
    let placed = copying().homes("es = [\"ES\", \"XX\"]\nfr = \"FR\"");
    world.run(&placed);
    assert_eq!(world.rows("es", IDS), ["1", "3"], "the home is past the record, which stays in quarantine");
    world.order(&["'XX', 'Kim', NULL, 1.00"]);
    world.run(&placed);
    assert_eq!(world.rows("es", IDS), ["1", "3", "6"]);
    assert_eq!(world.control("SELECT position FROM domicile_quarantine"), ["5"]);
}

#[test]
fn two_sources_have_a_position_each() {
    let world = world();
    world.source("CREATE TABLE visits (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT); INSERT INTO visits (country) VALUES ('ES'), ('FR')");
    let visits = "[[source]]\nurl = \"sqlite:source.sqlite\"\ntable = \"visits\"\ncursor = \"id\"\nkey = \"country\"\n\
                  [[source.analyser]]\ninto = \"visits\"\nsql = \"SELECT id FROM record\"\n";
    let setup =
        Setup::new().setting("[[source.analyser]]\ninto = \"orders\"\nsql = \"SELECT id FROM record\"").setting(visits);
    let setup = setup.analyser("seen", "", "SELECT id FROM record");
    let report = world.run_pipeline(&world.pipeline(&setup));
    assert!(!report.has_failed(), "{report:#?}");
    assert_eq!(world.rows("es", "SELECT source, position FROM domicile_position ORDER BY 1"), ["orders|5", "visits|2"]);
    assert_eq!(world.rows("es", "SELECT id FROM visits"), ["1"]);
}

const EVENTS: &str = "CREATE TABLE events (at INTEGER NOT NULL, country TEXT, n INTEGER)";

/// A source whose cursor repeats.
fn events(values: &str) -> (World, Setup) {
    let world = World::new(EVENTS);
    world.source(&format!("INSERT INTO events VALUES {values}"));
    let source = "name = \"events\"\nquery = \"SELECT at, country, n FROM events;\"\ncursor = \"at\"";
    (world, Setup::new().source(source).insert("events", "SELECT at, n FROM record"))
}

const EVENT_ROWS: &str = "SELECT n FROM events ORDER BY n";

#[test]
fn equal_cursors_at_the_end_of_a_batch_lose_nothing() {
    let values = "(1, 'ES', 1), (2, 'ES', 2), (2, 'FR', 3), (2, 'ES', 4), (3, 'ES', 5), (3, 'FR', 6), (4, 'ES', 7)";
    for batch_rows in [3, 4, 5, 6, 7, 50] {
        let (world, setup) = events(values);
        let report = world.run(&setup.clone().batch_rows(batch_rows));
        assert_eq!(report.total().read, 7, "{batch_rows}");
        assert_eq!(world.rows("es", EVENT_ROWS), ["1", "2", "4", "5", "7"], "{batch_rows}");
        assert_eq!(world.rows("fr", EVENT_ROWS), ["3", "6"], "{batch_rows}");
        assert_eq!(world.run(&setup).total().read, 0);
    }
}

#[test]
fn more_equal_cursors_than_a_batch_holds_are_an_error() {
    let values = "(1, 'ES', 1), (2, 'ES', 2), (2, 'FR', 3), (2, 'ES', 4), (3, 'ES', 5)";
    let (world, setup) = events(values);
    let report = world.try_run(&setup.clone().batch_rows(2));
    let expected = "source events: more records than a batch holds (2 rows, 4194304 bytes) share the cursor 2; raise batch.rows \
                    or batch.bytes";
    assert_eq!(report.failure.as_deref(), Some(expected));
    assert_eq!(world.rows("es", EVENT_ROWS), ["1"], "what was read is delivered");
    assert_eq!(world.rows("es", POSITION), ["events|1"]);
    // With the help followed, it goes on from there.
    let report = world.run(&setup.batch_rows(3));
    assert_eq!(report.total().read, 4);
    assert_eq!(world.rows("es", EVENT_ROWS), ["1", "2", "4", "5"]);
    assert_eq!(world.rows("fr", EVENT_ROWS), ["3"]);
}

#[test]
fn a_cursor_that_is_no_integer_stops_the_source() {
    let (world, setup) = events("(1, 'ES', 1), (2, 'ES', 2)");
    world.source("INSERT INTO events VALUES ('soon', 'ES', 3)");
    let report = world.try_run(&setup);
    let expected = "source events: 1 records have NULL, or what cannot be compared, in the cursor `at`, and would never be \
                    read; mend them, or leave them out with a `query`";
    assert_eq!(report.failure.as_deref(), Some(expected));
    world.source("DELETE FROM events WHERE n = 3");
    assert_eq!(world.run(&setup).total().read, 2);
}

#[test]
fn the_whole_range_of_cursors_is_read() {
    let values = format!("({}, 'ES', 1), (-5, 'ES', 2), (0, 'FR', 3), ({}, 'ES', 4)", i64::MIN, i64::MAX);
    for batch_rows in [1, 2, 50] {
        let (world, setup) = events(&values);
        let report = world.run(&setup.clone().batch_rows(batch_rows).commit_rows(1));
        assert_eq!(report.total().read, 4);
        assert_eq!(world.rows("es", EVENT_ROWS), ["1", "2", "4"]);
        assert_eq!(world.rows("es", POSITION), [format!("events|{}", i64::MAX)]);
        assert_eq!(world.run(&setup).total().read, 0, "there is nothing behind the highest cursor");
    }
}

#[test]
fn negative_cursors_go_on_where_they_were() {
    let (world, setup) = events("(-9, 'ES', 1), (-7, 'ES', 2)");
    let setup = setup.batch_rows(1);
    world.run(&setup);
    assert_eq!(world.rows("es", POSITION), ["events|-7"]);
    world.source("INSERT INTO events VALUES (-3, 'ES', 3), (2, 'ES', 4)");
    assert_eq!(world.run(&setup).total().read, 2);
    assert_eq!(world.rows("es", EVENT_ROWS), ["1", "2", "3", "4"]);
}

#[test]
fn an_empty_source_leaves_everyone_at_the_start() {
    let world = World::with_orders(&[]);
    let report = world.run(&copying());
    assert_eq!(home(&report, "es").position, Some(Position::Start));
    assert!(!world.home_path("es").exists(), "nothing was opened");
    world.order(&["'ES', 'Ana', NULL, 1.00"]);
    assert_eq!(world.run(&copying()).total().read, 1);
}

#[test]
fn few_open_homes_deliver_the_same() {
    let keys: Vec<_> = (0..12).map(|n| format!("K{n}")).collect();
    let homes: String = keys.iter().map(|key| format!("{} = \"{key}\"\n", key.to_lowercase())).collect();
    let setup = copying().homes(&homes).batch_rows(7).delivery("open_homes = 2").delivery("parallel = 2");
    let world = World::with_orders(&[]);
    for round in 0..4 {
        for key in &keys {
            world.order(&[&format!("'{key}', 'c{round}', NULL, 0.10")]);
        }
    }
    let report = world.run(&setup);
    assert_eq!(report.total().delivered, 48);
    for key in &keys {
        assert_eq!(world.rows(&key.to_lowercase(), TOTAL), [format!("{key}|4|0.4")]);
        assert_eq!(world.rows(&key.to_lowercase(), POSITION), ["orders|48"]);
    }
}

#[test]
fn a_source_that_ends_before_a_home_is_told_also_when_another_home_is_new() {
    let world = world();
    world.run(&copying());
    let reached = world.rows("es", "SELECT position FROM domicile_position");
    // As after a restore of an older copy: the ids that come next were given before.
    world.source("DELETE FROM orders WHERE id > 1; DELETE FROM sqlite_sequence");
    for homes in ["es = \"ES\"\nfr = \"FR\"\n", "es = \"ES\"\nfr = \"FR\"\npt = \"PT\"\n"] {
        let report = world.try_run(&copying().homes(homes));
        let failure = report.failure.expect(homes);
        assert!(failure.contains("it ends at 1, but a home has got to"), "{failure}");
        assert_eq!(report.homes.iter().map(|home| home.account.read).sum::<u64>(), 0, "nothing is read");
    }
    assert_eq!(world.rows("es", "SELECT position FROM domicile_position"), reached);
}

#[test]
fn ids_that_were_given_and_are_gone_are_no_older_source() {
    let world = world();
    world.run(&copying());
    world.source("DELETE FROM orders");
    assert_eq!(world.run(&copying()).failure, None);
    world.order(&["'ES', 'Ida', NULL, 1.00"]);
    assert_eq!(world.run(&copying()).total().delivered, 1);
}

#[test]
fn a_batch_ends_by_its_bytes_also_where_values_do_not_fit() {
    let world =
        World::new("CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, quantity INTEGER)");
    world.source(
        "WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n LIMIT 20)
         INSERT INTO orders (country, quantity) SELECT 'ES', 'x' || hex(zeroblob(500)) FROM n",
    );
    let batches = Batches::default();
    let setup = Setup::none().homes("es = \"ES\"").batch_rows(1000).batch_bytes(8_000);
    let report = only(run(&world.pipeline(&setup), Arc::new(batches.clone())).unwrap());
    assert_eq!(counts(home(&report, "es")), [20, 0, 0, 20]);
    let read = batches.0.lock().unwrap().clone();
    assert!(read.iter().all(|records| *records <= 5) && read.len() >= 4, "{read:?}");
}

/// Notes how many records each batch had.
#[derive(Clone, Default)]
struct Batches(Arc<Mutex<Vec<usize>>>);

impl Observer for Batches {
    fn observe(&self, event: &Event<'_>) {
        if let Event::BatchRead(read) = event {
            self.0.lock().unwrap().push(read.records);
        }
    }
}
