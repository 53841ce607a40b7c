//! A proxy in front of a server: it carries everything, and does to connections what it is told.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use domicile_testkit::{Proxy, Server};

/// One server of each kind that is installed, with a database and a way to it.
fn ways() -> impl Iterator<Item = (Server, Proxy)> {
    let starts: [fn() -> Option<Server>; 2] = [Server::postgres, Server::mariadb];
    starts.into_iter().filter_map(|start| start()).map(|server| {
        server.create_database("shop");
        server.sql("shop", "CREATE TABLE orders (id INT)");
        let proxy = Proxy::to(&server);
        (server, proxy)
    })
}

#[test]
fn everything_is_carried_until_something_else_is_said() {
    for (server, proxy) in ways() {
        let much = "SELECT repeat('domicile', 100000)";
        let answer = ask(&proxy.url(&server, "shop"), &[much]);
        assert!(answer.status.success(), "{answer:?}");
        assert_eq!("domicile".repeat(100_000), String::from_utf8_lossy(&answer.stdout).trim());
        assert_eq!(0, proxy.cuts());
    }
}

#[test]
fn a_connection_is_cut_once_the_server_has_done_what_was_asked_and_before_it_is_told() {
    for (server, proxy) in ways() {
        let url = proxy.url(&server, "shop");
        proxy.lose_reply_to("COMMIT");
        let insert = ["BEGIN", "INSERT INTO orders VALUES (1)", "COMMIT"];
        assert!(!ask(&url, &insert).status.success());
        assert_eq!((1, "1"), (proxy.cuts(), &*server.sql("shop", "SELECT count(*) FROM orders")));
        assert!(ask(&url, &insert).status.success(), "it happens once");
        assert_eq!((1, "2"), (proxy.cuts(), &*server.sql("shop", "SELECT count(*) FROM orders")));
    }
}

#[test]
fn a_connection_is_cut_in_the_middle_of_an_answer() {
    for (server, proxy) in ways() {
        let (url, much) = (proxy.url(&server, "shop"), ["SELECT repeat('domicile', 100000)"]);
        proxy.cut_after(100_000);
        assert!(!ask(&url, &much).status.success());
        assert_eq!(1, proxy.cuts());
        assert!(ask(&url, &much).status.success());
    }
}

#[test]
fn all_connections_are_cut_and_new_ones_are_carried() {
    for (server, proxy) in ways() {
        let url = proxy.url(&server, "shop");
        let client = client(&url, &[]).stdin(Stdio::piped()).spawn().unwrap();
        wait_for("the client is connected", || server.connections("shop") == 1);
        proxy.cut();
        wait_for("the server knows it", || server.connections("shop") == 0);
        assert_eq!((1, 0), (proxy.cuts(), proxy.connections()));
        end(client);
        assert!(ask(&url, &["SELECT 1"]).status.success());
    }
}

#[test]
fn nobody_is_let_in_until_it_heals() {
    for (server, proxy) in ways() {
        let url = proxy.url(&server, "shop");
        proxy.refuse();
        assert!(!ask(&url, &["SELECT 1"]).status.success());
        proxy.heal();
        assert!(ask(&url, &["SELECT 1"]).status.success());
    }
}

#[test]
fn whoever_waits_for_a_reply_that_is_swallowed_waits_until_it_heals() {
    for (server, proxy) in ways() {
        let url = proxy.url(&server, "shop");
        proxy.swallow_replies();
        let mut client = client(&url, &["INSERT INTO orders VALUES (1)"]).spawn().unwrap();
        wait_for("the client is carried", || proxy.connections() == 1);
        assert_eq!(None, client.try_wait().unwrap());
        proxy.heal();
        wait_for("what was swallowed is not made up for", || client.try_wait().unwrap().is_some());
        assert!(ask(&url, &["SELECT 1"]).status.success());
    }
}

/// Asks one statement after the other.
fn ask(url: &str, statements: &[&str]) -> Output {
    client(url, statements).output().unwrap()
}

/// The client program of a server, which ends at the first failure.
fn client(url: &str, statements: &[&str]) -> Command {
    let mut client = if url.starts_with("postgres") {
        let mut client = Command::new("psql");
        client.args(["-XAt", "-v", "ON_ERROR_STOP=1", url]);
        for statement in statements {
            client.args(["-c", statement]);
        }
        client
    } else {
        let (user, host) = url.strip_prefix("mysql://").unwrap().split_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap();
        let port = host.split([':', '/']).nth(1).unwrap();
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--host=127.0.0.1", "--skip-ssl", "-N", "--skip-reconnect"]);
        client.args(["--port", port, "--user", user, "shop"]).env("MYSQL_PWD", password);
        if !statements.is_empty() {
            client.args(["-e", &statements.join("; ")]);
        }
        client
    };
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    client
}

fn end(mut client: Child) {
    client.kill().unwrap();
    client.wait().unwrap();
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
