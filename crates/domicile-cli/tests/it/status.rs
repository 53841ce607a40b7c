//! `domicile status`: what it prints, its exit codes, that it writes nothing, and that it watches until it is stopped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use domicile_testkit::{Sandbox, Shop, on_a_terminal};
use serde_json::Value;

use crate::command::{Ran, binary, domicile, run};

fn status(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    domicile(sandbox.dir(), ["status"].iter().chain(arguments))
}

/// The text without what is never the same.
pub(crate) fn without_times(text: &str) -> String {
    let is_time =
        |word: &str| word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_digit() || b"-:TZ".contains(&byte));
    let without = |line: &str| {
        let words = line.split(' ').map(|word| if is_time(word) { "…" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(without).collect::<Vec<_>>().join("\n")
}

/// A shop that has sold and been synced.
fn synced() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 1);
    shop.sell_one(Some("España"), "2024-01-01", "10.25");
    shop.sell_one(Some("Atlantis"), "2024-01-01", "1.00");
    run(&sandbox).exits(3);
    sandbox
}

/// Sells one more in Spain.
fn sell(sandbox: &Sandbox) {
    let sale = "INSERT INTO sales (country, customer, sold_on, status, amount) VALUES ('Spain', 'Eva', '2024-01-03', 'paid', 3)";
    sandbox.source().execute_batch(sale).unwrap();
}

fn break_home(sandbox: &Sandbox) {
    fs::write(sandbox.home_path("spain"), "this is not a database, and long enough to be told from one that is new")
        .unwrap();
}

#[test]
fn it_exits_with_0_when_all_homes_are_well() {
    let sandbox = synced();
    let before = sandbox.files();
    let ran = status(&sandbox, &[]).exits(0);
    insta::assert_snapshot!(without_times(&ran.stdout), @"
    home       source  position       state  rows behind  time behind  in quarantine    last commit (UTC)
    france      sales         2  up to date            0            -              0  … …
    germany     sales         2  up to date            0            -              0  … …
    japan       sales         2  up to date            0            -              0  … …
    portugal    sales         2  up to date            0            -              0  … …
    spain       sales         2  up to date            0            -              0  … …
    (no home)   sales         2  up to date            0            -              1  … …
    source sales ends at 2
    ");
    let json = status(&sandbox, &["--json"]).exits(0).json();
    let spain = json["sources"][0]["homes"].as_array().unwrap().iter().find(|home| home["home"] == "spain").unwrap();
    let told = ["state", "position", "why", "since", "quarantined"].map(|name| spain[name].clone());
    assert_eq!(told, ["up_to_date".into(), 2.into(), Value::Null, Value::Null, 0.into()]);
    assert_eq!(spain["lag"], serde_json::json!({ "rows": 0, "is_more": false, "seconds": 0 }));
    assert_eq!(json["sources"][0]["control"]["quarantined"], 1);
    assert_eq!(before, sandbox.files(), "nothing is written");
}

#[test]
fn it_exits_with_1_when_runs_are_refused_and_says_why_and_since_when() {
    let sandbox = synced();
    let config = fs::read_to_string(sandbox.config_path()).unwrap();
    fs::write(sandbox.config_path(), config.replace("country_code(country)", "country_code(county)")).unwrap();
    run(&sandbox).exits(2);
    let refused = status(&sandbox, &[]).exits(1);
    refused.says("BLOCKED source sales: since 20").says("county");
    let json = status(&sandbox, &["--json"]).exits(1).json();
    assert_eq!((&json["sources"][0]["state"], json["sources"][0]["since"].is_string()), (&"blocked".into(), true));
    fs::write(sandbox.config_path(), config).unwrap();
    run(&sandbox).exits(0);
    let json = status(&sandbox, &["--json"]).exits(0).json();
    assert_eq!((&json["sources"][0]["state"], &json["sources"][0]["why"]), (&"well".into(), &Value::Null));
}

#[test]
fn it_exits_with_1_when_a_home_is_not_well_and_says_why_and_since_when() {
    let sandbox = synced();
    break_home(&sandbox);
    status(&sandbox, &[]).exits(1).says("UNREACHABLE spain: sales: file is not a database");
    sell(&sandbox);
    run(&sandbox).exits(1);
    let ran = status(&sandbox, &[]).exits(1);
    insta::assert_snapshot!(without_times(&ran.stdout), @"
    home       source  position        state  rows behind  time behind  in quarantine    last commit (UTC)
    france      sales         3   up to date            0            -              0  … …
    germany     sales         3   up to date            0            -              0  … …
    japan       sales         3   up to date            0            -              0  … …
    portugal    sales         3   up to date            0            -              0  … …
    spain       sales         ?  unreachable            ?            ?              ?                    -
    (no home)   sales         3   up to date            0            -              1  … …
    UNREACHABLE spain: sales: since … file is not a database
    source sales ends at 3
    ");
    fs::remove_file(sandbox.home_path("spain")).unwrap();
    status(&sandbox, &["--home", "spain"]).exits(1).says("BLOCKED spain: sales: since ");
    status(&sandbox, &["--home", "france"]).exits(0);
    run(&sandbox).exits(0);
    status(&sandbox, &[]).exits(0);
}

#[test]
fn it_exits_with_1_when_a_home_is_behind_by_more_than_it_may_be() {
    let sandbox = synced();
    sell(&sandbox);
    status(&sandbox, &[]).exits(0).says("behind");
    status(&sandbox, &["--max-lag-rows", "1"]).exits(0);
    status(&sandbox, &["--max-lag-rows", "0"]).exits(1);
    status(&sandbox, &["--max-lag-seconds", "3600"]).exits(0);
    sandbox.home("spain").execute_batch("UPDATE domicile_position SET updated_at = '2024-01-01 00:00:00'").unwrap();
    sandbox.control().execute_batch("UPDATE domicile_end SET seen_at = 0").unwrap();
    status(&sandbox, &["--max-lag-seconds", "3600"]).exits(1);
    status(&sandbox, &["--max-lag-seconds", "3600", "--home", "france"]).exits(0);
}

#[test]
fn it_exits_with_2_on_wrong_usage() {
    let sandbox = synced();
    status(&sandbox, &["--home", "atlantis"]).exits(2).complains("home atlantis: the configuration has none");
    status(&sandbox, &["--source", "orders"]).exits(2).complains("source orders: the configuration has none");
    status(&sandbox, &["--watch", "0"]).exits(2);
    status(&sandbox, &["nowhere.toml"]).exits(2);
    status(&sandbox, &["--home", "france", "--source", "sales"]).exits(0);
}

/// A command that watches.
struct Watching(Child);

impl Watching {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.arg("status").args(arguments).current_dir(sandbox.dir()).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map(Result::unwrap)
    }

    fn stopped_by(mut self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn it_watches_until_it_is_stopped() {
    let sandbox = synced();
    let mut watching = Watching::start(&sandbox, &["--watch", "1", "--json"]);
    let mut lines = watching.lines();
    let mut state = || {
        let line = lines.next().unwrap();
        let status: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
        status["sources"][0]["homes"][0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(), "up_to_date");
    sell(&sandbox);
    // What was looked at before the sale may be on its way.
    assert!((0..10).any(|_| state() == "behind"));
    watching.stopped_by("INT");

    let mut watching = Watching::start(&sandbox, &["--watch", "1"]);
    let heads = watching.lines().filter(|line| line.starts_with("home ")).take(2).count();
    assert_eq!(heads, 2, "one table after the other");
    watching.stopped_by("TERM");
}

#[test]
fn it_ends_when_nobody_reads_what_it_watches() {
    let sandbox = synced();
    let mut watching = Watching::start(&sandbox, &["--watch", "1"]);
    drop(watching.0.stdout.take());
    assert_eq!(watching.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_terminal_is_drawn_anew() {
    let sandbox = synced();
    let script = on_a_terminal("xterm");
    let mut command = Command::new("timeout");
    command.args(["--signal=INT", "4"]).args(&script).arg(binary()).args(["status", "--watch", "1"]);
    let output = command.current_dir(sandbox.dir()).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.matches("\u{1b}[2J\u{1b}[H").count() > 1, "{text:?}");
}
