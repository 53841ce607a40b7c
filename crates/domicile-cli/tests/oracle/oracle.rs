//! The oracle: random histories on real databases, beside a model in memory that says what must be there in the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domicile_testkit::SplitMix64;

use crate::act::{Act, FAULTS};
use crate::cluster::Cluster;
use crate::history::History;

/// Where nothing else is asked for, histories are begun for so long.
const SECONDS: u64 = 60;

/// By chance, so many histories have more faults than there are of them.
const ENOUGH: u64 = 5;

/// A wrong state has to be found within so many histories.
const FOUND_WITHIN: u64 = 5;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Histories of `DOMICILE_ORACLE_SEED` and the seeds that follow it, or of seeds of the moment, for
/// `DOMICILE_ORACLE_SECONDS`.
#[test]
fn whatever_happens_everything_arrives_once() {
    let Some(mut cluster) = Cluster::start() else { return };
    let seed = number("DOMICILE_ORACLE_SEED").unwrap_or_else(|| SplitMix64::of_the_moment().next_number() >> 32);
    let budget = Duration::from_secs(number("DOMICILE_ORACLE_SECONDS").unwrap_or(SECONDS));
    let (begin, mut histories) = (Instant::now(), 0);
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut steps = 0;
    while histories == 0 || begin.elapsed() < budget {
        let history = History::random(seed + histories, false);
        let mut act = Act::new(&mut cluster, &history);
        act.play();
        act.world.assert_at_rest("in the end");
        for (what, count) in &act.counts {
            *counts.entry(what).or_insert(0) += count;
        }
        act.clear_away();
        histories += 1;
        steps += history.steps.len();
    }
    eprintln!("{histories} histories from seed {seed}, {steps} steps, {:?}:", begin.elapsed());
    counts.iter().for_each(|(what, count)| eprintln!("{count:8} {what}"));
    // Histories in which nothing happens would prove nothing.
    assert!(histories < ENOUGH || counts[FAULTS] > histories, "{histories} histories have few faults");
}

/// What shows that a model which is wrong in one record is told from what is there.
#[test]
fn a_record_that_the_model_has_otherwise_is_found() {
    let Some(mut cluster) = Cluster::start() else { return };
    let history = History::random(1, false);
    let mut act = Act::new(&mut cluster, &history);
    act.play();
    let model = act.world.model();
    assert_eq!(act.world.differences(&model), [""; 0]);
    assert_ne!(act.world.differences(&model.altered()), [""; 0], "a record of another amount is not found");
    let mut altered = model.clone();
    altered.records.pop_last();
    assert_ne!(act.world.differences(&altered), [""; 0], "a record that is too many is not found");
    act.clear_away();
}

/// What shows that a delivery which is not exactly once would be found.
#[test]
fn a_position_that_is_put_back_in_the_midst_of_a_history_is_found() {
    let Some(mut cluster) = Cluster::start() else { return };
    let is_found = |seed| {
        let history = History::random(seed, true);
        let mut act = Act::new(&mut cluster, &history);
        act.play();
        let is_found = !act.world.differences(&act.world.model()).is_empty();
        act.clear_away();
        is_found
    };
    assert!((1..=FOUND_WITHIN).any(is_found), "no history shows that records were delivered twice");
}
