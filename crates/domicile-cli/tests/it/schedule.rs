//! Runs that begin by themselves, and runs that are asked to stop.

#![cfg(unix)]

use std::time::{Duration, Instant};

use domicile_testkit::{CONFIG, Sandbox, Shop, assert_arrived};

use crate::command::{domicile, run};
use crate::running::{PATIENCE, Running};

/// Schedules that begin a run in each second.
const EACH_SECOND: &str = "schedule = \"* * * * * *\"\n";

fn terminated(running: Running) -> Option<i32> {
    running.signal("TERM");
    running.ended().0
}

/// Waits until everything that was sold has arrived.
fn wait_until_arrived(sandbox: &Sandbox, sold: i64) {
    let begin = Instant::now();
    let dealt_with = || -> i64 {
        let sql = "SELECT coalesce(max(CAST(position AS INTEGER)), 0) FROM domicile_position";
        sandbox.home("spain").query_row(sql, [], |row| row.get(0)).unwrap_or(0)
    };
    while !sandbox.home_path("spain").exists() || dealt_with() < sold {
        assert!(begin.elapsed() < PATIENCE, "{} of {sold}", dealt_with());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_new_is_delivered_at_each_of_its_times() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 21);
    sandbox.write_config(&format!("{EACH_SECOND}{CONFIG}"));
    shop.sell(50);
    let running = Running::start(&sandbox, &["run", "--schedule"]);
    wait_until_arrived(&sandbox, 50);
    shop.sell(50);
    wait_until_arrived(&sandbox, 100);
    assert_eq!(terminated(running), Some(0));
    assert_arrived(&sandbox);
}

#[test]
fn without_a_schedule_it_is_refused_and_one_of_the_command_line_counts() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 22).sell(10);
    let refused = domicile(sandbox.dir(), ["run", "--schedule"]).exits(2);
    assert!(refused.stderr.contains("domicile.toml has no `schedule`"), "{}", refused.stderr);
    let refused = domicile(sandbox.dir(), ["run", "--schedule=daily"]).exits(2);
    assert!(refused.stderr.contains("--schedule daily: it is no cron expression"), "{}", refused.stderr);
    let running = Running::start(&sandbox, &["run", "--schedule", "* * * * * *"]);
    wait_until_arrived(&sandbox, 10);
    assert_eq!(terminated(running), Some(0));
}

#[test]
fn a_broken_configuration_is_told_and_not_taken() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 23);
    sandbox.write_config(&format!("{EACH_SECOND}{CONFIG}"));
    let running = Running::start(&sandbox, &["run", "--schedule"]);
    running.tells("a run begins");
    sandbox.write_config("schedule = 7");
    running.signal("HUP");
    running.tells("the configuration is not taken; runs go on with the one before");
    shop.sell(20);
    wait_until_arrived(&sandbox, 20);

    sandbox.write_config(&format!("schedule = \"*/2 * * * * *\"\ntime_zone = \"Europe/Madrid\"\n{CONFIG}"));
    running.signal("HUP");
    running.tells("runs begin at */2 * * * * * (Europe/Madrid)");
    shop.sell(20);
    wait_until_arrived(&sandbox, 40);
    assert_eq!(terminated(running), Some(0));
    assert_arrived(&sandbox);
}

#[test]
fn times_that_are_missed_are_one_run() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 24).sell(5);
    sandbox.write_config(&format!("{EACH_SECOND}{CONFIG}"));
    let running = Running::start(&sandbox, &["run", "--schedule"]);
    running.tells("a run begins");
    running.signal("STOP");
    // The time in which nothing can run is the test.
    std::thread::sleep(Duration::from_secs(4));
    running.signal("CONT");
    running.tells("scheduled runs have been missed since");
    running.tells("a run begins");
    assert_eq!(terminated(running), Some(0));
}

#[test]
fn a_run_that_is_asked_to_stop_keeps_what_it_has_and_the_next_goes_on() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 25).sell(4000);
    sandbox.write_config(&format!("{CONFIG}\n[batch]\nrows = 5\n[delivery]\ncommit_rows = 2\n"));
    let running = Running::start(&sandbox, &["run"]);
    running.tells("source sales");
    wait_until_arrived(&sandbox, 1);
    running.signal("TERM");
    let (code, took) = running.ended();
    assert_eq!(code, Some(5));
    assert!(took < Duration::from_secs(15), "{took:?}");
    let dealt_with = || -> i64 {
        let sql = "SELECT sum(read) FROM domicile_account";
        sandbox.home("spain").query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let at_first = dealt_with();
    run(&sandbox).exits_with_any_of(&[0, 3]);
    let all = dealt_with();
    assert!(0 < at_first && at_first < all, "it was stopped half-way: {at_first} of {all}");
    assert_arrived(&sandbox);
}

#[test]
fn a_run_that_is_stopped_before_it_reads_has_not_done_everything() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 26).sell(20);
    // A home that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = format!("postgres://nobody@{}/spain?connect_timeout=60", silent.local_addr().unwrap());
    let config = CONFIG.replace("spain = \"ES\"", &format!("spain = {{ keys = \"ES\", url = \"{home}\" }}"));
    sandbox.write_config(&config.replace("sqlite:homes", "sqlite:./homes"));
    let running = Running::start(&sandbox, &["run"]);
    let (_connection, _) = silent.accept().unwrap();
    running.signal("TERM");
    let (code, took) = running.ended();
    assert_eq!(code, Some(5));
    assert!(took > Duration::from_secs(8), "the home has its time: {took:?}");
    // Who asks twice does not want to wait.
    let running = Running::start(&sandbox, &["run"]);
    let (_connection, _) = silent.accept().unwrap();
    running.signal("INT");
    running.tells("stopping: homes commit what they have in hand");
    running.signal("INT");
    running.tells("stopped: what was not committed is undone");
    let (code, took) = running.ended();
    assert_eq!(code, Some(5));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
