//! A replay of records whose rows later records have replaced since: the last record of the source decides.

use super::{Databases, World, counts, of};

contract! {
    a_row_that_a_later_record_has_replaced_stays_as_that_one_made_it
    of_records_with_one_cursor_only_those_that_were_delivered_have_made_rows_since
}

fn a_row_that_a_later_record_has_replaced_stays_as_that_one_made_it(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Bea', 1.00"]);
    world.run();
    world.sql("es", "INSERT INTO orders (id, amount) VALUES (3, 0), (4, 0), (6, 0), (7, 0)");
    world.order(&[
        "'ES', 'Ana', 1.00",
        "'ES', 'Bea', 1.00",
        "'ES', 'Ana', 1.00",
        "'ES', 'Ana', 1.00",
        "'ES', 'Cem', 1.00",
    ]);
    world.run();
    let latest = || world.rows("es", "SELECT customer, last FROM latest ORDER BY customer");
    assert_eq!(latest(), ["Ana|5", "Bea|2"]);
    world.sql("es", "DELETE FROM orders WHERE id IN (3, 4, 7)");
    assert_eq!(counts(of(&world.replay_all(), Some("es"))), [3, 0, 0, 0, 1, 0, 0]);
    assert_eq!(latest(), ["Ana|5", "Bea|4", "Cem|7"], "the order 3 is older than what is there, and 4 is newer");
    world.sql("es", "DELETE FROM orders WHERE id = 6");
    world.assert_proved();
    assert_eq!(counts(of(&world.replay_all(), Some("es")))[0], 1);
    assert_eq!(latest(), ["Ana|6", "Bea|4", "Cem|7"]);
    world.assert_proved();
}

fn of_records_with_one_cursor_only_those_that_were_delivered_have_made_rows_since(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("cursor = \"at\"");
    let insert = "INSERT INTO orders (at, country, customer, amount) VALUES";
    world.sql("source", &format!("{insert} ('2024-01-01 12:00:00', 'ES', 'Zoé', 1.00)"));
    world.run();
    world.sql("es", "INSERT INTO orders (id, amount) VALUES (2, 0), (4, 0)");
    world.sql(
        "source",
        &format!(
            "{insert} ('2024-01-01 13:00:00', 'ES', 'Ana', 1.00), ('2024-01-01 14:00:00', 'ES', 'Ana', 2.00),
                      ('2024-01-01 14:00:00', 'ES', 'Cem', 3.00)"
        ),
    );
    world.run();
    let latest = || world.rows("es", "SELECT customer, last FROM latest ORDER BY customer");
    assert_eq!(latest(), ["Ana|3", "Zoé|1"]);
    world.sql("es", "DELETE FROM orders WHERE id IN (2, 4)");
    assert_eq!(counts(of(&world.replay_all(), Some("es")))[0], 2);
    assert_eq!(latest(), ["Ana|3", "Cem|4", "Zoé|1"], "the order 3 has the cursor of 4, and was delivered");
    world.assert_proved();
}
