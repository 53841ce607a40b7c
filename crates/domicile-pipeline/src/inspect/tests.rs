use std::path::PathBuf;

use super::*;
use crate::database::sqlite::delivery::SqliteDelivery;
use crate::plan::nothing_delivered;

/// Whether a home at a position is read for together with the one that is ahead of it.
fn is_near(position: Position, ahead: Position, upto: &Position) -> bool {
    let member = |(slot, position)| Member {
        slot,
        state: Ok(position),
        epoch: 0,
        delivery: Box::new(SqliteDelivery::new(PathBuf::new(), nothing_delivered())),
        is_silent: false,
    };
    let members = [position, ahead].into_iter().enumerate().map(member).collect();
    let (near, far) = Inspected { members }.split(upto);
    assert_eq!(near.members.len() + far.members.len(), 2);
    near.members.len() == 2
}

/// A position that begins with a value, and has a number behind it.
fn at(value: Value) -> Position {
    Position::of(vec![value, Value::Integer(7)])
}

#[test]
fn a_home_is_near_that_lacks_no_more_than_the_one_ahead_has_before_it() {
    let kinds: [fn(i64) -> Value; 3] = [
        |number| Value::Integer(number.into()),
        |number| Value::Date(i32::try_from(number).unwrap()),
        |number| Value::Timestamp(1_700_000_000_000_000 + number),
    ];
    for kind in kinds {
        let position = |number| at(kind(number));
        assert!(is_near(position(10), position(20), &position(30)));
        assert!(!is_near(position(9), position(20), &position(30)), "it lacks one more");
        assert!(is_near(position(20), position(20), &position(20)));
    }
}

#[test]
fn a_home_that_has_nothing_is_near_only_in_front_of_numbers_that_begin() {
    assert!(is_near(Position::Start, Position::At(5), &Position::At(10)));
    assert!(!is_near(Position::Start, Position::At(6), &Position::At(10)));
    let time = |number: i64| at(Value::Timestamp(1_700_000_000_000_000 + number));
    assert!(!is_near(Position::Start, time(0), &time(10)));
}

#[test]
fn by_other_cursors_homes_are_near_that_are_at_one_position() {
    let text = |text: &str| at(Value::Text(text.to_owned()));
    assert!(is_near(text("b"), text("b"), &text("c")));
    assert!(!is_near(text("a"), text("b"), &text("z")));
}
