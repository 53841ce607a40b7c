//! The quick starts and the chapter on databases: what they show is run as it stands, and does what they say.

use std::fs;
use std::path::{Path, PathBuf};

use domicile_testkit::{Sandbox, Server};

use crate::command::{Ran, domicile_with};

const GUIDE: &str = "guide/databases.md";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A quick start in a folder of its own, with the servers that it wants, by their variables of the environment.
struct QuickStart {
    sandbox: Sandbox,
    environment: Vec<(String, String)>,
}

impl QuickStart {
    fn new(name: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write_config(&read(&format!("quickstart/{name}/domicile.toml")));
        Self { sandbox, environment: Vec::new() }
    }

    fn with(mut self, name: &str, server: &Server) -> Self {
        let url = server.url("");
        let (user, host) = url.split_once('@').unwrap();
        let password = user.rsplit_once(':').unwrap().1;
        self.environment.push((format!("{name}_PASSWORD"), password.to_owned()));
        self.environment.push((format!("{name}_HOST"), host.trim_end_matches('/').to_owned()));
        self
    }

    fn ran(&self, command: &str) -> Ran {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        domicile_with(self.sandbox.dir(), [command], &environment)
    }

    /// Checks and runs it, twice with an order between.
    fn tried(&self, guide: &str, add_order: impl Fn(&str), home: impl Fn(&str, &str) -> String) {
        let checked = self.ran("check").exits(0).says("source orders: exact: ").stdout;
        assert_eq!(shown(guide, &checked), checked, "run the tests with DOMICILE_UPDATE_GUIDE=1 to rewrite {GUIDE}");
        self.ran("run").exits(3).says("12 read = 10 delivered + 0 ignored + 2 quarantined");
        let sums = "SELECT count(*), sum(amount) FROM orders";
        assert_eq!(home("spain", sums), "4|34.75");
        assert_eq!(home("france", sums), "3|55.10");
        assert_eq!(home("germany", sums), "3|100.20");
        let days = "SELECT day, orders, revenue, largest FROM daily_sales ORDER BY day";
        assert_eq!(home("spain", days), "2026-11-02|2|14.75|10.50\n2026-11-03|1|12.00|12.00\n2026-11-04|1|8.00|8.00");

        add_order(
            "INSERT INTO orders (country, customer, ordered_on, amount) VALUES ('ES', 'Ana', '2026-11-04', 2.00)",
        );
        self.ran("run").exits(0).says("1 read = 1 delivered + 0 ignored + 0 quarantined");
        assert_eq!(home("spain", days).lines().last(), Some("2026-11-04|2|10.00|8.00"));
        self.ran("run").exits(0).says("3 homes: nothing new");
    }
}

/// What the chapter on databases shows of a check, after it was rewritten where that is asked for.
fn shown(guide: &str, checked: &str) -> String {
    let (text, begin) = (read(GUIDE), format!("<!-- check of {guide} -->\n```text\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{GUIDE} has no {begin}"));
    let (shown, after) = rest.split_once("```").unwrap();
    if std::env::var_os("DOMICILE_UPDATE_GUIDE").is_some_and(|value| value == "1") {
        fs::write(repository().join(GUIDE), format!("{before}{begin}{checked}```{after}")).unwrap();
        return checked.to_owned();
    }
    shown.to_owned()
}

/// What a query of a file gives, with amounts as the servers write them.
fn in_file(path: &Path, sql: &str) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let value = |column: usize| {
            let name = row.as_ref().column_name(column).unwrap().to_owned();
            let is_money = name.contains("amount") || name == "revenue" || name == "largest";
            match row.get_ref(column).unwrap() {
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                _ if is_money => format!("{:.2}", row.get::<_, f64>(column).unwrap()),
                _ => row.get::<_, i64>(column).unwrap().to_string(),
            }
        };
        Ok((0..columns).map(value).collect::<Vec<_>>().join("|"))
    });
    rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

fn in_server(server: &Server, database: &str, sql: &str) -> String {
    server.sql(database, sql).replace('\t', "|")
}

#[test]
fn the_quick_start_of_sqlite_does_what_it_says() {
    let started = QuickStart::new("sqlite");
    started.sandbox.source().execute_batch(&read("quickstart/sqlite/source.sql")).unwrap();
    let add_order = |sql: &str| started.sandbox.source().execute_batch(sql).unwrap();
    started.tried("SQLite", add_order, |home, sql| in_file(&started.sandbox.home_path(home), sql));
}

#[test]
fn the_quick_start_of_postgres_does_what_it_says() {
    let Some(server) = Server::postgres() else { return };
    server.sql("postgres", &read("quickstart/postgres/source.sql"));
    let add_order = |sql: &str| drop(server.sql("source", sql));
    QuickStart::new("postgres")
        .with("POSTGRES", &server)
        .tried("PostgreSQL", add_order, |home, sql| in_server(&server, home, sql));
}

#[test]
fn the_quick_start_of_mariadb_does_what_it_says() {
    let Some(server) = Server::mariadb() else { return };
    server.sql("mysql", "REVOKE ALL, GRANT OPTION FROM domicile");
    server.sql("mysql", &read("quickstart/mariadb/source.sql"));
    let add_order = |sql: &str| drop(server.sql("source", sql));
    QuickStart::new("mariadb")
        .with("MARIADB", &server)
        .tried("MariaDB", add_order, |home, sql| in_server(&server, home, sql));
}

#[test]
fn the_mixed_quick_start_does_what_it_says() {
    let (Some(mariadb), Some(postgres)) = (Server::mariadb(), Server::postgres()) else { return };
    mariadb.sql("mysql", &read("quickstart/mariadb/source.sql"));
    postgres.sql("postgres", &read("quickstart/mixed/homes.sql"));
    let started = QuickStart::new("mixed").with("MARIADB", &mariadb).with("POSTGRES", &postgres);
    let add_order = |sql: &str| drop(mariadb.sql("source", sql));
    started.tried("a mixture", add_order, |home, sql| match home {
        "germany" => in_file(&started.sandbox.path("germany.sqlite"), sql),
        home => in_server(&postgres, &format!("mixed_{home}"), sql),
    });
}

/// Docker is not everywhere; what can be told without it is.
#[test]
fn what_compose_starts_is_what_the_quick_starts_look_for() {
    let compose = read("compose.yaml");
    let mounted: Vec<_> =
        compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split_once(':')).collect();
    assert_eq!(mounted.len(), 3, "{mounted:?}");
    for (path, _) in mounted {
        assert!(repository().join(path).is_file(), "{path}");
    }
    for (name, port) in [("POSTGRES", "15432:5432"), ("MARIADB", "13306:3306")] {
        let (outside, _) = port.split_once(':').unwrap();
        assert!(compose.contains(&format!("\"127.0.0.1:{port}\"")), "{port}");
        assert!(compose.contains(&format!("{name}_PASSWORD: ${{{name}_PASSWORD:-domicile}}")), "{name}");
        let config = read(&format!("quickstart/{}/domicile.toml", name.to_lowercase()));
        let url = format!("//domicile:${{{name}_PASSWORD:-domicile}}@${{{name}_HOST:-127.0.0.1:{outside}}}/");
        assert_eq!(config.matches(&url).count(), 3, "{config}");
    }
}
