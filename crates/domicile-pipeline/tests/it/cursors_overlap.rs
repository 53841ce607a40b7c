//! Records that come late, where the application sets the cursor: within the overlap they arrive, and once.

use std::path::Path;
use std::sync::Arc;

use domicile_pipeline::{Config, Pipeline, Silent, SourceReport};
use domicile_testkit::Server;

use crate::cursors::{Source, World};
use crate::fixture::{open, rows, run, runtime};
use crate::servers::{pipeline, succeeded};

/// A table that the application writes to with times of its own, with the homes and the control database on the same kind
/// of database.
struct Late {
    world: World,
}

impl Late {
    fn new(source: Source, columns: &str) -> Self {
        let world = World::new(source);
        if let Source::Server(server) = &world.source {
            server.create_database("es");
            server.create_database("control");
        }
        world.execute(&format!("CREATE TABLE events ({columns})"));
        Self { world }
    }

    fn insert(&self, values: &str) {
        self.world.execute(&format!("INSERT INTO events VALUES {values}"));
    }

    fn run(&self, overlap: &str) -> [u64; 4] {
        let total = self.report(overlap).total();
        [total.read, total.delivered, total.ignored, total.quarantined]
    }

    fn report(&self, overlap: &str) -> SourceReport {
        succeeded(run(&self.pipeline(overlap), Arc::new(Silent)).unwrap())
    }

    fn pipeline(&self, overlap: &str) -> Pipeline {
        let url = |name: &str| match &self.world.source {
            Source::File => format!("sqlite:{}", self.world.folder.path().join(format!("{name}.sqlite")).display()),
            Source::Server(server) => server.url(name),
        };
        let config = format!(
            "control = \"{}\"\nhomes = {{ es = {{ keys = [\"ES\"], url = \"{}\" }} }}\nbatch = {{ rows = 6 }}\n\
             [[source]]\nurl = \"{}\"\ntable = \"events\"\ncursor = \"at\"\n{overlap}\nkey = \"country\"\nignore = \"n < 0\"\n\
             [[source.analyser]]\ninto = \"events\"\nsql = \"SELECT n FROM record\"\n\
             [[source.analyser]]\ninto = \"total\"\nwrite = \"merge\"\n\
             sql = \"SELECT country, count(*) AS events, sum(n) AS s FROM record GROUP BY country\"\n",
            url("control"),
            url("es"),
            url("source"),
        );
        pipeline(config)
    }

    fn rows(&self, database: &str, sql: &str) -> Vec<String> {
        match &self.world.source {
            Source::File => rows(&open(&self.world.folder.path().join(format!("{database}.sqlite"))), sql),
            Source::Server(server) => server.sql(database, sql).lines().map(|line| line.replace('\t', "|")).collect(),
        }
    }
}

const OVERLAP: &str = "overlap = \"10m\"\nidentity = \"id\"";
const FIRST: &str = "(1, '2024-01-01 12:00:00', 'ES', 1), (2, '2024-01-01 12:05:00', 'ES', 2),
                     (3, '2024-01-01 12:05:00', 'XX', 3), (4, '2024-01-01 12:05:00', 'ES', -4)";
const LATE: &str = "(5, '2024-01-01 11:55:00', 'ES', 5), (6, '2024-01-01 12:05:00', 'ES', 6),
                    (7, '2024-01-01 12:05:00', 'XX', 7), (8, '2024-01-01 12:01:00', 'ES', -8)";

fn what_comes_late_within_the_overlap_arrives_once(source: Source, columns: &str) {
    let late = Late::new(source, columns);
    late.insert(FIRST);
    assert_eq!(late.run(OVERLAP), [4, 2, 1, 1]);
    assert_eq!(late.run(OVERLAP), [0; 4]);
    late.insert(LATE);
    late.insert("(9, '2024-01-01 11:54:59', 'ES', 9)");
    assert_eq!(late.run(OVERLAP), [4, 2, 1, 1], "the last is later than the overlap");
    assert_eq!(late.run(OVERLAP), [0; 4]);
    assert_eq!(late.rows("es", "SELECT n FROM events ORDER BY n"), ["1", "2", "5", "6"]);
    assert_eq!(late.rows("es", "SELECT country, events, s FROM total"), ["ES|4|14"]);
    let account = "SELECT sum(a.read), sum(delivered), sum(ignored), sum(quarantined) FROM domicile_account a";
    assert_eq!(late.rows("es", account), ["6|4|2|0"]);
    assert_eq!(late.rows("control", account), ["2|0|0|2"]);
    assert_eq!(late.rows("control", "SELECT count(*), count(DISTINCT number) FROM domicile_quarantine"), ["2|2"]);
    assert_eq!(late.rows("es", "SELECT count(*) FROM domicile_seen"), ["6"]);
    late.insert("(10, '2024-01-01 13:00:00', 'ES', 10)");
    assert_eq!(late.run(OVERLAP), [1, 1, 0, 0]);
    assert_eq!(late.rows("es", "SELECT count(*) FROM domicile_seen"), ["1"], "what is out of reach is forgotten");
    // The last record goes away, as one does that is updated.
    late.world.execute("DELETE FROM events WHERE id = 10");
    assert_eq!(late.run(OVERLAP), [0; 4]);
}

#[test]
fn what_comes_late_in_sqlite_arrives_once() {
    what_comes_late_within_the_overlap_arrives_once(Source::File, "id INTEGER, at DATETIME, country TEXT, n INTEGER");
}

#[test]
fn what_comes_late_in_postgres_arrives_once() {
    let Some(server) = Server::postgres() else { return };
    let columns = "id bigint, at timestamptz, country text, n bigint";
    what_comes_late_within_the_overlap_arrives_once(Source::Server(server), columns);
}

#[test]
fn what_comes_late_in_mariadb_arrives_once() {
    let Some(server) = Server::mariadb() else { return };
    let columns = "id bigint, at datetime(6), country varchar(2), n bigint";
    what_comes_late_within_the_overlap_arrives_once(Source::Server(server), columns);
}

/// Without which the tests above would prove nothing.
#[test]
fn what_comes_late_is_lost_without_an_overlap() {
    let late = Late::new(Source::File, "id INTEGER, at DATETIME, country TEXT, n INTEGER");
    late.insert(FIRST);
    assert_eq!(late.run(""), [4, 2, 1, 1]);
    late.insert(LATE);
    assert_eq!(late.run(""), [0; 4]);
    assert_eq!(late.rows("es", "SELECT n FROM events ORDER BY n"), ["1", "2"]);
}

#[test]
fn an_identity_that_does_not_tell_records_apart_stops_the_home() {
    let late = Late::new(Source::File, "id INTEGER, at DATETIME, country TEXT, n INTEGER");
    late.insert("(1, '2024-01-01 12:00:00', 'ES', 1), (1, '2024-01-01 12:00:00', 'ES', 2)");
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| late.run(OVERLAP)));
    let told = *ran.unwrap_err().downcast::<String>().unwrap();
    assert!(told.contains("two records have the same cursor and the same `identity`"), "{told}");
    assert_eq!(late.run("overlap = \"10m\"\nidentity = [\"id\", \"n\"]"), [2, 2, 0, 0]);
}

#[test]
fn an_overlap_that_does_not_fit_is_told() {
    let world = World::new(Source::File);
    world.execute("CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at DATETIME, score REAL, n INTEGER)");
    for (lines, told) in [
        ("cursor = \"id\"\noverlap = \"10m\"\nidentity = \"n\"", "the cursor id does not begin with a timestamp"),
        ("cursor = \"at\"\noverlap = \"10m\"\nidentity = \"gone\"", "`gone` is no column"),
        ("cursor = \"at\"\noverlap = \"10m\"\nidentity = \"score\"", "`score` is a column whose values have no order"),
    ] {
        let problems = runtime().block_on(world.pipeline(lines, 10).check()).unwrap_err().to_string();
        assert!(problems.contains(told), "{problems}");
    }
    for (lines, told) in [
        ("overlap = \"10m\"", "an `overlap` needs an `identity`"),
        ("identity = \"id\"", "`identity` is of use with an `overlap` only"),
        ("overlap = \"10m\"\nidentity = []", "is empty"),
        ("overlap = \"10\"\nidentity = \"id\"", "`10` is not a length of time"),
        ("overlap = \"0m\"\nidentity = \"id\"", "`0m` is not a length of time"),
        ("overlap = \"ä\"\nidentity = \"id\"", "`ä` is not a length of time"),
    ] {
        let config = world.config(&format!("cursor = \"at\"\n{lines}"), 10);
        let problems = Config::read(Path::new("domicile.toml"), config, &|_| None).err().unwrap().to_string();
        assert!(problems.contains(told), "{problems}");
    }
    let lines = "cursor = [\"at\", \"id\"]\noverlap = \"90s\"\nidentity = \"id\"";
    let checked = runtime().block_on(world.pipeline(lines, 10).check()).unwrap();
    let guarantee = checked.sources[0].guarantee.to_string();
    assert!(guarantee.starts_with("heuristic: "), "{guarantee}");
    assert!(guarantee.contains("it is read if it comes within 90s, and not later"), "{guarantee}");
    let checked = runtime().block_on(world.pipeline("cursor = \"at\"", 10).check()).unwrap();
    let guarantee = checked.sources[0].guarantee.to_string();
    assert!(guarantee.contains("it would not be read"), "{guarantee}");
    assert!(guarantee.contains("give an `overlap` within which late records are read"), "{guarantee}");
}

/// One record that is in the future does not keep those that come next from being read. `now` is the time in SQL.
fn what_is_in_the_future_is_told_and_the_others_are_read(source: Source, set_up: &str, column: &str, now: &str) {
    let columns = format!("id bigint, at {column}, country varchar(2), n bigint");
    let late = Late::new(source, &columns);
    late.world.execute(set_up);
    late.insert("(1, '2024-01-01 12:00:00', 'ES', 1), (2, '2034-01-01 12:00:00', 'ES', 2)");
    let told = "1 record is in the future, by the server's clock, and not read before it gets there";
    let report = late.report(OVERLAP);
    assert_eq!((report.total().read, report.waits_for.as_deref()), (1, Some(told)), "{column}");
    let checked = runtime().block_on(late.pipeline(OVERLAP).check()).unwrap();
    assert_eq!(checked.sources[0].waits_for.as_deref(), Some(told));
    late.insert("(3, '2024-01-01 12:05:00', 'ES', 3), (4, '2024-01-01 11:59:00', 'ES', 4)");
    assert_eq!(late.report(OVERLAP).total().read, 2, "{column}");
    late.world.execute(&format!("INSERT INTO events SELECT 5, {now}, 'ES', 5"));
    assert_eq!(late.report(OVERLAP).total().read, 1, "what is now is not in the future: {column}");
    late.world.execute("DELETE FROM events WHERE id = 2");
    let report = late.report(OVERLAP);
    assert_eq!((report.total().read, report.waits_for), (0, None), "{column}");
    // Without an overlap it is the same.
    late.insert("(6, '2034-01-01 12:00:00', 'ES', 6)");
    late.world.execute(&format!("INSERT INTO events SELECT 7, {now}, 'ES', 7"));
    let report = late.report("");
    assert_eq!((report.total().read, report.waits_for.as_deref()), (1, Some(told)), "{column}");
}

#[test]
fn what_is_in_the_future_is_told_of_sqlite_and_the_others_are_read() {
    let now = "strftime('%Y-%m-%d %H:%M:%f', 'now')";
    what_is_in_the_future_is_told_and_the_others_are_read(Source::File, "", "DATETIME", now);
}

#[test]
fn what_is_in_the_future_is_told_of_postgres_and_the_others_are_read() {
    for (column, now) in
        [("timestamp", "localtimestamp"), ("timestamp", "timezone('UTC', now())"), ("timestamptz", "now()")]
    {
        let Some(server) = Server::postgres() else { return };
        let east = "ALTER DATABASE source SET timezone TO 'Asia/Tokyo'";
        what_is_in_the_future_is_told_and_the_others_are_read(Source::Server(server), east, column, now);
    }
}

#[test]
fn what_is_in_the_future_is_told_of_mariadb_and_the_others_are_read() {
    for (column, now) in
        [("datetime(6)", "NOW(6)"), ("datetime(6)", "UTC_TIMESTAMP(6)"), ("timestamp(6) NULL", "NOW(6)")]
    {
        let Some(server) = Server::mariadb() else { return };
        let east = "SET GLOBAL time_zone = '+09:00'";
        what_is_in_the_future_is_told_and_the_others_are_read(Source::Server(server), east, column, now);
    }
}
