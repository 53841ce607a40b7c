//! What a placement accepts and refuses.

use domicile::{Home, Placement, RoutingKey};

fn home(name: &str) -> Home {
    Home::new(name).unwrap()
}

#[test]
fn a_key_in_two_homes_is_refused_with_both_places_named() {
    let builder = Placement::builder().place(RoutingKey::new("ES"), home("es"), "a.toml:12");
    let error = builder.clone().place(RoutingKey::new("ES"), home("fr"), "b.toml:3").build().unwrap_err();
    assert!(error.is_placed_twice());
    let message = error.to_string();
    for part in ["`ES`", "es (a.toml:12)", "fr (b.toml:3)"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(builder.clone().place(RoutingKey::new("ES"), home("es"), "b.toml:3").build().is_err());
    assert!(builder.place(RoutingKey::new("FR"), home("fr"), "b.toml:3").build().is_ok());
}

#[test]
fn many_keys_may_share_a_home_and_a_home_may_have_none() {
    let placement = Placement::builder()
        .place(RoutingKey::new("PT"), home("iberia"), "a.toml:2")
        .place(RoutingKey::new("ES"), home("iberia"), "a.toml:1")
        .home(home("fr"))
        .build()
        .unwrap();
    let keys = |name| placement.keys_of(&home(name)).map(RoutingKey::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!((keys("iberia").as_str(), keys("fr").as_str(), keys("it").as_str()), ("ES PT", "", ""));
    assert_eq!(placement.homes().map(Home::as_str).collect::<Vec<_>>(), ["fr", "iberia"]);
}
