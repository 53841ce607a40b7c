//! What became of one record.

use domicile_pipeline::{Outcome, Passage, PassageState, RowState, Trace, TracedQuarantine, TracedRecord, TracedRow};

use super::plain;

const NO_HOME: &str = "(no home)";

/// All that is told of a record, with the line end.
pub(crate) fn text(trace: &Trace) -> String {
    let mut lines = vec![format!("record {} of {}: {}", trace.position, trace.source, trace.verdict.name())];
    if trace.records.is_empty() {
        lines.push(String::from("  rules   the source has no such record"));
    }
    for record in &trace.records {
        lines.push(format!("  rules   {}", outcome(&record.outcome)));
        tell(record, &mut lines);
    }
    trace.quarantine.iter().for_each(|kept| tell_quarantine(kept, &mut lines));
    if trace.is_cut {
        lines.push(String::from("  there is more with this cursor than is told"));
    }
    for unreached in &trace.unreached {
        lines.push(format!("FAILED {}: {}", unreached.home.as_deref().unwrap_or(NO_HOME), unreached.failure));
    }
    lines.into_iter().map(|line| plain(&line) + "\n").collect()
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered { home, reason } => match reason.strip_prefix(home.as_str()) {
            Some(why) => format!("to {home}{why}"),
            None => format!("to {home}: {reason}"),
        },
        Outcome::Ignored => String::from("ignored, by the source's rule"),
        Outcome::Quarantined { cause, reason } => format!("to quarantine ({}): {reason}", cause.name()),
    }
}

fn tell(record: &TracedRecord, lines: &mut Vec<String>) {
    let home = record.read_for.as_deref().unwrap_or(NO_HOME);
    let Passage { state, position, batch, why, since } = &record.passage;
    let at = position.as_ref().map_or_else(String::new, |position| format!(", which is at {position}"));
    lines.push(match state {
        PassageState::Passed => format!("  passed  by {home}{at}"),
        PassageState::NotReached => format!("  passed  not yet by {home}{at}"),
        PassageState::Failing => format!("  passed  not by {home}{at}: it fails"),
        PassageState::Blocked => format!("  passed  not by {home}{at}: it is blocked"),
        PassageState::Unreachable => format!("  passed  nobody knows: {home} cannot be asked"),
    });
    if let Some(batch) = batch {
        let (range, account) = (format!("behind {} up to {}", batch.after, batch.upto), batch.account);
        lines.push(format!(
            "  batch   {range}, committed {} UTC: {} read = {} delivered + {} ignored + {} quarantined",
            batch.committed_at, account.read, account.delivered, account.ignored, account.quarantined
        ));
    }
    record.rows.iter().for_each(|row| tell_row(row, lines));
    if let Some(why) = why {
        let since = since.as_ref().map_or_else(String::new, |since| format!("since {since} "));
        lines.push(format!("  note    {since}{why}"));
    }
}

fn tell_row(row: &TracedRow, lines: &mut Vec<String>) {
    let TracedRow { table, known_by, state, differing, elsewhere, why, .. } = row;
    let known_by = if known_by.is_empty() { String::new() } else { format!(" by {}", known_by.join(", ")) };
    let state = match state {
        RowState::There => String::from("it is there"),
        RowState::Differs => format!("another one is there, with another {}", differing.join(", ")),
        RowState::Missing => String::from("it is not there"),
        RowState::Merged => String::from("one row of many records: `domicile verify` proves it"),
        RowState::Unknown => String::from("nobody knows"),
    };
    lines.push(format!("  row     in {table}{known_by}: {state}"));
    if !elsewhere.is_empty() {
        lines.push(format!("    also  in {}", elsewhere.join(", ")));
    }
    lines.extend(why.iter().map(|why| format!("    note  {why}")));
}

fn tell_quarantine(kept: &TracedQuarantine, lines: &mut Vec<String>) {
    let home = kept.home.as_deref().unwrap_or(NO_HOME);
    lines.push(format!("  quarantine of {home} ({})", kept.cause));
    lines.push(format!("    why   {}", kept.reason));
    lines.push(format!("    since {} UTC, last tried {} UTC", kept.first_seen, kept.last_seen));
    let Some(resolution) = kept.resolution else {
        lines.push(String::from("    waits"));
        return;
    };
    let to = kept.moved_to.as_ref().map_or_else(String::new, |home| format!(" to {home}"));
    let at = kept.resolved_at.as_ref().map_or_else(String::new, |at| format!(" {at} UTC"));
    let by = kept.resolved_by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
    let note = kept.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
    lines.push(format!("    {}{to}{at}{by}{note}", resolution.name()));
}
