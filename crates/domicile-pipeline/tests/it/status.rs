//! How homes are is told as it is, and which were not well is kept until they are: one contract, which holds for each kind of
//! database.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domicile_pipeline::{HomeState, HomeStatus, Lag, Position, Silent, SourceStatus, Status};
use domicile_testkit::Server;

use crate::fixture::{self, runtime};
use crate::quarantine::{Databases, FILES, POSTGRES, World};

contract! {
    how_far_each_home_is_is_told
    a_home_is_not_well_until_it_is_and_since_the_same_time
    a_run_that_is_under_way_is_told
    a_source_that_cannot_be_asked_leaves_the_homes_to_be_told
    the_end_of_a_source_by_time_tells_how_late_a_home_is
}

fn status(world: &World) -> Status {
    runtime().block_on(world.pipeline().status(&[], &[])).unwrap()
}

fn only(world: &World) -> SourceStatus {
    let mut status = status(world);
    assert_eq!(status.control_failure, None);
    status.sources.remove(0)
}

fn home<'a>(source: &'a SourceStatus, name: &str) -> &'a HomeStatus {
    source.homes.iter().find(|home| home.home == name).unwrap()
}

fn lag(rows: u64) -> Lag {
    Lag { rows: Some(rows), is_more: false, seconds: None }
}

/// Takes the database of a home away.
fn take_away(world: &World, home: &str) {
    match &world.databases {
        Databases::Files(folder) => {
            fs::remove_file(folder.path().join(home)).unwrap();
            fs::create_dir(folder.path().join(home)).unwrap();
        }
        Databases::Server(server) => {
            let force = if is_postgres(server) { " WITH (FORCE)" } else { "" };
            server.sql("control", &format!("DROP DATABASE {home}{force}"));
        }
    }
}

/// Gives it another one.
fn give_back(world: &World, home: &str) {
    match &world.databases {
        Databases::Files(folder) => fs::remove_dir(folder.path().join(home)).unwrap(),
        Databases::Server(server) => server.create_database(home),
    }
}

fn is_postgres(server: &Server) -> bool {
    server.url("source").starts_with("postgres")
}

/// Runs, and says whether a home has failed.
fn try_run(world: &World) -> bool {
    fixture::run(&world.pipeline(), Arc::new(Silent)).unwrap().has_failed()
}

/// What is kept of homes that are not well.
fn kept(world: &World) -> Vec<String> {
    world.rows("control", "SELECT source, home, state, since, seen_at FROM domicile_state ORDER BY home")
}

fn how_far_each_home_is_is_told(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00", "'FR', 'Luc', 20.00", "'XX', 'Xia', 30.00"]);
    let source = only(&world);
    assert_eq!((source.end.clone(), source.run.is_none()), (Some(Position::At(3)), true));
    for of in source.databases() {
        assert_eq!((of.state, of.lag, &of.position), (HomeState::NeverDelivered, lag(3), &Some(Position::Start)));
        assert_eq!((of.last_commit.as_ref(), of.quarantined), (None, Some(0)));
    }

    world.run();
    let source = only(&world);
    for of in source.databases() {
        let now = Lag { seconds: Some(0), ..lag(0) };
        assert_eq!((of.state, of.lag, &of.position), (HomeState::UpToDate, now, &Some(Position::At(3))));
        assert!(of.last_commit.is_some());
    }
    let waiting: Vec<_> = source.databases().map(|of| (of.home.as_str(), of.quarantined)).collect();
    assert_eq!(waiting, [("es", Some(0)), ("fr", Some(0)), ("control", Some(1))]);

    world.order(&["'FR', 'Zoé', 40.00", "'FR', 'Zoé', 50.00"]);
    let source = only(&world);
    for of in source.databases() {
        assert_eq!((of.state, of.lag.rows, of.lag.is_more), (HomeState::Behind, Some(2), false));
        assert!(of.lag.seconds.is_some_and(|seconds| seconds < 600), "{of:?}");
    }
    // Homes that are at different positions are counted from where they are.
    world.sql("es", "UPDATE domicile_position SET position = '1'");
    let source = only(&world);
    assert_eq!((home(&source, "es").lag.rows, home(&source, "fr").lag.rows), (Some(4), Some(2)));

    let some = runtime().block_on(world.pipeline().status(&[String::from("fr")], &[])).unwrap();
    assert_eq!((some.sources[0].homes.len(), some.sources[0].control.is_none()), (1, true));
    let none = runtime().block_on(world.pipeline().status(&[String::from("pt")], &[]));
    assert!(none.unwrap_err().is_usage());
}

fn a_home_is_not_well_until_it_is_and_since_the_same_time(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00", "'FR', 'Luc', 20.00"]);
    world.run();
    assert!(status(&world).is_well());
    let tables = "SELECT count(*) FROM domicile_lease";
    assert_eq!(world.rows("control", tables), ["1"]);

    take_away(&world, "es");
    let source = only(&world);
    assert_eq!((home(&source, "es").state, home(&source, "fr").state), (HomeState::Unreachable, HomeState::UpToDate));
    assert!(home(&source, "es").why.is_some() && home(&source, "es").since.is_none());
    world.order(&["'ES', 'Eva', 30.00", "'FR', 'Zoé', 40.00"]);
    assert!(try_run(&world));
    let source = only(&world);
    assert_eq!((home(&source, "es").state, home(&source, "fr").state), (HomeState::Unreachable, HomeState::UpToDate));
    assert!(home(&source, "es").since.is_some());
    assert!(!status(&world).is_well());

    // It stays as it is while nothing changes, whatever the clock shows.
    world.sql("control", "UPDATE domicile_state SET since = since - 1000, seen_at = seen_at - 500");
    let before = kept(&world);
    assert_eq!(before.len(), 1);
    assert!(before[0].starts_with("orders|es|blocked|"), "{before:?}");
    assert!(try_run(&world));
    assert_eq!(kept(&world), before);
    // Another reason does not change since when it is not well.
    world.sql("control", "UPDATE domicile_state SET why = 'another', state = 'failing'");
    assert!(try_run(&world));
    let since = |rows: &[String]| rows[0].split('|').nth(3).map(str::to_owned);
    assert_eq!(since(&kept(&world)), since(&before));
    assert_ne!(kept(&world), before);

    give_back(&world, "es");
    let source = only(&world);
    let of = home(&source, "es");
    assert_eq!((of.state, of.lag.rows), (HomeState::Blocked, Some(4)), "nobody has delivered to it since");
    assert!(of.why.as_ref().is_some_and(|why| why != "another") && of.since.is_some(), "{of:?}");
    world.run();
    assert_eq!(kept(&world), Vec::<String>::new());
    assert!(status(&world).is_well());
    assert_eq!(home(&only(&world), "es").state, HomeState::UpToDate);
}

fn a_run_that_is_under_way_is_told(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00"]);
    world.run();
    world.order(&["'ES', 'Eva', 30.00"]);
    let later = match &world.databases {
        Databases::Files(_) => "strftime('%Y-%m-%d %H:%M:%f', 'now', '+100 seconds')",
        Databases::Server(server) if is_postgres(server) => "clock_timestamp() + interval '100 seconds'",
        Databases::Server(_) => "UTC_TIMESTAMP(6) + INTERVAL 100 SECOND",
    };
    let holder = r#"{"id":"x","host":"far","pid":7,"since":"2026-01-01T00:00:00Z","machine":null}"#;
    world.sql("control", &format!("UPDATE domicile_lease SET holder = '{holder}', held_until = {later}"));
    let source = only(&world);
    let run = source.run.clone().unwrap();
    assert_eq!((run.host.as_str(), run.process, run.since.as_str()), ("far", 7, "2026-01-01T00:00:00Z"));
    assert!((90..=101).contains(&run.lease_seconds_left), "{run:?}");
    assert_eq!((home(&source, "es").state, home(&source, "es").lag.rows), (HomeState::Running, Some(1)));
    world.sql("control", "UPDATE domicile_lease SET holder = NULL, held_until = NULL");
    assert_eq!(home(&only(&world), "es").state, HomeState::Behind, "it was given back");
}

fn a_source_that_cannot_be_asked_leaves_the_homes_to_be_told(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 10.00"]);
    world.run();
    world.sql("source", "DROP TABLE orders");
    let source = only(&world);
    assert!(source.failure.is_some() && source.end.is_none(), "{source:?}");
    let es = home(&source, "es");
    assert_eq!((es.state, es.lag, &es.position), (HomeState::Unknown, Lag::default(), &Some(Position::At(1))));
    assert!(!status(&world).is_well());
    assert!(status(&world).lags_by_more_than(Some(1_000), None), "what is not known may be more");
    take_away(&world, "es");
    assert_eq!(home(&only(&world), "es").state, HomeState::Unreachable);
}

fn the_end_of_a_source_by_time_tells_how_late_a_home_is(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("cursor = [\"at\", \"id\"]");
    let order = |at: &str| {
        let insert = "INSERT INTO orders (country, customer, amount, at) VALUES";
        world.sql("source", &format!("{insert} ('ES', 'Ana', 1.00, '{at}')"));
    };
    order("2026-01-01 10:00:00");
    world.run();
    order("2026-01-01 10:01:30");
    let source = only(&world);
    assert_eq!(home(&source, "es").lag, Lag { rows: Some(1), is_more: false, seconds: Some(90) });
}

/// A source of MariaDB, a home of PostgreSQL, and a control database and another home that are files.
#[test]
fn homes_of_all_kinds_are_told_together() {
    let (Some(source), Some(homes)) = (Server::mariadb(), Server::postgres()) else { return };
    let folder = tempfile::tempdir().unwrap();
    source.create_database("source");
    homes.create_database("es");
    source.sql("source", "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, country varchar(80))");
    source.sql("source", "INSERT INTO orders (country) VALUES ('ES'), ('FR'), ('XX')");
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let text = format!(
        "control = \"{}\"\nhomes.es = {{ keys = [\"ES\"], url = \"{}\" }}\nhomes.fr = {{ keys = [\"FR\"], url = \"{}\" }}\n\
         [[source]]\nurl = \"{}\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"\n\
         [[source.analyser]]\ninto = \"orders\"\nkey = \"id\"\nsql = \"SELECT * FROM record\"\n",
        file("control"),
        homes.url("es"),
        file("fr"),
        source.url("source")
    );
    let pipeline = || {
        let config = domicile_pipeline::Config::read(std::path::Path::new("domicile.toml"), text.clone(), &|_| None);
        domicile_pipeline::Pipeline::new(config.unwrap())
    };
    let states = || {
        let status = runtime().block_on(pipeline().status(&[], &[])).unwrap();
        let told = |of: &HomeStatus| (of.home.clone(), of.state, of.lag.rows);
        status.sources[0].databases().map(told).collect::<Vec<_>>()
    };
    let all = |state, rows| ["es", "fr", "control"].map(|home| (String::from(home), state, Some(rows)));
    assert_eq!(states(), all(HomeState::NeverDelivered, 3));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
    assert!(!fixture::run(&pipeline(), Arc::new(Silent)).unwrap().has_failed());
    assert_eq!(states(), all(HomeState::UpToDate, 0));
    drop(homes);
    assert_eq!(states()[0], (String::from("es"), HomeState::Unreachable, None));
    assert_eq!(states()[1..], all(HomeState::UpToDate, 0)[1..]);
}

#[test]
fn a_run_with_nothing_new_keeps_nothing() {
    let world = World::new(FILES).unwrap();
    let Databases::Files(folder) = &world.databases else { return };
    world.order(&["'ES', 'Ana', 10.00"]);
    world.run();
    let control = || fs::read(folder.path().join("control")).unwrap();
    let before = control();
    world.run();
    assert_eq!(before, control());
    let has_table = "SELECT count(*) FROM sqlite_schema WHERE name = 'domicile_state'";
    assert_eq!(world.rows("control", has_table), ["0"], "no home was ever ill");
}

#[test]
fn a_run_does_not_wait_for_long_where_nobody_can_note_how_homes_are() {
    let Some(mut world) = World::new(POSTGRES) else { return };
    world.homes += "\ndelivery.lease_seconds = 3.0";
    world.order(&["'ES', 'Ana', 1.00", "'FR', 'Luc', 2.00"]);
    world.run();
    take_away(&world, "fr");
    world.order(&["'FR', 'Luc', 4.00"]);
    assert!(try_run(&world));
    give_back(&world, "fr");
    let Databases::Server(server) = &world.databases else { unreachable!("it is one of PostgreSQL") };
    let mut session = server.session("control");
    assert!(session.execute("BEGIN; LOCK TABLE domicile_state IN SHARE MODE"));
    let begin = Instant::now();
    assert!(!try_run(&world));
    assert!(begin.elapsed() < Duration::from_secs(30), "it waits until the server gives up: {:?}", begin.elapsed());
    assert_eq!(
        (world.ids("fr"), kept(&world).len()),
        (String::from("2 3"), 1),
        "the home is well, and it is not noted"
    );
    assert!(session.execute("ROLLBACK"));
    world.order(&["'FR', 'Luc', 8.00"]);
    world.run();
    assert_eq!(kept(&world), [""; 0]);
}
