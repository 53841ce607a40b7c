//! Placements from configuration files.

use domicile::{Home, Placement, RoutingKey};

fn home_of(placement: &Placement, key: &str) -> String {
    let placed = placement.home_of(&RoutingKey::new(key)).unwrap();
    format!("{} {}", placed.home(), placed.origin())
}

#[test]
fn homes_are_read_as_the_command_reads_them() {
    let text = "control = \"sqlite:c\"\n\n[homes]\nfrance = \"FR\"\niberia = [\n  \"ES\",\n  \"PT\",\n]\nempty = []\n\
                [homes.germany]\nurl = \"sqlite:de\"\nkeys = [\"DE\"]\n[homes.austria]\nkeys = \"AT\"\n";
    let placement = Placement::from_toml("domicile.toml", text).unwrap();
    for (key, expected) in [
        ("FR", "france domicile.toml:4"),
        ("ES", "iberia domicile.toml:6"),
        ("PT", "iberia domicile.toml:7"),
        ("DE", "germany domicile.toml:12"),
        ("AT", "austria domicile.toml:14"),
    ] {
        assert_eq!(home_of(&placement, key), expected);
    }
    assert!(placement.homes().any(|home| *home == Home::new("empty").unwrap()));
    let listed = Placement::from_toml("domicile.toml", "homes = [\"ES\",\n \"FR\"]").unwrap();
    assert_eq!(home_of(&listed, "FR"), "fr domicile.toml:2");
}

#[test]
fn what_is_wrong_is_told_by_file_and_line() {
    for (text, expected) in [
        ("[homes\n", "domicile.toml:1: "),
        ("[home]\nes = \"ES\"\n", "domicile.toml:1: it has no setting `homes`"),
        ("\nhomes = 7\n", "domicile.toml:2: `homes` is neither a list of keys nor a table of homes"),
        ("\nhomes = []\n", "domicile.toml:2: `homes` names no home"),
        ("\n[homes]\n", "domicile.toml:2: `homes` names no home"),
        ("[homes]\nes = 7\n", "domicile.toml:2: a routing key is a text that is not empty, in quotes"),
        ("[homes]\nes = [\"ES\", \"\"]\n", "domicile.toml:2: a routing key is a text"),
        ("[homes]\nes.keys.a = \"ES\"\n", "domicile.toml:2: `keys` is neither a key nor a list of keys"),
    ] {
        let error = Placement::from_toml("domicile.toml", text).unwrap_err();
        assert!(error.is_invalid_configuration(), "{text}: {error}");
        assert!(error.to_string().starts_with(expected), "{text}: {error}");
    }
    let error = Placement::from_toml("domicile.toml", "[homes]\nSpain = \"ES\"\n").unwrap_err();
    assert!(error.is_invalid_name() && error.to_string().starts_with("domicile.toml:2: `Spain`"), "{error}");
    let error = Placement::from_toml("domicile.toml", "[homes]\nes = \"ES\"\nfr = [\"FR\", \"ES\"]\n").unwrap_err();
    assert!(error.is_placed_twice(), "{error}");
    for place in ["domicile.toml:2", "domicile.toml:3"] {
        assert!(error.to_string().contains(place), "{error}");
    }
}
