//! How homes are now.

use std::time::Duration;

use domicile_pipeline::{HomeStatus, Lag, SourceStatus, Status};
use indicatif::HumanDuration;

use super::{plain, table};

/// All that is told of homes, with the line end.
pub(crate) fn text(status: &Status) -> String {
    let head =
        ["home", "source", "position", "state", "rows behind", "time behind", "in quarantine", "last commit (UTC)"];
    let of_source = |source: &'_ SourceStatus| source.databases().map(|of| row(source, of)).collect::<Vec<_>>();
    let rows: Vec<_> = status.sources.iter().flat_map(of_source).collect();
    let mut lines = Vec::new();
    if let Some(failure) = &status.control_failure {
        lines.push(format!("FAILED the control database: {failure}"));
    }
    status.sources.iter().for_each(|source| tell(source, &mut lines));
    let lines = lines.iter().map(|line| plain(line) + "\n").collect::<String>();
    table::text(&head, &rows) + &lines
}

fn row(source: &SourceStatus, of: &HomeStatus) -> Vec<String> {
    let told = |text: Option<String>| text.unwrap_or_else(|| String::from("?"));
    vec![
        name(source, of).to_owned(),
        source.source.clone(),
        told(of.position.as_ref().map(ToString::to_string)),
        of.state.name().to_owned(),
        rows_behind(of.lag),
        told(of.lag.seconds.map(age)),
        told(of.quarantined.map(|count| count.to_string())),
        of.last_commit.clone().unwrap_or_else(|| String::from("-")),
    ]
}

fn name<'a>(source: &SourceStatus, of: &'a HomeStatus) -> &'a str {
    if source.control.as_ref().is_some_and(|control| std::ptr::eq(control, of)) { "(no home)" } else { &of.home }
}

fn rows_behind(Lag { rows, is_more, .. }: Lag) -> String {
    let more = if is_more { "more than " } else { "" };
    rows.map_or_else(|| String::from("?"), |rows| format!("{more}{rows}"))
}

fn age(seconds: u64) -> String {
    match seconds {
        0 => String::from("-"),
        seconds => format!("{:#}", HumanDuration(Duration::from_secs(seconds))),
    }
}

/// What is told of a source beside its rows.
fn tell(source: &SourceStatus, lines: &mut Vec<String>) {
    let name_of = &source.source;
    for of in source.databases() {
        if let Some(why) = &of.why {
            let since = of.since.as_ref().map_or_else(String::new, |since| format!(" since {since}"));
            let (home, state) = (name(source, of), of.state.name().to_uppercase());
            lines.push(format!("{state} {home}: {name_of}:{since} {why}"));
        }
    }
    if let Some(why) = &source.why {
        let since = source.since.as_ref().map_or_else(String::new, |since| format!(" since {since}"));
        lines.push(format!("{} source {name_of}:{since} {why}", source.state.name().to_uppercase()));
    }
    if let Some(failure) = &source.failure {
        lines.push(format!("FAILED source {name_of}: {failure}"));
    }
    if let Some(end) = &source.end {
        lines.push(format!("source {name_of} ends at {end}"));
    }
    if let Some(waits_for) = &source.waits_for {
        lines.push(format!("source {name_of} waits: {waits_for}"));
    }
    if let Some(run) = &source.run {
        lines.push(format!(
            "source {name_of}: a run is under way, process {} on {}, since {}; its lease ends in {} s, unless it goes on",
            run.process, run.host, run.since, run.lease_seconds_left
        ));
    }
}
