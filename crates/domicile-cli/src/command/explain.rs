//! `domicile explain`

use std::io::stdin;

use domicile_pipeline::{Config, Error, Explained, Outcome, Pipeline, Records};

use super::{Ended, block_on};
use crate::cli::Explain;
use crate::output::{line, report};

pub(crate) fn explain(arguments: &Explain) -> Ended {
    let json = arguments.configured.json;
    match explained(arguments) {
        Ok(explained) if json => {
            report::json(&explained);
            Ended::Done
        }
        Ok(explained) if explained.is_empty() => {
            line("no records");
            Ended::Done
        }
        Ok(explained) => {
            explained.iter().for_each(print);
            Ended::Done
        }
        Err(error) => report::error(&error, json),
    }
}

fn explained(arguments: &Explain) -> Result<Vec<Explained>, Error> {
    let pipeline = Pipeline::new(Config::load(&arguments.configured.config)?);
    let mut input = stdin().lock();
    let records = match (arguments.stdin, arguments.record.clone()) {
        (true, _) => Records::Json(&mut input),
        (false, Some(record)) => Records::At(record),
        (false, None) => Records::Source { after: arguments.after.clone(), limit: arguments.limit as usize },
    };
    block_on(1, pipeline.explain(arguments.source.as_deref(), records))
}

fn print(explained: &Explained) {
    let record =
        explained.position.as_ref().map_or_else(|| String::from("record"), |position| format!("record {position}"));
    match &explained.outcome {
        Outcome::Delivered { home, reason } => {
            line(&format!("{record} -> {home}"));
            line(&format!("  why    {reason}"));
        }
        Outcome::Ignored => line(&format!("{record} -> ignored, by the source's rule")),
        Outcome::Quarantined { cause, reason } => {
            line(&format!("{record} -> quarantine ({})", cause.name()));
            line(&format!("  why    {reason}"));
        }
    }
    let inputs: Vec<_> = explained.key_inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    line(&format!("  key    {} where {}", explained.key_expression, inputs.join(", ")));
    for object in &explained.objects {
        line(&format!("  makes  {} {}", object.table, serde_json::Value::Object(object.object.clone())));
    }
}
