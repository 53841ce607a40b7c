//! A look at every home and the control database before anything is written.

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt, stream};

use crate::config::{Config, Database, Location, Problem, SettingPath};
use crate::control::{Kept, quoted};
use crate::cursor::Cursor;
use crate::database::is_one_server;
use crate::deliver::{Delivery, Opened, Owner};
use crate::error::{Error, Failure};
use crate::plan::Writing;
use crate::position::Position;
use crate::source::{Guarantee, GuaranteeClass};

/// So many homes are looked at together: most of the time is spent waiting for their answers.
const INSPECTED_AT_ONCE: usize = 16;

/// What the control database is called.
pub(crate) const CONTROL: &str = "the control database";

/// A home, or the control database, and how far it has got with one source.
pub(crate) struct Member {
    /// Its number, in the configuration's order; that of the control database comes after those of the homes.
    pub(crate) slot: usize,
    /// How far it has got, or why it cannot be reached.
    pub(crate) state: Result<Position, Failure>,
    /// The way into it, which may be open.
    pub(crate) delivery: Box<dyn Delivery>,
}

/// How far homes have got with one source, each of them or some; in the configuration's order.
pub(crate) struct Inspected {
    pub(crate) members: Vec<Member>,
}

impl Inspected {
    /// Where each of so many databases begins. One that cannot be reached, or is not among these, wants nothing: it begins at
    /// the end.
    pub(crate) fn starts(&self, databases: usize, upto: &Position) -> Vec<Position> {
        let mut starts = vec![upto.clone(); databases];
        for Member { slot, state, .. } in &self.members {
            if let Ok(start) = state {
                starts[*slot].clone_from(start);
            }
        }
        starts
    }

    /// Where the control database begins, which has this number, and the home that is behind all others.
    pub(crate) fn starts_of(&self, control: usize) -> (Option<&Position>, Option<&Position>) {
        let known = self.members.iter().filter_map(|member| Some((member.slot, member.state.as_ref().ok()?)));
        let (of_control, of_homes): (Vec<_>, Vec<_>) = known.partition(|(slot, _)| *slot == control);
        let first = |found: Vec<(usize, _)>| found.into_iter().map(|(_, position)| position).min();
        (first(of_control), first(of_homes))
    }

    /// How far the home that is ahead of all others has got.
    pub(crate) fn reached(&self) -> Position {
        self.positions().max().cloned().unwrap_or(Position::Start)
    }

    fn positions(&self) -> impl Iterator<Item = &Position> {
        self.members.iter().filter_map(|member| member.state.as_ref().ok())
    }

    /// Those that are read for together, and those that are too far behind for that. No home is to wait for another one's
    /// records for longer than for its own: who joins the home that is ahead of all has no more between the two of them than
    /// that one has before it. Where distances are not known, all are read for together, and the source once.
    pub(crate) fn split(self, upto: &Position) -> (Self, Self) {
        let ahead = self.reached();
        let is_near = |state: &Result<Position, Failure>| match state {
            Ok(position) if *position != ahead => {
                let (between, before) = (distance(position, &ahead), distance(&ahead, upto));
                between.zip(before).is_none_or(|(between, before)| between <= before)
            }
            _ => true,
        };
        let (near, far) = self.members.into_iter().partition(|member| is_near(&member.state));
        (Self { members: near }, Self { members: far })
    }

    /// Whether all positions can be those of this cursor.
    pub(crate) fn are_of(&self, cursor: &Cursor) -> bool {
        self.positions().all(|position| cursor.admits(position))
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
        let message = format!(
            "it ends at {upto}, but a home has got to {reached}; was it restored or replaced? Bring its records back, or give \
             the source another `name`, under which it is read from the start"
        );
        Err(Error::source(source, message))
    }
}

/// What is wrong in homes, which are mostly alike: it is said once, with the homes that it is wrong in.
#[derive(Default)]
struct Found(BTreeMap<(At, String), (String, Vec<String>)>);

/// The setting that is told, and the one that the message quotes, if it quotes one.
type At = (SettingPath, Option<SettingPath>);

impl Found {
    fn add(&mut self, home: &str, at: At, message: String, fix: String) {
        self.0.entry((at, message)).or_insert((fix, Vec::new())).1.push(home.to_owned());
    }

    fn take(&mut self, writing: &Writing, who: &Who<'_>, opened: Opened) -> Position {
        for misfit in opened.misfits {
            let setting = |name| writing.setting(misfit.table, name);
            self.add(&who.name, (setting("into"), Some(setting("sql"))), misfit.message, misfit.fix);
        }
        opened.position
    }
}

/// A database that is looked at.
struct Who<'a> {
    /// Such as `home es`.
    name: String,
    /// Its home, if it is one.
    home: Option<String>,
    database: &'a Database,
}

impl<'a> Who<'a> {
    /// What says that the database is not the one that it is taken for, or is used by somebody else.
    fn check_owners(
        &self,
        found: &mut Found,
        config: &Config,
        writing: &Writing,
        control: Control<'_>,
        opened: &Opened,
    ) {
        // A source may have its name from the environment.
        let mut names = ["name", "table"].into_iter().map(|name| writing.setting.key(name));
        let name = names.find(|name| config.document.conceals(name));
        let at = (self.database.setting.clone(), name.clone());
        let told = |home: &Option<String>| {
            home.as_ref().map_or_else(|| String::from("a control database"), |home| format!("the home `{home}`"))
        };
        if opened.marker.is_some() && opened.marker != self.home {
            let message = format!("its table domicile_home says that it is {}", told(&opened.marker));
            found.add(&self.name, at, message, String::from("give each home its own database"));
            return;
        }
        let is_ours = |owner: &Owner| control.id.is_some() && owner.control.as_deref() == control.id;
        let other = opened.owners.iter().find(|(_, owner)| is_ours(owner) && owner.home != self.home);
        if let Some((source, owner)) = other {
            let message = format!("it has a position of the source `{source}` as {}", told(&owner.home));
            let home = self.home.as_deref().map_or_else(|| String::from("NULL"), quoted);
            let was = owner
                .home
                .as_deref()
                .map_or_else(|| String::from("home IS NULL"), |home| format!("home = {}", quoted(home)));
            let fix = format!(
                "give each home its own database; if it only has another name now, say so in it: UPDATE domicile_position \
                 SET home = {home} WHERE {was}"
            );
            found.add(&self.name, at, message, fix);
            return;
        }
        let Some((_, owner)) = opened.owners.iter().find(|(source, _)| *source == writing.name) else { return };
        let source = quoted(&writing.name);
        if control.is_known && owner.control.as_deref().is_some_and(|kept| control.id != Some(kept)) {
            let message = format!(
                "it has a position of a source {source} that was read with another control database, and would be \
                 taken to know this source's records"
            );
            let fix = format!(
                "give the source another `name`; or, if its control database was lost, let this one take the position \
                 over, in each of these databases: UPDATE domicile_position SET control = NULL WHERE source = {source}"
            );
            found.add(&self.name, (SettingPath::root().key("control"), name), message, fix);
        } else if owner.origin.as_ref() != Some(&writing.origin) {
            let (at, message, fix) = moved_source(config, writing, owner.origin.as_deref().unwrap_or_default());
            found.add(&self.name, (at, None), message, fix);
        }
    }

    /// A position of another cursor says nothing of this one.
    fn check_cursor(&self, found: &mut Found, writing: &Writing, opened: &Opened) {
        let cursor = &writing.cursor;
        if cursor.columns().is_empty() || cursor.admits(&opened.position) {
            return;
        }
        let at = writing.setting.key("cursor");
        let message = format!("its position of this source was read by another cursor than {}", cursor.named());
        let fix = "put the cursor back, or give the source another `name`, under which it is read from the start";
        found.add(&self.name, (at.clone(), Some(at)), message, String::from(fix));
    }

    /// Two names of one database, which the configuration alone does not tell. `known` has those that were looked at before,
    /// by what they say of themselves.
    async fn check_identity(&self, found: &mut Found, known: &mut Known<'a>, opened: &Opened) -> Result<(), Failure> {
        let Some(identity) = &opened.identity else { return Ok(()) };
        let alike = known.entry(identity.clone()).or_default();
        for (first, database) in alike.iter() {
            if is_one_server(database, self.database).await? {
                let at = (self.database.setting.clone(), None);
                let message = format!("it is the same database as that of {first}");
                found.add(&self.name, at, message, String::from("give each home its own database"));
                return Ok(());
            }
        }
        alike.push((self.name.clone(), self.database));
        Ok(())
    }
}

/// Databases with their names, by what they say of themselves.
type Known<'a> = HashMap<String, Vec<(String, &'a Database)>>;

/// What is told of a position that was read from somewhere else.
fn moved_source(config: &Config, writing: &Writing, kept: &str) -> (SettingPath, String, String) {
    let at = writing.setting.key("url");
    // What stands in the file as a variable of the environment is not told.
    let conceals = ["url", "table", "origin"].iter().any(|name| config.document.conceals(&writing.setting.key(*name)));
    let (was, given) = match conceals {
        true => (String::from("elsewhere"), String::from("what stands in the column `origin` of domicile_position")),
        false => (format!("from `{kept}` and not from `{}`", writing.origin), format!("`origin = \"{kept}\"`")),
    };
    let message = format!("its position of this source was read {was}, and says nothing of what is read here");
    let fix = format!(
        "give the source another `name`, under which it is read from the start; or, if these are the same records at \
         another place, say so by {given}"
    );
    (at, message, fix)
}

/// The control database, as far as it is known.
#[derive(Clone, Copy)]
struct Control<'a> {
    is_known: bool,
    id: Option<&'a str>,
}

/// How far it is from one position to a later one, where they are numbers. The start counts as 0.
fn distance(from: &Position, to: &Position) -> Option<i128> {
    let number = |position: &Position| match position {
        Position::Start => Some(0),
        position => position.integer(),
    };
    number(to)?.checked_sub(number(from)?)
}

/// Reads every position, and finds what stops this source from being delivered to the homes: tables that do not fit,
/// positions of somebody else, and databases that are not what they are taken for. Whose a position is is not judged
/// where it is not known what the control database keeps. Of the homes that are open after it, so many stay open.
pub(crate) async fn inspect(
    config: &Config,
    writing: &Writing,
    kept: Option<&Kept>,
    stay_open: usize,
) -> (Inspected, Vec<Problem>) {
    inspect_some(config, writing, kept, stay_open, |_| true).await
}

/// The same, of the databases whose numbers are wanted.
pub(crate) async fn inspect_some(
    config: &Config,
    writing: &Writing,
    kept: Option<&Kept>,
    stay_open: usize,
    is_wanted: impl Fn(usize) -> bool,
) -> (Inspected, Vec<Problem>) {
    let control = Control { is_known: kept.is_some(), id: kept.and_then(|kept| kept.id.as_deref()) };
    let mut found = Found::default();
    let homes = config.homes.iter().map(|home| writing.delivery(home));
    let all = homes.chain([writing.nowhere(&config.control)]).zip(databases(config)).enumerate();
    let inspecting = all.filter(|(slot, _)| is_wanted(*slot)).map(|(slot, (mut delivery, who))| async move {
        let opened = delivery.inspect().await;
        if slot >= stay_open {
            delivery.close().await;
        }
        (slot, who, delivery, opened)
    });
    let looked: Vec<_> = stream::iter(inspecting).buffered(INSPECTED_AT_ONCE).collect().await;
    let mut members = Vec::new();
    let mut known = Known::new();
    for (slot, who, delivery, mut opened) in looked {
        if let Ok(opened) = &opened {
            who.check_owners(&mut found, config, writing, control, opened);
            who.check_cursor(&mut found, writing, opened);
        }
        if let Ok(found_there) = &opened
            && let Err(failure) = who.check_identity(&mut found, &mut known, found_there).await
        {
            opened = Err(failure);
        }
        members.push(Member { slot, state: opened.map(|opened| found.take(writing, &who, opened)), delivery });
    }
    let problems = found.0.into_iter().map(|(((setting, quoted), message), (fix, homes))| {
        let message = format!("{}: {message}", in_short(&homes));
        match quoted {
            Some(quoted) => config.document.problem_said(&setting, &quoted, message, fix),
            None => config.document.problem(&setting, message).help(fix),
        }
    });
    let problems = problems.collect();
    (Inspected { members }, problems)
}

/// The homes and, at the end, the control database.
fn databases(config: &Config) -> impl Iterator<Item = Who<'_>> {
    let homes = config.homes.iter().map(|home| Who {
        name: format!("home {}", home.home),
        home: Some(home.home.to_string()),
        database: &home.database,
    });
    homes.chain([Who { name: String::from(CONTROL), home: None, database: &config.control }])
}

/// What is told of a database that fails, with the homes whose it is.
pub(crate) fn unusable(config: &Config, names: &[String], database: &Database, failure: &Failure) -> Problem {
    let help = match (failure, &database.location) {
        (Failure::Absent { make, .. }, _) => make,
        (_, Location::Sqlite(_)) => "check the path, and that the file can be written",
        (_, Location::MySql(_) | Location::Postgres(_)) => {
            "check that the server runs, and that this user may log in and write there"
        }
    };
    let message = format!("{}: the database {database} cannot be used: {failure}", in_short(names));
    config.document.problem(&database.setting, message).help(help).failure()
}

/// Names, the first of them written out.
pub(crate) fn in_short(names: &[String]) -> String {
    match names {
        [first, rest @ ..] if !rest.is_empty() => format!("{first} and {} more", rest.len()),
        _ => names.concat(),
    }
}
