//! What a database says of a value stays in the home: what a run tells carries no record contents.

use domicile_pipeline::SourceReport;

use crate::fixture::{self, ORDERS, Setup, counts, home, only};
use crate::servers::{Kind, MARIADB, POSTGRES, World};

const DAILY: &str = "SELECT customer, sum(amount) AS revenue FROM record GROUP BY customer";

/// Nothing that is told of a run holds the value that the database of `es` complained of.
fn is_untold(report: &SourceReport) {
    assert_eq!(counts(home(report, "es")), [1, 0, 0, 1], "{report:#?}");
    let all = format!("{report:?} {}", serde_json::to_string(report).unwrap());
    assert!(!all.contains("Secret"), "{all}");
}

/// A trigger complains of what is merged: what it says stands in the quarantine of the home.
fn what_is_said_of_a_merge_is_untold(kind: &Kind, triggers: &[(&str, &str, &str)]) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("daily", "write = \"merge\"", DAILY);
    world.order(&["'ES', 'Secret', 1.00"]);
    world.run();
    for (make, remove, said) in triggers {
        world.order(&["'ES', 'Secret', 2.00"]);
        world.server.sql("es", make);
        is_untold(&world.run());
        let reason = world.rows("es", "SELECT reason FROM domicile_quarantine ORDER BY position DESC LIMIT 1");
        assert_eq!(reason, [*said]);
        world.server.sql("es", remove);
    }
    world.order(&["'ES', 'Secret', 2.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    assert_eq!(world.rows("es", "SELECT customer, revenue FROM daily"), ["Secret|3.00"]);
}

#[test]
fn what_postgres_says_of_a_merge_is_untold() {
    let trigger = |body: &str| {
        format!(
            "CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
             CREATE TRIGGER complain BEFORE UPDATE ON daily FOR EACH ROW EXECUTE FUNCTION complain()"
        )
    };
    let remove = "DROP FUNCTION complain CASCADE";
    let raise = trigger("RAISE EXCEPTION 'never %', NEW.customer");
    let disguised = trigger(
        "RAISE 'never %', NEW.customer USING ERRCODE = 'check_violation', TABLE = 'daily', CONSTRAINT = 'no_secrets'",
    );
    let cast = trigger("PERFORM NEW.customer::int");
    let not_null = trigger("NEW.customer = NULL");
    what_is_said_of_a_merge_is_untold(
        &POSTGRES,
        &[
            (&raise, remove, "never Secret"),
            (&disguised, remove, "never Secret"),
            (&cast, remove, "invalid input syntax for type integer: \"Secret\""),
            (&not_null, remove, "null value in column \"customer\" of relation \"daily\" violates not-null constraint"),
            (
                "ALTER TABLE daily ADD CONSTRAINT little CHECK (revenue < 2)",
                "ALTER TABLE daily DROP CONSTRAINT little",
                "new row for relation \"daily\" violates check constraint \"little\"",
            ),
        ],
    );
}

#[test]
fn what_mariadb_says_of_a_merge_is_untold() {
    what_is_said_of_a_merge_is_untold(
        &MARIADB,
        &[
            (
                "CREATE TRIGGER complain BEFORE UPDATE ON daily FOR EACH ROW
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'never Secret'",
                "DROP TRIGGER complain",
                "never Secret",
            ),
            (
                "ALTER TABLE daily ADD CONSTRAINT little CHECK (revenue < 2)",
                "ALTER TABLE daily DROP CONSTRAINT little",
                "CONSTRAINT `little` failed for `es`.`daily`",
            ),
        ],
    );
}

#[test]
fn what_sqlite_says_of_a_merge_is_untold() {
    let world = fixture::World::new(ORDERS);
    let setup = Setup::new().merge("daily", DAILY);
    world.order(&["'ES', 'Secret', NULL, 1.00"]);
    world.run(&setup);
    world.order(&["'ES', 'Secret', NULL, 2.00"]);
    let complain = |event| {
        format!(
            "CREATE TRIGGER complain_{event} BEFORE {event} ON daily BEGIN SELECT RAISE(ABORT, 'never Secret'); END;"
        )
    };
    world.in_home("es", &["INSERT", "UPDATE"].map(complain).concat());
    is_untold(&world.run(&setup));
    assert_eq!(world.rows("es", "SELECT reason FROM domicile_quarantine"), ["never Secret"]);
    world.in_home("es", "DROP TRIGGER complain_INSERT; DROP TRIGGER complain_UPDATE");
    world.order(&["'ES', 'Secret', NULL, 2.00"]);
    assert_eq!(counts(home(&world.run(&setup), "es")), [1, 1, 0, 0]);
}

#[test]
fn the_quarantine_of_the_home_keeps_all_that_was_said() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record");
    world.server.sql(
        "es",
        "CREATE TABLE orders (id bigint, customer text);
         CREATE FUNCTION complain() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM NEW.customer::int; RETURN NEW; END $$;
         CREATE TRIGGER complain BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION complain()",
    );
    world.order(&["'ES', 'Secret', 1.00", "'ES', '7', 1.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [2, 1, 0, 1]);
    let reasons = world.rows("es", "SELECT reason FROM domicile_quarantine");
    assert_eq!(reasons, ["invalid input syntax for type integer: \"Secret\""]);
}

#[test]
fn a_record_that_no_partition_takes_goes_to_quarantine() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.sql("es", "CREATE TABLE orders (id bigint) PARTITION BY LIST (id) (PARTITION one VALUES IN (1))");
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Bea', 1.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [2, 1, 0, 1]);
    assert_eq!(world.rows("es", "SELECT reason FROM domicile_quarantine"), ["Table has no partition for value 2"]);
}

#[test]
fn a_record_that_makes_a_sum_too_large_goes_to_quarantine() {
    let table = "CREATE TABLE orders (id bigint PRIMARY KEY, country text, amount numeric(38,0))";
    let Some(world) = World::of(&POSTGRES, table) else { return };
    let world = world.analyser(
        "daily",
        "write = \"merge\"",
        "SELECT country, sum(amount) AS revenue FROM record GROUP BY country",
    );
    let most = "9".repeat(38);
    world.server.sql("source", &format!("INSERT INTO orders VALUES (1, 'ES', {most}), (2, 'ES', {most})"));
    assert_eq!(counts(home(&world.run(), "es")), [2, 1, 0, 1]);
    assert_eq!(world.rows("es", "SELECT revenue FROM daily"), [most]);
    assert_eq!(world.rows("es", "SELECT position FROM domicile_quarantine"), ["2"]);
}

#[test]
fn what_is_said_of_a_source_is_untold() {
    let table = "CREATE TABLE raw (id bigint PRIMARY KEY, country text, amount text);
                 CREATE VIEW orders AS SELECT id, country, amount::int AS amount FROM raw;
                 INSERT INTO raw VALUES (1, 'ES', '7'), (2, 'ES', 'Secret')";
    let Some(world) = World::of(&POSTGRES, table) else { return };
    let world = world.analyser("orders", "", "SELECT id, amount FROM record");
    let report = only(world.try_run());
    let failure = report.failure.as_deref().unwrap();
    assert_eq!(failure, "source orders: the server refuses a value (SQLSTATE 22P02)");
    world.server.sql("source", "UPDATE raw SET amount = '8' WHERE id = 2");
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
}
