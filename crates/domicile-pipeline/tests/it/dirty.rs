//! Dirty values: each goes to quarantine with its reason and as it was, and alone.

use crate::fixture::{Setup, World, counts, home};

/// A source with a value of one declared type: its SQL, and that of the same source's good value.
fn one_column(declared: &str, setting: &str, values: &[&str]) -> (World, Setup) {
    let world = World::new(&format!(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, value {declared})"
    ));
    for value in values {
        world.source(&format!("INSERT INTO orders (country, value) VALUES ('ES', {value})"));
    }
    let setup = Setup::new().setting(setting).insert("made", "SELECT id, value FROM record");
    (world, setup)
}

const QUARANTINE: &str = "SELECT cause, reason, record -> 'value' FROM domicile_quarantine ORDER BY position";

/// A declared type, a good value as SQL and as it is delivered, and bad values as SQL, with what is told of each.
type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const CASES: [Case; 8] = [
    (
        "INTEGER",
        "7",
        "7",
        &[
            ("'x'", "text is not an integer|\"x\""),
            ("1.5", "a floating-point number is not an integer|1.5"),
            ("x'00ff'", "a blob is not an integer|\"0x00ff\""),
        ],
    ),
    ("REAL", "0.5", "0.5", &[("'x'", "text is not a number|\"x\""), ("x'00'", "a blob is not a number|\"0x00\"")]),
    (
        "TEXT",
        "'ñ'",
        "ñ",
        &[
            ("x'00'", "a blob is not text in UTF-8|\"0x00\""),
            ("CAST(x'c3' AS TEXT)", "text that is not UTF-8 is not text in UTF-8|\"0xc3\""),
        ],
    ),
    (
        "BLOB",
        "x'01'",
        "[01]",
        &[("5", "an integer is not a run of bytes|5"), ("0.5", "a floating-point number is not a run of bytes|0.5")],
    ),
    ("BOOLEAN", "1", "1", &[("2", "an integer is not 0 or 1|2"), ("'yes'", "text is not 0 or 1|\"yes\"")]),
    (
        "DATE",
        "'2024-02-29'",
        "2024-02-29",
        &[
            ("'2023-02-29'", "text is not a date of the form YYYY-MM-DD|\"2023-02-29\""),
            ("'2024-2-29'", "text is not a date of the form YYYY-MM-DD|\"2024-2-29\""),
            ("'2024/02/29'", "text is not a date of the form YYYY-MM-DD|\"2024/02/29\""),
            ("'2024-02-29 10:00'", "text is not a date of the form YYYY-MM-DD|\"2024-02-29 10:00\""),
            ("''", "text is not a date of the form YYYY-MM-DD|\"\""),
            ("20240229", "an integer is not a date|20240229"),
        ],
    ),
    (
        "DATETIME",
        "'2024-02-29 10:20:30.5'",
        "2024-02-29 10:20:30.500",
        &[
            (
                "'2024-02-29 25:00:00'",
                "text is not a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]|\"2024-02-29 25:00:00\"",
            ),
            (
                "'2024-02-29T10:00:00Z'",
                "text is not a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]|\"2024-02-29T10:00:00Z\"",
            ),
            (
                "'2024-02-29 10:00:00+02'",
                "text is not a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]|\"2024-02-29 10:00:00+02\"",
            ),
            (
                "'2024-02-29 10:00:00.1234567'",
                "text is not a timestamp of the form YYYY-MM-DD HH:MM:SS[.ffffff]|\"2024-02-29 10:00:00.1234567\"",
            ),
            ("1709200000", "an integer is not a timestamp|1709200000"),
        ],
    ),
    (
        "DECIMAL(5,2)",
        "'-999.99'",
        "-999.99",
        &[
            ("'1e2x'", "text is not a decimal(5,2)|\"1e2x\""),
            ("'12,50'", "text is not a decimal(5,2)|\"12,50\""),
            ("'€5'", "text is not a decimal(5,2)|\"€5\""),
            ("1000", "an integer is not a decimal(5,2)|1000"),
            ("1.005", "a floating-point number is not a decimal(5,2)|1.005"),
            ("1000.01", "a floating-point number is not a decimal(5,2)|1000.01"),
            ("x'05'", "a blob is not a decimal(5,2)|\"0x05\""),
        ],
    ),
];

#[test]
fn every_type_tells_what_does_not_fit() {
    for (declared, good, stored, bad) in CASES {
        let values: Vec<_> =
            [good].into_iter().chain(bad.iter().map(|(value, _)| *value)).chain(["NULL", good]).collect();
        let (world, setup) = one_column(declared, "", &values);
        let report = world.run(&setup);
        let quarantined = bad.len() as u64;
        assert_eq!(counts(home(&report, "es")), [quarantined + 3, 3, 0, quarantined], "{declared}");
        assert_eq!(world.rows("es", "SELECT value FROM made ORDER BY id"), [stored, "NULL", stored], "{declared}");
        let expected: Vec<_> = bad.iter().map(|(_, told)| format!("bad_value|`value`: {told}")).collect();
        assert_eq!(world.rows("es", QUARANTINE), expected, "{declared}");
    }
}

#[test]
fn a_declared_type_says_what_is_dirty() {
    let (world, setup) = one_column("TEXT", "columns = { value = \"integer\" }", &["'5'"]);
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "es")), [1, 0, 0, 1], "text is not taken for a number");
    let (world, setup) = one_column("", "columns = { value = \"text\" }", &["'5'", "5", "5.25"]);
    world.run(&setup);
    assert_eq!(world.rows("es", "SELECT value, typeof(value) FROM made"), ["5|text", "5|text", "5.25|text"]);
}

#[test]
fn several_bad_values_of_a_record_are_all_told() {
    let world = World::with_orders(&["'ES', x'00', 'soon', 'much'"]);
    world.run(&Setup::none());
    let reasons = world.rows("es", "SELECT reason FROM domicile_quarantine");
    let expected = "`customer`: a blob is not text in UTF-8; `ordered_on`: text is not a date of the form YYYY-MM-DD; `amount`: \
                    text is not a decimal(12,2)";
    assert_eq!(reasons, [expected]);
}

#[test]
fn a_bad_value_in_the_key_means_that_the_home_is_not_known() {
    let world = World::with_orders(&["x'4553', 'Ana', NULL, 1", "'ES', 'Ana', NULL, 1"]);
    let setup = Setup::none().key("CASE WHEN country IS NULL THEN 'FR' ELSE country END");
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "fr")), [0, 0, 0, 0], "the NULL that stands for a bad value is not trusted");
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
    assert_eq!(
        world.control("SELECT cause, reason, record ->> 'country' FROM domicile_quarantine"),
        ["bad_value|`country`: a blob is not text in UTF-8|0x4553"]
    );
}

#[test]
fn rules_take_every_function_that_analysers_take() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1", "NULL, 'FR', NULL, 2", "'ES', 'test', NULL, 4"]);
    let setup = Setup::none().setting("ignore = \"coalesce(customer, '') = 'test'\"");
    for key in [
        "coalesce(country, customer)",
        "nvl(country, customer)",
        "nvl2(country, country, customer)",
        "ifnull(country, customer)",
    ] {
        for name in ["homes/es.sqlite", "homes/fr.sqlite", "control.sqlite"] {
            let _ = std::fs::remove_file(world.path(name));
        }
        let report = world.run(&setup.clone().key(key));
        assert!(
            counts(home(&report, "es")) == [2, 1, 1, 0] && counts(home(&report, "fr")) == [1, 1, 0, 0],
            "{key}: {:?}",
            world.control("SELECT reason FROM domicile_quarantine")
        );
    }
}

#[test]
fn a_key_that_fails_for_one_record_sends_only_that_one_to_quarantine() {
    let world = World::with_orders(&[
        "'1', 'Ana', NULL, 1",
        "'one', 'Ana', NULL, 1",
        "'2', 'Ana', NULL, 1",
        "NULL, 'Ana', NULL, 1",
    ]);
    let setup = Setup::none().homes("es = \"11\"\nfr = \"12\"").key("CAST(CAST(country AS BIGINT) + 10 AS TEXT)");
    let report = world.run(&setup);
    assert_eq!(world.rows("es", "SELECT id FROM seen"), ["1"]);
    assert_eq!(world.rows("fr", "SELECT id FROM seen"), ["3"]);
    assert_eq!(counts(&report.control), [2, 0, 0, 2]);
    let quarantine = world.control("SELECT position, cause, reason FROM domicile_quarantine ORDER BY 1");
    assert!(quarantine[0].starts_with("2|bad_value|`CAST(CAST(country AS BIGINT) + 10 AS TEXT)`: "), "{quarantine:?}");
    assert!(quarantine[1].starts_with("4|no_key|the routing key "), "{quarantine:?}");
}

#[test]
fn an_ignore_rule_that_fails_for_one_record_sends_only_that_one_to_quarantine() {
    let world = World::with_orders(&[
        "'ES', '1', NULL, 1",
        "'ES', 'one', NULL, 1",
        "'ES', '2', NULL, 1",
        "'ES', NULL, NULL, 1",
    ]);
    let report = world.run(&Setup::none().setting("ignore = \"CAST(customer AS BIGINT) = 1\""));
    assert_eq!(counts(home(&report, "es")), [4, 2, 1, 1]);
    assert_eq!(world.rows("es", "SELECT id FROM seen ORDER BY id"), ["3", "4"], "NULL is not ignored");
    assert_eq!(world.rows("es", "SELECT position, cause FROM domicile_quarantine"), ["2|bad_value"]);
}

#[test]
fn an_analyser_that_fails_for_one_record_sends_only_that_one_to_quarantine() {
    let world = World::with_orders(&["'ES', '1', NULL, 1", "'ES', 'one', NULL, 2", "'ES', '2', NULL, 4"]);
    let setup = Setup::new()
        .insert("numbers", "SELECT id, CAST(customer AS BIGINT) AS n FROM record")
        .merge("total", "SELECT country, sum(amount) AS s FROM record GROUP BY country");
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "es")), [3, 2, 0, 1]);
    assert_eq!(world.rows("es", "SELECT n FROM numbers ORDER BY n"), ["1", "2"]);
    assert_eq!(world.rows("es", "SELECT s FROM total"), ["5"]);
    let reasons = world.rows("es", "SELECT position, cause, reason FROM domicile_quarantine");
    assert!(reasons.len() == 1 && reasons[0].starts_with("2|refused|") && reasons[0].contains("one"), "{reasons:?}");
}

#[test]
fn ignored_records_are_counted_and_not_analysed() {
    let world = World::with_orders(&[
        "'ES', 'test', NULL, 1",
        "'ES', 'Ana', NULL, 1",
        "'XX', 'test', NULL, 1",
        "'ES', 'test', NULL, 'bad'",
    ]);
    let report = world.run(&Setup::none().setting("ignore = \"customer = 'test'\""));
    assert_eq!(counts(home(&report, "es")), [3, 1, 1, 1], "a bad value comes first");
    assert_eq!(counts(&report.control), [1, 0, 1, 0], "what has no home can be ignored");
    assert_eq!(world.rows("es", "SELECT id FROM seen"), ["2"]);
}

#[test]
fn a_reason_names_near_misses() {
    let world = World::with_orders(&["'Frnace', 'Luc', NULL, 1", "'???', 'Luc', NULL, 1", "NULL, 'Luc', NULL, 1"]);
    world.run(&Setup::none().key("country_code(country)"));
    let reasons = world.control("SELECT reason FROM domicile_quarantine ORDER BY position");
    assert!(
        reasons[0].starts_with(
            "the routing key `country_code(country)` is NULL; `country` is \"Frnace\"; did you mean France (FR)"
        ),
        "{reasons:?}"
    );
    assert_eq!(reasons[1], "the routing key `country_code(country)` is NULL; `country` is \"???\"");
    assert_eq!(reasons[2], "the routing key `country_code(country)` is NULL; `country` is NULL");
}

#[test]
fn a_rule_of_another_type_is_refused() {
    let world = World::with_orders(&[]);
    let help = "write an SQL expression over the source's columns, for example country_code(country)";
    let problems = world.problems(&Setup::none().key("amount"));
    assert_eq!(
        problems,
        [format!(
            "source[0].key: it gives Decimal128(12, 2), and a routing key is text: CAST(amount AS VARCHAR) / {help}"
        )]
    );
    let problems = world.problems(&Setup::none().setting("ignore = \"customer\""));
    assert_eq!(
        problems,
        [format!("source[0].ignore: it gives Utf8, and what is ignored is said by true or false / {help}")]
    );
    assert!(world.problems(&Setup::none().key("nonsense"))[0].starts_with("source[0].key: "));
    assert_eq!(world.problems(&Setup::none().key("CAST(quantity AS TEXT)")), Vec::<String>::new());
}

#[test]
fn a_key_that_changes_by_itself_is_refused() {
    let world = World::with_orders(&[]);
    assert_eq!(world.problems(&Setup::none().key("uuid()")).len(), 1, "a record would have another home each time");
}

#[test]
fn equal_records_are_each_kept_in_quarantine() {
    let world = World::new("CREATE TABLE events (at INTEGER NOT NULL, country TEXT)");
    world.source("INSERT INTO events VALUES (1, 'ES'), (1, 'XX'), (1, 'XX'), (2, 'XX')");
    let source = "name = \"events\"\nquery = \"SELECT at, country FROM events\"\ncursor = \"at\"";
    let report = world.run(&Setup::new().source(source).insert("events", "SELECT at FROM record"));
    assert_eq!(counts(&report.control), [3, 0, 0, 3]);
    assert_eq!(world.control("SELECT position, number FROM domicile_quarantine ORDER BY 1, 2"), ["1|0", "1|1", "2|0"]);
}

#[test]
fn one_bad_value_of_many_is_found_by_halving() {
    let world = World::with_orders(&[]);
    world.source(
        "WITH RECURSIVE n AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM n LIMIT 2000)
         INSERT INTO orders (country, customer) SELECT 'ES', CASE n WHEN 777 THEN 'many' ELSE n END FROM n",
    );
    let key = "CASE WHEN CAST(customer AS INT) > 0 THEN country END";
    let report = world.run(&Setup::none().key(key));
    assert_eq!((report.total().delivered, counts(&report.control)), (1999, [1, 0, 0, 1]));
    assert_eq!(world.control("SELECT position, cause FROM domicile_quarantine"), ["777|bad_value"]);
}

#[test]
fn a_record_that_refers_to_nothing_goes_to_quarantine_also_where_sqlite_asks_at_the_commit() {
    let deferred = "DEFERRABLE INITIALLY DEFERRED";
    for (orders, key) in [
        (format!("customer TEXT REFERENCES customers {deferred}"), ""),
        (format!("customer TEXT, amount NUMERIC, FOREIGN KEY (customer) REFERENCES customers (name) {deferred}"), ""),
        (format!("customer TEXT REFERENCES customers (name) {deferred}, PRIMARY KEY (id)) WITHOUT ROWID --"), "id"),
        (String::from("customer TEXT REFERENCES customers (name)"), ""),
    ] {
        let world = World::with_orders(&["'ES', 'Ana', NULL, 1", "'ES', 'Bea', NULL, 1", "'ES', NULL, NULL, 1"]);
        let tables = format!(
            "CREATE TABLE customers (name TEXT PRIMARY KEY); INSERT INTO customers VALUES ('Ana');
             CREATE TABLE orders (id INTEGER NOT NULL, {orders})"
        );
        world.in_home("es", &tables);
        let setup = Setup::new();
        let setup = match key {
            "" => setup.insert("orders", "SELECT id, customer FROM record"),
            key => setup.replace("orders", key, "SELECT id, customer FROM record"),
        };
        assert_eq!(counts(home(&world.run(&setup), "es")), [3, 2, 0, 1], "{orders}");
        assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "3"]);
        let reason = world.rows("es", "SELECT position, reason FROM domicile_quarantine");
        assert_eq!(reason, ["2|FOREIGN KEY constraint failed"]);
        assert_eq!(world.rows("es", "SELECT name FROM sqlite_schema WHERE type = 'trigger'"), [""; 0]);
    }
}

#[test]
fn what_a_record_refers_to_may_come_with_it_and_be_written_after_it_where_sqlite_asks_at_the_commit() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1", "'ES', 'Bea', NULL, 1", "'ES', 'Bea', NULL, 2"]);
    world.in_home(
        "es",
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE);
         CREATE TABLE orders (id INTEGER, customer TEXT, self INTEGER,
             FOREIGN KEY (customer) REFERENCES customers (name) DEFERRABLE INITIALLY DEFERRED,
             FOREIGN KEY (self) REFERENCES customers DEFERRABLE INITIALLY DEFERRED)",
    );
    let setup = Setup::new()
        .insert("orders", "SELECT id, upper(customer) AS customer, id AS self FROM record")
        .replace("customers", "id", "SELECT id, customer AS name FROM record");
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "es")), [3, 2, 0, 1], "{report:#?}");
    assert_eq!(world.rows("es", "SELECT id, customer FROM orders ORDER BY id"), ["1|ANA", "2|BEA"]);
}

#[test]
fn a_text_that_a_column_of_sqlite_takes_for_json_and_is_none_goes_to_quarantine() {
    let setup = Setup::new().insert("orders", "SELECT id, customer FROM record");
    let world = World::with_orders(&["'ES', '{}', NULL, 1.00", "'ES', '{', NULL, 1.00", "'ES', '[]', NULL, 1.00"]);
    let generated =
        "CREATE TABLE orders (id INTEGER, customer TEXT, of_json TEXT AS (json_extract(customer, '$.of')) STORED)";
    world.in_home("es", generated);
    assert_eq!(counts(home(&world.run(&setup), "es")), [3, 2, 0, 1]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "3"]);
    assert_eq!(world.rows("es", "SELECT position, reason FROM domicile_quarantine"), ["2|malformed JSON"]);
}
