//! `domicile check`

use domicile_pipeline::{CheckedSource, Pipeline};

use super::{Ended, block_on};
use crate::cli::Configured;
use crate::output::{line, report};

pub(crate) fn check(arguments: &Configured) -> Ended {
    match block_on(1, Pipeline::check_file(&arguments.config)) {
        Ok(checked) if arguments.json => {
            report::json(&checked);
            Ended::Done
        }
        Ok(checked) => {
            print_sources(&checked.sources);
            if !checked.warnings.is_empty() {
                report::print_problems(&checked.warnings, false);
            }
            let homes = if checked.homes == 1 { "home" } else { "homes" };
            line(&format!("{} {homes} can be used; nothing was written", checked.homes));
            Ended::Done
        }
        Err(problems) => report::problems(&problems, arguments.json),
    }
}

fn print_sources(sources: &[CheckedSource]) {
    for (number, source) in sources.iter().enumerate() {
        let guarantee = source.guarantee.to_string();
        // What is guaranteed of many sources alike is told once.
        let alike = sources[..number].iter().find(|other| other.guarantee.to_string() == guarantee);
        let told = alike.map_or(guarantee, |other| format!("{}, as {}", source.guarantee.class, other.source));
        line(&format!("source {}: {told}", source.source));
        line(&format!("  writes {}", source.tables.join(", ")));
        if let Some(waits_for) = &source.waits_for {
            line(&format!("  waits: {waits_for}"));
        }
        if !source.from_start.is_empty() {
            line(&format!("  reads from the start for {}", source.from_start.join(", ")));
        }
    }
}
