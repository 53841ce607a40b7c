//! Tables that are in a home before the first run: those that fit are used, the others are told with their fix.

use crate::fixture::{Setup, World, counts, home};

fn world() -> World {
    World::with_orders(&["'ES', 'Ana', '2024-01-01', 1.50", "'FR', 'Luc', '2024-01-02', 2.50"])
}

fn inserting() -> Setup {
    Setup::new().insert("made", "SELECT id, customer, amount FROM record")
}

fn merging() -> Setup {
    Setup::new().merge("made", "SELECT customer, sum(amount) AS s FROM record GROUP BY customer")
}

/// The problems with a table that both homes have.
fn problems(setup: &Setup, table: &str) -> Vec<String> {
    let world = world();
    world.in_home("es", table);
    world.in_home("fr", table);
    let problems = world.problems(setup);
    if problems.is_empty() {
        world.run(setup);
        assert_eq!(world.rows("es", "SELECT count(*) FROM made"), ["1"], "{table}");
    } else {
        // A run is refused as well, before anything is written.
        let before = std::fs::read(world.home_path("es")).unwrap();
        let refused = crate::fixture::run(&world.pipeline(setup), std::sync::Arc::new(domicile_pipeline::Silent));
        assert!(refused.unwrap_err().is_configuration());
        assert_eq!(std::fs::read(world.home_path("es")).unwrap(), before);
    }
    problems
}

fn problem(setup: &Setup, table: &str) -> String {
    let problems = problems(setup, table);
    assert_eq!(problems.len(), 1, "{table}: {problems:?}");
    problems[0].clone()
}

const INTO: &str = "source[0].analyser[0].into: home es and 1 more: ";

#[test]
fn a_table_that_fits_is_used() {
    for table in [
        "CREATE TABLE made (id INTEGER PRIMARY KEY, customer TEXT, amount NUMERIC)",
        "CREATE TABLE made (amount DECIMAL(12,2), CUSTOMER VARCHAR(9) NOT NULL, ID BIGINT)",
        "CREATE TABLE made (id INT, customer CLOB, amount TEXT, note TEXT, seen INTEGER)",
        "CREATE TABLE made (id INT, customer TEXT, amount NUMERIC, note TEXT NOT NULL DEFAULT '')",
        "CREATE TABLE made (id INT, customer TEXT, amount TEXT, twice TEXT NOT NULL AS (customer || customer))",
        "CREATE TABLE made (id INT, customer TEXT, amount NUMERIC, number INTEGER PRIMARY KEY NOT NULL)",
    ] {
        assert_eq!(problems(&inserting(), table), Vec::<String>::new(), "{table}");
    }
}

#[test]
fn a_missing_column_is_told() {
    let expected = format!(
        "{INTO}the table `made` has no column `amount` / ALTER TABLE \"made\" ADD COLUMN \"amount\" DECIMAL(12,2)"
    );
    assert_eq!(problem(&inserting(), "CREATE TABLE made (id INTEGER, customer TEXT)"), expected);
    // The fix is one.
    let fixed =
        "CREATE TABLE made (id INTEGER, customer TEXT); ALTER TABLE \"made\" ADD COLUMN \"amount\" DECIMAL(12,2)";
    assert_eq!(problems(&inserting(), fixed), Vec::<String>::new());
}

#[test]
fn a_further_column_that_must_be_given_is_told() {
    let expected = format!(
        "{INTO}`made.note` is NOT NULL without a default, and the analyser has no such column / add it to the analyser's \
         result, or give it a default"
    );
    assert_eq!(
        problem(&inserting(), "CREATE TABLE made (id INT, customer TEXT, amount NUMERIC, note TEXT NOT NULL)"),
        expected
    );
}

#[test]
fn a_column_that_would_change_values_is_told() {
    for (table, told) in [
        (
            "CREATE TABLE made (id INT, customer NUMERIC, amount NUMERIC)",
            "`made.customer` is declared `NUMERIC`, which does not keep Utf8 as it is / declare it TEXT, or cast the analyser's result",
        ),
        (
            "CREATE TABLE made (id INT, customer TEXT, amount INTEGER)",
            "`made.amount` is declared `INTEGER`, which does not keep Decimal128(12, 2) as it is / declare it DECIMAL(12,2), or \
             cast the analyser's result",
        ),
        (
            "CREATE TABLE made (id INT, customer TEXT, amount REAL)",
            "`made.amount` is declared `REAL`, which does not keep Decimal128(12, 2) as it is / declare it DECIMAL(12,2), or \
             cast the analyser's result",
        ),
        (
            "CREATE TABLE made (id TEXT, customer TEXT, amount NUMERIC)",
            "`made.id` is declared `TEXT`, which does not keep Int64 as it is / declare it INTEGER, or cast the analyser's result",
        ),
        (
            "CREATE TABLE made (id INT, customer, amount NUMERIC)",
            "`made.customer` is declared ``, which does not keep Utf8 as it is / declare it TEXT, or cast the analyser's result",
        ),
        (
            "CREATE TABLE made (id INT, customer TEXT AS ('x'), amount NUMERIC)",
            "`made.customer` is a generated column / leave it out of the analyser's result",
        ),
    ] {
        assert_eq!(problem(&inserting(), table), format!("{INTO}{told}"), "{table}");
    }
}

#[test]
fn a_missing_unique_key_is_told() {
    let table = "CREATE TABLE made (customer TEXT, s NUMERIC, id INTEGER, amount NUMERIC)";
    let fix = "CREATE UNIQUE INDEX \"made_key\" ON \"made\" (\"customer\")";
    let expected = format!("{INTO}the table `made` has no unique key over \"customer\" / {fix}");
    let replacing = Setup::new().replace("made", "customer", "SELECT customer, id FROM record");
    for setup in [merging(), replacing] {
        assert_eq!(problem(&setup, table), expected);
        assert_eq!(problem(&setup, &format!("{table}; CREATE INDEX made_key ON made (customer)")), expected);
        assert_eq!(problem(&setup, &format!("{table}; CREATE UNIQUE INDEX made_key ON made (customer, s)")), expected);
        assert_eq!(
            problem(&setup, &format!("{table}; CREATE UNIQUE INDEX made_key ON made (customer) WHERE s > 0")),
            expected
        );
        assert_eq!(problems(&setup, &format!("{table}; {fix}")), Vec::<String>::new());
    }
    let key = "CREATE TABLE made (Customer TEXT PRIMARY KEY, s NUMERIC)";
    assert_eq!(problems(&merging(), key), Vec::<String>::new());
    assert_eq!(problems(&inserting(), table), Vec::<String>::new(), "an insert needs no key");
}

#[test]
fn a_key_that_takes_texts_that_differ_for_one_is_told() {
    let replacing = Setup::new().replace("made", "customer", "SELECT customer, amount AS s FROM record");
    let told = "has the collation NOCASE, which takes some texts that differ for one key";
    for setup in [merging(), replacing] {
        for (table, name) in [
            ("CREATE TABLE made (customer TEXT PRIMARY KEY COLLATE NOCASE, s NUMERIC)", "customer"),
            ("CREATE TABLE made (Customer TEXT COLLATE NOCASE PRIMARY KEY, s NUMERIC) WITHOUT ROWID", "Customer"),
            (
                "CREATE TABLE made (customer TEXT, s NUMERIC); CREATE UNIQUE INDEX k ON made (customer COLLATE NOCASE)",
                "customer",
            ),
            (
                "CREATE TABLE made (customer TEXT COLLATE NOCASE, s NUMERIC); CREATE UNIQUE INDEX k ON made (customer)",
                "customer",
            ),
        ] {
            let problem = problem(&setup, table);
            let fix =
                problem.strip_prefix(&format!("{INTO}`made.{name}` {told} / ")).unwrap_or_else(|| panic!("{problem}"));
            assert_eq!(problems(&setup, &format!("{table}; {fix}")), Vec::<String>::new(), "{table}");
        }
        // An index by which no row is found that is added to says nothing, and neither does one that compares by bytes.
        let tight = "CREATE TABLE made (customer TEXT COLLATE NOCASE, s NUMERIC); CREATE INDEX i ON made (customer);
                     CREATE UNIQUE INDEX k ON made (customer COLLATE BINARY)";
        assert_eq!(problems(&setup, tight), Vec::<String>::new());
    }
    // Where no row is added to, the record of the second is refused.
    let inserting = Setup::new().insert("made", "SELECT customer, amount AS s FROM record");
    let loose = "CREATE TABLE made (customer TEXT PRIMARY KEY COLLATE NOCASE, s NUMERIC)";
    assert_eq!(problems(&inserting, loose), Vec::<String>::new());
    // Numbers are compared as numbers.
    let numbers = Setup::new().merge("made", "SELECT id, sum(amount) AS s FROM record GROUP BY id");
    let table = "CREATE TABLE made (id INTEGER, s NUMERIC); CREATE UNIQUE INDEX k ON made (id COLLATE NOCASE)";
    assert_eq!(problems(&numbers, table), Vec::<String>::new());
}

#[test]
fn the_least_and_the_greatest_text_is_that_of_the_bytes_whatever_the_columns_collation() {
    let world = World::with_orders(&["'ES', 'B', NULL, 1"]);
    let setup = Setup::new()
        .merge("made", "SELECT country, min(customer) AS least, max(customer) AS most FROM record GROUP BY country");
    world.in_home(
        "es",
        "CREATE TABLE made (country TEXT PRIMARY KEY, least TEXT COLLATE NOCASE, most TEXT COLLATE NOCASE)",
    );
    world.run(&setup);
    world.order(&["'ES', 'a', NULL, 1"]);
    world.run(&setup);
    assert_eq!(world.rows("es", "SELECT * FROM made"), ["ES|B|a"]);
}

#[test]
fn all_misfits_of_all_homes_are_told_at_once() {
    let world = world();
    world.in_home("es", "CREATE TABLE made (id TEXT, customer TEXT)");
    world.in_home("fr", "CREATE TABLE made (id INTEGER, customer TEXT)");
    let problems = world.problems(&inserting());
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("home es: `made.id` is declared `TEXT`")), "{problems:?}");
    assert!(
        problems.iter().any(|problem| problem.contains("home es and 1 more: the table `made` has no column")),
        "{problems:?}"
    );
}

#[test]
fn aggregates_are_added_to_what_is_there() {
    let world = world();
    world.in_home("es", "CREATE TABLE made (customer TEXT PRIMARY KEY, s NUMERIC, note TEXT); INSERT INTO made VALUES ('Ana', 0.10, 'kept')");
    world.run(&merging());
    assert_eq!(world.rows("es", "SELECT * FROM made"), ["Ana|1.6|kept"]);
}

#[test]
fn a_constraint_of_the_home_quarantines_the_record_that_breaks_it() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.50", "'ES', 'Eva', NULL, -1.50", "'ES', NULL, NULL, 1"]);
    world.in_home("es", "CREATE TABLE made (id INT, customer TEXT NOT NULL, amount NUMERIC CHECK (amount > 0))");
    let report = world.run(&inserting());
    assert_eq!(counts(home(&report, "es")), [3, 1, 0, 2]);
    let reasons = world.rows("es", "SELECT position, reason FROM domicile_quarantine ORDER BY 1");
    assert_eq!(reasons, ["2|CHECK constraint failed: amount > 0", "3|NOT NULL constraint failed: made.customer"]);
}

#[test]
fn a_constraint_that_drops_rows_silently_is_not_counted_as_delivered() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.50", "'ES', 'Ana', NULL, 2.50"]);
    world.in_home("es", "CREATE TABLE made (customer TEXT UNIQUE ON CONFLICT IGNORE, id INT, amount NUMERIC)");
    let report = world.run(&inserting());
    assert_eq!(counts(home(&report, "es")), [2, 1, 0, 1]);
    assert_eq!(world.rows("es", "SELECT id FROM made"), ["1"]);
    assert_eq!(world.rows("es", "SELECT position, cause FROM domicile_quarantine"), ["2|refused"]);
}

/// A source with amounts of up to 38 digits.
fn precise(amounts: &[&str]) -> World {
    let world = World::new("CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT, amount TEXT)");
    for amount in amounts {
        world.source(&format!("INSERT INTO orders (country, amount) VALUES ('ES', '{amount}')"));
    }
    world
}

const PRECISE: &str = "columns = { amount = \"decimal(20,2)\" }";
const FIFTEEN: &str = "1234567890123.45";
const SIXTEEN: &str = "12345678901234.56";

#[test]
fn decimals_stay_exact_in_text() {
    let world = precise(&[SIXTEEN, "-0.01", "123456789012345678.90"]);
    world.in_home("es", "CREATE TABLE made (id INT, amount TEXT)");
    world.in_home("es", "CREATE TABLE total (country TEXT PRIMARY KEY, s TEXT, least TEXT, most TEXT)");
    let setup = Setup::new().setting(PRECISE).insert("made", "SELECT id, amount FROM record").merge(
        "total",
        "SELECT country, sum(amount) AS s, min(amount) AS least, max(amount) AS most FROM record GROUP BY country",
    );
    world.run(&setup.clone().commit_rows(1).batch_rows(1));
    assert_eq!(world.rows("es", "SELECT amount FROM made ORDER BY id"), [SIXTEEN, "-0.01", "123456789012345678.90"]);
    let total = "SELECT s, typeof(s), least, most FROM total";
    assert_eq!(world.rows("es", total), ["123469134691246913.45|text|-0.01|123456789012345678.90"]);
    world.source("INSERT INTO orders (country, amount) VALUES ('ES', '900000000000000000.01'), ('ES', '-3')");
    world.run(&setup);
    assert_eq!(world.rows("es", total), ["1023469134691246910.46|text|-3.00|900000000000000000.01"]);
}

#[test]
fn a_column_for_numbers_takes_fifteen_digits() {
    for declared in ["NUMERIC", "DECIMAL(20,2)"] {
        let world = precise(&[FIFTEEN, SIXTEEN]);
        world.in_home("es", &format!("CREATE TABLE made (id INT, amount {declared})"));
        let report = world.run(&Setup::new().setting(PRECISE).insert("made", "SELECT id, amount FROM record"));
        assert_eq!(counts(home(&report, "es")), [2, 1, 0, 1], "{declared}");
        assert_eq!(world.rows("es", "SELECT id, amount FROM made"), [format!("1|{FIFTEEN}")]);
        let reasons = world.rows("es", "SELECT position, cause, reason, record ->> 'amount' FROM domicile_quarantine");
        assert_eq!(
            reasons,
            [format!("2|refused|`made.amount` cannot hold a decimal of more than 15 digits|{SIXTEEN}")]
        );
    }
}

#[test]
fn a_table_made_here_takes_fifteen_digits() {
    let world = precise(&[FIFTEEN, SIXTEEN]);
    let report = world.run(&Setup::new().setting(PRECISE).insert("made", "SELECT id, amount FROM record"));
    assert_eq!(counts(home(&report, "es")), [2, 1, 0, 1]);
    assert_eq!(world.rows("es", "SELECT id, amount FROM made"), [format!("1|{FIFTEEN}")]);
}

#[test]
fn a_whole_number_of_more_digits_stays_exact() {
    // 9007199254740993 is 2^53 + 1, which no double is.
    for sql in ["SELECT id, amount FROM record", "SELECT id, CAST(amount AS DECIMAL(20,0)) AS amount FROM record"] {
        let world = precise(&["9007199254740993.00"]);
        let setup = Setup::new().setting(PRECISE).insert("made", sql);
        for declared in ["REAL", "DOUBLE"] {
            world.in_home("es", &format!("DROP TABLE IF EXISTS made; CREATE TABLE made (id INT, amount {declared})"));
            assert_eq!(world.problems(&setup).len(), 1, "{declared} would round it");
        }
        world.in_home("es", "DROP TABLE made; CREATE TABLE made (id INT, amount NUMERIC)");
        world.run(&setup);
        assert_eq!(world.rows("es", "SELECT amount, typeof(amount) FROM made"), ["9007199254740993|integer"]);
    }
}

#[test]
fn an_analyser_that_is_added_later_is_told_that_records_were_read() {
    let world = world();
    let setup = Setup::new().insert("seen", "SELECT id FROM record");
    world.run(&setup);
    let problems = world.problems(&setup.clone().insert("made", "SELECT id FROM record"));
    let expected = "source[0].analyser[1].into: home es and 1 more: there is no table `made`, but records up to 2 have been read \
                    / records are read once: move a new analyser to a [[source]] of another name; put a table that was \
                    dropped back from a backup, or empty the database, so that it is read from the start";
    assert_eq!(problems, [expected]);
    assert_eq!(world.problems(&setup), Vec::<String>::new());
    let renamed = Setup::new().setting("name = \"orders again\"").insert("made", "SELECT id FROM record");
    world.run(&renamed);
    assert_eq!(world.rows("es", "SELECT id FROM made"), ["1"]);
}

#[test]
fn a_merged_column_that_takes_no_null_is_told() {
    let expected = format!(
        "{INTO}`made.s` is NOT NULL, but the sum of nothing but NULL is NULL / declare the column without NOT NULL"
    );
    let table = |constraint: &str| format!("CREATE TABLE made (customer TEXT PRIMARY KEY, s NUMERIC {constraint})");
    assert_eq!(problem(&merging(), &table("NOT NULL")), expected);
    assert_eq!(problems(&merging(), &table("")), Vec::<String>::new());
    // A count is never NULL.
    let counting = Setup::new().merge("made", "SELECT customer, count(amount) AS s FROM record GROUP BY customer");
    assert_eq!(problems(&counting, &table("NOT NULL")), Vec::<String>::new());
}

#[test]
fn a_merged_table_that_is_unique_in_another_way_as_well_is_told() {
    let expected = format!(
        "{INTO}the table `made` is unique over s as well, and a merged row could clash there / drop that constraint: what is \
         merged is told apart by its GROUP BY alone"
    );
    let table = |constraint: &str| format!("CREATE TABLE made (customer TEXT PRIMARY KEY, s NUMERIC {constraint})");
    assert_eq!(problem(&merging(), &table("UNIQUE")), expected);
    // Rows that are inserted go to quarantine where they clash, each by itself.
    let inserting = Setup::new().insert("made", "SELECT customer, amount AS s FROM record");
    assert_eq!(problems(&inserting, &table("UNIQUE")), Vec::<String>::new());
}

#[test]
fn only_a_row_id_is_filled_by_the_database() {
    let one = Setup::new().insert("made", "SELECT customer FROM record");
    let told = |table: &str| problem(&one, table).contains("`made.id` is NOT NULL without a default");
    assert!(told("CREATE TABLE made (id INTEGER NOT NULL, customer TEXT, PRIMARY KEY (id, customer))"));
    assert!(told("CREATE TABLE made (id INTEGER NOT NULL PRIMARY KEY, customer TEXT) WITHOUT ROWID"));
    let filled = "CREATE TABLE made (id INTEGER NOT NULL PRIMARY KEY, customer TEXT)";
    assert_eq!(problems(&one, filled), Vec::<String>::new());
}

#[test]
fn a_record_whose_row_a_trigger_drops_goes_to_quarantine_also_where_it_is_merged_or_replaced() {
    let replacing = Setup::new().replace("made", "customer", "SELECT customer, amount AS s FROM record");
    for setup in [merging(), replacing] {
        let world = world();
        world.order(&["'ES', 'Eva', NULL, 1"]);
        world.in_home(
            "es",
            "CREATE TABLE made (customer TEXT PRIMARY KEY, s NUMERIC);
             CREATE TRIGGER gone BEFORE INSERT ON made WHEN new.customer = 'Ana' BEGIN SELECT RAISE(IGNORE); END",
        );
        assert_eq!(counts(home(&world.run(&setup), "es")), [2, 1, 0, 1]);
        assert_eq!(world.rows("es", "SELECT customer FROM made"), ["Eva"]);
        assert_eq!(
            world.rows("es", "SELECT position, reason FROM domicile_quarantine"),
            ["1|a trigger of `made` drops the row"]
        );
    }
}
