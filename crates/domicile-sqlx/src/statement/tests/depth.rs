//! Texts that are nested so deeply that reading them would need more stack than a thread has.

use std::time::{Duration, Instant};

use super::super::depth::{LINKS_MAX, NESTED_MAX};
use super::{DIALECTS, Dialect, read_as};

/// What threads of tokio have.
const STACK_BYTES: usize = 2 * 1_024 * 1_024;

fn read_on_a_stack_of(bytes: usize, sql: String) -> String {
    let thread = std::thread::Builder::new().stack_size(bytes);
    thread.spawn(move || read_as(Dialect::Sqlite, &sql)).unwrap().join().unwrap()
}

fn read(sql: String) -> String {
    read_on_a_stack_of(STACK_BYTES, sql)
}

fn chain(operator: &str, term: &str, terms: usize) -> String {
    vec![term; terms].join(&format!(" {operator} "))
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

fn cases(depth: usize) -> String {
    nested("CASE WHEN 1 THEN ", " END", depth)
}

fn joins(depth: usize) -> String {
    nested("(a JOIN ", ")", depth).replace('1', "b")
}

#[test]
fn a_chain_is_read_as_far_as_its_length_is_bounded_and_refused_beyond() {
    for operator in ["OR", "AND"] {
        let delete =
            |table: &str, terms| format!("DELETE FROM {table} WHERE {}", chain(operator, "country = 'ES'", terms));
        assert_eq!(read(delete("orders", LINKS_MAX / 2 - 10)), "write orders(ES)");
        let refused = read(delete("orders", 50_000));
        assert!(refused.starts_with("refused: it names the table orders"), "{refused}");
        assert!(refused.contains("nested too deeply"), "{refused}");
        // What names no table with a key is sent where the context says.
        assert_eq!(read(delete("items", 50_000)), "write");
    }
}

#[test]
fn the_deepest_that_is_read_needs_no_more_than_half_of_a_stack() {
    let links = LINKS_MAX - 10;
    for sql in [
        format!("UPDATE orders SET amount = {} WHERE country = 'ES'", chain("+", "1", links)),
        format!("UPDATE orders SET amount = 1 WHERE country = 'ES' AND id < {}", chain("+", "1", links)),
        format!("UPDATE orders SET amount = {} WHERE country = 'ES'", cases(NESTED_MAX)),
        format!("UPDATE orders SET amount = {} WHERE country = 'ES'", nested("(", ")", NESTED_MAX)),
        format!("UPDATE orders SET amount = {} WHERE country = 'ES'", nested("NOT ", "", NESTED_MAX)),
        format!("UPDATE orders SET amount = {} WHERE country = 'ES'", nested("(SELECT ", ")", NESTED_MAX)),
        format!("DELETE FROM orders WHERE country = 'ES' AND id IN (SELECT 1 FROM {})", joins(NESTED_MAX - 2)),
        format!("UPDATE orders SET amount = 1 WHERE country = 'ES' AND id{}", " IS NULL".repeat(links / 2)),
        format!("UPDATE orders SET amount = 1 WHERE country = 'ES'{}", "::text".repeat(links / 2)),
    ] {
        let read = read_on_a_stack_of(STACK_BYTES / 2, sql.clone());
        assert!(read.starts_with("write orders(ES)"), "{}: {read}", &sql[..70]);
    }
    let union = format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(links / 2));
    assert_eq!(read_on_a_stack_of(STACK_BYTES / 2, union), "read");
}

#[test]
fn what_is_long_and_not_deep_is_read() {
    let list = format!("SELECT * FROM orders WHERE country IN ({})", vec!["'ES'"; 50_000].join(", "));
    assert_eq!(read(list), "read orders(ES)");
    let rows = vec!["(1 + 2 * 3, 'ES')"; 20_000].join(", ");
    assert_eq!(read(format!("INSERT INTO orders (id, country) VALUES {rows}")), "write orders(ES)");
    let pairs = format!("country = 'ES' AND ({})", chain("OR", "(id = 1 AND amount = 2)", 3_000));
    assert_eq!(read(format!("DELETE FROM orders WHERE {pairs}")), "write orders(ES)");
    let statements = vec!["DELETE FROM items WHERE a = 1 OR b = 2"; 5_000].join("; ");
    assert!(read(statements).starts_with("write items"));
}

#[test]
fn whatever_is_nested_is_refused_and_nothing_overflows() {
    for depth in [500, 3_000, 50_000] {
        for value in [
            nested("(", ")", depth),
            nested("NOT ", "", depth),
            nested("- ", "", depth),
            nested("coalesce(", ")", depth),
            nested("(SELECT ", ")", depth),
        ] {
            let read = read(format!("SELECT * FROM orders WHERE country = {value}"));
            assert!(read.starts_with("refused: it names the table orders"), "{depth}, {}: {read}", &value[..20]);
        }
        assert!(read(format!("SELECT * FROM orders WHERE country = {}", cases(depth))).starts_with("refused: "));
        assert!(read(format!("SELECT * FROM orders, {}", joins(depth))).starts_with("refused: "));
        let explained = format!("{} DELETE FROM orders WHERE country = 'ES'", "EXPLAIN ".repeat(depth));
        assert!(read(explained).starts_with("refused: "));
        let joined = nested("(", ")", depth).replace('1', "orders");
        assert!(read(format!("SELECT * FROM {joined}")).starts_with("refused: it names the table orders"));
    }
    assert_eq!(read("SELECT * FROM orders WHERE country = ((('ES')))".into()), "read orders(ES)");
    assert_eq!(
        read(format!("SELECT * FROM {} CROSS JOIN orders WHERE country = 'ES'", joins(2))),
        "read a a b orders(ES)"
    );
}

#[test]
fn calls_are_nested_as_far_as_the_parser_needs_no_time_to_speak_of() {
    let replaced = |depth: usize| {
        let value = format!("{}name{}", "replace(".repeat(depth), ", 'a', 'b')".repeat(depth));
        format!("SELECT {value} FROM orders WHERE country = 'ES'")
    };
    for dialect in DIALECTS {
        assert_eq!(read_as(dialect, &replaced(12)), "read orders(ES)", "{dialect:?}");
        // Brackets that are none of a call's, and calls beside each other, are no deeper for it.
        let beside = format!("SELECT * FROM orders WHERE country = 'ES' AND ({})", chain("OR", "f(1)", 500));
        assert_eq!(read_as(dialect, &beside), "read orders(ES)", "{dialect:?}");
        let within = "SELECT * FROM orders WHERE country = 'ES' AND ".to_owned() + &nested("(a = 1 OR (", "))", 15);
        assert_eq!(read_as(dialect, &within), "read orders(ES)", "{dialect:?}");
    }
    let began = Instant::now();
    assert!(read_as(Dialect::Postgres, &replaced(40)).contains("nested too deeply"));
    assert_eq!(read_as(Dialect::Sqlite, &replaced(40)), "read orders(ES)");
    assert_eq!(read_as(Dialect::MySql, &replaced(40)), "read orders(ES)");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
