//! Homes and sources that a caller asks for by their names.

use super::Pipeline;
use crate::error::Error;

impl Pipeline {
    /// Refuses names that no home has.
    pub(crate) fn check_homes(&self, names: &[String]) -> Result<(), Error> {
        known("home", names, |name| self.config.homes.iter().any(|home| home.home.as_str() == name))
    }

    /// Refuses names that no source has.
    pub(crate) fn check_sources(&self, names: &[String]) -> Result<(), Error> {
        known("source", names, |name| self.config.sources.iter().any(|source| source.name == name))
    }
}

fn known(kind: &str, names: &[String], is_known: impl Fn(&str) -> bool) -> Result<(), Error> {
    match names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(Error::usage(format!("{kind} {name}: the configuration has none"))),
        None => Ok(()),
    }
}
