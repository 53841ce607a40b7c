//! What the environment holds is used, and never shown or kept: not in messages, results or quarantine.

use domicile_testkit::{Sandbox, Shop};

use crate::command::{Ran, domicile_with};

const SECRET: &str = "hunter2";

/// The variable is in every text of it that may hold one.
const CONFIG: &str = r#"
control = "sqlite:${SECRET}-control.sqlite"
home_url = "sqlite:${SECRET}/{home}.sqlite"
homes = { spain = "ES", france = "FR" }
[[source]]
url = "sqlite:source.sqlite"
name = "sales"
query = "SELECT * FROM sales WHERE '${SECRET}' <> ''"
cursor = "id"
key = "CASE WHEN country <> '${SECRET}' THEN country_code(country) END"
ignore = "status = '${SECRET}'"
[[source.analyser]]
into = "sales"
sql = "SELECT id, country, amount, '${SECRET}' = status AS told FROM record"
"#;

fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 91);
    shop.sell_one(Some("España"), "2024-01-01", "10.50");
    shop.sell_one(Some("Frnace"), "2024-01-01", "20");
    shop.sell_one(Some("Brasil"), "2024-01-02", "30");
    sandbox.write_config(CONFIG);
    sandbox
}

/// Every command, in both of its forms.
fn all(sandbox: &Sandbox) -> Vec<Ran> {
    let ran = |command, json: &[&'static str]| {
        domicile_with(sandbox.dir(), [command].into_iter().chain(json.iter().copied()), &[("SECRET", SECRET)])
    };
    ["check", "explain", "run"].into_iter().flat_map(|command| [ran(command, &[]), ran(command, &["--json"])]).collect()
}

#[track_caller]
fn assert_untold(ran: &[Ran]) {
    for ran in ran {
        assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "{ran:#?}");
    }
}

#[test]
fn a_run_that_goes_well_tells_none() {
    let sandbox = shop();
    assert_untold(&all(&sandbox));
    let control = rusqlite::Connection::open(sandbox.path("hunter2-control.sqlite")).unwrap();
    let kept = "SELECT group_concat(reason || record, '|') FROM domicile_quarantine";
    let kept: String = control.query_row(kept, [], |row| row.get(0)).unwrap();
    assert!(kept.contains("Brasil") && kept.contains("${SECRET}") && !kept.contains(SECRET), "{kept}");
}

#[test]
fn no_mistake_tells_any() {
    for (right, wrong, told) in [
        ("WHERE '${SECRET}' <> ''", "WHERE json_extract(country, '${SECRET}') <> ''", "source[0].cursor"),
        ("sqlite:source", "sqlite:${SECRET}", "cannot be opened"),
        ("SELECT * FROM sales", "SELECT nothing FROM sales", "source[0].query"),
        ("country_code(country)", "country_code('${SECRET}' + land)", "source[0].key"),
        ("status = '${SECRET}'", "status = ${SECRET}", "source[0].ignore"),
        ("'${SECRET}' = status AS told", "'${SECRET}' = state", "source[0].analyser[0].sql"),
        ("'${SECRET}' = status AS told", "'${SECRET}'", "source[0].analyser[0].into"),
        ("cursor = \"id\"", "cursor = \"${SECRET}\"", "source[0].cursor"),
        ("sqlite:${SECRET}/{home}", "sqlite:source.sqlite/${SECRET}/{home}", "home_url"),
        ("\"FR\"", "\"${SECRET}!\"", "homes"),
        ("into = \"sales\"", "into = \"sqlite_${SECRET}\"", "reserved"),
    ] {
        let sandbox = shop();
        assert!(CONFIG.contains(right), "{right}");
        // A table that is there already, so that a column's name is told.
        std::fs::create_dir(sandbox.path(SECRET)).unwrap();
        let spain = rusqlite::Connection::open(sandbox.path("hunter2/spain.sqlite")).unwrap();
        spain.execute_batch("CREATE TABLE sales (id INTEGER, country TEXT, amount NUMERIC, told BOOLEAN)").unwrap();
        sandbox.write_config(&CONFIG.replacen(right, wrong, 1));
        let ran = all(&sandbox);
        // What is explained are the objects themselves, and with them what the query puts in.
        let explained = 2..4;
        assert_untold(&ran[..explained.start]);
        assert_untold(&ran[explained.end..]);
        let checked = format!("{}{}", ran[0].stderr, ran[1].stdout);
        assert!(checked.contains(told), "{told}: {checked}");
    }
}

#[test]
fn no_value_that_does_not_fit_tells_any() {
    for (right, wrong) in [
        ("THEN country_code(country) END", "THEN CAST(CAST(concat('${SECRET}', country) AS BIGINT) AS VARCHAR) END"),
        ("status = '${SECRET}'", "CAST(concat('${SECRET}', country) AS BIGINT) = 1"),
        ("'${SECRET}' = status AS told", "CAST(concat('${SECRET}', status) AS BIGINT) AS told"),
    ] {
        let sandbox = shop();
        sandbox.write_config(&CONFIG.replacen(right, wrong, 1));
        let ran = all(&sandbox);
        assert_untold(&ran);
        let explained = &ran[2].stdout;
        assert!(explained.contains("what is said of it is left out"), "{explained}");
        for database in ["hunter2-control.sqlite", "hunter2/spain.sqlite"] {
            let Ok(database) = rusqlite::Connection::open(sandbox.path(database)) else { continue };
            let kept = "SELECT coalesce(group_concat(reason, '|'), '') FROM domicile_quarantine";
            let kept: String = database.query_row(kept, [], |row| row.get(0)).unwrap_or_default();
            assert!(!kept.contains(SECRET), "{kept}");
        }
    }
}

/// A database that is not the one that a home had: the file names both by one variable, which is set.
#[test]
fn whose_a_database_is_tells_neither_of_two_values() {
    const OTHER: &str = "hunter3";
    const PLAIN: &str = r#"
control = "sqlite:control.sqlite"
home_url = "sqlite:homes/{home}.sqlite"
homes = { spain = "ES", france = "FR" }
[[source]]
url = "sqlite:source.sqlite"
name = "sales"
table = "sales"
cursor = "id"
key = "country_code(country)"
[[source.analyser]]
into = "sales"
sql = "SELECT id FROM record"
"#;
    let with = |sandbox: &Sandbox, command: &str, secret: &str| {
        let ran = domicile_with(sandbox.dir(), [command], &[("SECRET", secret)]);
        assert!(!format!("{ran:?}").contains("hunter"), "{ran:#?}");
        ran
    };
    for (right, wrong, told) in [
        ("sqlite:source", "sqlite:${SECRET}", "its position of this source was read elsewhere"),
        ("table = \"sales\"", "table = \"${SECRET}\"", "its position of this source was read elsewhere"),
        ("sqlite:control", "sqlite:${SECRET}-control", "that was read with another control database"),
        (
            "sqlite:homes",
            "sqlite:${SECRET}",
            "home spain: it has a position of the source `sales` as the home `france`",
        ),
    ] {
        let sandbox = shop();
        assert!(PLAIN.contains(right), "{right}");
        sandbox.write_config(&PLAIN.replacen(right, wrong, 1));
        for secret in [SECRET, OTHER] {
            let table = format!("CREATE TABLE {secret} (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT)");
            let filled = format!("INSERT INTO {secret} SELECT id, country FROM sales");
            sandbox.source().execute_batch(&format!("{table}; {filled}")).unwrap();
            std::fs::copy(sandbox.source_path(), sandbox.path(&format!("{secret}.sqlite"))).unwrap();
        }
        with(&sandbox, "run", SECRET).exits(3);
        if sandbox.path(SECRET).exists() {
            std::fs::create_dir(sandbox.path(OTHER)).unwrap();
            for (from, to) in [("spain", "france"), ("france", "spain")] {
                let file = |folder: &str, home: &str| sandbox.path(&format!("{folder}/{home}.sqlite"));
                std::fs::copy(file(SECRET, from), file(OTHER, to)).unwrap();
            }
        }
        for command in ["check", "run"] {
            with(&sandbox, command, OTHER).exits(2).complains(told);
            with(&sandbox, command, SECRET).exits(0);
        }
    }
}
