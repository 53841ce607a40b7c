//! Runs that begin by themselves, and runs that are asked to stop.

#![cfg(unix)]

use std::time::{Duration, Instant};

use domicile_testkit::{CONFIG, Proxy, Sandbox, Server, Shop, assert_arrived};

use crate::command::{domicile, run};
use crate::running::{PATIENCE, Running, address};
use crate::scrape::{get, read};

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

/// It is read without a fault, and each run by it would exit with 2.
#[test]
fn a_configuration_that_no_run_could_use_is_not_taken() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 28);
    shop.sell(20);
    let written = |config: &str| sandbox.write_config(&format!("{EACH_SECOND}{config}"));
    written(CONFIG);
    let running = Running::start(&sandbox, &["run", "--schedule"]);
    wait_until_arrived(&sandbox, 20);
    for (from, to, told) in [
        ("country_code(country)", "country_code(contry)", "contry"),
        ("spain = \"ES\"", "spain = \"IE\"", "the routing key `ES` was placed in home spain until now"),
        ("'test'", "'tested'", ""),
    ] {
        assert!(CONFIG.contains(from), "{from}");
        written(&CONFIG.replace(from, to));
        running.signal("HUP");
        if told.is_empty() {
            running.tells("the configuration was read anew");
            continue;
        }
        running.tells(told);
        running.tells("the configuration is not taken; runs go on with the one before");
        let sold = shop.sell_one(Some("España"), "2024-01-01", "1.00");
        wait_until_arrived(&sandbox, sold);
    }
    // A home that is away is no fault of the configuration.
    std::fs::rename(sandbox.home_path("france"), sandbox.path("away")).unwrap();
    std::fs::create_dir(sandbox.home_path("france")).unwrap();
    running.signal("HUP");
    running.tells("the configuration was read anew");
    assert_eq!(terminated(running), Some(0));
}

#[test]
fn times_of_a_schedule_that_was_another_one_until_now_were_not_missed() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 30).sell(5);
    let once_a_year = "schedule = \"0 0 1 1 *\"\n";
    sandbox.write_config(&format!("{once_a_year}metrics = \"127.0.0.1:0\"\n{CONFIG}"));
    let running = Running::start(&sandbox, &["run", "--schedule"]);
    address(&running);
    // The time that passes by the other schedule is the test.
    std::thread::sleep(Duration::from_secs(2));
    sandbox.write_config(&format!("{EACH_SECOND}{CONFIG}"));
    running.signal("HUP");
    let told = running.tells_up_to("a run begins");
    assert!(!told.iter().any(|line| line.contains("missed")), "{told:#?}");
    assert_eq!(terminated(running), Some(0));
}

#[test]
fn times_that_are_missed_are_one_run() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 24).sell(5);
    sandbox.write_config(&format!("{EACH_SECOND}metrics = \"127.0.0.1:0\"\n{CONFIG}"));
    let (began, running) = (Instant::now(), Running::start(&sandbox, &["run", "--schedule"]));
    let address = address(&running);
    running.tells("a run begins");
    running.signal("STOP");
    // The time in which nothing can run is the test.
    std::thread::sleep(Duration::from_secs(4));
    running.signal("CONT");
    let told = running.tells("scheduled runs have been missed since");
    let missed = told.split(" scheduled runs").next().and_then(|before| before.rsplit(' ').next()).unwrap();
    assert!(missed.parse::<u32>().unwrap() >= 2, "{told}");
    for _ in 0..3 {
        running.tells("a run begins");
    }
    let scraped = read(&get(&address, "/metrics").unwrap().body).unwrap();
    let counted = scraped.value("domicile_missed_runs_total");
    assert!(counted >= missed.parse().unwrap(), "{told}: {counted}");
    // Each second is a run or one that was missed: those that are made up for are not run as well.
    let runs: f64 = scraped.all("domicile_runs_total").map(|(_, runs)| runs).sum();
    assert!(runs + counted <= began.elapsed().as_secs_f64() + 1.0, "{runs} runs, {counted} missed in {began:?}");
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

#[test]
fn a_run_that_is_stopped_while_it_waits_for_its_source_has_not_done_everything() {
    let Some(server) = Server::postgres() else { return };
    server.create_database("source");
    let sold = "CREATE TABLE sales (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, country text);
                INSERT INTO sales (country) SELECT 'ES' FROM generate_series(1, 3000)";
    server.sql("source", sold);
    let sandbox = Sandbox::new();
    let proxy = Proxy::to(&server);
    sandbox.write_config(&format!(
        "control = \"sqlite:control.sqlite\"\nhome_url = \"sqlite:{{home}}.sqlite\"\nhomes = {{ spain = \"ES\" }}\n\
         batch.rows = 5\ndelivery.commit_rows = 5\n[[source]]\nurl = \"{}\"\ntable = \"sales\"\ncursor = \"id\"\n\
         key = \"country\"\n[[source.analyser]]\ninto = \"sales\"\nsql = \"SELECT * FROM record\"\n",
        proxy.url(&server, "source")
    ));
    let running = Running::start(&sandbox, &["run"]);
    running.tells("source sales");
    proxy.refuse();
    running.tells("source sales fails, and is read again");
    running.signal("TERM");
    let (code, took) = running.ended();
    assert_eq!(code, Some(5));
    assert!(took < Duration::from_secs(15), "{took:?}");
    proxy.heal();
    let ran = run(&sandbox);
    ran.exits_with_any_of(&[0]);
    let sales = rusqlite::Connection::open(sandbox.path("spain.sqlite")).unwrap();
    let count = |sql: &str| -> i64 { sales.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!((count("SELECT count(*) FROM sales"), count("SELECT count(DISTINCT id) FROM sales")), (3_000, 3_000));
}

/// Somebody has locked a table that a home's transaction writes to. What `waits` counts is who waits for it.
fn a_run_that_is_stopped_while_a_home_hangs_ends_in_time(server: Option<Server>, lock: [&str; 2], waits: &str) {
    let Some(server) = server else { return };
    server.create_database("spain");
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 29);
    let home = format!("spain = {{ keys = \"ES\", url = \"{}\" }}", server.url("spain"));
    sandbox.write_config(&CONFIG.replace("spain = \"ES\"", &home).replace("sqlite:homes", "sqlite:./homes"));
    shop.sell(20);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    let mut held = server.session("spain");
    let there = "SELECT (SELECT position FROM domicile_position), (SELECT count(*) FROM sales)";
    let before = server.sql("spain", there);
    assert!(lock.into_iter().all(|statement| held.execute(statement)));
    let sold = shop.sell_one(Some("España"), "2024-01-01", "1.00");
    let running = Running::start(&sandbox, &["run"]);
    let begin = Instant::now();
    while server.sql("spain", waits).trim() == "0" {
        assert!(begin.elapsed() < PATIENCE, "nobody waits for the lock");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal("TERM");
    running.tells("stopped: what was not committed is undone");
    let (code, took) = running.ended();
    assert_eq!(code, Some(5));
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(held.execute("ROLLBACK"));
    assert_eq!(server.sql("spain", there), before, "something was committed");
    run(&sandbox).exits_with_any_of(&[0, 3]);
    let arrived = format!("SELECT count(*) FROM sales, domicile_position WHERE id = {sold} AND position = '{sold}'");
    assert_eq!(server.sql("spain", &arrived).trim(), "1");
}

#[test]
fn a_run_that_is_stopped_while_postgresql_hangs_ends_in_time() {
    a_run_that_is_stopped_while_a_home_hangs_ends_in_time(
        Server::postgres(),
        ["BEGIN", "LOCK TABLE sales IN SHARE ROW EXCLUSIVE MODE"],
        "SELECT count(*) FROM pg_locks WHERE NOT granted",
    );
}

#[test]
fn a_run_that_is_stopped_while_mariadb_hangs_ends_in_time() {
    a_run_that_is_stopped_while_a_home_hangs_ends_in_time(
        Server::mariadb(),
        ["BEGIN", "SELECT * FROM domicile_position FOR UPDATE"],
        "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE domicile_position%'",
    );
}

/// Spain has lost what it had, and has more to catch up with than a second is enough for; France has one new sale.
#[test]
fn a_home_that_is_far_behind_keeps_no_scheduled_run_from_the_others() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 27);
    let sold = "INSERT INTO sales (country, customer, sold_on, status, amount)
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
                SELECT 'España', 'customer-0', '2024-01-01', 'paid', 10.50 FROM n";
    sandbox.source().execute_batch(sold).unwrap();
    sandbox.write_config(CONFIG);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    std::fs::remove_file(sandbox.home_path("spain")).unwrap();
    let position = |home: &str| -> i64 {
        let sql = "SELECT CAST(position AS INTEGER) FROM domicile_position";
        let open = rusqlite::Connection::open(sandbox.home_path(home)).unwrap();
        open.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
    };
    sandbox.write_config(&format!("{EACH_SECOND}{CONFIG}\n[batch]\nrows = 1\n[delivery]\ncommit_rows = 1\n"));
    let running = Running::start(&sandbox, &["run", "--schedule"]);
    running.tells("the home is behind yet");
    shop.sell_one(Some("France"), "2024-01-02", "1.00");
    let begin = Instant::now();
    while position("france") < 20_001 {
        assert!(begin.elapsed() < PATIENCE, "France waits for Spain");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(position("spain") < 20_000, "Spain has caught up before France got on, which says nothing");
    assert_eq!(terminated(running), Some(0));
    sandbox.write_config(CONFIG);
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}
