//! What is wrong in the databases of homes: whom it blocks, and when it stops a source as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::who::Who;
use super::{Member, in_short};
use crate::config::{Config, Problem, SettingPath};
use crate::deliver::Opened;
use crate::error::Failure;
use crate::plan::Writing;
use crate::position::Position;

/// What is wrong in homes, which are mostly alike: it is said once, with the homes that it is wrong in.
#[derive(Default)]
pub(super) struct Found {
    wrong: BTreeMap<(At, String), Fault>,
    /// Homes that are blocked as well, for what is said of another one; why, and how to mend it.
    also: Vec<(usize, String, String)>,
    /// Databases that have a position of the source.
    read: BTreeSet<usize>,
}

/// The setting that is told, and the one that the message quotes, if it quotes one.
type At = (SettingPath, Option<SettingPath>);

/// What is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// The home: its tables, or its database.
    Home,
    /// What the source is said to be, unless that is right for another home.
    Source,
}

struct Fault {
    of: Of,
    fix: String,
    /// The databases, by number and name.
    who: Vec<(usize, String)>,
}

/// All that is wrong with databases.
pub(crate) struct Wrong {
    pub(crate) problems: Vec<Problem>,
    /// It is no matter of single homes, and nobody is to be delivered to from this source.
    pub(crate) stops: Option<Stops>,
    /// By number of a database, why it is blocked and how to mend it.
    blocked: BTreeMap<usize, Vec<(String, String)>>,
}

/// Who is stopped where it is no matter of single homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stops {
    /// The source alone, beside others that have begun and go on.
    Source,
    All,
}

impl Found {
    pub(super) fn add(&mut self, who: &Who<'_>, of: Of, at: At, message: String, fix: String) {
        let fault = self.wrong.entry((at, message)).or_insert(Fault { of, fix, who: Vec::new() });
        fault.who.push((who.slot, who.name.clone()));
    }

    /// Blocks a home for what is said of another one.
    pub(super) fn block(&mut self, slot: usize, message: String, fix: String) {
        self.also.push((slot, message, fix));
    }

    pub(super) fn take(&mut self, writing: &Writing, who: &Who<'_>, opened: Opened) -> Position {
        if opened.owners.iter().any(|(source, _)| *source == writing.name) {
            self.read.insert(who.slot);
        }
        for misfit in opened.misfits {
            let setting = |name| writing.setting(misfit.table, name);
            self.add(who, Of::Home, (setting("into"), Some(setting("sql"))), misfit.message, misfit.fix);
        }
        opened.position
    }

    /// Decides who is blocked. Nobody is delivered to where the fault is in the control database, and where all homes that have
    /// a position say that the source or the cursor is another one. Nor is anybody from this source where no home could be
    /// delivered to, or in its first run: what is set up wrongly then is likely to be wrong in more than one place, and nothing
    /// stands to be lost by waiting.
    pub(super) fn judge(self, config: &Config, members: &[Member]) -> Wrong {
        let of_source = self.wrong.values().filter(|fault| fault.of == Of::Source);
        let of_source: BTreeSet<_> = of_source.flat_map(|fault| &fault.who).map(|(slot, _)| *slot).collect();
        let is_first_run = !members.iter().any(|member| matches!(&member.state, Ok(at) if *at > Position::Start));
        let is_of_source = !of_source.is_empty() && self.read.is_subset(&of_source);
        let mut blocked: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
        let mut problems = Vec::new();
        for (((setting, quoted), message), Fault { fix, who, .. }) in self.wrong {
            let problem = |message: String| match &quoted {
                Some(quoted) => config.document.problem_said(&setting, quoted, message, fix.clone()),
                None => config.document.problem(&setting, message).help(fix.clone()),
            };
            let alone = problem(message.clone());
            let why = (alone.message().to_owned(), alone.help_text().unwrap_or_default().to_owned());
            who.iter().for_each(|(slot, _)| blocked.entry(*slot).or_default().push(why.clone()));
            let names: Vec<_> = who.into_iter().map(|(_, name)| name).collect();
            problems.push(problem(format!("{}: {message}", in_short(&names))));
        }
        self.also.into_iter().for_each(|(slot, message, fix)| blocked.entry(slot).or_default().push((message, fix)));
        let homes = config.homes.len();
        let are_all_blocked = blocked.range(..homes).count() == homes;
        let stops = if blocked.contains_key(&homes) || is_of_source {
            Some(Stops::All)
        } else {
            (!blocked.is_empty() && (is_first_run || are_all_blocked)).then_some(Stops::Source)
        };
        Wrong { problems, stops, blocked }
    }
}

impl Wrong {
    /// Why a database is blocked, if it is.
    pub(super) fn blocked(&self, slot: usize) -> Option<Failure> {
        let faults = self.blocked.get(&slot)?;
        let (messages, fixes): (Vec<_>, Vec<_>) = faults.iter().map(|(message, fix)| (&**message, &**fix)).unzip();
        Some(Failure::Blocked { message: messages.join("; "), help: fixes.join("; ") })
    }
}
