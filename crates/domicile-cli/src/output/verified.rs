//! What a verification has found, home by home.

use domicile_pipeline::{Difference, Verified, VerifiedHome, VerifiedTable};
use serde::Serialize;

use super::{line, table};

/// The result for machines: whether all is proved, and everything that was found.
#[derive(Serialize)]
pub(crate) struct Result<'a> {
    proved: bool,
    #[serde(flatten)]
    verified: &'a Verified,
}

pub(crate) fn json(verified: &Verified) -> Result<'_> {
    Result { proved: verified.is_proved(), verified }
}

pub(crate) fn print(verified: &Verified) {
    print_accounts(verified);
    print_rows(verified);
    for source in &verified.sources {
        if let Some(failure) = &source.failure {
            line(&format!("FAILED {failure}"));
        }
    }
    verified.homes.iter().chain([&verified.control]).for_each(print_differences);
    print_behind(verified);
    for what in &verified.unverified {
        line(&format!("not verified: {what}"));
    }
    let all = verified.homes.len();
    let differing = verified.homes.iter().filter(|home| !home.is_proved()).count();
    line(&match (verified.is_proved(), differing) {
        (true, _) => format!("{all} {}: all is as the sources have it", homes(all)),
        (false, 0) => format!("{all} {}: all is as the sources have it, but for what is told above", homes(all)),
        (false, _) => format!("{differing} of {all} {} could not be proved", homes(all)),
    });
}

fn homes(count: usize) -> &'static str {
    if count == 1 { "home" } else { "homes" }
}

/// The accounting of each home, source by source.
fn print_accounts(verified: &Verified) {
    let head = ["home", "source", "position", "read", "delivered", "ignored", "quarantined"];
    let mut rows = Vec::new();
    let control = VerifiedHome { home: String::from("(no home)"), ..verified.control.clone() };
    for home in verified.homes.iter().chain([&control]) {
        for of in &home.accounts {
            let account = &of.account;
            let counts = [account.read, account.delivered, account.ignored, account.quarantined];
            let names = [home.home.clone(), of.source.clone(), of.position.to_string()];
            rows.push(names.into_iter().chain(counts.map(|count| count.to_string())).collect());
        }
    }
    if !rows.is_empty() {
        table::print(&head, &rows);
    }
}

/// Which homes are proved up to where they are, and have not got as far as others.
fn print_behind(verified: &Verified) {
    for (number, source) in verified.sources.iter().enumerate() {
        let of_homes = verified.homes.iter().filter_map(|home| Some((home, &home.accounts.get(number)?.position)));
        let Some(furthest) = of_homes.clone().map(|(_, position)| position).max() else { continue };
        let behind = of_homes.filter(|(_, position)| *position < furthest);
        let behind: Vec<_> = behind.map(|(home, position)| format!("{} at {position}", home.home)).collect();
        if !behind.is_empty() {
            line(&format!("behind: {}: {}, and others at {furthest}", source.source, behind.join(", ")));
        }
    }
}

/// The rows of each home, table by table.
fn print_rows(verified: &Verified) {
    let Some(first) = verified.homes.iter().find(|home| !home.tables.is_empty()) else { return };
    let head: Vec<_> = ["rows"].into_iter().chain(first.tables.iter().map(|table| table.table.as_str())).collect();
    let row = |home: &VerifiedHome| {
        let rows = home.tables.iter().map(|table| table.rows.to_string());
        [home.home.clone()].into_iter().chain(rows).collect()
    };
    let rows: Vec<_> = verified.homes.iter().filter(|home| !home.tables.is_empty()).map(row).collect();
    table::print(&head, &rows);
}

fn print_differences(home: &VerifiedHome) {
    let name = &home.home;
    if let Some(failure) = &home.failure {
        line(&format!("FAILED {name}: {failure}"));
    }
    for account in &home.accounts {
        for difference in &account.differences {
            line(&format!("DIFFERS {name}: {}: {difference}", account.source));
        }
    }
    home.tables.iter().filter(|table| table.differing > 0).for_each(|table| print_table(name, table));
}

fn print_table(home: &str, table: &VerifiedTable) {
    let least = if table.is_at_least { "at least " } else { "" };
    let (differing, keys) = (table.differing, if table.differing == 1 { "key" } else { "keys" });
    line(&format!("DIFFERS {home}: {}: {least}{differing} {keys}", table.table));
    table.differences.iter().for_each(print_difference);
    let more = table.differing - table.differences.len() as u64;
    if more > 0 {
        line(&format!("  and {least}{more} more"));
    }
}

fn print_difference(difference: &Difference) {
    let key = difference.key.as_deref().unwrap_or("a row that nothing is known of, in a table without a key");
    let belongs = difference.belongs_in.as_ref().map_or_else(String::new, |home| format!(" (it belongs in {home})"));
    line(&format!("  {:<10} {key}{belongs}", difference.kind.name()));
}
