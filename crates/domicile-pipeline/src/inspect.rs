//! A look at every home and the control database before anything is written.

use std::collections::BTreeMap;

use domicile::Home;

use crate::batch::Position;
use crate::config::{Config, Problem};
use crate::error::{Error, Failure};
use crate::plan::Planned;

/// How far each home has got with one source, or why it cannot be reached.
pub(crate) struct Inspected {
    pub(crate) homes: Vec<Result<Position, Failure>>,
    pub(crate) control: Result<Position, Failure>,
}

impl Inspected {
    /// Where each home begins, the control database last. One that cannot be reached wants nothing in this run: it
    /// begins at the end.
    pub(crate) fn starts(&self, upto: Position) -> Vec<Position> {
        let begin = |state: &Result<Position, Failure>| state.as_ref().copied().unwrap_or(upto);
        self.homes.iter().chain([&self.control]).map(begin).collect()
    }
}

impl Inspected {
    /// A source that ends before a home's position has lost records, or is another one: what it gives next would be
    /// taken for known.
    pub(crate) fn check_not_beyond(&self, upto: Position, source: &str) -> Result<(), Error> {
        let reached = self.homes.iter().chain([&self.control]).filter_map(|state| state.as_ref().ok()).max();
        match reached {
            Some(reached) if *reached > upto => {
                let message =
                    format!("it ends at {upto}, but a home has got to {reached}; was it restored or replaced?");
                Err(Error::source(source, message))
            }
            _ => Ok(()),
        }
    }
}

/// Reads every position, and finds the tables that do not fit.
pub(crate) async fn inspect(config: &Config, planned: &Planned) -> (Inspected, Vec<Problem>) {
    let mut homes = Vec::new();
    // Homes are mostly alike; what is wrong in many of them is said once.
    let mut found: BTreeMap<(usize, String), (String, Vec<Home>)> = BTreeMap::new();
    for home in &config.homes {
        let opened = planned.delivery(&home.database).inspect().await;
        homes.push(opened.map(|opened| {
            for misfit in opened.misfits {
                found
                    .entry((misfit.table, misfit.message))
                    .or_insert((misfit.fix, Vec::new()))
                    .1
                    .push(home.home.clone());
            }
            opened.position
        }));
    }
    let control = planned.control(&config.control).inspect().await.map(|opened| opened.position);
    let problems = found.into_iter().map(|((table, message), (fix, homes))| {
        let message = format!("{}: {message}", in_homes(&homes));
        config.document.problem(&planned.setting(config, table), message).help(fix)
    });
    (Inspected { homes, control }, problems.collect())
}

fn in_homes(homes: &[Home]) -> String {
    match homes {
        [home] => format!("home {home}"),
        [first, rest @ ..] => format!("home {first} and {} more", rest.len()),
        [] => String::new(),
    }
}
