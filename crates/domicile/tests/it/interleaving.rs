//! The interleaving that a process-wide value with save and restore gets wrong: A starts, B starts, A ends, B looks.
//! The check is run against such an implementation too, to show that it can fail.

use std::sync::Mutex;

use domicile::context;

use crate::values::{Country, Pause, country, poll_once};

/// Runs the interleaving and returns what each task saw last, and what is left after both.
fn a_starts_b_starts_a_ends_b_looks(
    scope: impl Fn(&'static str, bool) -> std::pin::Pin<Box<dyn Future<Output = Option<&'static str>>>>,
    look: impl Fn() -> Option<&'static str>,
) -> [Option<&'static str>; 3] {
    let (mut a, mut b) = (scope("ES", false), scope("FR", true));
    assert!(poll_once(&mut a).is_pending());
    assert!(poll_once(&mut b).is_pending());
    let std::task::Poll::Ready(seen_by_a) = poll_once(&mut a) else { panic!("A pauses once") };
    assert!(poll_once(&mut b).is_pending());
    let std::task::Poll::Ready(seen_by_b) = poll_once(&mut b) else { panic!("B pauses twice") };
    [seen_by_a, seen_by_b, look()]
}

async fn pause(twice: bool) {
    Pause::default().await;
    if twice {
        Pause::default().await;
    }
}

const RIGHT: [Option<&str>; 3] = [Some("ES"), Some("FR"), None];

#[test]
fn each_task_sees_its_own_value_and_nothing_is_left() {
    let seen = a_starts_b_starts_a_ends_b_looks(
        |name, twice| {
            Box::pin(context::scope(Country(name), async move {
                pause(twice).await;
                country()
            }))
        },
        country,
    );
    assert_eq!(seen, RIGHT);
}

/// What programs do before they know better: one value for the process, saved on the way in, restored on the way out.
static PROCESS_WIDE: Mutex<Option<&'static str>> = Mutex::new(None);

struct Restore(Option<&'static str>);

impl Drop for Restore {
    fn drop(&mut self) {
        *PROCESS_WIDE.lock().unwrap() = self.0;
    }
}

#[test]
fn a_process_wide_save_and_restore_fails_the_same_check() {
    let look = || *PROCESS_WIDE.lock().unwrap();
    let seen = a_starts_b_starts_a_ends_b_looks(
        |name, twice| {
            Box::pin(async move {
                let _restore = Restore(PROCESS_WIDE.lock().unwrap().replace(name));
                pause(twice).await;
                *PROCESS_WIDE.lock().unwrap()
            })
        },
        look,
    );
    assert_eq!(seen, [Some("FR"), None, Some("ES")]);
    assert_ne!(seen, RIGHT);
}
