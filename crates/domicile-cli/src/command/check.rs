//! `domicile check`

use domicile_pipeline::Pipeline;

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
            for source in &checked.sources {
                line(&format!("source {}: {}", source.source, source.guarantee));
                line(&format!("  writes {}", source.tables.join(", ")));
                if let Some(waits_for) = &source.waits_for {
                    line(&format!("  waits: {waits_for}"));
                }
            }
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
