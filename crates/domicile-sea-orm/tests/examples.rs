//! The examples, run as a reader runs them: each ends well and tells what it is there to tell.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where cargo puts an example: beside the folder of the tests. It builds all of them before the tests of this package,
/// unless it is asked for a part of its targets.
fn path(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join("examples").join(format!("{example}{EXE_SUFFIX}"));
    let built = modified(&path).unwrap_or_else(|| panic!("{} is missing: {BUILD}", path.display()));
    // Cargo writes down what it was built of: `path: source source …`.
    let sources = fs::read_to_string(profile.join("examples").join(format!("{example}.d"))).unwrap();
    let (_, sources) = sources.split_once(": ").unwrap();
    let newer = sources.split_whitespace().find(|source| modified(Path::new(source)) > Some(built));
    assert_eq!(newer, None, "{} is older than a source of it: {BUILD}", path.display());
    path
}

const BUILD: &str = "cargo build -p domicile-sea-orm --examples";

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// Runs an example without arguments, and returns what it has printed.
fn run(example: &str) -> String {
    let output = Command::new(path(example)).output().unwrap();
    let (printed, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {printed}{errors}", output.status);
    printed
}

/// Checks that each of some texts is in what was printed, in this order.
fn tells(printed: &str, texts: &[&str]) {
    let mut rest = printed;
    for text in texts {
        let found = rest.split_once(text);
        rest = found.unwrap_or_else(|| panic!("`{text}` is missing, or at another place, in\n{printed}")).1;
    }
}

#[test]
fn the_aggregator_sends_each_order_home_and_keeps_aside_what_has_none() {
    let printed = run("1_aggregator");
    let texts = [
        "round 3: 12 read = 9 analysed + 3 kept aside",
        "orders: 2 FR, 4 FR, 7 FR, 11 FR",
        "orders: 1 ES, 3 PT, 6 ES, 9 ES, 12 PT",
        "order 8: routing key `IT` has no home",
        "RoutingKey(IT) was set at",
        "aggregator.rs:",
        "no home has a foreign row, and none lacks one of its own",
    ];
    tells(&printed, &texts);
}

#[test]
fn the_web_service_serves_each_tenant_its_own_and_nobody_nothing() {
    let printed = run("2_web_service");
    assert_eq!(printed.matches("set at header Host in the context").count(), 6, "{printed}");
    let texts = [
        "120 requests of 3 tenants, 6 of them broken off by a panic",
        "200 OK: acme has 38 notes, all its own",
        "200 OK: globex has 38 notes, all its own",
        "200 OK: initech has 38 notes, all its own",
        "400 Bad Request: say whose notes",
        "404 Not Found: there is no such tenant",
        "no database has heard of these two",
    ];
    tells(&printed, &texts);
}

#[test]
fn what_all_homes_say_is_merged_where_that_is_right_and_refused_elsewhere() {
    let printed = run("3_everywhere");
    let texts = [
        "home italy cannot be connected to",
        "all together: home italy failed",
        "France and Spain alone: 4",
        "count 6, sum Some(1600), min Some(50), max Some(900)",
        "refused: the results of the homes cannot be summed up: they are avg",
        "average of all: 1600 / 6 = 266.67 cents",
    ];
    tells(&printed, &texts);
}

#[test]
fn work_that_moves_takes_its_context_along_by_one_call_and_never_without() {
    let printed = run("4_threads_and_tasks");
    for place in ["tokio::spawn\n", "spawn_blocking\n", "std::thread\n", "rayon\n", "a stream of pages\n"] {
        tells(&printed, &[place, "without: no router has an opinion on this read of orders", "with:    3 orders"]);
    }
}
