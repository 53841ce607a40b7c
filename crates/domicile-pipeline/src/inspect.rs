//! A look at every home and the control database before anything is written.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use crate::config::{Config, Problem, SettingPath};
use crate::control::{Kept, quoted};
use crate::cursor::Cursor;
use crate::deliver::{Delivery, Opened};
use crate::error::{Error, Failure};
use crate::plan::Writing;
use crate::position::Position;
use crate::source::{Guarantee, GuaranteeClass};

/// So many homes are looked at together: most of the time is spent waiting for their answers.
const INSPECTED_AT_ONCE: usize = 16;

/// How far each home has got with one source, or why it cannot be reached; the control database comes last.
pub(crate) struct Inspected {
    pub(crate) states: Vec<Result<Position, Failure>>,
    /// The ways into them, some of them open.
    pub(crate) deliveries: Vec<Box<dyn Delivery>>,
}

impl Inspected {
    /// Where each home begins. One that cannot be reached wants nothing in this run: it begins at the end.
    pub(crate) fn starts(&self, upto: &Position) -> Vec<Position> {
        self.states.iter().map(|state| state.as_ref().unwrap_or(upto).clone()).collect()
    }

    /// How far the home that is ahead of all others has got.
    pub(crate) fn reached(&self) -> Position {
        self.positions().max().cloned().unwrap_or(Position::Start)
    }

    fn positions(&self) -> impl Iterator<Item = &Position> {
        self.states.iter().filter_map(|state| state.as_ref().ok())
    }

    /// A position of another cursor says nothing of this one.
    pub(crate) fn check_cursor(&self, cursor: &Cursor, source: &str) -> Result<(), Error> {
        let Some(position) = self.positions().find(|position| !cursor.admits(position)) else { return Ok(()) };
        let message = format!(
            "a home has got to {position}, which was read by another cursor than {}; put the cursor back, or give the \
             source another `name`, under which it is read from the start",
            cursor.named()
        );
        Err(Error::source(source, message))
    }

    /// Up to where a source is read that ends at `upto` now. If that is before a home's position, it has lost records, or
    /// is another one: what it gives next would be taken for known. Where the last record may go away at any time, that
    /// says nothing.
    pub(crate) fn readable(&self, upto: Position, guarantee: &Guarantee, source: &str) -> Result<Position, Error> {
        let reached = self.reached();
        if reached <= upto {
            return Ok(upto);
        }
        if guarantee.class == GuaranteeClass::Heuristic {
            return Ok(reached);
        }
        let message = format!("it ends at {upto}, but a home has got to {reached}; was it restored or replaced?");
        Err(Error::source(source, message))
    }
}

/// What is wrong in homes, which are mostly alike: it is said once, with the homes that it is wrong in.
#[derive(Default)]
struct Found(BTreeMap<(At, String), (String, Vec<String>)>);

/// The setting that is told, and the one that may be quoted.
type At = (SettingPath, SettingPath);

impl Found {
    fn add(&mut self, home: &str, at: At, message: String, fix: String) {
        self.0.entry((at, message)).or_insert((fix, Vec::new())).1.push(home.to_owned());
    }

    fn take(&mut self, writing: &Writing, home: &str, opened: Opened, control_is_known: bool) -> Position {
        if opened.is_foreign && control_is_known {
            let source = quoted(&writing.name);
            let message = format!(
                "it has a position of a source {source} that was read with another control database, and would be \
                 taken to know this source's records"
            );
            let fix = format!(
                "give the source another `name`; or, if its control database was lost, let this one take the position \
                 over, in each of these databases: UPDATE domicile_position SET control = NULL WHERE source = {source}"
            );
            let control = SettingPath::root().key("control");
            self.add(home, (control.clone(), control), message, fix);
        }
        for misfit in opened.misfits {
            let setting = |name| writing.setting(misfit.table, name);
            self.add(home, (setting("into"), setting("sql")), misfit.message, misfit.fix);
        }
        opened.position
    }
}

/// Reads every position, and finds what stops this source from being delivered to the homes: tables that do not fit,
/// and positions of somebody else. Whose those are is not judged where it is not known what the control database keeps.
/// Of the homes that are open after it, so many stay open.
pub(crate) async fn inspect(
    config: &Config,
    writing: &Writing,
    kept: Option<&Kept>,
    stay_open: usize,
) -> (Inspected, Vec<Problem>) {
    let control = kept.and_then(|kept| kept.id.as_deref());
    let mut found = Found::default();
    let homes = config.homes.iter().map(|home| writing.delivery(&home.database));
    let all = homes.chain([writing.nowhere(&config.control)]).enumerate();
    let inspecting = all.map(|(number, mut delivery)| async move {
        let opened = delivery.inspect(control).await;
        if number >= stay_open {
            delivery.close().await;
        }
        (delivery, opened)
    });
    let looked: Vec<_> = stream::iter(inspecting).buffered(INSPECTED_AT_ONCE).collect().await;
    let (mut deliveries, mut states) = (Vec::new(), Vec::new());
    let names = config.homes.iter().map(|home| format!("home {}", home.home));
    for (name, (delivery, opened)) in names.chain([String::from("the control database")]).zip(looked) {
        states.push(opened.map(|opened| found.take(writing, &name, opened, kept.is_some())));
        deliveries.push(delivery);
    }
    let problems = found.0.into_iter().map(|(((setting, quoted), message), (fix, homes))| {
        config.document.problem_said(&setting, &quoted, format!("{}: {message}", in_short(&homes)), fix)
    });
    let problems = problems.collect();
    (Inspected { states, deliveries }, problems)
}

/// Names, the first of them written out.
pub(crate) fn in_short(names: &[String]) -> String {
    match names {
        [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} more", rest.len()),
        _ => names.concat(),
    }
}
