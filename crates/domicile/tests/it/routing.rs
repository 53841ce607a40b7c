//! The router: each refusal beside a twin that passes.

use domicile::{
    Chain, Confined, Error, Home, Operation, Placed, Placement, PlacementRouter, Record, Route, Router, RoutingKey,
    WitnessKind, context,
};

fn home(name: &str) -> Home {
    Home::new(name).unwrap()
}

fn placement_router() -> PlacementRouter {
    let placement = Placement::builder().place(RoutingKey::new("ES"), home("es"), "domicile.toml:12").place(
        RoutingKey::new("FR"),
        home("fr"),
        "domicile.toml:13",
    );
    PlacementRouter::new(placement.build().unwrap())
}

fn routers() -> Chain {
    Chain::new(placement_router())
}

#[derive(Clone, Copy)]
struct Order {
    country: Option<&'static str>,
    loaded_from: Option<&'static str>,
}

impl Record for Order {
    fn routing_key(&self) -> Option<RoutingKey> {
        self.country.map(RoutingKey::new)
    }

    fn loaded_from(&self) -> Option<Home> {
        self.loaded_from.map(home)
    }
}

const SILENT: Order = Order { country: None, loaded_from: None };
const SPANISH: Order = Order { country: Some("ES"), loaded_from: None };
const FRENCH: Order = Order { country: Some("FR"), loaded_from: None };

fn home_of(operation: &Operation<'_>) -> Home {
    routers().route(operation).unwrap().home().clone()
}

#[test]
fn without_a_witness_it_is_refused_and_with_any_one_it_is_routed() {
    let write = Operation::write("orders");
    let error = context::with(7_u32, || routers().route(&write.clone().with_record(&SILENT))).unwrap_err();
    assert!(error.is_no_opinion());
    let message = error.to_string();
    for part in ["write to orders", "asked placement", "u32 set at", file!()] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("u32 7"), "its value is for the program alone: {message}");

    let loaded = Order { loaded_from: Some("es"), ..SILENT };
    assert_eq!(home_of(&write.clone().with_record(&SPANISH)), home("es"));
    assert_eq!(home_of(&write.clone().with_record(&loaded)), home("es"));
    assert_eq!(home_of(&write.clone().on(home("es"))), home("es"));
    assert_eq!(home_of(&write.clone().in_transaction_of(home("es"), "src/sync.rs:20")), home("es"));
    assert_eq!(context::with(RoutingKey::new("ES"), || home_of(&write)), home("es"));
    assert_eq!(context::with(home("es"), || home_of(&write)), home("es"));
    assert!(routers().route(&write).unwrap_err().to_string().contains("the context holds nothing"));
}

#[test]
fn a_route_says_why() {
    let line = line!() + 1;
    let route = context::with(RoutingKey::new("ES"), || routers().route(&Operation::read("orders"))).unwrap();
    let expected = format!("es, because RoutingKey(ES) was set at {}:{line} (placed by domicile.toml:12)", file!());
    assert_eq!(route.to_string(), expected);
    let witness = &route.reason().witnesses()[0];
    assert_eq!((witness.kind(), witness.key()), (WitnessKind::ContextKey, Some(&RoutingKey::new("ES"))));
    assert_eq!(witness.set_at().unwrap().line(), line);

    let loaded = Order { loaded_from: Some("es"), ..SPANISH };
    let route = routers().route(&Operation::read("orders").with_record(&loaded)).unwrap();
    let expected = "es, because the record's key is ES (placed by domicile.toml:12) and the record was loaded from es";
    assert_eq!(route.to_string(), expected);
}

#[test]
fn an_unknown_key_is_refused_wherever_it_is_from() {
    let italian = Order { country: Some("IT"), loaded_from: None };
    let write = Operation::write("orders");
    let by_record = routers().route(&write.clone().with_record(&italian)).unwrap_err();
    assert!(by_record.is_unknown_key());
    assert!(by_record.to_string().contains("`IT` has no home"), "{by_record}");
    assert!(by_record.to_string().contains("the record's key"), "{by_record}");

    let by_context = context::with(RoutingKey::new("IT"), || routers().route(&write)).unwrap_err();
    assert!(by_context.is_unknown_key());
    assert!(by_context.to_string().contains(&format!("RoutingKey(IT) was set at {}", file!())), "{by_context}");

    // A known witness beside it does not excuse it.
    let both = context::with(RoutingKey::new("ES"), || routers().route(&write.clone().with_record(&italian)));
    assert!(both.unwrap_err().is_unknown_key());
    assert_eq!(context::with(RoutingKey::new("ES"), || home_of(&write.with_record(&SPANISH))), home("es"));
}

#[test]
fn an_unknown_home_is_refused() {
    let read = Operation::read("orders");
    let error = context::with(home("it"), || routers().route(&read)).unwrap_err();
    assert!(error.is_unknown_home());
    assert!(error.to_string().contains("`it`"), "{error}");
    assert_eq!(context::with(home("es"), || home_of(&read)), home("es"));
}

#[test]
fn witnesses_that_disagree_are_refused_pair_by_pair_and_agreeing_twins_pass() {
    let loaded = |loaded_from| Order { country: None, loaded_from: Some(loaded_from) };
    let (from_es, from_fr) = (loaded("es"), loaded("fr"));
    let torn = Order { country: Some("ES"), loaded_from: Some("fr") };
    let write = Operation::write("orders");
    let refused = |operation: &Operation<'_>| {
        let error = context::with(RoutingKey::new("FR"), || routers().route(operation)).unwrap_err();
        assert!(error.is_disagreement(), "{error}");
        error.to_string()
    };

    let message = refused(&write.clone().with_record(&SPANISH));
    for part in ["es, because the record's key is ES", "fr, because RoutingKey(FR) was set at", "domicile.toml:13"] {
        assert!(message.contains(part), "{message}");
    }
    refused(&write.clone().with_record(&from_es));
    refused(&write.clone().in_transaction_of(home("es"), "src/sync.rs:20"));
    assert!(routers().route(&write.clone().with_record(&torn)).unwrap_err().is_disagreement());

    let agreed = context::with(RoutingKey::new("FR"), || {
        context::with(home("fr"), || {
            let whole = Order { country: Some("FR"), loaded_from: Some("fr") };
            routers().route(&write.clone().with_record(&whole).in_transaction_of(home("fr"), "src/sync.rs:20"))
        })
    });
    assert_eq!(agreed.unwrap().reason().witnesses().len(), 5);
    assert_eq!(context::with(RoutingKey::new("FR"), || home_of(&write.with_record(&from_fr))), home("fr"));
}

#[test]
fn naming_the_home_overrides_the_context_but_not_the_record() {
    let on_fr = Operation::read("orders").on(home("fr"));
    let in_spain = |operation: &Operation<'_>| context::with(RoutingKey::new("ES"), || routers().route(operation));
    assert_eq!(in_spain(&on_fr).unwrap().home(), &home("fr"));
    assert_eq!(in_spain(&on_fr.clone().with_record(&FRENCH)).unwrap().home(), &home("fr"));
    assert!(in_spain(&on_fr.with_record(&SPANISH)).unwrap_err().is_disagreement());
}

/// Answers with a home because it knows no better: what the contract forbids.
struct AlwaysPrimary;

impl Router for AlwaysPrimary {
    fn name(&self) -> &str {
        "always-primary"
    }

    fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, Error> {
        Ok(Some(Route::new(home("es"), "it is the primary")))
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route_read(operation)
    }
}

/// Whether a router keeps to the contract where nothing is known: it must not have an opinion.
fn has_no_default(router: &dyn Router) -> bool {
    let asked = [router.route_read(&Operation::read("nobody")), router.route_write(&Operation::write("nobody"))];
    asked.iter().all(|answer| matches!(answer, Ok(None)))
}

#[test]
fn a_router_that_brings_a_default_is_caught() {
    assert!(has_no_default(&placement_router()));
    assert!(!has_no_default(&AlwaysPrimary));
}

#[test]
fn no_router_overrules_what_is_known_of_the_operation() {
    let routers = Chain::new(AlwaysPrimary);
    let from_fr = Order { loaded_from: Some("fr"), ..SILENT };
    let from_es = Order { loaded_from: Some("es"), ..SILENT };
    let write = Operation::write("orders");
    let error = routers.route(&write.clone().with_record(&from_fr)).unwrap_err();
    assert!(error.is_disagreement());
    assert!(error.to_string().contains("es, because it is the primary"), "{error}");
    assert!(routers.route(&write.clone().on(home("fr"))).unwrap_err().is_disagreement());
    assert!(routers.route(&write.clone().with_record(&from_es)).is_ok());
    assert!(routers.route(&write.on(home("es"))).is_ok());
}

#[test]
fn no_router_sends_a_record_away_from_where_its_key_is_placed() {
    let alone = Chain::new(AlwaysPrimary);
    let routers = Chain::new(AlwaysPrimary).then(placement_router());
    let write = Operation::write("orders");
    let by_record = write.clone().with_record(&FRENCH);
    let by_statement = write.clone().with_key(RoutingKey::new("FR"), "orders.country");
    for (operation, found) in [(&by_record, "the record's key is FR"), (&by_statement, "orders.country is FR")] {
        let error = routers.route(operation).unwrap_err();
        assert!(error.is_disagreement());
        for part in ["es, because it is the primary", found, "placed by domicile.toml:13"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(alone.route(operation).is_ok(), "nobody has placed it");
    }
    assert!(routers.route(&write.clone().with_record(&SPANISH)).is_ok());
    assert!(routers.route(&write.clone().with_key(RoutingKey::new("ES"), "orders.country")).is_ok());
    // What the context means for a table is for the router to say.
    assert!(context::with(RoutingKey::new("FR"), || routers.route(&write)).is_ok());
}

/// Decides by the country in the context, and by nothing else.
struct ByContext;

impl Router for ByContext {
    fn name(&self) -> &str {
        "by-context"
    }

    fn route_read(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        if operation.named_home().is_some() {
            return Ok(None);
        }
        let key = context::get::<RoutingKey>();
        Ok(key.map(|key| Route::new(home(&key.as_str().to_lowercase()), "it is the country")))
    }

    fn route_write(&self, operation: &Operation<'_>) -> Result<Option<Route>, Error> {
        self.route_read(operation)
    }

    fn placed(&self, key: &RoutingKey) -> Option<Placed> {
        Some(Placed::new(key.clone(), home(&key.as_str().to_lowercase()), "the rule of the country"))
    }
}

/// Has no opinion, and knows which homes there are.
struct Lists(&'static [&'static str]);

impl Router for Lists {
    fn name(&self) -> &str {
        "lists"
    }

    fn route_read(&self, _: &Operation<'_>) -> Result<Option<Route>, Error> {
        Ok(None)
    }

    fn route_write(&self, _: &Operation<'_>) -> Result<Option<Route>, Error> {
        Ok(None)
    }

    fn homes(&self) -> Vec<Home> {
        self.0.iter().map(|name| home(name)).collect()
    }
}

#[test]
fn a_home_that_is_named_is_one_of_those_that_the_routers_list() {
    let on_fr = Operation::write("orders").on(home("fr"));
    let refused = Chain::new(Lists(&["es"])).route(&on_fr).unwrap_err();
    assert!(refused.is_unknown_home() && refused.to_string().contains("`fr`"), "{refused}");
    assert_eq!(Chain::new(Lists(&["es", "fr"])).route(&on_fr).unwrap().home(), &home("fr"));
    assert_eq!(Chain::new(ByContext).then(Lists(&[])).route(&on_fr).unwrap().home(), &home("fr"), "nobody lists any");
}

#[test]
fn without_an_opinion_an_operation_goes_where_it_is_known_to_belong() {
    let routers = Chain::new(ByContext);
    let write = Operation::write("orders");
    let on_fr = write.clone().on(home("fr"));
    let in_spain = |operation: &Operation<'_>| context::with(RoutingKey::new("ES"), || routers.route(operation));
    assert_eq!(in_spain(&write).unwrap().home(), &home("es"));
    assert_eq!(in_spain(&on_fr).unwrap().home(), &home("fr"), "what it names overrides the context");
    assert_eq!(
        routers.route(&write.clone().in_transaction_of(home("fr"), "src/sync.rs:20")).unwrap().home(),
        &home("fr")
    );
    assert!(routers.route(&write).unwrap_err().is_no_opinion());
    assert!(
        routers.route(&on_fr.clone().in_transaction_of(home("es"), "src/sync.rs:20")).unwrap_err().is_disagreement()
    );
    assert!(routers.route(&on_fr.clone().with_record(&SPANISH)).unwrap_err().is_disagreement());
    let confined = context::with(Confined::to(home("es")).unwrap(), || routers.route(&on_fr));
    assert!(confined.unwrap_err().is_disagreement());
}

#[test]
fn the_first_opinion_wins_and_a_refusal_ends_the_asking() {
    let routers = routers().then(AlwaysPrimary);
    let (read, write) = (Operation::read("orders"), Operation::write("orders"));
    assert_eq!(routers.route(&write.clone().with_record(&FRENCH)).unwrap().home(), &home("fr"));
    assert_eq!(routers.route(&read).unwrap().reason().to_string(), "it is the primary");
    let unknown = context::with(RoutingKey::new("IT"), || routers.route(&write));
    assert!(unknown.unwrap_err().is_unknown_key());
}

#[test]
fn relations_stay_within_a_home_and_the_unknown_is_not_allowed() {
    let routers = routers();
    let from_es = Order { loaded_from: Some("es"), ..SILENT };
    let torn = Order { country: Some("ES"), loaded_from: Some("fr") };
    assert!(routers.allow_relation(&SPANISH, &from_es));
    assert!(!routers.allow_relation(&SPANISH, &FRENCH));
    assert!(!routers.allow_relation(&SPANISH, &torn));
    assert!(!routers.allow_relation(&SPANISH, &SILENT));
    assert_eq!(placement_router().allow_relation(&SPANISH, &SILENT), None);
}

#[test]
fn tables_are_migrated_to_the_homes_of_the_placement_only() {
    assert!(routers().allow_migrate(&home("es"), "orders"));
    assert!(!routers().allow_migrate(&home("it"), "orders"));
    assert!(!Chain::new(AlwaysPrimary).allow_migrate(&home("es"), "orders"));
}
