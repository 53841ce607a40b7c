//! Metrics and health of a running command, as Prometheus and an orchestrator ask for them.

#![cfg(unix)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use domicile_testkit::{CONFIG, Sandbox, Shop};
use serde_json::Value;

use crate::command::domicile;
use crate::running::{PATIENCE, Running, address};
use crate::scrape::{Answer, Scraped, get, read};

/// A schedule that begins a run in each second, with metrics at a free port.
const SERVED: &str = "schedule = \"* * * * * *\"\nmetrics = \"127.0.0.1:0\"\n";

/// A command that serves.
struct Served {
    running: Running,
    address: String,
}

impl Served {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let running = Running::start(sandbox, arguments);
        let address = address(&running);
        Self { running, address }
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        get(&self.address, path).unwrap()
    }

    #[track_caller]
    fn scrape(&self) -> Scraped {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200);
        let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(answer.head.contains(kind), "{}", answer.head);
        read(&answer.body).unwrap()
    }

    /// Waits for metrics of which something holds.
    #[track_caller]
    fn scrape_until(&self, holds: impl Fn(&Scraped) -> bool) -> Scraped {
        let begin = Instant::now();
        loop {
            let scraped = self.scrape();
            if holds(&scraped) {
                return scraped;
            }
            assert!(begin.elapsed() < PATIENCE, "{scraped:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for an answer to `/ready` of a status.
    #[track_caller]
    fn is_ready_with(&self, status: u16) -> Value {
        let begin = Instant::now();
        loop {
            let answer = self.get("/ready");
            if answer.status == status {
                return serde_json::from_str(&answer.body).unwrap();
            }
            assert!(begin.elapsed() < PATIENCE, "{answer:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn terminated(self) -> Option<i32> {
        self.running.signal("TERM");
        self.running.ended().0
    }
}

fn of(name: &str, home: &str) -> String {
    format!("{name}{{source=\"sales\",home=\"{home}\"}}")
}

fn served(seed: u64, sales: usize) -> (Sandbox, Served) {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, seed).sell(sales);
    sandbox.write_config(&format!("{SERVED}{CONFIG}"));
    let served = Served::start(&sandbox, &["run", "--schedule"]);
    (sandbox, served)
}

/// The sums of what reports say of a home.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn reported(reports: &[Value], home: &str, what: &str) -> f64 {
    let of_home = |report: &Value| {
        let source = &report["sources"][0];
        let mut homes = source["homes"].as_array().unwrap().iter().chain([&source["control"]]);
        homes.find(|found| found["home"] == home).unwrap()[what].as_u64().unwrap()
    };
    reports.iter().map(of_home).sum::<u64>() as f64
}

#[test]
fn metrics_are_those_of_the_reports() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 61);
    shop.sell(300);
    let printed = File::create(sandbox.path("reports")).unwrap();
    sandbox.write_config(&format!("{SERVED}{CONFIG}"));
    let running = Running::start_into(&sandbox, &["run", "--schedule", "--json"], printed.into());
    let served = Served { address: address(&running), running };
    let has_read = |count: f64| {
        move |scraped: &Scraped| {
            scraped.value("domicile_source_records_total{source=\"sales\"}") >= count
                && scraped.value("domicile_run_under_way") == 0.0
        }
    };
    served.scrape_until(has_read(300.0));
    shop.sell(200);
    let scraped = served.scrape_until(has_read(500.0));
    let lines = fs::read_to_string(sandbox.path("reports")).unwrap();
    let reports: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let homes = ["france", "germany", "japan", "portugal", "spain", "control"];
    for home in homes {
        for what in ["read", "delivered", "ignored"] {
            let counted = scraped.value(&of(&format!("domicile_records_{what}_total"), home));
            assert_eq!(counted, reported(&reports, home, what), "{what} of {home}");
        }
        let of_home = format!("home=\"{home}\"");
        let by_cause =
            scraped.all("domicile_records_quarantined_total").filter(|(sample, _)| sample.contains(&of_home));
        assert_eq!(by_cause.map(|(_, count)| count).sum::<f64>(), reported(&reports, home, "quarantined"), "{home}");
        assert_eq!(scraped.value(&of("domicile_accounting_balance", home)), 0.0);
        assert_eq!(scraped.value(&of("domicile_home_up", home)), 1.0);
        assert_eq!(scraped.value(&of("domicile_position_lag", home)), 0.0);
        let durations = scraped.value(&of("domicile_transaction_duration_seconds_count", home));
        assert_eq!(durations, scraped.value(&of("domicile_commits_total", home)));
        assert!(durations >= 2.0, "{home}");
        let (committed, current) =
            (of("domicile_last_commit_timestamp_seconds", home), of("domicile_last_current_timestamp_seconds", home));
        assert!(scraped.value(&committed) <= scraped.value(&current), "{home}");
    }
    let read: f64 = homes.iter().map(|home| scraped.value(&of("domicile_records_read_total", home))).sum();
    assert_eq!(read, 500.0);
    let sales = scraped.value("domicile_objects_total{source=\"sales\",home=\"spain\",table=\"sales\"}");
    assert_eq!(sales, scraped.value(&of("domicile_records_delivered_total", "spain")));
    assert!(scraped.value("domicile_source_read_bytes_total{source=\"sales\"}") > 500.0);
    assert!(scraped.value("domicile_runs_total{outcome=\"quarantined\"}") >= 2.0);
    // Of each name of the configuration there are as many, whatever records hold.
    assert_eq!(scraped.all("domicile_commits_total").count(), homes.len());
    assert_eq!(scraped.all("domicile_records_quarantined_total").count(), 4 * homes.len());
    assert_eq!(served.terminated(), Some(0));
}

#[test]
fn a_home_that_is_down_is_seen_and_is_up_again_when_it_was_mended() {
    let (sandbox, served) = served(62, 50);
    let value = |name: &'static str, expected: f64| {
        move |scraped: &Scraped| scraped.maybe(&of(name, "spain")) == Some(expected)
    };
    served.scrape_until(value("domicile_home_up", 1.0));
    let (home, away) = (sandbox.home_path("spain"), sandbox.path("away"));
    fs::rename(&home, &away).unwrap();
    fs::write(&home, "this is not a database, and long enough to be told from one that is new").unwrap();
    let mut sale = sandbox.source();
    let more =
        "INSERT INTO sales (country, customer, sold_on, status, amount) VALUES ('Spain', 'x', '2024-01-01', 'paid', 1)";
    let transaction = sale.transaction().unwrap();
    for _ in 0..7 {
        transaction.execute(more, []).unwrap();
    }
    transaction.commit().unwrap();
    let down = served.scrape_until(value("domicile_home_blocked", 1.0));
    assert_eq!(down.value(&of("domicile_home_up", "spain")), 0.0);
    assert_eq!(down.value(&of("domicile_position_lag", "spain")), 7.0);
    assert!(down.value(&of("domicile_failures_total", "spain")) >= 1.0);
    let ended = served.scrape_until(|scraped| scraped.maybe("domicile_last_run_exit_code") == Some(1.0));
    assert_eq!(ended.value(&of("domicile_home_up", "france")), 1.0);
    let [spain, france] =
        ["spain", "france"].map(|home| ended.value(&of("domicile_last_current_timestamp_seconds", home)));
    assert!(spain < france, "only one of them has all that is new: {spain} {france}");
    // A home that fails delays only itself.
    assert_eq!(served.get("/ready").status, 200);
    fs::rename(&away, &home).unwrap();
    let mended = served.scrape_until(value("domicile_home_up", 1.0));
    assert_eq!(mended.value(&of("domicile_home_blocked", "spain")), 0.0);
    served.scrape_until(value("domicile_position_lag", 0.0));
    assert_eq!(served.terminated(), Some(0));
}

/// Spain has lost what it had, and gets one record of it in each run.
#[test]
fn a_home_that_is_behind_is_up_and_not_current() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 64);
    shop.sell(300);
    sandbox.write_config(CONFIG);
    domicile(sandbox.dir(), ["run", "domicile.toml"]).exits_with_any_of(&[0, 3]);
    fs::remove_file(sandbox.home_path("spain")).unwrap();
    shop.sell_one(Some("France"), "2024-01-02", "1.00");
    let slowly = "\n[batch]\nrows = 1\n[delivery]\ncommit_rows = 1\ncatch_up_seconds = 0.0\n";
    sandbox.write_config(&format!("{SERVED}{CONFIG}{slowly}"));
    let served = Served::start(&sandbox, &["run", "--schedule"]);
    let current = |home| of("domicile_last_current_timestamp_seconds", home);
    let scraped = served.scrape_until(|scraped| {
        scraped.maybe(&current("france")).is_some() && scraped.value("domicile_run_under_way") == 0.0
    });
    assert_eq!(scraped.value(&of("domicile_home_up", "spain")), 1.0);
    assert!(scraped.value(&of("domicile_position_lag", "spain")) > 0.0);
    assert_eq!(scraped.maybe(&current("spain")).unwrap_or(0.0), 0.0, "{scraped:#?}");
    assert_eq!(scraped.value(&of("domicile_failures_total", "spain")), 0.0);
    assert_eq!(served.terminated(), Some(0));
}

#[test]
fn it_is_not_ready_while_runs_fail_as_a_whole() {
    let (sandbox, served) = served(63, 20);
    served.scrape_until(|scraped| scraped.maybe("domicile_last_run_exit_code") == Some(0.0));
    assert_eq!(served.is_ready_with(200)["ready"], true);
    fs::rename(sandbox.source_path(), sandbox.path("away")).unwrap();
    let body = served.is_ready_with(503);
    assert!(body["reason"].as_str().unwrap().contains("source"), "{body}");
    assert_eq!(served.get("/health").status, 200, "the process lives");
    fs::rename(sandbox.path("away"), sandbox.source_path()).unwrap();
    served.is_ready_with(200);
    assert_eq!(served.get("/elsewhere").status, 404);
    assert_eq!(served.terminated(), Some(0));
}

#[test]
fn a_run_that_is_under_way_is_seen_and_so_is_that_it_stops() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 64).sell(20);
    // A home that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = format!("postgres://nobody@{}/spain?connect_timeout=60", silent.local_addr().unwrap());
    let config = CONFIG.replace("spain = \"ES\"", &format!("spain = {{ keys = \"ES\", url = \"{home}\" }}"));
    sandbox.write_config(&config.replace("sqlite:homes", "sqlite:./homes"));
    let served = Served::start(&sandbox, &["run", "--metrics", "127.0.0.1:0"]);
    let (_connection, _) = silent.accept().unwrap();
    assert_eq!(served.scrape().value("domicile_run_under_way"), 1.0);
    assert_eq!((served.get("/health").status, served.get("/ready").status), (200, 200));
    // Somebody who says nothing holds nothing up.
    let _quiet = std::net::TcpStream::connect(&served.address).unwrap();
    served.running.signal("TERM");
    assert_eq!(served.is_ready_with(503)["reason"], "it is stopping");
    let (code, took) = served.running.ended();
    assert_eq!(code, Some(5));
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn an_address_that_cannot_be_had_is_told_with_its_setting() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 65).sell(10);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let of_config = |address: &str| SERVED.replace("127.0.0.1:0", address) + CONFIG;
    sandbox.write_config(&of_config(&address));
    let refused = domicile(sandbox.dir(), ["run", "--schedule"]).exits(2);
    let told = format!("setting=\"metrics\" error=\"metrics cannot be served on {address}: Address already in use");
    assert!(refused.stderr.contains("line=2") && refused.stderr.contains(&told), "{}", refused.stderr);
    let refused = domicile(sandbox.dir(), ["run", "--metrics", &address]).exits(2);
    let told = format!("--metrics: metrics cannot be served on {address}: Address already in use");
    assert!(refused.stderr.contains(&told), "{}", refused.stderr);
    domicile(sandbox.dir(), ["run", "--metrics", "nowhere"])
        .exits(2)
        .complains("invalid value 'nowhere' for '--metrics");
    assert!(!sandbox.control_path().exists(), "nothing has run");
    // Without a schedule the setting opens nothing: a run by hand stands beside the service.
    domicile(sandbox.dir(), ["run"]).exits_with_any_of(&[0, 3]);
    sandbox.write_config(&of_config("9464"));
    domicile(sandbox.dir(), ["run"]).exits(2).complains("`9464` is no address to listen on");
}

#[test]
fn a_configuration_that_is_read_anew_may_move_the_metrics() {
    let (sandbox, mut served) = served(66, 10);
    served.scrape_until(|scraped| scraped.maybe("domicile_last_run_exit_code").is_some());
    let before = served.scrape().value(&of("domicile_records_read_total", "spain"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = |address: &str| SERVED.replace("127.0.0.1:0", address) + CONFIG;
    sandbox.write_config(&at(&taken.local_addr().unwrap().to_string()));
    served.running.signal("HUP");
    served.running.tells("the configuration is not taken");
    served.scrape();

    // What Portugal was given stays there, and is nobody's any more.
    sandbox.control().execute("DELETE FROM domicile_placement WHERE routing_key = 'PT'", []).unwrap();
    sandbox.write_config(&at("127.0.0.2:0").replace("portugal = \"PT\"\n", ""));
    served.running.signal("HUP");
    let moved = address(&served.running);
    served.running.tells("the configuration was read anew");
    let old = std::mem::replace(&mut served.address, moved);
    assert!(served.address.starts_with("127.0.0.2:"), "{}", served.address);
    let begin = Instant::now();
    while get(&old, "/health").is_ok() {
        assert!(begin.elapsed() < PATIENCE);
    }
    let scraped = served.scrape();
    assert_eq!(scraped.value(&of("domicile_records_read_total", "spain")), before, "nothing is forgotten");
    assert_eq!(scraped.maybe(&of("domicile_records_read_total", "portugal")), None, "it is no home any more");
    assert_eq!(served.terminated(), Some(0));
}

const GUIDE: &str = "guide/operating.md";

/// The table of all metrics, as the guide has it.
fn table(scraped: &Scraped) -> String {
    let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (name, (kind, _, help)) in &scraped.families {
        let (suffix, sample) = match kind.as_str() {
            "counter" => ("_total", "_total"),
            "histogram" => ("", "_count"),
            _ => ("", ""),
        };
        let labels = scraped.all(&format!("{name}{sample}")).next().map_or_else(String::new, |(sample, _)| {
            let labels = sample.split_once('{').unwrap().1.split(',').map(|label| label.split_once('=').unwrap().0);
            labels.map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ")
        });
        table += &format!("| `{name}{suffix}` | {kind} | {labels} | {help} |\n");
    }
    table
}

/// What the guide says of metrics, after its table was rewritten where that is asked for.
fn guide(table: &str) -> String {
    const BEGIN: &str = "<!-- metrics -->\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(GUIDE);
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    if std::env::var_os("DOMICILE_UPDATE_GUIDE").is_some_and(|value| value == "1") {
        let text = format!("{before}{BEGIN}{table}\n{after}");
        fs::write(path, &text).unwrap();
        return text;
    }
    text
}

#[test]
fn the_guide_has_the_metrics_that_there_are() {
    let (_sandbox, served) = served(67, 100);
    let scraped = served.scrape_until(|scraped| scraped.maybe("domicile_last_run_exit_code").is_some());
    let table = table(&scraped);
    let guide = guide(&table);
    assert!(guide.contains(&table), "run the tests with DOMICILE_UPDATE_GUIDE=1 to rewrite {GUIDE}\n{table}");
    // Alerts are on metrics that there are.
    let rules = guide.split_once("```yaml").unwrap().1.split_once("```").unwrap().0;
    let words = rules.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let named: Vec<_> = words.filter(|word| word.starts_with("domicile_")).collect();
    assert!(named.len() >= 7, "{named:?}");
    for name in named {
        assert!(table.contains(&format!("| `{name}` |")), "{name}");
    }
    assert_eq!(served.terminated(), Some(0));
}
