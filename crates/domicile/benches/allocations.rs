//! How often the context allocates memory, against the context of opentelemetry and tokio's `task_local!`.
//!
//! It is a program of its own, because an allocator that counts takes time, of which those who allocate more lose more.
//!
//! ```sh
//! cargo bench -p domicile --bench allocations
//! ```

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Wakeup, Poll, Waker};

use allocation_counter::measure;
use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
use opentelemetry::Context as Telemetry;
use opentelemetry::context::FutureExt;

/// How often each operation is repeated. What is allocated once for a thread is a small part of it.
const TIMES: u32 = 1000;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Country([u8; 2]);

const SPAIN: Country = Country(*b"ES");

tokio::task_local! {
    static COUNTRY: Country;
}

fn main() {
    println!("| what | allocations | bytes |");
    println!("|---|--:|--:|");
    scopes();
    polls();
    routes();
}

/// Prints how often an operation allocates, and returns how often in all.
fn row(what: &str, mut operation: impl FnMut()) -> u64 {
    let counted = measure(|| (0..TIMES).for_each(|_| operation()));
    let each = |count: u64| count as f64 / f64::from(TIMES);
    println!("| {what} | {:.2} | {:.1} |", each(counted.count_total), each(counted.bytes_total));
    counted.count_total
}

fn scopes() {
    let key = RoutingKey::new("ES");
    row("a scope, a plain value: `with`", || context::with(black_box(SPAIN), || black_box(())));
    row("a scope, a plain value: `enter`", || drop(black_box(context::enter(SPAIN))));
    row("a scope, a plain value, and a look at it: `with`, `read`", || {
        assert!(context::with(SPAIN, || context::read::<Country, _>(|country| country == Some(&SPAIN))));
    });
    row("a scope, a `RoutingKey`: `with`", || context::with(key.clone(), || black_box(())));
    row("a scope, a plain value: tokio `sync_scope`", || COUNTRY.sync_scope(black_box(SPAIN), || black_box(())));
    row("a scope, a plain value: opentelemetry `attach`", || {
        drop(black_box(Telemetry::current_with_value(SPAIN).attach()));
    });
}

fn polls() {
    let mut ours = Box::pin(context::scope(SPAIN, std::future::pending()));
    let mut tokio = Box::pin(COUNTRY.scope(SPAIN, std::future::pending()));
    let mut telemetry = Box::pin(std::future::pending().with_context(Telemetry::current_with_value(SPAIN)));
    row("an async scope, each poll: `scope`", || poll(&mut ours));
    row("an async scope, each poll: tokio `scope`", || poll(&mut tokio));
    row("an async scope, each poll: opentelemetry `with_context`", || poll(&mut telemetry));
}

/// A route that is found must cost none, or the program fails.
fn routes() {
    let (es, found) = (Home::new("es").expect("it is a name"), Arc::<str>::from("orders.country"));
    let placement = Placement::builder().place(RoutingKey::new("ES"), es.clone(), "domicile.toml:12").build();
    let routers = Chain::new(PlacementRouter::new(placement.expect("the key has one home")));
    let key = RoutingKey::new("ES");
    let by_statement = || Operation::write("orders").with_key(key.clone(), Arc::clone(&found));
    let route = |operation: &Operation<'_>| assert_eq!(*routers.route(operation).expect("all agree").home(), es);
    context::with(key.clone(), || {
        let counted = [
            row("a route by the context: `Chain::route`", || route(&Operation::read("orders"))),
            row("a route by the context and a key of the statement: `Chain::route`", || route(&by_statement())),
            row("a route by the home that is named: `Chain::route`", || {
                route(&Operation::read("orders").on(es.clone()))
            }),
        ];
        // Looking at the placement allocates once for the thread.
        assert!(counted.iter().all(|&count| count <= 1), "a route that is found allocates nothing");
    });
}

fn poll<F: Future<Output = ()>>(future: &mut Pin<Box<F>>) {
    assert_eq!(future.as_mut().poll(&mut Wakeup::from_waker(Waker::noop())), Poll::Pending);
}
