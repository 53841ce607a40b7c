//! What is in quarantine, and what was done with it.

use domicile_pipeline::{QuarantineGroup, QuarantineList, QuarantinedRecord, Replay, ReplayedPlace};

use super::{line, table};

const NO_HOME: &str = "(no home)";

pub(crate) fn print_list(list: &QuarantineList) {
    let row = |group: &QuarantineGroup| {
        let resolved: Vec<_> = group.resolved.iter().map(|(how, count)| format!("{count} {}", how.name())).collect();
        let about = group.about.clone().unwrap_or_default();
        let home = group.home.as_deref().unwrap_or(NO_HOME).to_owned();
        let counts = [group.waiting.to_string(), resolved.join(", "), group.last_seen.clone()];
        [home, group.source.clone(), group.cause.clone(), about].into_iter().chain(counts).collect()
    };
    let rows: Vec<_> = list.groups.iter().map(row).collect();
    if !rows.is_empty() {
        table::print(&["home", "source", "cause", "about", "waiting", "resolved", "last seen (UTC)"], &rows);
    }
    for unreached in &list.unreached {
        line(&format!("FAILED {}: {}", unreached.home.as_deref().unwrap_or(NO_HOME), unreached.failure));
    }
    let waiting: u64 = list.groups.iter().map(|group| group.waiting).sum();
    let least = if list.unreached.is_empty() { "" } else { "at least " };
    line(&format!("{least}{waiting} {} in quarantine", if waiting == 1 { "record waits" } else { "records wait" }));
}

pub(crate) fn print_record(record: &QuarantinedRecord) {
    let home = record.home.as_deref().unwrap_or(NO_HOME);
    line(&format!("record {} of {} in {home} ({})", record.position, record.source, record.cause));
    line(&format!("  why     {}", record.reason));
    line(&format!("  since   {} UTC, last tried {} UTC", record.first_seen, record.last_seen));
    line(&format!("  holds   {}", record.record));
    if let (Some(resolution), Some(at)) = (record.resolution, &record.resolved_at) {
        let home = record.moved_to.as_ref().map_or_else(String::new, |home| format!(" to {home}"));
        let by = record.resolved_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let note = record.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        line(&format!("  {}{home} {at} UTC{by}{note}", resolution.name()));
    }
}

pub(crate) fn print_replay(replay: &Replay) {
    let head = ["home", "source", "delivered", "ignored", "had it", "moved", "refused", "ahead", "not replayed"];
    let row = |place: &ReplayedPlace| {
        let names = [place.home.as_deref().unwrap_or(NO_HOME).to_owned(), place.source.clone()];
        let ReplayedPlace { delivered, ignored, known, moved, kept, ahead, unplayed, .. } = place;
        let counts = [delivered, ignored, known, moved, kept, ahead, unplayed].map(ToString::to_string);
        names.into_iter().chain(counts).collect::<Vec<_>>()
    };
    let rows: Vec<_> = replay.places.iter().map(row).filter(|row| row[2..].iter().any(|count| count != "0")).collect();
    if rows.is_empty() && !replay.has_failed() {
        line("nothing was replayed");
        return;
    }
    if !rows.is_empty() {
        table::print(&head, &rows);
    }
    for place in &replay.places {
        let home = place.home.as_deref().unwrap_or(NO_HOME);
        for (position, why) in &place.reasons {
            line(&format!("NOT REPLAYED {home}: record {position} of {}: {why}", place.source));
        }
        if let Some(failure) = &place.failure {
            line(&format!("FAILED {home}: {}: {failure}", place.source));
        }
    }
    let waiting = replay.waiting();
    line(&format!("{waiting} of them {} in quarantine", if waiting == 1 { "is" } else { "are" }));
}
