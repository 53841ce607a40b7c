//! `domicile check`: everything that is wrong, at once, and nothing is written.

use std::os::unix::fs::PermissionsExt;

use domicile_testkit::{CONFIG, Sandbox, Shop, assert_arrived, unprivileged};

use crate::command::{domicile, run, wrapped};

/// The configuration of the shop with parts replaced.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(CONFIG.to_owned(), |config, (from, to)| {
        assert!(config.contains(from), "{from}");
        config.replacen(from, to, 1)
    })
}

#[test]
fn a_good_configuration_passes() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 71);
    let before = sandbox.files();
    let checked = domicile(sandbox.dir(), ["check"]).exits(0);
    insta::assert_snapshot!(checked.stdout, @"
    source sales: exact: SQLite has one writer at a time, and it gives `id` by AUTOINCREMENT: an id grows and never comes again, unless one is set by hand
      writes sales, customers, daily
    5 homes can be used; nothing was written
    ");
    assert_eq!(checked.stderr, "");
    assert_eq!(before, sandbox.files());
    shop.sell(20);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    let before = sandbox.files();
    let json = domicile(sandbox.dir(), ["check", "--json"]).exits(0).json();
    assert_eq!((&json["homes"], &json["sources"][0]["tables"][2]), (&5.into(), &"daily".into()));
    assert_eq!(before, sandbox.files());
    assert_arrived(&sandbox);
}

#[test]
fn a_cursor_that_no_index_is_over_is_warned_of() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 79).sell(20);
    sandbox.write_config(&changed(&[("cursor = \"id\"", "cursor = [\"sold_on\", \"id\"]")]));
    let checked = domicile(sandbox.dir(), ["check"]).exits(0);
    insta::assert_snapshot!(checked.stderr, @r#"
    domicile.toml:14:10: warning: no index has the records in the order of the cursor `sold_on, id`, so that a batch may take as long as a look through all of them
      help: CREATE INDEX "sales_cursor" ON "sales" ("sold_on", "id")
    "#);
    assert!(checked.stdout.ends_with("5 homes can be used; nothing was written\n"), "{}", checked.stdout);
    let json = domicile(sandbox.dir(), ["check", "--json"]).exits(0).json();
    assert_eq!(json["warnings"][0]["help"], "CREATE INDEX \"sales_cursor\" ON \"sales\" (\"sold_on\", \"id\")");
    sandbox.source().execute_batch(json["warnings"][0]["help"].as_str().unwrap()).unwrap();
    assert_eq!(domicile(sandbox.dir(), ["check"]).exits(0).stderr, "");
}

#[test]
fn a_home_that_is_read_from_the_start_is_told_and_what_is_alike_in_sources_is_told_once() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 86).sell(50);
    let again = CONFIG.split_once("[[source]]").unwrap().1;
    let (before, daily) = again.rsplit_once("[[source.analyser]]").unwrap();
    let second = format!("{before}[[source.analyser]]{daily}").replace("into = \"", "into = \"second_");
    sandbox.write_config(&format!("{CONFIG}\n[[source]]\nname = \"second\"{second}"));
    let checked = domicile(sandbox.dir(), ["check"]).exits(0).stdout;
    assert!(checked.contains("source second: exact, as sales\n") && !checked.contains("from the start"), "{checked}");
    sandbox.write_config(CONFIG);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert!(!domicile(sandbox.dir(), ["check"]).exits(0).stdout.contains("from the start"));
    sandbox.write_config(&changed(&[("spain = \"ES\"", "spain = \"ES\"\nnepal = \"NP\"")]));
    std::fs::remove_file(sandbox.home_path("spain")).unwrap();
    domicile(sandbox.dir(), ["check"]).exits(0).says("  reads from the start for spain, nepal\n");
}

#[test]
fn all_mistakes_of_the_settings_are_told_at_once() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 72).sell(20);
    sandbox.write_config(&changed(&[
        ("control = ", "contro = "),
        ("france = \"FR\"", "france = [\"FR\", \"JP\"]"),
        ("japan = \"JP\"", "japan = \"JP\"\njapan = \"CN\""),
        ("spain = \"ES\"", "spain = { url = \"sqlite:homes/./portugal.sqlite\", keys = \"ES\" }"),
        ("ignore = \"status = 'test'\"", "ignore = true"),
        ("write = \"merge\"", "write = \"add\""),
    ]));
    let before = sandbox.files();
    let checked = domicile(sandbox.dir(), ["check"]).exits(2);
    insta::assert_snapshot!(checked.stderr, @r#"
    domicile.toml:1:1: error: unknown setting `contro`
      help: did you mean `control`?
    domicile.toml:1:1: error: missing setting `control`
      help: add it at the top of the file, as in `control = "sqlite:control.sqlite"`
    domicile.toml:7:9: error: the routing key `JP` is placed twice: by `homes.france[1]` in line 5, and in line 7
      help: a key has one home: remove it from one of the two
    domicile.toml:8:1: error: `japan` is set twice
      help: keep one of the two: a setting is given once, and a table has one header
    domicile.toml:10:9: error: the home `spain` is the same database as the home `portugal` in line 9
      help: give each a database of its own; only sources may share one
    domicile.toml:17:10: error: `source[0].ignore` must be a text, not true or false
      help: write it as in `ignore = "status = 'test'"`
    domicile.toml:32:9: error: `source[0].analyser[2].write` cannot be `add`
      help: the choices are `insert`, `replace`, `merge`
    "#);
    assert_eq!(checked.stdout, "");
    assert_eq!(before, sandbox.files());
}

#[test]
fn all_mistakes_that_planning_finds_are_told_at_once() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 73).sell(20);
    let table = "CREATE TABLE customers (customer TEXT PRIMARY KEY, home TEXT, last_sale TEXT)";
    sandbox.home("japan").execute_batch(table).unwrap();
    sandbox.write_config(&changed(&[
        ("key = \"country_code(country)\"", "key = \"country_code(land)\""),
        ("SELECT * FROM record", "SELEC * FROM record"),
        ("last_sale FROM record", "last_sale FROM record ORDER BY id"),
        ("max(amount) AS largest", "max(amount) + 1 AS largest"),
    ]));
    let before = sandbox.files();
    let checked = domicile(sandbox.dir(), ["check"]).exits(2);
    insta::assert_snapshot!(checked.stderr, @r#"
    domicile.toml:15:7: error: Schema error: No field named land.
    Valid fields are id, country, customer, sold_on, status, amount.
      help: write an SQL expression over the source's columns, for example country_code(country)
    domicile.toml:21:7: error: SQL error: ParserError("Expected: an SQL statement, found: SELEC at Line: 1, Column: 1")
      help: `record` is the table to select from; its columns are the source's, and its functions are DataFusion's
    domicile.toml:27:7: error: ORDER BY: the result would depend on how the records were cut into batches
      help: an analyser sees one batch of one home: use a projection, a filter or a GROUP BY with write = "merge"
    domicile.toml:32:7: error: `largest` is computed from aggregates, and what is computed cannot be merged
      help: keep its parts (sum, count, min, max) as columns of their own, and compute when you read the table; avg(x) AS a is kept as a_sum and a_count
    "#);
    assert_eq!(before, sandbox.files());
}

#[test]
fn mistakes_of_every_kind_are_told_at_once() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 78).sell(20);
    let table =
        "CREATE TABLE sales (id INTEGER, country TEXT, customer TEXT, sold_on DATE, status TEXT, amount INTEGER)";
    sandbox.home("japan").execute_batch(table).unwrap();
    std::fs::create_dir_all(sandbox.home_path("spain")).unwrap();
    sandbox.write_config(&changed(&[
        ("control = ", "contro = "),
        ("france = \"FR\"", "france = [\"FR\", \"JP\"]"),
        ("portugal = \"PT\"", "portugal = { url = \"sqlite:homes/germany.sqlite\", keys = \"PT\" }"),
        ("cursor = \"id\"", "cursor = \"number\""),
        ("key = \"country_code(country)\"", "key = \"country_code(land)\""),
        ("last_sale FROM record", "last_sale FROM records"),
    ]));
    let before = sandbox.files();
    let checked = domicile(sandbox.dir(), ["check"]).exits(2);
    insta::assert_snapshot!(checked.stderr, @r#"
    domicile.toml:1:1: error: unknown setting `contro`
      help: did you mean `control`?
    domicile.toml:1:1: error: missing setting `control`
      help: add it at the top of the file, as in `control = "sqlite:control.sqlite"`
    domicile.toml:2:12: error: home spain: the database sqlite:homes/spain.sqlite cannot be used: the path is a folder, or leads through a file
      help: check the path, and that the file can be written
    domicile.toml:7:9: error: the routing key `JP` is placed twice: by `homes.france[1]` in line 5, and in line 7
      help: a key has one home: remove it from one of the two
    domicile.toml:8:12: error: the home `portugal` is the same database as the home `germany` in line 6
      help: give each a database of its own; only sources may share one
    domicile.toml:14:10: error: the cursor `number` is no column
      help: the columns that can be one are: ["id", "country", "customer", "sold_on", "status", "amount"]
    domicile.toml:15:7: error: Schema error: No field named land.
    Valid fields are id, country, customer, sold_on, status, amount.
      help: write an SQL expression over the source's columns, for example country_code(country)
    domicile.toml:20:8: error: home japan: `sales.amount` is declared `INTEGER`, which does not keep Decimal128(12, 2) as it is
      help: declare it DECIMAL(12,2), or cast the analyser's result
    domicile.toml:27:7: error: Error during planning: table 'records' not found
      help: `record` is the table to select from; its columns are the source's, and its functions are DataFusion's
    "#);
    assert_eq!(before, sandbox.files());
}

#[test]
fn a_setting_that_is_missing_hides_nothing() {
    for (missing, told) in [
        ("control = ", "missing setting `control`"),
        ("[homes]", "missing setting `homes`"),
        ("cursor = ", "missing setting `cursor`"),
        ("key = \"country_code", "missing setting `key`"),
    ] {
        let sandbox = Sandbox::new();
        Shop::open(&sandbox, 79).sell(20);
        let misspelt = missing.replacen(|char: char| char.is_alphabetic(), "_", 1);
        sandbox.write_config(&changed(&[(missing, &misspelt), ("SELECT * FROM record", "SELECT * FROM records")]));
        let checked = domicile(sandbox.dir(), ["check"]).exits(2);
        checked.complains(told).complains("records' not found");
    }
}

#[test]
fn what_earlier_runs_left_is_not_held_against_a_file_that_is_broken() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 82).sell(20);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    for (right, wrong) in [
        ("control = ", "contro = "),
        ("homes/{home}", "${NOWHERE}/{home}"),
        ("spain = \"ES\"", "spain = { url = \"mysql:spain\", keys = \"ES\" }"),
        ("japan = \"JP\"", "japan = [\"JP\", \"FR\"]"),
    ] {
        sandbox.write_config(&changed(&[(right, wrong)]));
        let told = domicile(sandbox.dir(), ["check"]).exits(2).stderr;
        assert!(!told.contains("until now") && !told.contains("another control database"), "{told}");
    }
    // With the file mended, or the control database away, it is as it should be.
    sandbox.write_config(CONFIG);
    domicile(sandbox.dir(), ["check"]).exits(0);
    std::fs::write(sandbox.control_path(), "no database, but text that is long enough to be taken for one").unwrap();
    let told = domicile(sandbox.dir(), ["check"]).exits(1).complains("file is not a database").stderr;
    assert_eq!(told.matches("error: ").count(), 1, "{told}");
    std::fs::remove_file(sandbox.control_path()).unwrap();
    domicile(sandbox.dir(), ["check"]).exits(2).complains("was read with another control database");
}

#[test]
fn sources_of_one_name_are_told_each_at_its_place() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 83).sell(20);
    let source = "\n[[source]]\nurl = \"sqlite:source.sqlite\"\ntable = \"sales\"\ncursor = \"id\"\nkey = \"country_code(country)\"\n";
    let analyser = |into: &str, sql: &str| format!("[[source.analyser]]\ninto = \"{into}\"\nsql = \"{sql}\"\n");
    let analysers: String =
        ["one", "two", "three", "four"].iter().map(|into| analyser(into, "SELECT id FROM record")).collect();
    sandbox.write_config(&format!("{CONFIG}{source}{analysers}{}", analyser("sales", "SELECT id FROM record")));
    let told = domicile(sandbox.dir(), ["check"]).exits(2).complains("has the name `sales` as well").stderr;
    let line = CONFIG.lines().count() + 6 + 4 * 3 + 2;
    let expected = format!("domicile.toml:{line}:8: error: two analysers write `sales`, with different columns");
    assert!(told.contains(&expected), "{expected}\n{told}");
}

#[test]
fn a_folder_that_this_user_may_not_write_is_told() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 80).sell(20);
    std::fs::create_dir_all(sandbox.path("homes")).unwrap();
    let permit = |mode| std::fs::set_permissions(sandbox.path("homes"), std::fs::Permissions::from_mode(mode)).unwrap();
    permit(0o555);
    let told = "home france and 4 more: the database sqlite:homes/france.sqlite cannot be used: the file or its folder is read-only";
    wrapped(&unprivileged(), sandbox.dir(), &["check"]).exits(1).complains(told);
    wrapped(&unprivileged(), sandbox.dir(), &["run"]).exits(1).says("FAILED france: ");
    permit(0o755);
    wrapped(&unprivileged(), sandbox.dir(), &["check"]).exits(0);
    wrapped(&unprivileged(), sandbox.dir(), &["run"]).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}

#[test]
fn a_source_that_cannot_be_gone_on_with_is_told() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 81).sell(20);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    domicile(sandbox.dir(), ["check"]).exits(0);
    sandbox.source().execute_batch("DELETE FROM sales WHERE id > 1; DELETE FROM sqlite_sequence").unwrap();
    let told = "source sales: it ends at 1, but a home has got to 20; was it restored or replaced?";
    domicile(sandbox.dir(), ["check"]).exits(1).complains(told);
    run(&sandbox).exits(1).says(told);
}

#[test]
fn a_wrong_key_does_not_hide_a_wrong_ignore() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 77).sell(20);
    let (key, ignore) = (("country_code(country)", "country_code(land)"), ("ignore = \"status", "ignore = \"state"));
    sandbox.write_config(&changed(&[key]));
    domicile(sandbox.dir(), ["check"]).exits(2).complains("domicile.toml:15:7: error: ");
    sandbox.write_config(&changed(&[ignore]));
    domicile(sandbox.dir(), ["check"]).exits(2).complains("domicile.toml:16:10: error: ");
    sandbox.write_config(&changed(&[key, ignore]));
    let both = domicile(sandbox.dir(), ["check"]).exits(2);
    both.complains("domicile.toml:15:7: error: ").complains("domicile.toml:16:10: error: ");
}

#[test]
fn databases_that_cannot_be_used_and_tables_that_do_not_fit_are_told_at_once() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 74).sell(20);
    let table = "CREATE TABLE customers (customer TEXT PRIMARY KEY, home TEXT, last_sale TEXT)";
    sandbox.home("japan").execute_batch(table).unwrap();
    sandbox.home("france").execute_batch(table).unwrap();
    std::fs::create_dir(sandbox.home_path("spain")).unwrap();
    std::fs::write(sandbox.control_path(), "no database, but text that is long enough to be taken for one").unwrap();
    let before = sandbox.files();
    let checked = domicile(sandbox.dir(), ["check"]).exits(2);
    insta::assert_snapshot!(checked.stderr, @"
    domicile.toml:1:11: error: the control database: the database sqlite:control.sqlite cannot be used: file is not a database
      help: check the path, and that the file can be written
    domicile.toml:2:12: error: home spain: the database sqlite:homes/spain.sqlite cannot be used: the path is a folder, or leads through a file
      help: check the path, and that the file can be written
    domicile.toml:24:8: error: home france and 1 more: `customers.last_sale` is declared `TEXT`, which does not keep Int64 as it is
      help: declare it INTEGER, or cast the analyser's result
    ");
    assert_eq!(before, sandbox.files());
}

#[test]
fn a_database_that_fails_is_told_with_its_setting_and_is_no_mistake_of_the_configuration() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 85).sell(20);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    let no_database = "no database, but text that is long enough to be taken for one";
    for (path, place) in [(sandbox.source_path(), "domicile.toml:12:7"), (sandbox.control_path(), "domicile.toml:1:11")]
    {
        let kept = std::fs::read(&path).unwrap();
        std::fs::write(&path, no_database).unwrap();
        for command in ["check", "run"] {
            let told = domicile(sandbox.dir(), [command]).exits(1);
            told.complains(&format!("{place}: error: ")).complains("file is not a database");
        }
        // Beside a mistake, it is one.
        sandbox.write_config(&changed(&[("country_code(country)", "country_code(country")]));
        domicile(sandbox.dir(), ["check"]).exits(2);
        sandbox.write_config(CONFIG);
        std::fs::write(&path, kept).unwrap();
    }
    run(&sandbox).exits(0);
}

#[test]
fn a_source_that_is_not_there_is_told_and_not_made() {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 75);
    sandbox.write_config(&changed(&[("sqlite:source.sqlite", "sqlite:sauce.sqlite")]));
    let before = sandbox.files();
    let checked = domicile(sandbox.dir(), ["check"]).exits(1);
    insta::assert_snapshot!(checked.stderr, @"
    domicile.toml:12:7: error: the database sqlite:sauce.sqlite cannot be opened: unable to open the database file
      help: check that it is there, and a SQLite database that this user may read
    ");
    assert_eq!(before, sandbox.files());
}

#[test]
fn a_source_whose_columns_are_not_known_has_its_sql_read_all_the_same() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 84).sell(20);
    for (right, wrong, told) in [
        ("sqlite:source.sqlite", "sqlite:sauce.sqlite", "unable to open the database file"),
        ("table = \"sales\"", "table = \"sails\"", "no such table: sails\n  help: its tables and views are: sales\n"),
    ] {
        sandbox.write_config(&changed(&[(right, wrong)]));
        let alone = domicile(sandbox.dir(), ["check"]).exits_with_any_of(&[1, 2]).complains(told);
        assert_eq!(
            alone.stderr.matches("domicile.toml:").count(),
            1,
            "SQL that is sound is not told: {}",
            alone.stderr
        );
        sandbox.write_config(&changed(&[
            (right, wrong),
            ("key = \"country_code(country)\"", "key = \"country_code(country\""),
            ("ignore = \"status", "ignore = \"status ="),
            ("SELECT * FROM record", "SELCT * FROM record"),
        ]));
        let all = domicile(sandbox.dir(), ["check"]).exits(2).complains(told);
        assert_eq!(all.stderr.matches("domicile.toml:").count(), 4, "{}", all.stderr);
        all.complains("domicile.toml:15:7: error: ")
            .complains("domicile.toml:16:10: error: ")
            .complains("found: SELCT");
    }
}

#[test]
fn its_json_has_the_place_and_the_help_of_every_problem() {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 76);
    sandbox.write_config(&changed(&[("cursor = ", "cursr = "), ("into = \"daily\"", "into = \"domicile_daily\"")]));
    let json = domicile(sandbox.dir(), ["check", "--json"]).exits(2).json();
    let problems = json["problems"].as_array().unwrap();
    assert!(problems.len() >= 2, "{json}");
    for problem in problems {
        assert_eq!((&problem["file"], &problem["severity"]), (&"domicile.toml".into(), &"error".into()));
        assert!(problem["line"].as_u64() > Some(0) && problem["help"].is_string(), "{problem}");
    }
}
