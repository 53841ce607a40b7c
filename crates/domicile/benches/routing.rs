//! What one routing decision costs, from the context to the route, against reading a `task_local!` of tokio: see
//! BENCHMARKS.md.
//!
//! ```sh
//! cargo bench -p domicile --bench routing
//! ```

mod ratio;

use std::process::ExitCode;

use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
use ratio::{Ratios, repeated};

/// How many homes there are, each with a key of its own.
const HOMES: usize = 250;

tokio::task_local! {
    static COUNTRY: u16;
}

fn main() -> ExitCode {
    let routers = routers();
    let mut ratios = Ratios::default();
    let key = RoutingKey::new("K125");
    COUNTRY.sync_scope(7, || {
        context::with(key.clone(), || {
            ratios.compare(
                "route by the context, of 250 homes: `Chain::route`, tokio `try_with`",
                Some(10.0),
                &mut repeated(|| routers.route(&Operation::read("orders"))),
                &mut repeated(|| COUNTRY.try_with(|country| *country)),
            );
            ratios.compare(
                "route by the context and a key of the statement: `Chain::route`, tokio `try_with`",
                None,
                &mut repeated(|| {
                    let operation = Operation::write("orders").with_key(key.clone(), std::sync::Arc::clone(&LABEL));
                    routers.route(&operation)
                }),
                &mut repeated(|| COUNTRY.try_with(|country| *country)),
            );
        });
    });
    ratios.finish()
}

static LABEL: std::sync::LazyLock<std::sync::Arc<str>> = std::sync::LazyLock::new(|| "orders.country".into());

fn routers() -> Chain {
    let place = |placement: domicile::PlacementBuilder, index: usize| {
        let home = Home::new(&format!("h{index}")).expect("it is a name");
        placement.place(RoutingKey::new(format!("K{index}")), home, "domicile.toml:12")
    };
    let placement = (0..HOMES).fold(Placement::builder(), place).build();
    Chain::new(PlacementRouter::new(placement.expect("each key has one home")))
}
