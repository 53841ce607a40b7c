//! Verification where it is less plain what a home should hold: records that come late, that share a cursor, that were in
//! quarantine before their home was there, tables of several writers, and runs that go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domicile_pipeline::{Config, Pipeline, Silent, Verification, Verified, VerifiedHome};

use crate::fixture::{Setup, World, open, run};
use crate::verify::{assert_proved, differences, of, table, verify_what};

fn verify(pipeline: &Pipeline) -> Verified {
    verify_what(pipeline, &Verification::default())
}

/// A pipeline of sources of the world's databases, each by its lines.
fn with_sources(world: &World, sources: &[&str]) -> Pipeline {
    let source = |lines: &&str| format!("[[source]]\nurl = \"sqlite:source.sqlite\"\nkey = \"country\"\n{lines}\n");
    let sources: String = sources.iter().map(source).collect();
    let text = format!(
        "control = \"sqlite:control.sqlite\"\nhome_url = \"sqlite:homes/{{home}}.sqlite\"\nhomes = [\"ES\", \"FR\"]\n{sources}"
    );
    Pipeline::new(Config::read(&world.path("domicile.toml"), text, &|_| None).unwrap())
}

const EVENTS: &str = "CREATE TABLE events (id INTEGER PRIMARY KEY, at DATETIME, country TEXT, n INTEGER)";

#[test]
fn a_record_that_comes_late_is_not_missing_before_it_is_read_and_is_when_it_came_too_late() {
    let world = World::new(EVENTS);
    let analysers = "[[source.analyser]]\ninto = \"events\"\nkey = \"id\"\nsql = \"SELECT id, n FROM record\"\n\
        [[source.analyser]]\ninto = \"latest\"\nwrite = \"replace\"\nkey = \"n\"\nsql = \"SELECT n, id FROM record\"\n\
        [[source.analyser]]\ninto = \"total\"\nwrite = \"merge\"\nsql = \"SELECT country, sum(n) AS s FROM record GROUP BY country\"";
    let source = format!("table = \"events\"\ncursor = \"at\"\noverlap = \"10m\"\nidentity = \"id\"\n{analysers}");
    let pipeline = || with_sources(&world, &[&source]);
    world.source(
        "INSERT INTO events VALUES (1, '2024-01-01 12:00:00', 'ES', 1), (2, '2024-01-01 13:00:00', 'ES', 2),
         (3, '2024-01-01 13:05:00', 'XX', 2)",
    );
    run(&pipeline(), Arc::new(Silent)).unwrap();
    assert_proved(&pipeline());
    world.source("INSERT INTO events VALUES (4, '2024-01-01 12:56:00', 'ES', 1), (5, '2024-01-01 12:59:00', 'YY', 1)");
    assert_proved(&pipeline());
    run(&pipeline(), Arc::new(Silent)).unwrap();
    assert_proved(&pipeline());
    assert_eq!(world.rows("es", "SELECT id FROM latest ORDER BY n"), ["4", "2"]);
    let verified = verify(&pipeline());
    assert_eq!(verified.unverified.len(), 1);
    assert!(
        verified.unverified[0]
            .starts_with("the table `latest`: its rows were replaced in the order in which its records came")
    );

    world.source("INSERT INTO events VALUES (6, '2024-01-01 12:10:00', 'ES', 1)");
    run(&pipeline(), Arc::new(Silent)).unwrap();
    let verified = verify(&pipeline());
    let es = of(&verified, "es");
    assert_eq!(
        (differences(es, "events"), differences(es, "total")),
        (vec!["missing id = 6".to_owned()], vec!["changed country = ES".to_owned()])
    );
    assert!(
        es.accounts[0].differences[0].starts_with("the accounting says 3 read"),
        "{:?}",
        es.accounts[0].differences
    );
}

#[test]
fn of_records_with_one_cursor_those_in_quarantine_are_left_out() {
    let world = World::new(EVENTS);
    let source = "table = \"events\"\ncursor = \"n\"\n[[source.analyser]]\ninto = \"events\"\nsql = \"SELECT n, id FROM record\"";
    world.source(
        "INSERT INTO events VALUES (1, '', 'ES', 7), (2, '', 'ES', 7), (3, '', 'XX', 7), (4, '', 'ES', 7), (5, '', NULL, 7),
         (6, '', 'ES', 8)",
    );
    world.in_home("es", "CREATE TABLE events (n INTEGER, id INTEGER CHECK (id <> 2 AND id <> 6))");
    run(&with_sources(&world, &[source]), Arc::new(Silent)).unwrap();
    assert_eq!(world.rows("es", "SELECT position FROM domicile_quarantine ORDER BY position"), ["7", "8"]);
    assert_proved(&with_sources(&world, &[source]));
    world.in_home("es", "UPDATE events SET id = 9 WHERE id = 4");
    let verified = verify(&with_sources(&world, &[source]));
    assert_eq!(differences(of(&verified, "es"), "events"), ["changed n = 7"]);
}

#[test]
fn a_record_that_was_in_quarantine_before_its_home_was_there_has_come_to_it() {
    let setup = Setup::new().merge("totals", "SELECT country, count(*) AS orders FROM record GROUP BY country");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'PT', 'Rui', NULL, 1.00", "'IT', 'Pia', NULL, 1.00"]);
    world.run(&setup);
    // A new home reads everything, and one that has a further key now nothing of what it is past.
    let setup = setup.homes("es = [\"ES\", \"IT\"]\nfr = \"FR\"\npt = \"PT\"\n");
    assert_proved(&world.pipeline(&setup));
    world.run(&setup);
    assert_eq!(world.rows("pt", "SELECT orders FROM totals"), ["1"]);
    assert_proved(&world.pipeline(&setup));
    world.in_home("pt", "DELETE FROM totals");
    let verified = verify(&world.pipeline(&setup));
    assert_eq!(differences(of(&verified, "pt"), "totals"), ["missing country = PT"]);
    assert!(of(&verified, "es").is_proved());
}

#[test]
fn a_table_of_several_sources_is_verified_with_all_of_them_and_not_with_one() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Bea', NULL, 2.00"]);
    world.source("CREATE TABLE visits (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT); INSERT INTO visits (country) VALUES ('ES')");
    let analysers = "[[source.analyser]]\ninto = \"ids\"\nsql = \"SELECT id FROM record\"\n[[source.analyser]]\ninto = \"totals\"\n\
        write = \"merge\"\nsql = \"SELECT country, count(*) AS n FROM record GROUP BY country\"\n[[source.analyser]]\ninto = \"last\"\n\
        write = \"replace\"\nkey = \"country\"\nsql = \"SELECT country, id FROM record\"";
    let only = "[[source.analyser]]\ninto = \"only\"\nsql = \"SELECT id FROM record\"";
    let (orders, visits) = (
        format!("table = \"orders\"\ncursor = \"id\"\n{analysers}\n{only}"),
        format!("table = \"visits\"\ncursor = \"id\"\n{analysers}"),
    );
    let pipeline = || with_sources(&world, &[&orders, &visits]);
    run(&pipeline(), Arc::new(Silent)).unwrap();
    let verified = verify(&pipeline());
    assert!(verified.is_proved(), "{verified:#?}");
    assert_eq!(of(&verified, "es").accounts.len(), 2);
    assert!(verified.unverified[0].contains("`last`: its rows were replaced by several analysers"), "{verified:?}");

    world.in_home("es", "UPDATE totals SET n = 2; DELETE FROM ids WHERE id = 2; DELETE FROM last");
    let verified = verify(&pipeline());
    let es = of(&verified, "es");
    assert_eq!(differences(es, "totals"), ["changed country = ES"]);
    assert_eq!((differences(es, "ids").len(), differences(es, "last")), (1, vec!["missing country = ES".to_owned()]));

    let what = Verification { sources: vec!["orders".into()], homes: vec!["es".into()] };
    let verified = verify_what(&pipeline(), &what);
    assert!(verified.is_proved());
    assert_eq!((verified.homes.len(), verified.sources.len()), (1, 1));
    assert_eq!((verified.homes[0].tables.len(), table(&verified.homes[0], "only").rows), (1, 2));
    let told = "the table `totals`: the source visits writes it as well, and is not among those that are verified";
    assert!(verified.unverified.iter().any(|why| why == told), "{:?}", verified.unverified);
}

#[test]
fn rows_that_somebody_else_has_written_into_a_shared_table_are_told() {
    let setup = Setup::new().insert("orders", "SELECT id FROM record");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00"]);
    world.in_home(
        "es",
        "CREATE TABLE orders (id INTEGER, note TEXT DEFAULT 'x'); INSERT INTO orders (id) VALUES (1000)",
    );
    world.run(&setup);
    let verified = verify(&world.pipeline(&setup));
    assert_eq!(differences(of(&verified, "es"), "orders"), ["unexpected id = 1000"]);
}

#[test]
fn what_the_source_has_lost_is_found_in_the_home() {
    let setup = Setup::new().insert("orders", "SELECT id, customer FROM record").batch_rows(1).commit_rows(1);
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Bea', NULL, 1.00", "'ES', 'Eva', NULL, 1.00"]);
    world.run(&setup);
    world.source("DELETE FROM orders WHERE id = 2");
    let verified = verify(&world.pipeline(&setup));
    let es = of(&verified, "es");
    assert_eq!(differences(es, "orders"), ["unexpected id = 2"]);
    let told = "the accounting from 1 up to 2 says 1 read = 1 delivered + 0 ignored + 0 quarantined, and the source 0 = 0 + 0 + 0";
    assert_eq!(es.accounts[0].differences, [told]);
}

#[test]
fn a_home_that_cannot_be_read_does_not_keep_the_others_from_being_proved() {
    let setup = Setup::new().insert("orders", "SELECT id FROM record");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 1.00"]);
    world.run(&setup);
    world.in_home("es", "ALTER TABLE orders RENAME COLUMN id TO number");
    let verified = verify(&world.pipeline(&setup));
    assert!(
        of(&verified, "es").failure.as_deref().is_some_and(|failure| failure.contains("Invalid column name: id")),
        "{verified:#?}"
    );
    assert!(of(&verified, "fr").is_proved() && !verified.is_proved());
    std::fs::write(world.path("control.sqlite"), "this is not a database, and long enough to be told from a new one")
        .unwrap();
    let verified = verify(&world.pipeline(&setup));
    assert!(verified.control.failure.is_some() && of(&verified, "fr").is_proved());
}

#[test]
fn runs_may_go_on_meanwhile() {
    let totals = "SELECT country, count(*) AS orders FROM record GROUP BY country";
    // A run can write between any two tables.
    let tables = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
    let setup = tables.iter().fold(Setup::new().merge("totals", totals), |setup, table| {
        setup.analyser(table, "key = \"id\"", "SELECT id, customer FROM record")
    });
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 1.00"]);
    for _ in 0..9 {
        world.source("INSERT INTO orders (country, customer) SELECT country, customer FROM orders");
    }
    world.run(&setup);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let runs = scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                world.order(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 1.00", "'XX', 'Luc', NULL, 1.00"]);
                world.run(&setup);
            }
        });
        let found: Vec<_> = (0..6).map(|_| verify(&world.pipeline(&setup))).collect();
        ended.store(true, Ordering::Release);
        runs.join().unwrap();
        for verified in found {
            assert!(verified.homes.iter().all(VerifiedHome::is_proved), "{verified:#?}");
        }
    });
    assert_proved(&world.pipeline(&setup));
}

#[test]
fn a_file_that_differs_and_is_written_to_all_the_time_is_told_and_compared_once_it_is_left_alone() {
    let setup = Setup::new().insert("orders", "SELECT id FROM record");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Luc', NULL, 1.00"]);
    for _ in 0..9 {
        world.source("INSERT INTO orders (country) SELECT country FROM orders");
    }
    world.run(&setup);
    // So the source takes longer to read than anybody waits for a lock.
    let setup = setup.batch_rows(1);
    world.in_home("es", "DELETE FROM orders WHERE id = 1; CREATE TABLE others (n INTEGER)");
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let others = open(&world.home_path("es"));
            while !ended.load(Ordering::Acquire) {
                others.execute("INSERT INTO others VALUES (1)", []).unwrap();
            }
        });
        let verified = verify(&world.pipeline(&setup));
        ended.store(true, Ordering::Release);
        let told = "it differs, and was written to each time that it was read; verify it while no run goes on";
        assert_eq!(of(&verified, "es").failure.as_deref(), Some(told));
        assert!(of(&verified, "fr").is_proved());
    });
    assert_eq!(differences(of(&verify(&world.pipeline(&setup)), "es"), "orders"), ["missing id = 1"]);
}
