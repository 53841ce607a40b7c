//! The summary of a run, home by home.

use domicile_pipeline::{HomeReport, Report, SourceReport};

use super::{line, table};

pub(crate) fn print(report: &Report) {
    report.sources.iter().for_each(print_source);
}

fn print_source(source: &SourceReport) {
    line(&format!("source {} ({})", source.source, source.guarantee.class));
    let is_quiet = |home: &HomeReport| home.account.read == 0 && home.failure.is_none() && !home.is_behind;
    let busy: Vec<_> = source.homes.iter().filter(|home| !is_quiet(home)).collect();
    if !busy.is_empty() || !is_quiet(&source.control) {
        let tables: Vec<_> = source.homes.iter().flat_map(|home| &home.objects).map(|count| &count.table).collect();
        let tables = &tables[..tables.len() / source.homes.len().max(1)];
        let mut head = vec!["home", "read", "delivered", "ignored", "quarantined"];
        head.extend(tables.iter().map(|table| table.as_str()));
        let mut rows: Vec<_> = busy.iter().map(|home| row(home, &home.home)).collect();
        if !is_quiet(&source.control) {
            let mut homeless = row(&source.control, "(no home)");
            homeless.resize(head.len(), String::new());
            rows.push(homeless);
        }
        table::print(&head, &rows);
    }
    let quiet = source.homes.len() - busy.len();
    // Nobody knows what is new in a source that cannot be read to its end.
    if quiet > 0 && source.failure.is_none() {
        line(&format!("{quiet} {}: nothing new", if quiet == 1 { "home" } else { "homes" }));
    }
    for home in source.behind() {
        let position = home.position.as_ref().map(ToString::to_string).unwrap_or_default();
        line(&format!("BEHIND {}: it has got to {position}, and the next run goes on from there", home.home));
    }
    for home in source.failed() {
        line(&format!("FAILED {}: {}", home.home, home.failure.as_deref().unwrap_or_default()));
        if let Some(position) = &home.position {
            line(&format!("  it stays at position {position}; the next run goes on from there"));
        }
    }
    if let Some(failure) = &source.failure {
        format!("FAILED {failure}").lines().for_each(line);
    }
    let total = source.total();
    line(&format!(
        "{} read = {} delivered + {} ignored + {} quarantined",
        total.read, total.delivered, total.ignored, total.quarantined
    ));
    print_quarantine(source);
}

/// Where the records are that went to quarantine, and why; what is in them is for those who may open the database.
fn print_quarantine(source: &SourceReport) {
    if source.total().quarantined == 0 {
        return;
    }
    line("quarantined, with the reasons, in the table domicile_quarantine of");
    let homes = source.homes.iter().map(|home| (format!("home {}", home.home), home));
    for (whose, report) in homes.chain([(String::from("the control database"), &source.control)]) {
        let causes: Vec<_> = report.causes.iter().map(|(cause, count)| format!("{count} {}", cause.name())).collect();
        if !causes.is_empty() {
            line(&format!("  {whose}: {}", causes.join(", ")));
        }
    }
}

fn row(home: &HomeReport, name: &str) -> Vec<String> {
    let account = &home.account;
    let counts = [account.read, account.delivered, account.ignored, account.quarantined];
    let objects = home.objects.iter().map(|objects| objects.count);
    [name.to_owned()].into_iter().chain(counts.into_iter().chain(objects).map(|count| count.to_string())).collect()
}
