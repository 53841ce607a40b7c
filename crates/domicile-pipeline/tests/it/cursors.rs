//! Cursors of every kind: in the order of the source, to the last digit, with equal values in one batch.

use std::path::Path;
use std::sync::Arc;

use domicile_pipeline::{Config, Pipeline, Silent, SourceReport};
use domicile_testkit::Server;
use tempfile::TempDir;

use crate::fixture::{open, rows, run, runtime};
use crate::servers::{pipeline, succeeded};

/// A database with a table `events`, and one home in a file.
pub(crate) struct World {
    pub(crate) source: Source,
    pub(crate) folder: TempDir,
}

pub(crate) enum Source {
    File,
    Server(Server),
}

impl World {
    pub(crate) fn new(source: Source) -> Self {
        if let Source::Server(server) = &source {
            server.create_database("source");
        }
        Self { source, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn execute(&self, sql: &str) {
        match &self.source {
            Source::File => open(&self.folder.path().join("source.sqlite")).execute_batch(sql).unwrap(),
            Source::Server(server) => drop(server.sql("source", sql)),
        }
    }

    pub(crate) fn config(&self, lines: &str, batch_rows: usize) -> String {
        let file = |name: &str| format!("sqlite:{}", self.folder.path().join(name).display());
        let url = match &self.source {
            Source::File => file("source.sqlite"),
            Source::Server(server) => server.url("source"),
        };
        format!(
            "control = \"{}\"\nhomes = {{ es = {{ keys = [\"ES\"], url = \"{}\" }} }}\n[batch]\nrows = {batch_rows}\n\
             [[source]]\nurl = \"{url}\"\ntable = \"events\"\nkey = \"'ES'\"\n{lines}\n\
             [[source.analyser]]\ninto = \"events\"\nsql = \"SELECT n FROM record\"\n",
            file("control.sqlite"),
            file("es.sqlite"),
        )
    }

    pub(crate) fn pipeline(&self, lines: &str, batch_rows: usize) -> Pipeline {
        pipeline(self.config(lines, batch_rows))
    }

    fn run(&self, lines: &str, batch_rows: usize) -> SourceReport {
        succeeded(run(&self.pipeline(lines, batch_rows), Arc::new(Silent)).unwrap())
    }

    fn home(&self, sql: &str) -> Vec<String> {
        rows(&open(&self.folder.path().join("es.sqlite")), sql)
    }

    /// What was delivered, in the order of its delivery.
    fn delivered(&self) -> Vec<String> {
        self.home("SELECT n FROM events ORDER BY rowid")
    }

    fn start_again(&self) {
        for name in ["es.sqlite", "control.sqlite"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
    }
}

/// A cursor: its columns, the setting, values in their order, and the position behind the last.
struct Case {
    columns: &'static str,
    cursor: &'static str,
    values: &'static [&'static str],
    position: &'static str,
}

/// Reads the values, each twice, in batches of several sizes: first the lower half of them, then the others.
fn is_read_in_order(world: &World, case: &Case) {
    let Case { columns, cursor, values, position } = case;
    let lines = format!("cursor = {cursor}");
    for batch_rows in [2, 3, 100] {
        world.start_again();
        world.execute(&format!("DROP TABLE IF EXISTS events; CREATE TABLE events ({columns}, n integer)"));
        let insert = |range: std::ops::Range<usize>| {
            // Backwards, so that the order is not that of their coming.
            let all =
                range.rev().flat_map(|place| [2 * place + 1, 2 * place].map(|n| format!("({}, {n})", values[place])));
            world.execute(&format!("INSERT INTO events VALUES {}", all.collect::<Vec<_>>().join(", ")));
        };
        let half = values.len() / 2;
        let read = |from: usize, to: usize| {
            let report = world.run(&lines, batch_rows);
            assert_eq!(report.total().read, 2 * (to - from) as u64, "{cursor} in batches of {batch_rows}");
            let delivered = world.delivered().into_iter().map(|n| n.parse::<usize>().unwrap() / 2);
            let expected: Vec<_> = (0..to).flat_map(|place| [place, place]).collect();
            assert_eq!(delivered.collect::<Vec<_>>(), expected, "{cursor} in batches of {batch_rows}");
        };
        insert(0..half);
        read(0, half);
        read(half, half);
        insert(half..values.len());
        read(half, values.len());
        read(values.len(), values.len());
        assert_eq!(world.home("SELECT position FROM domicile_position"), [*position], "{cursor}");
    }
}

const SQLITE: &[Case] = &[
    Case {
        columns: "at DATETIME NOT NULL",
        cursor: "\"at\"",
        values: &[
            "'0001-01-01 00:00:00'",
            "'2024-03-31 01:59:59.999999'",
            "'2024-03-31 02:00:00'",
            "'2024-03-31 02:00:00.000001'",
            "'2024-03-31 02:00:00.5'",
            "'2024-12-31 23:59:59.999999'",
        ],
        position: r#"[{"timestamp":"2024-12-31 23:59:59.999999"}]"#,
    },
    // One time in several forms.
    Case {
        columns: "at DATETIME, id INTEGER",
        cursor: "[\"at\", \"id\"]",
        values: &[
            "'2024-01-01', 1",
            "'2024-01-01 00:00:00.000', 2",
            "'2024-01-01 00:00', 3",
            "'2024-01-01 00:00:00', 4",
            "'2024-01-01 00:00:00.5', 1",
            "'2024-01-01 00:00:00.500', 2",
        ],
        position: r#"[{"timestamp":"2024-01-01 00:00:00.500000"},{"integer":2}]"#,
    },
    Case {
        columns: "day DATE, id INTEGER",
        cursor: "[\"day\", \"id\"]",
        values: &["'2024-01-01', -9", "'2024-01-01', 10", "'2024-01-02', -9", "'2024-01-02', 9223372036854775807"],
        position: r#"[{"date":"2024-01-02"},{"integer":9223372036854775807}]"#,
    },
    Case {
        columns: "price DECIMAL(12,2)",
        cursor: "\"price\"",
        values: &["-10.05", "-10", "0", "9.99", "10", "9999999999.99"],
        position: r#"[{"decimal":"9999999999.99"}]"#,
    },
    Case {
        columns: "code TEXT COLLATE NOCASE",
        cursor: "\"code\"",
        values: &["''", "' a'", "'10'", "'9'", "'B'", "'a'", "'a '", "'a''\"'", "'é'", "'日本'", "'🙂'"],
        position: r#"[{"text":"\ud83d\ude42"}]"#,
    },
    Case {
        columns: "code BLOB, n2 INTEGER",
        cursor: "[\"code\", \"n2\"]",
        values: &["x'', 0", "x'00', 0", "x'00ff', 0", "x'00ff', 1", "x'ff', -1"],
        position: r#"[{"bytes":"ff"},{"integer":-1}]"#,
    },
];

#[test]
fn sqlite_is_read_by_cursors_of_every_kind() {
    let world = World::new(Source::File);
    SQLITE.iter().for_each(|case| is_read_in_order(&world, case));
}

const POSTGRES: &[Case] = &[
    Case {
        columns: "at timestamp NOT NULL",
        cursor: "\"at\"",
        values: &[
            "'0001-01-01'",
            "'2024-03-31 02:00:00'",
            "'2024-03-31 02:00:00.000001'",
            "'2024-03-31 02:00:00.5'",
            "'2024-12-31 23:59:59.999999'",
        ],
        position: r#"[{"timestamp":"2024-12-31 23:59:59.999999"}]"#,
    },
    // An hour that a clock in Madrid shows twice.
    Case {
        columns: "at timestamptz, id bigint",
        cursor: "[\"at\", \"id\"]",
        values: &[
            "'2024-10-27 02:30:00+02', 7",
            "'2024-10-27 02:59:59.999999+02', 1",
            "'2024-10-27 02:00:00+01', -1",
            "'2024-10-27 02:00:00+01', 2",
            "'2024-10-26 22:30:00-03', 1",
        ],
        position: r#"[{"timestamp":"2024-10-27 01:30:00.000000"},{"integer":1}]"#,
    },
    Case {
        columns: "day date, price numeric(38,4)",
        cursor: "[\"day\", \"price\"]",
        values: &[
            "'0001-01-01', 1",
            "'2024-01-01', -9999999999999999999999999999999999.9999",
            "'2024-01-01', 9.9999",
            "'2024-01-01', 10",
            "'9999-12-31', 9999999999999999999999999999999999.9999",
        ],
        position: r#"[{"date":"9999-12-31"},{"decimal":"9999999999999999999999999999999999.9999"}]"#,
    },
    // A number of more than 63 bits.
    Case {
        columns: "id numeric(38,0) NOT NULL",
        cursor: "\"id\"",
        values: &[
            "-18446744073709551616",
            "-1",
            "9223372036854775807",
            "9223372036854775808",
            "99999999999999999999999999999999999999",
        ],
        position: "99999999999999999999999999999999999999",
    },
    Case {
        columns: "code varchar(20)",
        cursor: "\"code\"",
        values: &["''", "' a'", "'10'", "'9'", "'B'", "'a'", "'a '", "'a''\"\\'", "'é'", "'日本'", "'🙂'"],
        position: r#"[{"text":"\ud83d\ude42"}]"#,
    },
    Case {
        columns: "id uuid",
        cursor: "\"id\"",
        values: &[
            "'00000000-0000-0000-0000-000000000000'",
            "'0FFFFFFF-0000-4000-8000-000000000000'",
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        ],
        position: r#"[{"text":"ffffffff-ffff-ffff-ffff-ffffffffffff"}]"#,
    },
    Case {
        columns: "code bytea, id smallint",
        cursor: "[\"code\", \"id\"]",
        values: &["'', 0", "'\\x00', 0", "'\\x00ff', -1", "'\\x00ff', 1", "'\\xff', 0"],
        position: r#"[{"bytes":"ff"},{"integer":0}]"#,
    },
];

#[test]
fn postgres_is_read_by_cursors_of_every_kind() {
    let Some(server) = Server::postgres() else { return };
    let world = World::new(Source::Server(server));
    world.execute("ALTER DATABASE source SET timezone TO 'Europe/Madrid'");
    POSTGRES.iter().for_each(|case| is_read_in_order(&world, case));
}

const MARIADB: &[Case] = &[
    Case {
        columns: "at datetime(6) NOT NULL",
        cursor: "\"at\"",
        values: &[
            "'0001-01-01'",
            "'2024-03-31 02:00:00'",
            "'2024-03-31 02:00:00.000001'",
            "'2024-03-31 02:00:00.5'",
            "'2024-12-31 23:59:59.999999'",
        ],
        position: r#"[{"timestamp":"2024-12-31 23:59:59.999999"}]"#,
    },
    Case {
        columns: "at timestamp(6) NULL, id bigint",
        cursor: "[\"at\", \"id\"]",
        values: &[
            "'2024-03-30 02:30:00', -7",
            "'2024-03-30 02:30:00', 9",
            "'2024-03-30 02:30:00', 10",
            "'2024-03-30 02:30:00.000001', 1",
        ],
        position: r#"[{"timestamp":"2024-03-30 01:30:00.000001"},{"integer":1}]"#,
    },
    Case {
        columns: "day date, price decimal(38,4)",
        cursor: "[\"day\", \"price\"]",
        values: &[
            "'0001-01-01', 1",
            "'2024-01-01', -9999999999999999999999999999999999.9999",
            "'2024-01-01', 9999999999999999999999999999999999.9998",
            "'2024-01-01', 9999999999999999999999999999999999.9999",
            "'9999-12-31', 10",
        ],
        position: r#"[{"date":"9999-12-31"},{"decimal":"10.0000"}]"#,
    },
    // A number of more than 63 bits.
    Case {
        columns: "id decimal(38,0) NOT NULL",
        cursor: "\"id\"",
        values: &[
            "-18446744073709551616",
            "-1",
            "9223372036854775807",
            "18446744073709551615",
            "99999999999999999999999999999999999999",
        ],
        position: "99999999999999999999999999999999999999",
    },
    Case {
        columns: "code varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        cursor: "\"code\"",
        values: &["''", "' a'", "'10'", "'9'", "'B'", "'a'", "'a '", "'a''\"'", "'é'", "'日本'", "'🙂'"],
        position: r#"[{"text":"\ud83d\ude42"}]"#,
    },
    Case {
        columns: "code varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        cursor: "\"code\"",
        values: &["''", "' a'", "'10'", "'9'", "'B'", "'a'", "'a '", "'a''\"'", "'é'", "'日本'", "'🙂'"],
        position: r#"[{"text":"\ud83d\ude42"}]"#,
    },
    Case {
        columns: "id binary(16), id2 int unsigned",
        cursor: "[\"id\", \"id2\"]",
        values: &[
            "x'00000000000000000000000000000000', 4294967295",
            "x'00000000000000000000000000000001', 0",
            "x'00ffffffffffffffffffffffffffffff', 1",
            "x'ff000000000000000000000000000027', 1",
        ],
        position: r#"[{"bytes":"ff000000000000000000000000000027"},{"integer":1}]"#,
    },
];

#[test]
fn mariadb_is_read_by_cursors_of_every_kind() {
    let Some(server) = Server::mariadb() else { return };
    let world = World::new(Source::Server(server));
    world.execute("SET GLOBAL time_zone = '+01:00'");
    MARIADB.iter().for_each(|case| is_read_in_order(&world, case));
}

/// What is made another type than the database orders it by is no cursor: some records would never be read.
#[test]
fn a_cursor_is_compared_by_the_database_as_it_is_read() {
    let told = |world: &World, columns: &str, lines: &str| {
        world.execute(&format!("DROP TABLE IF EXISTS events; CREATE TABLE events ({columns}, n integer)"));
        let checked = runtime().block_on(world.pipeline(lines, 10).check());
        checked.err().map(|problems| problems.to_string()).unwrap_or_default()
    };
    let why = "is made another type here than what the database orders it by";
    let world = World::new(Source::File);
    for (columns, types, is_refused) in [
        ("c TIMESTAMPTZ", "", true),
        ("c UUID", "", true),
        ("c UUID", "columns = { c = \"text\" }", false),
        ("c TEXT", "columns = { c = \"timestamp\" }", false),
    ] {
        let told = told(&world, columns, &format!("cursor = \"c\"\n{types}"));
        assert_eq!(told.contains(why), is_refused, "{columns} {types}: {told}");
        assert!(is_refused || told.is_empty(), "{told}");
    }
    for (server, columns) in [(Server::mariadb(), "c varchar(40)"), (Server::postgres(), "c text")] {
        let Some(server) = server else { continue };
        let is_postgres = columns == "c text";
        let world = World::new(Source::Server(server));
        for (data_type, is_refused) in [("integer", !is_postgres), ("uuid", true), ("text", false)] {
            let lines = format!("cursor = \"c\"\ncolumns = {{ c = \"{data_type}\" }}");
            let told = told(&world, columns, &lines);
            assert_eq!(told.contains(why), is_refused, "{columns} {data_type}: {told}");
        }
    }
}

/// Values by which a record would never be read stop the source, and are counted.
#[test]
fn records_that_would_never_be_read_are_told() {
    let told = |world: &World, columns: &str, cursor: &str, values: &str| {
        world.start_again();
        world.execute(&format!("DROP TABLE IF EXISTS events; CREATE TABLE events ({columns}, n integer)"));
        world.execute(&format!("INSERT INTO events VALUES {values}"));
        let lines = format!("cursor = {cursor}");
        let checked = runtime().block_on(world.pipeline(&lines, 10).check()).err();
        let mut report = run(&world.pipeline(&lines, 10), Arc::new(Silent)).unwrap();
        assert_eq!(report.sources[0].total().read, 0);
        let failure = report.sources.remove(0).failure.unwrap_or_default();
        assert!(checked.is_some_and(|problems| problems.to_string().contains(&failure)), "{failure}");
        failure
    };
    let expected = |count: &str, cursor: &str| {
        format!(
            "source events: {count} records have NULL, or what cannot be compared, in the cursor `{cursor}`, and would never \
             be read; mend them, or leave them out with a `query`"
        )
    };
    let world = World::new(Source::File);
    let values =
        "(NULL, 1, 1), ('2024-01-01', NULL, 2), (5, 1, 3), ('2024-01-01T00:00:00', 1, 4), ('2024-01-01', 1, 5)";
    assert_eq!(told(&world, "at DATETIME, id INTEGER", "[\"at\", \"id\"]", values), expected("4", "at, id"));
    let many = "(NULL, 1, 1)".to_owned() + &", (NULL, 1, 1)".repeat(1_001);
    assert_eq!(told(&world, "at DATETIME, id INTEGER", "\"at\"", &many), expected("more than 1000", "at"));
    if let Some(server) = Server::postgres() {
        let world = World::new(Source::Server(server));
        let values = "(NULL, 1), ('infinity', 2), ('-infinity', 3), ('10000-01-01', 4), ('2024-01-01', 5)";
        assert_eq!(told(&world, "at timestamptz", "\"at\"", values), expected("4", "at"));
        assert_eq!(told(&world, "price numeric(5,2)", "\"price\"", "('NaN', 1), (1, 2)"), expected("1", "price"));
    }
    if let Some(server) = Server::mariadb() {
        let world = World::new(Source::Server(server));
        world.execute("SET GLOBAL sql_mode = ''");
        let values = "(NULL, 1), ('0000-00-00', 2), ('2024-01-01', 3)";
        assert_eq!(told(&world, "at datetime", "\"at\"", values), expected("2", "at"));
    }
}

#[test]
fn another_cursor_does_not_go_on_from_a_position_of_the_old_one() {
    let world = World::new(Source::File);
    world.execute("CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at DATETIME, n INTEGER)");
    world.execute("INSERT INTO events (at, n) VALUES ('2024-01-01 00:00:00', 1)");
    world.run("cursor = \"id\"", 10);
    for cursor in ["\"at\"", "[\"id\", \"at\"]"] {
        let pipeline = world.pipeline(&format!("cursor = {cursor}"), 10);
        let error = run(&pipeline, Arc::new(Silent)).unwrap_err();
        assert!(error.is_configuration());
        let problems = error.to_string();
        assert!(problems.contains("its position of this source was read by another cursor than"), "{problems}");
        assert!(problems.contains("put the cursor back"), "{problems}");
        assert_eq!(runtime().block_on(pipeline.check()).unwrap_err().to_string(), problems);
    }
    assert_eq!(world.run("cursor = \"id\"", 10).total().read, 0);
}

#[test]
fn a_table_of_an_earlier_version_is_told() {
    let world = World::new(Source::File);
    world.execute(
        "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER); INSERT INTO events (n) VALUES (1)",
    );
    let earlier = "CREATE TABLE domicile_position (source TEXT NOT NULL PRIMARY KEY, control TEXT, position INTEGER,
                   epoch INTEGER NOT NULL, updated_at TEXT NOT NULL)";
    open(&world.folder.path().join("es.sqlite")).execute_batch(earlier).unwrap();
    let pipeline = world.pipeline("cursor = \"id\"", 10);
    let report = run(&pipeline, Arc::new(Silent)).unwrap().sources.remove(0);
    let failure = report.homes[0].failure.as_deref().unwrap();
    assert!(failure.contains("was made by an earlier version of Domicile"), "{failure}");
    let problems = runtime().block_on(pipeline.check()).unwrap_err().to_string();
    assert!(problems.contains("was made by an earlier version of Domicile"), "{problems}");
}

#[test]
fn a_cursor_that_is_none_is_told_with_those_that_can_be() {
    let world = World::new(Source::File);
    world.execute("CREATE TABLE events (id INTEGER, score REAL, at DATETIME, n INTEGER)");
    for (cursor, told) in [
        ("\"score\"", "the cursor `score` is a column whose values have no order that all databases agree on"),
        ("[\"id\", \"gone\"]", "the cursor `gone` is no column"),
    ] {
        let problems = runtime().block_on(world.pipeline(&format!("cursor = {cursor}"), 10).check()).unwrap_err();
        let problems = problems.to_string();
        assert!(problems.contains(told), "{problems}");
        assert!(problems.contains("the columns that can be one are: [\"id\", \"at\", \"n\"]"), "{problems}");
    }
    for cursor in ["[]", "\"\"", "[\"id\", \"id\"]"] {
        let config = world.config(&format!("cursor = {cursor}"), 10);
        assert!(Config::read(Path::new("domicile.toml"), config, &|_| None).is_err(), "{cursor}");
    }
}

#[test]
fn a_cursor_that_no_position_has_room_for_stops_the_source_and_says_why() {
    let world = World::new(Source::File);
    world.execute(
        "CREATE TABLE events (id TEXT, n INTEGER); INSERT INTO events (id) VALUES ('a'), (printf('%.8192c', 'b'))",
    );
    let pipeline = world.pipeline("cursor = \"id\"", 10);
    assert_eq!(run(&pipeline, Arc::new(Silent)).unwrap().sources.remove(0).failure, None);
    world.execute("INSERT INTO events (id) VALUES (printf('%.8193c', 'c'))");
    let failure = run(&pipeline, Arc::new(Silent)).unwrap().sources.remove(0).failure.unwrap();
    assert!(failure.ends_with("a record has more than 8192 bytes in the cursor `id`"), "{failure}");
}

/// What a cursor of integers is without a sign, up to its highest value.
#[test]
fn unsigned_integers_are_read_to_the_last() {
    let Some(server) = Server::mariadb() else { return };
    let world = World::new(Source::Server(server));
    let values = &["0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"];
    let position = "18446744073709551615";
    is_read_in_order(&world, &Case { columns: "id bigint unsigned", cursor: "\"id\"", values, position });
}
