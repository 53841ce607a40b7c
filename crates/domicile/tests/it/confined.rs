//! Scopes that no operation may leave, and replicas that may answer.

use std::thread;

use domicile::{
    Chain, Confined, Context, Error, Home, Operation, Placement, PlacementRouter, ReplicaReads, Role, Route, Router,
    RoutingKey, WitnessKind, context,
};

fn home(name: &str) -> Home {
    Home::new(name).unwrap()
}

fn routers() -> Chain {
    let placement = Placement::builder().place(RoutingKey::new("ES"), home("es"), "domicile.toml:12").place(
        RoutingKey::new("FR"),
        home("fr"),
        "domicile.toml:13",
    );
    Chain::new(PlacementRouter::new(placement.build().unwrap()))
}

fn read() -> Operation<'static> {
    Operation::read("orders")
}

#[test]
fn a_confined_scope_lets_nothing_out_whatever_is_set_below() {
    let routers = routers();
    let line = line!() + 1;
    context::with(Confined::to(home("es")).unwrap(), || {
        // It is a home that is known, so that nothing more is needed.
        let route = routers.route(&read()).unwrap();
        assert_eq!(route.reason().witnesses()[0].kind(), WitnessKind::Confined);
        context::with(RoutingKey::new("ES"), || assert!(routers.route(&read()).is_ok()));
        for refused in [
            context::with(RoutingKey::new("FR"), || routers.route(&read())),
            context::with(home("fr"), || routers.route(&read())),
            routers.route(&read().on(home("fr"))),
            routers.route(&read().with_key(RoutingKey::new("FR"), "orders.country")),
            routers.route(&read().in_transaction_of(home("fr"), "src/sync.rs:20")),
        ] {
            let error = refused.unwrap_err();
            assert!(error.is_disagreement(), "{error}");
            assert!(error.to_string().contains(&format!("was confined to es at {}:{line}", file!())), "{error}");
        }
    });
    assert!(routers.route(&read().on(home("fr"))).is_ok());
}

/// A router of one's own, which knows nothing of scopes.
struct French;

impl Router for French {
    fn name(&self) -> &str {
        "french"
    }

    fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, Error> {
        Ok(Some(Route::new(home("fr"), "all is French")))
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route_read(operation)
    }
}

#[test]
fn no_router_leads_out_of_a_confined_scope() {
    let routers = Chain::new(French);
    assert!(routers.route(&read()).is_ok());
    let refused = context::with(Confined::to(home("es")).unwrap(), || routers.route(&read()));
    assert!(refused.unwrap_err().is_disagreement());
}

#[test]
fn a_scope_within_cannot_be_confined_elsewhere_and_another_task_starts_free() {
    context::with(Confined::to(home("es")).unwrap(), || {
        let refused = Confined::to(home("fr")).unwrap_err();
        assert!(refused.is_refused() && refused.to_string().contains("was confined to es at"), "{refused}");
        context::with(Confined::to(home("es")).unwrap(), || assert!(Confined::to(home("fr")).is_err()));
        thread::scope(|threads| {
            assert!(threads.spawn(|| Confined::to(home("fr")).is_ok()).join().unwrap());
            let here = Context::current();
            assert!(threads.spawn(move || here.run(|| Confined::to(home("fr")).is_err())).join().unwrap());
        });
    });
    assert!(Confined::to(home("fr")).is_ok());
}

#[test]
fn a_replica_may_answer_reads_of_a_scope_that_allows_it_until_it_has_written() {
    let routers = routers();
    let role = |operation: &Operation<'_>| routers.route(operation).unwrap().role();
    let (es, fr) = (read().on(home("es")), read().on(home("fr")));
    assert_eq!(role(&es), Role::Primary);
    context::with(ReplicaReads::new(), || {
        assert_eq!((role(&es), role(&fr)), (Role::Replica, Role::Replica));
        assert_eq!(role(&Operation::write("orders").on(home("es"))), Role::Primary);
        assert_eq!(role(&es.clone().on_primary()), Role::Primary);
        assert_eq!(role(&read().in_transaction_of(home("es"), "src/sync.rs:20")), Role::Primary);
        let here = Context::current();
        thread::scope(|threads| threads.spawn(|| here.run(|| ReplicaReads::wrote_to(&home("es")))).join().unwrap());
        // Its own writes are read, also those of a thread that it was carried to; the other home was not written to.
        assert_eq!((role(&es), role(&fr)), (Role::Primary, Role::Replica));
        context::with(ReplicaReads::new(), || assert_eq!(role(&es), Role::Replica));
        assert_eq!(role(&es), Role::Primary);
        let listed = Context::current().to_string();
        assert!(listed.contains("ReplicaReads (not of es, which this scope has written to)"), "{listed}");
    });
}
