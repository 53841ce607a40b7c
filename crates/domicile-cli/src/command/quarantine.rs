//! `domicile quarantine`

use domicile_pipeline::{Config, Error, Pipeline, Replay};

use super::{Ended, block_on};
use crate::cli::{Drop, Quarantine, Selected, Show};
use crate::output::{line, note, quarantine as output, report};

/// One database is worked on at a time, and the source.
const THREADS: usize = 4;

pub(crate) fn quarantine(what: &Quarantine) -> Ended {
    let (ended, json) = match what {
        Quarantine::List(selected) => (list(selected), selected.configured.json),
        Quarantine::Show(arguments) => (show(arguments), arguments.selected.configured.json),
        Quarantine::Replay(selected) => (replay(selected), selected.configured.json),
        Quarantine::Drop(arguments) => (drop(arguments), arguments.selected.configured.json),
    };
    ended.unwrap_or_else(|error| report::error(&error, json))
}

fn pipeline(selected: &Selected) -> Result<Pipeline, Error> {
    Config::load(&selected.configured.config).map(Pipeline::new).map_err(Error::from)
}

/// Who does it, as far as the system says.
fn user() -> Option<String> {
    let named = |name: &&str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(named).or_else(|| whoami::username().ok()).or_else(number)
}

/// The number of a user who has no name, as in a container.
#[cfg(target_os = "linux")]
fn number() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|process| format!("user {}", process.uid()))
}

#[cfg(not(target_os = "linux"))]
fn number() -> Option<String> {
    None
}

fn list(selected: &Selected) -> Result<Ended, Error> {
    let list = block_on(THREADS, pipeline(selected)?.quarantine(&selected.filter()))?;
    if selected.configured.json {
        report::json(&list);
    } else {
        output::print_list(&list);
    }
    Ok(if list.unreached.is_empty() { Ended::Done } else { Ended::Failed })
}

fn show(arguments: &Show) -> Result<Ended, Error> {
    let selected = &arguments.selected;
    let pipeline = pipeline(selected)?;
    let records = block_on(THREADS, pipeline.quarantined(&arguments.filter(), arguments.limit as usize))?;
    if selected.configured.json {
        report::json(&records);
    } else {
        records.iter().for_each(output::print_record);
    }
    Ok(found(!records.is_empty(), selected, if arguments.all { "is" } else { "waits" }))
}

/// How a command ended on records that it has found, or not. Nothing to do is no failure, but that a record is not where it
/// was looked for is.
fn found(is_found: bool, selected: &Selected, stands: &str) -> Ended {
    if is_found {
        return Ended::Done;
    }
    note(&format!("no such record {stands} in quarantine"));
    if selected.is_of_record() { Ended::Failed } else { Ended::Done }
}

fn replay(selected: &Selected) -> Result<Ended, Error> {
    let user = user();
    let replay = block_on(THREADS, pipeline(selected)?.replay(&selected.filter(), user.as_deref()))?;
    if selected.configured.json {
        report::json(&replay);
    } else {
        output::print_replay(&replay);
    }
    match ended(&replay) {
        Ended::Done => Ok(found(replay.met() > 0, selected, "waits")),
        ended => Ok(ended),
    }
}

fn ended(replay: &Replay) -> Ended {
    match (replay.has_failed(), replay.waiting()) {
        (true, _) => Ended::Failed,
        (false, 0) => Ended::Done,
        (false, _) => Ended::DoneWithQuarantine,
    }
}

fn drop(arguments: &Drop) -> Result<Ended, Error> {
    let (selected, filter) = (&arguments.selected, arguments.selected.filter());
    if filter.is_all() != arguments.all {
        let _ = report::failure(match arguments.all {
            true => "--all drops all records: it cannot be given with what says which",
            false => {
                "nothing says which records to drop: name a --home, --source, --cause or --record, or --all of them"
            }
        });
        return Ok(Ended::Wrong);
    }
    let user = user();
    let dropped = pipeline(selected)?;
    let dropped = block_on(THREADS, dropped.drop_quarantined(&filter, &arguments.reason, user.as_deref()))?;
    if selected.configured.json {
        report::json(&serde_json::json!({ "dropped": dropped }));
    } else {
        line(&format!("dropped: {dropped}"));
    }
    Ok(found(dropped > 0, selected, "waits"))
}
