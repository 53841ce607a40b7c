//! Types in the tables of homes: as keys, as what is merged, in tables that were there before, and from Rust.

use std::sync::Arc;

use domicile_pipeline::{Analyser, Kinds, Object, Objects, Pipeline, Shape, Silent};
use serde::{Deserialize, Serialize};

use crate::fixture::{described, home, run, runtime};
use crate::servers::{pipeline, succeeded};
use crate::types_databases::{Databases, KINDS, Kind, Shape as Words};
use crate::verify::assert_proved;

const SOURCE: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, country varchar(9), thing uuid, at timestamptz, of_day time,
                         big numeric(20,0), doc jsonb, tags text[], span interval, mood text, note text);
    INSERT INTO orders VALUES
        (1, 'home', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-01-01 00:00+00', '10:00', 18446744073709551615,
         '{\"a\": 1}', '{a,b}', '1 day', 'glad', 'b'),
        (2, 'home', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-01-01 00:00:00.5+00', '10:00:00.5', 1,
         '[1]', '{}', '2 days', 'sad', 'a'),
        (3, 'home', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2023-12-31 23:00-01', '09:00', 7,
         '{\"a\": 2}', NULL, '3 hours', 'gladly', 'c')";

fn config(databases: &Databases, kind: Kind, analysers: &str) -> String {
    format!(
        "control = \"{}\"\n[homes]\nhome = {{ url = \"{}\", keys = \"home\" }}\n\
         [[source]]\nurl = \"{}\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"\ncolumns = {{ big = \"unsigned\" }}\n{analysers}",
        databases.url(Kind::Sqlite, "control"),
        databases.url(kind, "home"),
        databases.url(Kind::Postgres, "source")
    )
}

fn analyser(into: &str, lines: &str, sql: &str) -> String {
    format!("[[source.analyser]]\ninto = \"{into}\"\n{lines}\nsql = '''{sql}'''\n")
}

/// What is in a home, in words that all databases have.
fn words(databases: &Databases, kind: Kind, table: &str, columns: &[(Words, &str)]) -> Vec<String> {
    let words = columns.iter().map(|(shape, column)| kind.words(*shape, column)).collect::<Vec<_>>();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let sql = format!("SELECT {} FROM {table} ORDER BY 1", kind.joined(&words));
    let normalised = |row: String| {
        let parts = row.split(' ').collect::<Vec<_>>();
        let parts = parts.iter().zip(columns).map(|(part, (shape, _))| shape.normalised(part));
        parts.collect::<Vec<_>>().join(" ")
    };
    databases.rows(kind, "home", &sql).into_iter().map(normalised).collect()
}

#[test]
fn every_type_that_has_an_order_is_a_key_and_is_merged() {
    let Some(databases) = Databases::start() else { return };
    databases.execute(Kind::Postgres, "source", SOURCE);
    let analysers = [
        analyser("things", "write = \"replace\"\nkey = \"thing\"", "SELECT thing, id FROM record"),
        analyser(
            "instants",
            "write = \"replace\"\nkey = [\"at\", \"of_day\", \"big\"]",
            "SELECT at, of_day, big, id FROM record",
        ),
        analyser(
            "ends",
            "write = \"merge\"",
            "SELECT thing, min(at) AS first, max(at) AS last, max(of_day) AS latest, max(big) AS most, sum(id) AS ids,
                    max(note) AS note
             FROM record GROUP BY thing",
        ),
    ];
    for (number, kind) in KINDS.into_iter().enumerate() {
        let report =
            succeeded(run(&pipeline(config(&databases, kind, &analysers.concat())), Arc::new(Silent)).unwrap());
        // SQLite has no integer that is as large.
        let delivered = if kind == Kind::Sqlite { 2 } else { 3 };
        assert_eq!(home(&report, "home").account.delivered, delivered, "{kind:?} {report:#?}");
        let things = words(&databases, kind, "things", &[(Words::Uuid, "thing"), (Words::Number, "id")]);
        assert_eq!(things, ["a0eebc999c0b4ef8bb6d6bb9bd380a11 3", "b0eebc999c0b4ef8bb6d6bb9bd380a11 2"]);
        assert_eq!(words(&databases, kind, "instants", &[(Words::Number, "id")]).len(), delivered as usize);
        let ends =
            words(&databases, kind, "ends", &[(Words::Uuid, "thing"), (Words::Number, "most"), (Words::Number, "ids")]);
        let expected = if kind == Kind::Sqlite { "7 3" } else { "18446744073709551615 4" };
        assert_eq!(
            ends,
            [
                format!("a0eebc999c0b4ef8bb6d6bb9bd380a11 {expected}"),
                String::from("b0eebc999c0b4ef8bb6d6bb9bd380a11 1 2")
            ]
        );
        // A second run merges with what is there.
        let id = 10 * (number + 1);
        let again = format!(
            "INSERT INTO orders (id, country, thing, at, of_day, big)
             VALUES ({id}, 'home', 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2025-01-01 00:00+00', '11:00', 2)"
        );
        databases.execute(Kind::Postgres, "source", &again);
        let report =
            succeeded(run(&pipeline(config(&databases, kind, &analysers.concat())), Arc::new(Silent)).unwrap());
        assert_eq!(home(&report, "home").account.delivered, 1, "{kind:?} {report:#?}");
        assert_proved(&pipeline(config(&databases, kind, &analysers.concat())));
        let merged = databases.rows(
            kind,
            "home",
            &format!(
                "SELECT {} FROM ends WHERE ids >= 10",
                kind.joined(&[
                    &kind.words(Words::Instant, "last"),
                    &kind.words(Words::Time, "latest"),
                    &kind.words(Words::Number, "most")
                ])
            ),
        );
        let merged = merged.concat();
        assert!(
            merged.starts_with("2025-01-01 00:00:00") && merged.contains("11:00:00") && merged.ends_with(" 2"),
            "{merged}"
        );
        databases.execute(Kind::Postgres, "source", &format!("DELETE FROM orders WHERE id = {id}"));
    }
}

/// Tables that keep each value, and what keeps them from it: of each column, how it is declared and how it must not be.
const KEPT: [(Kind, &str, &str, &str); 15] = [
    (Kind::Postgres, "thing", "uuid", "char(36)"),
    (Kind::Postgres, "doc", "json", "text[]"),
    (Kind::Postgres, "tags", "text[]", "int[]"),
    (Kind::Postgres, "span", "interval", "interval(0)"),
    (Kind::Postgres, "at", "timestamptz", "timestamp"),
    (Kind::Postgres, "of_day", "time", "time(3)"),
    (Kind::Postgres, "big", "numeric(20,0)", "real"),
    (Kind::MariaDb, "thing", "uuid", "binary(16)"),
    (Kind::MariaDb, "doc", "json", "char(200)"),
    (Kind::MariaDb, "at", "timestamp(6) NULL", "timestamp NULL"),
    (Kind::MariaDb, "of_day", "time(6)", "time"),
    (Kind::MariaDb, "big", "bigint unsigned", "double"),
    (Kind::Sqlite, "at", "TEXT", "INTEGER"),
    (Kind::Sqlite, "of_day", "TIME", "REAL"),
    (Kind::Sqlite, "thing", "VARCHAR(36)", "NUMERIC"),
];

#[test]
fn a_table_that_was_there_is_taken_where_it_keeps_each_value_and_refused_where_it_does_not() {
    let Some(databases) = Databases::start() else { return };
    databases.execute(Kind::Postgres, "source", SOURCE);
    for (kind, column, kept, refused) in KEPT {
        let config = config(&databases, kind, &analyser("kept", "", &format!("SELECT id, {column} FROM record")));
        let problems = |declared: &str| {
            let table = format!("DROP TABLE IF EXISTS kept; CREATE TABLE kept (id bigint, {column} {declared})");
            databases.execute(kind, "home", &table);
            described(&runtime().block_on(pipeline(config.clone()).check()).err().unwrap_or_default())
        };
        let told = problems(refused).concat();
        assert!(
            told.contains(&format!("`kept.{column}` is declared")) && told.contains("does not keep"),
            "{kind:?} {refused}: {told}"
        );
        assert_eq!(problems(kept), [] as [&str; 0], "{kind:?} {kept}");
        // What is kept there is read as what it was.
        for table in ["position", "account", "quarantine"] {
            databases.execute(kind, "home", &format!("DROP TABLE IF EXISTS domicile_{table}"));
        }
        succeeded(run(&pipeline(config.clone()), Arc::new(Silent)).unwrap());
        assert!(!databases.rows(kind, "home", "SELECT id FROM kept").is_empty());
        assert_proved(&pipeline(config));
    }
}

#[test]
fn an_enum_of_a_home_takes_its_labels_and_refuses_all_else() {
    let Some(databases) = Databases::start() else { return };
    databases.execute(Kind::Postgres, "source", SOURCE);
    let types = "CREATE TYPE mood AS ENUM ('glad', 'sad');";
    for (kind, table) in [
        (Kind::Postgres, format!("{types} CREATE TABLE moods (id bigint, mood mood)")),
        (
            Kind::MariaDb,
            String::from("CREATE TABLE moods (id bigint, mood enum('GLAD', 'glad', 'sad') COLLATE utf8mb4_bin)"),
        ),
    ] {
        databases.execute(kind, "home", &table);
        let analysers = analyser("moods", "", "SELECT id, mood FROM record");
        let report = succeeded(run(&pipeline(config(&databases, kind, &analysers)), Arc::new(Silent)).unwrap());
        let account = home(&report, "home").account;
        assert_eq!((account.delivered, account.quarantined), (2, 1), "{kind:?} {report:#?}");
        assert_proved(&pipeline(config(&databases, kind, &analysers)));
        let moods = words(&databases, kind, "moods", &[(Words::Number, "id"), (Words::Text, "mood")]);
        assert_eq!(moods, ["1 676c6164", "2 736164"]);
    }
}

#[test]
fn a_column_of_text_in_sqlite_keeps_every_digit_of_a_decimal_and_merges_it() {
    let Some(databases) = Databases::start() else { return };
    databases.execute(
        Kind::Postgres,
        "source",
        "CREATE TABLE orders (id bigint PRIMARY KEY, country varchar(9), big numeric(20,0), amount numeric(38,10));
         INSERT INTO orders VALUES (1, 'home', 0, -1234567890123456789012345678.0123456789), (2, 'home', 0, 0.0123456789)",
    );
    databases.execute(
        Kind::Sqlite,
        "home",
        "CREATE TABLE kept (id INTEGER, amount TEXT); CREATE TABLE total (country TEXT PRIMARY KEY, amount TEXT)",
    );
    let analysers = [
        analyser("kept", "", "SELECT id, amount FROM record"),
        analyser("total", "write = \"merge\"", "SELECT country, sum(amount) AS amount FROM record GROUP BY country"),
    ];
    let report =
        succeeded(run(&pipeline(config(&databases, Kind::Sqlite, &analysers.concat())), Arc::new(Silent)).unwrap());
    assert_eq!(home(&report, "home").account.delivered, 2);
    assert_proved(&pipeline(config(&databases, Kind::Sqlite, &analysers.concat())));
    let kept = databases.rows(Kind::Sqlite, "home", "SELECT amount FROM kept ORDER BY id");
    assert_eq!(kept, ["-1234567890123456789012345678.0123456789", "0.0123456789"]);
    assert_eq!(
        databases.rows(Kind::Sqlite, "home", "SELECT amount FROM total"),
        ["-1234567890123456789012345678.0000000000"]
    );
}

/// What a function or a cast makes of a text is text and no more.
#[test]
fn only_what_is_handed_on_as_it_is_keeps_its_type() {
    let Some(databases) = Databases::start() else { return };
    databases.execute(Kind::Postgres, "source", SOURCE);
    let sql = "SELECT id, thing AS other, CAST(thing AS TEXT) AS cast_thing, upper(thing) AS upper_thing,
                      coalesce(thing, '') AS coalesced FROM record";
    succeeded(
        run(&pipeline(config(&databases, Kind::Postgres, &analyser("kept", "", sql))), Arc::new(Silent)).unwrap(),
    );
    let declared = ["other", "cast_thing", "upper_thing", "coalesced"]
        .map(|column| databases.declared(Kind::Postgres, "home", "kept", column));
    assert_eq!(declared, ["uuid", "text", "text", "text"]);
    assert_proved(&pipeline(config(&databases, Kind::Postgres, &analyser("kept", "", sql))));
}

#[derive(Deserialize)]
struct Order {
    thing: String,
    at: String,
    of_day: String,
    big: u64,
    doc: Option<String>,
}

#[derive(Serialize)]
struct Kept {
    thing: String,
    at: String,
    of_day: String,
    big: u64,
    doc: Option<String>,
}

impl Object for Kept {
    fn shape() -> Shape {
        Shape::new("kept").uuid("thing").timestamptz("at").time("of_day").unsigned("big").json("doc")
    }
}

/// Makes objects as they are, or with something that is none of the column's type.
struct Keep;

impl Analyser for Keep {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<Kept>();
    }

    fn analyse(&self, record: Order, objects: &mut Objects) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Order { thing, at, of_day, big, doc } = record;
        // The second order's identity is mangled, and the third's time of day.
        let thing = if big == 1 { thing.replace('-', "") } else { thing };
        let of_day = if big == 7 { String::from("24:00:00") } else { of_day };
        objects.add(Kept { thing, at, of_day, big, doc });
        Ok(())
    }
}

#[test]
fn objects_of_rust_have_every_type_and_what_is_none_is_told() {
    let Some(databases) = Databases::start() else { return };
    databases.execute(Kind::Postgres, "source", SOURCE);
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let config = config(&databases, kind, &analyser("ids", "", "SELECT id FROM record"));
        let config = domicile_pipeline::Config::read(std::path::Path::new("domicile.toml"), config, &|_| None).unwrap();
        let pipeline = Pipeline::new(config).with_analyser("orders", Keep).unwrap();
        let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
        let account = home(&report, "home").account;
        assert_eq!((account.delivered, account.quarantined), (1, 2), "{report:#?}");
        assert_proved(&pipeline);
        let columns = [(Words::Uuid, "thing"), (Words::Number, "big"), (Words::Time, "of_day")];
        assert_eq!(
            words(&databases, kind, "kept", &columns),
            ["a0eebc999c0b4ef8bb6d6bb9bd380a11 18446744073709551615 10:00:00"]
        );
        let reasons = databases.rows(kind, "home", "SELECT reason FROM domicile_quarantine ORDER BY position");
        assert!(reasons[0].contains("`thing` is not a UUID"), "{reasons:?}");
        assert!(reasons[1].contains("`of_day` is not a time of the form HH:MM:SS[.ffffff]"), "{reasons:?}");
    }
}
