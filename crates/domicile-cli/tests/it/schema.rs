//! `domicile schema`

use std::path::Path;

use domicile_testkit::Sandbox;

use crate::command::domicile;

#[test]
fn it_prints_what_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/domicile.schema.json");
    let checked_in = std::fs::read_to_string(path).unwrap();
    let printed = domicile(Sandbox::new().dir(), ["schema"]).exits(0).stdout;
    assert!(printed == checked_in, "update it: cargo run -- schema > schema/domicile.schema.json");
}
