//! A replay in the middle of a run that reads the same records again.

use std::sync::{Arc, Mutex};

use domicile_pipeline::{Event, Observer};

use super::{Databases, World, all, counts, of};
use crate::fixture;

contract! {
    what_is_replayed_while_a_run_reads_it_again_is_not_given_twice
}

/// Does something once, when a home has committed for the first time.
struct OnceDelivered(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Observer for OnceDelivered {
    fn observe(&self, event: &Event<'_>) {
        let Event::Committed(commit) = event else { return };
        let work = if commit.home == "es" { self.0.lock().unwrap().take() } else { None };
        // A thread of its own has a runtime of its own.
        work.into_iter().for_each(|work| std::thread::spawn(work).join().unwrap());
    }
}

fn what_is_replayed_while_a_run_reads_it_again_is_not_given_twice(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("cursor = \"at\"\noverlap = \"1h\"\nidentity = \"id\"");
    world.batch_rows = 2;
    let insert = |values: &str| {
        world.sql("source", &format!("INSERT INTO orders (at, country, customer, amount) VALUES {values}"));
    };
    insert("('2024-01-01 12:00:00', 'ES', 'Ana', 1.00), ('2024-01-01 12:10:00', 'XX', 'Xia', 2.00)");
    world.run();
    // One comes late, before the second is read again; and behind the next, the second will be out of reach.
    insert("('2024-01-01 12:05:00', 'ES', 'Ana', 4.00), ('2024-01-01 14:00:00', 'ES', 'Ana', 8.00)");
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }\ndelivery.commit_rows = 1");
    let pipeline = world.pipeline();
    let replay = move || {
        let replay = fixture::runtime().block_on(pipeline.replay(&all(), None)).unwrap();
        assert_eq!(counts(of(&replay, None)), [1, 0, 0, 0, 0, 0, 0]);
    };
    let observer = OnceDelivered(Mutex::new(Some(Box::new(replay))));
    let report = fixture::only(fixture::run(&world.pipeline(), Arc::new(observer)).unwrap());
    let total = report.total();
    assert_eq!([total.read, total.delivered, total.quarantined], [2, 2, 0], "{report:#?}");
    assert_eq!((world.ids("es"), world.total("es", "Xia")), (String::from("1 2 3 4"), String::from("1|2")));
    world.assert_proved();
}
