//! What is logged: a line for each commit, with its counts, and never what is in a record.

use std::fs;

use domicile_testkit::{CONFIG, Sandbox, Shop};
use serde_json::Value;

use crate::command::{Ran, domicile, domicile_with};

/// Five sales: two that arrive in Spain, one in France, one that nobody knows a home for, and one whose amount is none.
fn shop(sandbox: &Sandbox) -> Shop<'_> {
    let mut shop = Shop::open(sandbox, 41);
    for (country, amount) in
        [("España", "1.10"), ("France", "2"), ("Atlantis", "3"), ("Spain", "4"), ("Spain", "'five'")]
    {
        shop.sell_one(Some(country), "2024-01-01", amount);
    }
    shop
}

/// The lines of a log in JSON.
fn lines(ran: &Ran) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    ran.stderr.lines().map(line).collect()
}

fn told<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == message).collect()
}

/// The text without what differs from run to run: times, and the reason of the guarantee class.
fn steady(log: &str) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some(("duration_ms", _)) => String::from("duration_ms=…"),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        rest.split(' ').map(word).collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<_> = log.lines().map(line).collect();
    // Homes commit in any order.
    let committed = lines.iter().position(|line| line.contains("committed")).unwrap();
    let until = lines.iter().rposition(|line| line.contains("committed")).unwrap();
    lines[committed..=until].sort();
    lines.join("\n")
}

#[test]
fn a_run_is_a_line_for_each_commit_in_place_of_progress() {
    let sandbox = Sandbox::new();
    let _shop = shop(&sandbox);
    let ran = domicile(sandbox.dir(), ["run", "--log", "text"]).exits(3);
    insta::assert_snapshot!(steady(&ran.stderr), @r#"
     INFO a run begins
     INFO the source begins source="sales" guarantee="exact" after="the start" upto="5"
     INFO committed source="sales" home="control" position="5" read=1 delivered=0 ignored=0 quarantined=1 objects=0 duration_ms=…
     INFO committed source="sales" home="france" position="5" read=1 delivered=1 ignored=0 quarantined=0 objects=3 duration_ms=…
     INFO committed source="sales" home="germany" position="5" read=0 delivered=0 ignored=0 quarantined=0 objects=0 duration_ms=…
     INFO committed source="sales" home="japan" position="5" read=0 delivered=0 ignored=0 quarantined=0 objects=0 duration_ms=…
     INFO committed source="sales" home="portugal" position="5" read=0 delivered=0 ignored=0 quarantined=0 objects=0 duration_ms=…
     INFO committed source="sales" home="spain" position="5" read=3 delivered=2 ignored=0 quarantined=1 objects=5 duration_ms=…
     INFO the source ended source="sales" read=5 delivered=3 ignored=0 quarantined=2 duration_ms=…
     INFO the run ended outcome="quarantined" read=5 delivered=3 ignored=0 quarantined=2 duration_ms=…
    "#);
    ran.says("5 read = 3 delivered + 0 ignored + 2 quarantined");
}

#[test]
fn as_json_the_counts_are_those_of_the_report() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 42);
    shop.sell(300);
    sandbox.write_config(&format!("{CONFIG}\n[batch]\nrows = 50\n[delivery]\ncommit_rows = 20\n"));
    let ran = domicile_with(sandbox.dir(), ["run", "--json", "--log", "json"], &[("DOMICILE_LOG", "debug")]).exits(3);
    let (log, report) = (lines(&ran), ran.json());
    let number = |value: &Value| value.as_u64().unwrap();
    let commits = told(&log, "committed");
    let source = &report["sources"][0];
    for home in source["homes"].as_array().unwrap().iter().chain([&source["control"]]) {
        let of_home: Vec<_> = commits.iter().filter(|line| line["home"] == home["home"]).collect();
        for count in ["read", "delivered", "ignored", "quarantined"] {
            let logged: u64 = of_home.iter().map(|line| number(&line[count])).sum();
            assert_eq!(logged, number(&home[count]), "{count} of {home}");
        }
        let last = of_home.last().unwrap();
        assert_eq!(
            (&last["position"], &last["source"], &last["level"]),
            (&"300".into(), &"sales".into(), &"INFO".into())
        );
        assert!(last["duration_ms"].is_u64() && last["timestamp"].is_string(), "{last}");
    }
    let read: u64 = told(&log, "a batch was read").iter().map(|line| number(&line["read"])).sum();
    assert_eq!(read, 300);
    let ended = told(&log, "the run ended")[0];
    assert_eq!((number(&ended["read"]), &ended["outcome"]), (300, &"quarantined".into()));
    assert_eq!(told(&log, "the source begins")[0]["upto"], "300");
}

#[test]
fn a_home_that_fails_is_an_error_and_a_filter_leaves_out_the_rest() {
    let sandbox = Sandbox::new();
    let _shop = shop(&sandbox);
    fs::create_dir_all(sandbox.home_path("france")).unwrap();
    let ran = domicile_with(sandbox.dir(), ["run", "--log", "json"], &[("DOMICILE_LOG", "error")]).exits(1);
    let log = lines(&ran);
    let [failed] = log.as_slice() else { panic!("{log:#?}") };
    assert_eq!((&failed["level"], &failed["home"]), (&"ERROR".into(), &"france".into()));
    assert_eq!(failed["error"], "unable to open the database file");
    let ran = domicile_with(sandbox.dir(), ["run", "--log", "text"], &[("DOMICILE_LOG", "off")]).exits(1);
    assert_eq!(ran.stderr, "");
}

#[test]
fn what_is_no_filter_or_format_is_refused() {
    let sandbox = Sandbox::new();
    let _shop = shop(&sandbox);
    for (asked, told) in [("loud", "\"loud\" is no level; write error"), ("0", "\"0\" is no level")] {
        let refused = domicile_with(sandbox.dir(), ["run", "--log", "text"], &[("DOMICILE_LOG", asked)]).exits(2);
        assert!(refused.stderr.contains(&format!("DOMICILE_LOG: {told}")) && refused.stdout.is_empty(), "{refused:?}");
    }
    domicile(sandbox.dir(), ["run", "--log", "yaml"]).exits(2).complains("invalid value 'yaml'");
    assert!(!sandbox.control_path().exists(), "nothing has run");
    domicile_with(sandbox.dir(), ["run", "--log", "text"], &[("DOMICILE_LOG", "Info")]).exits(3);
    let empty = domicile_with(sandbox.dir(), ["run", "--log", "text"], &[("DOMICILE_LOG", "")]).exits(0);
    assert!(empty.stderr.contains("INFO the run ended"), "{empty:?}");
}

#[test]
fn a_wrong_configuration_is_told_in_lines_as_well() {
    let sandbox = Sandbox::new();
    let _shop = shop(&sandbox);
    sandbox.write_config(&CONFIG.replace("home_url", "hom_url").replace("cursor", "curser"));
    let ran = domicile(sandbox.dir(), ["run", "--log", "json"]).exits(2);
    let log = lines(&ran);
    let first = &log[0];
    assert_eq!((&first["level"], &first["line"], &first["setting"]), (&"ERROR".into(), &2.into(), &"hom_url".into()));
    assert!(first["help"].as_str().unwrap().contains("did you mean `home_url`?"), "{first}");
    assert!(log.len() > 1, "all of them are told: {log:#?}");
}

/// What is planted in records, each in another column, and nowhere else.
const PLANTED: [&str; 4] = ["Freedonia", "Groucho", "1933-11-17", "77777.77"];

fn found(text: &str) -> Vec<&'static str> {
    PLANTED.into_iter().filter(|planted| text.contains(planted)).collect()
}

/// One record arrives, and the others have no home, no key, a value that does not fit, or are refused by their home.
fn planted() -> Sandbox {
    let sandbox = Sandbox::new();
    let _shop = Shop::open(&sandbox, 43);
    let [country, customer, day, amount] = PLANTED;
    for (country, amount) in [
        ("'Spain'", amount),
        (&format!("'{country}'"), "1"),
        ("NULL", amount),
        ("'Spain'", &format!("'{amount}x'")),
        ("'France'", amount),
    ] {
        let insert = "INSERT INTO sales (country, customer, sold_on, status, amount)";
        let values = format!("VALUES ({country}, '{customer}', '{day}', 'paid', {amount})");
        sandbox.source().execute_batch(&format!("{insert} {values}")).unwrap();
    }
    let refusing = "CREATE TABLE sales (id INTEGER, country TEXT, customer TEXT CHECK (customer <> 'Groucho'),
        sold_on DATE, status TEXT, amount NUMERIC)";
    sandbox.home("france").execute_batch(refusing).unwrap();
    sandbox
}

#[test]
fn not_even_the_most_that_is_logged_tells_what_is_in_records() {
    for format in ["text", "json"] {
        let sandbox = planted();
        let loud = [("DOMICILE_LOG", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")];
        let ran = domicile_with(sandbox.dir(), ["run", "--log", format], &loud).exits(3);
        assert!(ran.stderr.contains("a batch was read") && ran.stderr.contains("the run ended"), "{ran:?}");
        assert_eq!(found(&format!("{}{}", ran.stderr, ran.stdout)), [] as [&str; 0], "{ran:?}");
        ran.says("5 read = 1 delivered + 0 ignored + 4 quarantined");
        // They would be found.
        let shown = domicile(sandbox.dir(), ["quarantine", "show"]);
        assert_eq!(found(&shown.stdout), PLANTED, "{shown:?}");
    }
}
