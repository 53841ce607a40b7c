//! The configuration file as it stands: its text, and where in it each setting is.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use miette::NamedSource;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::hidden;
use super::setting::SettingPath;
use super::syntax;
use super::tree::{Node, NodeValue};

/// Stands for what another program says of a setting that it may quote.
pub(crate) const UNTOLD: &str = "what is said of it is left out, because a value of the environment is in it";

/// A configuration file: its name, its text, and where in it each setting is, so that whoever finds something wrong
/// later can make a problem that points at the setting.
#[derive(Clone)]
pub struct Document {
    text: String,
    /// The text as it may be shown, with the name of the file.
    source: Arc<NamedSource<String>>,
    root: Node,
    broken: Vec<Range<usize>>,
}

/// Leaves out the text: a password may stand in it.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({})", self.name())
    }
}

impl Document {
    /// Reads a text. The problems are those of its syntax; what is sound around them is read.
    pub(super) fn parse(path: &Path, text: String) -> (Arc<Self>, Problems) {
        let read = syntax::parse(&text);
        let source = Arc::new(NamedSource::new(path.display().to_string(), hidden(&text)).with_language("TOML"));
        let problem = |fault: &syntax::Fault| {
            Problem::new(source.clone(), &text, SettingPath::root(), fault.span.clone(), fault.message.clone())
                .help(fault.help.clone())
        };
        let problems = read.faults.iter().map(problem).collect();
        let broken = read.faults.into_iter().map(|fault| fault.broken).filter(|broken| !broken.is_empty()).collect();
        (Arc::new(Self { text, source, root: read.root, broken }), problems)
    }

    /// The file, as it was named to the program.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of a setting's value, or of the header of a table that has one. For a setting that is not in the
    /// file, those of the nearest table around it that is.
    pub fn span(&self, setting: &SettingPath) -> Range<usize> {
        self.nearest(setting).span.clone()
    }

    /// The line of a setting, from 1; see [`Document::span`].
    pub fn line(&self, setting: &SettingPath) -> usize {
        self.text()[..self.span(setting).start].matches('\n').count() + 1
    }

    /// Makes a problem that points at a setting's value. It is an error unless made a warning, and it should be given
    /// a help that says the fix.
    pub fn problem(&self, setting: &SettingPath, message: impl Into<String>) -> Problem {
        self.problem_at(setting, self.span(setting), message)
    }

    /// Whether a value of the environment is in a setting, so that nothing may be told that could quote it.
    pub(crate) fn conceals(&self, setting: &SettingPath) -> bool {
        self.holds(setting) && self.shown(setting).contains("${")
    }

    /// Makes a problem that tells what another program says of a setting. It may quote `quoted`, so where a value of the
    /// environment is in that, what is said is left out.
    pub(crate) fn problem_said(
        &self,
        setting: &SettingPath,
        quoted: &SettingPath,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        if self.conceals(quoted) {
            let untold = format!("it is refused; {UNTOLD}");
            return self.problem(setting, untold).help("try it with the value written out, in a copy of the file");
        }
        self.problem(setting, message).help(help)
    }

    /// Makes a problem that points at a setting's key.
    pub(super) fn problem_with_key(&self, setting: &SettingPath, message: impl Into<String>) -> Problem {
        let node = self.nearest(setting);
        self.problem_at(setting, node.key_span.clone().unwrap_or_else(|| node.span.clone()), message)
    }

    /// Makes a problem that points at a part of a setting.
    pub(super) fn problem_at(&self, setting: &SettingPath, span: Range<usize>, message: impl Into<String>) -> Problem {
        Problem::new(self.source.clone(), &self.text, setting.clone(), span, message.into())
    }

    /// A setting's text as it is in the file, without anything of the environment: what may be shown.
    pub(crate) fn shown(&self, setting: &SettingPath) -> &str {
        let node = self.nearest(setting);
        match &node.value {
            NodeValue::Text(text) => text,
            _ => &self.text()[node.span.clone()],
        }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// Whether a list or a table of the file has nothing in it.
    pub(super) fn is_empty(&self, setting: &SettingPath) -> bool {
        match &self.nearest(setting).value {
            NodeValue::List(items) => items.is_empty(),
            NodeValue::Table(entries) => entries.is_empty(),
            _ => false,
        }
    }

    /// Whether the file has the setting, be it right or wrong.
    pub(super) fn holds(&self, setting: &SettingPath) -> bool {
        setting.steps().iter().try_fold(&self.root, |node, step| node.child(step)).is_some()
    }

    /// Whether all of the text could be read. If not, what seems to be missing may stand where it could not be read.
    pub(super) fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether a value stands where the text could not be read, so that it may be anything.
    pub(super) fn is_broken(&self, node: &Node) -> bool {
        let span = &node.span;
        let touches = |broken: &Range<usize>| broken.start <= span.end && span.start <= broken.end;
        !node.is_spread(self.text()) && self.broken.iter().any(touches)
    }

    fn nearest(&self, setting: &SettingPath) -> &Node {
        let mut node = &self.root;
        for step in setting.steps() {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{Document, SettingPath};

    const TEXT: &str = "\
a.b = 1
homes = { es = { keys = [\"ES\",
  \"AD\"] } }

[batch]
rows = 5
[[source]]
name = \"first\"
[[source]]
name = \"second\"
[[source.analyser]]
sql = '''
SELECT'''
[[source.analyser]]
";

    fn document() -> Arc<Document> {
        let (document, problems) = Document::parse(Path::new("d.toml"), TEXT.to_owned());
        assert!(problems.is_empty(), "{problems}");
        document
    }

    #[test]
    fn each_setting_has_its_span_and_line() {
        let (document, root) = (document(), SettingPath::root());
        let keys = root.key("homes").key("es").key("keys");
        let analyser = root.key("source").index(1).key("analyser");
        for (setting, line, text) in [
            (root.key("a").key("b"), 1, "1"),
            (keys.index(0), 2, "\"ES\""),
            (keys.index(1), 3, "\"AD\""),
            (root.key("batch"), 5, "[batch]"),
            (root.key("batch").key("rows"), 6, "5"),
            (root.key("source").index(0).key("name"), 8, "\"first\""),
            (root.key("source").index(1), 9, "[[source]]"),
            (root.key("source").index(1).key("name"), 10, "\"second\""),
            (analyser.index(0).key("sql"), 12, "'''\nSELECT'''"),
            (analyser.index(1), 14, "[[source.analyser]]"),
        ] {
            assert_eq!(document.line(&setting), line, "{setting}");
            assert_eq!(&document.text()[document.span(&setting)], text, "{setting}");
            assert!(document.holds(&setting), "{setting}");
        }
    }

    #[test]
    fn a_setting_that_is_missing_has_the_span_of_what_is_around_it() {
        let (document, root) = (document(), SettingPath::root());
        let url = root.key("source").index(1).key("url");
        assert!(!document.holds(&url));
        assert_eq!(document.line(&url), 9);
        assert_eq!(document.span(&root.key("control")), 0..0);
        assert_eq!(document.line(&root.key("source").index(7).key("name").index(3)), 7);
    }

    #[test]
    fn a_problem_points_at_the_value_or_the_key() {
        let (document, root) = (document(), SettingPath::root());
        let rows = root.key("batch").key("rows");
        let problem = document.problem(&rows, "too few").help("more");
        assert_eq!((problem.line(), problem.column()), (6, 8));
        assert_eq!(&document.text()[problem.span()], "5");
        assert_eq!((problem.message(), problem.help_text()), ("too few", Some("more")));
        assert_eq!(document.problem_with_key(&rows, "unknown").column(), 1);
    }
}
