//! What the guide tells programs to read is there.

use domicile_testkit::{Sandbox, Shop};

use crate::command::domicile;

const GUIDE: &str = include_str!("../../../../guide/operating.md");

#[test]
fn the_fields_that_the_guide_tells_programs_to_read_are_there() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 71).sell(100);
    let table = GUIDE.split_once("<!-- json -->\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut commands = 0;
    for row in table.lines().skip(2) {
        let quoted: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        let [command, _type, pointers @ ..] = &quoted[..] else { panic!("{row}") };
        let mut arguments: Vec<_> = command.split(' ').chain(["domicile.toml"]).collect();
        arguments.extend((*command == "trace").then_some("1"));
        let json = domicile(sandbox.dir(), arguments.into_iter().chain(["--json"])).json();
        for pointer in pointers {
            assert!(json.pointer(pointer).is_some(), "{command} has no {pointer}: {json:#}");
        }
        assert!(!pointers.is_empty(), "{row}");
        commands += 1;
    }
    assert_eq!(commands, 9);
}
