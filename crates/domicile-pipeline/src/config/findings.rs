//! What the checks have found so far.

use std::path::Path;

use super::authorities::Authorities;
use super::distinct::Use;
use super::document::Document;
use super::problems::Problems;
use super::setting::SettingPath;

/// The file under check and the problems found in it so far.
pub(super) struct Findings<'a> {
    pub(super) document: &'a Document,
    /// The folder of the file, which its relative paths start from.
    pub(super) folder: &'a Path,
    pub(super) problems: Problems,
    /// The files that databases were found in.
    pub(super) uses: Vec<Use>,
    /// Those that connections are asked to be trusted by.
    pub(super) authorities: Authorities,
}

impl<'a> Findings<'a> {
    pub(super) fn new(document: &'a Document, folder: &'a Path, problems: Problems) -> Self {
        Self { document, folder, problems, uses: Vec::new(), authorities: Authorities::default() }
    }

    /// Reports a setting's value.
    pub(super) fn report(&mut self, setting: &SettingPath, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(self.document.problem(setting, message).help(help));
    }

    /// Reports a setting's name.
    pub(super) fn report_name(&mut self, setting: &SettingPath, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(self.document.problem_with_key(setting, message).help(help));
    }

    /// Reports what is missing in a table; not if it may stand where the text could not be read.
    pub(super) fn report_missing(&mut self, table: &SettingPath, message: impl Into<String>, help: impl Into<String>) {
        if self.document.is_sound() {
            self.report(table, message, help);
        }
    }
}

/// Which of the names is likely meant by one that is not among them.
pub(super) fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, &candidate.to_lowercase());
    let nearest = names.into_iter().map(|candidate| (distance(candidate), candidate)).min_by_key(|(far, _)| *far);
    nearest.filter(|(far, candidate)| *far <= (candidate.len() / 3).max(1)).map(|(_, candidate)| candidate)
}

/// Lists names as a sentence does.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{listed, meant};

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["control", "home_url", "homes", "source"];
        assert_eq!(meant("hom_url", names), Some("home_url"));
        assert_eq!(meant("soruce", names), Some("source"));
        assert_eq!(meant("Control", names), Some("control"));
        assert_eq!(meant("database", names), None);
        assert_eq!(meant("x", []), None);
    }

    #[test]
    fn names_are_listed() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
    }
}
