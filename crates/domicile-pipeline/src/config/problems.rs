//! All problems of a configuration at once.

use std::fmt;

use miette::Diagnostic;
use serde::Serialize;

use super::problem::{Problem, Severity};

/// All that is wrong with a configuration, in the order of the file. Its `Display` is plain text:
///
/// ```text
/// domicile.toml:3:1: error: unknown setting `hom_url`
///   help: did you mean `home_url`?
/// ```
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is an error, and not all are warnings.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity() == Severity::Error)
    }

    /// Whether a setting is wrong. Otherwise all errors are of databases that fail, and may be right with the next run.
    pub fn has_wrong_settings(&self) -> bool {
        self.0.iter().any(|problem| problem.severity() == Severity::Error && !problem.is_failure())
    }

    /// Puts the problems into the order of the file.
    pub(crate) fn sort(&mut self) {
        self.0.sort_by_key(|problem| problem.span().start);
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self(problems.into_iter().collect())
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.0.extend(problems);
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            let severity = match problem.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let separator = if place == 0 { "" } else { "\n" };
            let (file, line, column) = (problem.file(), problem.line(), problem.column());
            write!(f, "{separator}{file}:{line}:{column}: {severity}: {problem}")?;
            if let Some(help) = problem.help_text() {
                write!(f, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problems {}

impl Diagnostic for Problems {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use miette::{Diagnostic, SourceSpan};

    use super::Problems;
    use crate::config::{Document, SettingPath};

    fn problems() -> Problems {
        let (document, _) = Document::parse(Path::new("domicile.toml"), String::from("a = 1\nb = { c = 2 }\n"));
        let root = SettingPath::root();
        let error = document.problem(&root.key("b").key("c"), "not a setting").help("remove it");
        Problems::from_iter([error, document.problem(&root.key("a"), "is one").warning()])
    }

    #[test]
    fn problems_are_displayed_with_place_and_help() {
        let expected =
            "domicile.toml:2:11: error: not a setting\n  help: remove it\ndomicile.toml:1:5: warning: is one";
        assert_eq!(problems().to_string(), expected);
        assert!(problems().has_errors() && problems().has_wrong_settings());
    }

    #[test]
    fn a_database_that_fails_is_no_wrong_setting() {
        let fail = |problem: &super::Problem| problem.clone().failure();
        let (error, warning) = (problems().0[0].clone(), problems().0[1].clone());
        let failures = Problems::from_iter([fail(&error), warning.clone()]);
        assert!(failures.has_errors() && !failures.has_wrong_settings());
        assert!(Problems::from_iter([fail(&error), error, warning]).has_wrong_settings());
    }

    #[test]
    fn problems_are_diagnostics_with_a_label_in_the_file() {
        let problems = problems();
        let related: Vec<_> = problems.related().unwrap().collect();
        let label = related[1].labels().unwrap().next().unwrap();
        assert_eq!(*label.inner(), SourceSpan::from(4..5));
        let snippet = related[1].source_code().unwrap().read_span(label.inner(), 0, 0).unwrap();
        assert_eq!((snippet.name(), snippet.data()), (Some("domicile.toml"), b"1".as_slice()));
        assert_eq!(related[0].help().unwrap().to_string(), "remove it");
        assert_eq!(related[1].severity(), Some(miette::Severity::Warning));
    }

    #[test]
    fn problems_are_serialized_with_their_place() {
        let json = serde_json::to_value(problems()).unwrap();
        let expected = serde_json::json!({
            "file": "domicile.toml", "line": 1, "column": 5, "setting": "a", "severity": "warning",
            "message": "is one", "help": null,
        });
        assert_eq!(json[1], expected);
    }
}
