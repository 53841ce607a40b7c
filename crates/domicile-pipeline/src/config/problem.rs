//! What is wrong with a configuration: each problem with its place and its fix.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::setting::SettingPath;

/// Whether a problem stops what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot go on.
    Error,
    /// It can go on, but is likely not meant.
    Warning,
}

/// One problem with a setting: where, what, and how to fix it. Its `Display` is the message alone, as miette wants it;
/// [`Problems`](super::Problems) displays the place and the help as well.
///
/// A problem never contains a value of the environment: where it speaks of a value it shows the text of the file. Passwords
/// of that text are hidden where it is drawn.
#[derive(Clone)]
pub struct Problem {
    source: Arc<NamedSource<String>>,
    setting: SettingPath,
    span: Range<usize>,
    line: usize,
    column: usize,
    message: String,
    help: Option<String>,
    severity: Severity,
    is_failure: bool,
}

impl Problem {
    /// `source` is `text` as it may be shown.
    pub(super) fn new(
        source: Arc<NamedSource<String>>,
        text: &str,
        setting: SettingPath,
        span: Range<usize>,
        message: String,
    ) -> Self {
        let before = &text[..span.start];
        let line = before.matches('\n').count() + 1;
        let in_line = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}');
        let column = in_line.chars().count() + 1;
        Self { source, setting, span, line, column, message, help: None, severity: Severity::Error, is_failure: false }
    }

    /// Says how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Makes it a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Says that what the setting names fails, such as a database that is down. The setting itself may be right.
    #[must_use]
    pub(crate) fn failure(mut self) -> Self {
        self.is_failure = true;
        self
    }

    /// The file, as it was named to the program.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The setting; the root if it is the whole file.
    pub fn setting(&self) -> &SettingPath {
        &self.setting
    }

    /// The bytes of the file that it is about.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to fix it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether it stops what was asked for.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Whether what the setting names fails, and the setting itself may be right.
    pub fn is_failure(&self) -> bool {
        self.is_failure
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file(), self.line, self.column, self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::underline(self.span.clone()))))
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Problem", 7)?;
        fields.serialize_field("file", self.file())?;
        fields.serialize_field("line", &self.line)?;
        fields.serialize_field("column", &self.column)?;
        fields.serialize_field("setting", &self.setting)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("help", &self.help)?;
        fields.end()
    }
}
