//! What can go wrong outside a single record.

use std::fmt;

use crate::config::{Problem, Problems};
use crate::position::Position;

/// An error of the pipeline. It says what is wrong and where; nothing else has to be printed with it.
#[derive(Debug)]
pub struct Error(Box<Kind>);

#[derive(Debug)]
enum Kind {
    Configuration(Problems),
    Source { name: String, message: String, may_pass: bool },
    Control { message: String, may_pass: bool },
    Home { name: String, message: String },
    UnderWay(String),
    Usage(String),
}

/// Why a home, or the control database, did not take what was delivered.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The database refuses these objects: a constraint, a type. The record that made them goes to quarantine.
    Refused(Refusal),
    /// The database, or the way to it, fails, and somebody has to mend it: nothing of the transaction is kept.
    Failed(String),
    /// It fails for a reason that passes by itself, such as a connection that is cut: nothing of the transaction is kept, and
    /// the home is tried again.
    Transient(String),
    /// The server has no such database.
    Absent {
        /// What the server says.
        message: String,
        /// The statement that makes it.
        make: String,
    },
    /// Something about the home is not as it has to be, and it is known how somebody mends it: nothing is delivered to it until
    /// then.
    Blocked {
        /// What is wrong.
        message: String,
        /// How it is mended.
        help: String,
    },
    /// Another run has moved this home's position meanwhile: nothing of the transaction is kept.
    Overtaken(String),
}

/// What has to happen after a [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// It passes by itself: in this run, or before the next one.
    Transient,
    /// Somebody has to mend the home, which is left alone until then. It goes on by itself from its position afterwards,
    /// because each run tries it again.
    Blocked,
    /// It is the fault of one record, which goes to quarantine; the home goes on.
    Record,
}

/// Why objects are refused. What it shows may leave the home: nothing of a record stands in it.
#[derive(Clone)]
pub struct Refusal {
    /// The whole reason, which may quote a value, and stays in the home.
    reason: String,
    told: String,
}

impl Refusal {
    /// A reason that may quote a value, and what is told of it.
    pub(crate) fn quoting(reason: impl Into<String>, told: impl Into<String>) -> Self {
        Self { reason: reason.into(), told: told.into() }
    }

    /// The whole reason, for the quarantine of the home.
    pub(crate) fn into_reason(self) -> String {
        self.reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(&self.told).finish()
    }
}

impl Failure {
    /// Objects are refused for a reason that quotes no value.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Refused(Refusal::quoting(reason.clone(), reason))
    }

    /// What has to happen before the home, or the record, can be delivered to.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Failure::Refused(_) => FailureClass::Record,
            Failure::Transient(_) | Failure::Overtaken(_) => FailureClass::Transient,
            Failure::Failed(_) | Failure::Absent { .. } | Failure::Blocked { .. } => FailureClass::Blocked,
        }
    }

    /// Whether it may pass while the run goes on, so that the home is tried again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Failure::Transient(_))
    }

    /// What happened and, where it is known, what to do about it in the home.
    pub(crate) fn with_help(&self) -> String {
        match self {
            Failure::Absent { message, make } => format!("{message}; make it by {make}"),
            Failure::Blocked { message, help } => format!("{message}; to mend it: {help}"),
            failure => failure.to_string(),
        }
    }

    /// The same, where no record can be at fault.
    pub(crate) fn of_no_record(self) -> Self {
        match self {
            Failure::Refused(refusal) => Failure::Failed(refusal.to_string()),
            failure => failure,
        }
    }

    /// Another run has moved the home on from `position`.
    pub(crate) fn overtaken(position: &Position) -> Self {
        Self::Overtaken(format!(
            "another run has moved on from position {position}, so this run stops here; nothing is delivered twice"
        ))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Refused(refusal) => refusal.fmt(f),
            Failure::Failed(message)
            | Failure::Transient(message)
            | Failure::Absent { message, .. }
            | Failure::Blocked { message, .. }
            | Failure::Overtaken(message) => f.write_str(message),
        }
    }
}

/// Why something of a source was not read.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) message: String,
    /// The source fails for a reason that passes by itself, such as a connection that is cut.
    pub(crate) may_pass: bool,
}

impl From<String> for Unread {
    fn from(message: String) -> Self {
        Self { message, may_pass: false }
    }
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self { message: failure.to_string(), may_pass: failure.is_transient() }
    }
}

impl Error {
    pub(crate) fn source(name: &str, message: impl fmt::Display) -> Self {
        Self::unread(name, message.to_string().into())
    }

    /// Something of a source was not read.
    pub(crate) fn unread(name: &str, unread: Unread) -> Self {
        let Unread { message, may_pass } = unread;
        Self(Box::new(Kind::Source { name: name.to_owned(), message, may_pass }))
    }

    pub(crate) fn control(failure: &Failure) -> Self {
        Self(Box::new(Kind::Control { message: failure.to_string(), may_pass: failure.is_transient() }))
    }

    /// Whether what was read from fails for a reason that may pass while the run goes on.
    pub(crate) fn may_pass(&self) -> bool {
        match &*self.0 {
            Kind::Source { may_pass, .. } | Kind::Control { may_pass, .. } => *may_pass,
            // What was opened once, and cannot be opened any more.
            Kind::Configuration(problems) => !problems.has_wrong_settings(),
            Kind::Home { .. } | Kind::UnderWay(_) | Kind::Usage(_) => false,
        }
    }

    pub(crate) fn home(name: &str, failure: &Failure) -> Self {
        Self(Box::new(Kind::Home { name: name.to_owned(), message: failure.to_string() }))
    }

    pub(crate) fn under_way(message: impl Into<String>) -> Self {
        Self(Box::new(Kind::UnderWay(message.into())))
    }

    /// Whether another run is under way. Nothing has been read or written; what is new is delivered by that run or the next.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        matches!(&*self.0, Kind::UnderWay(_))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self(Box::new(Kind::Usage(message.into())))
    }

    /// Whether the caller asked for what there is not, such as a source of another name. Nothing has been written.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(&*self.0, Kind::Usage(_))
    }

    /// The problems of the configuration, or of the databases that it names, if those are what is wrong.
    #[must_use]
    pub fn problems(&self) -> Option<&Problems> {
        match &*self.0 {
            Kind::Configuration(problems) => Some(problems),
            Kind::Source { .. } | Kind::Home { .. } | Kind::Control { .. } | Kind::UnderWay(_) | Kind::Usage(_) => None,
        }
    }

    /// What is wrong, without the places in the configuration, and what to do about it.
    pub(crate) fn in_a_line(&self) -> String {
        let Some(problems) = self.problems() else { return self.to_string() };
        let told = |problem: &Problem| match problem.help_text() {
            Some(help) => format!("{}; to mend it: {help}", problem.message()),
            None => problem.message().to_owned(),
        };
        problems.iter().map(told).collect::<Vec<_>>().join("; ")
    }

    /// Whether the configuration, or a table that it names, is at fault, and not only a database that fails. Nothing has been
    /// written.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.problems().is_some_and(Problems::has_wrong_settings)
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self(Box::new(Kind::Configuration(problems)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Configuration(problems) => fmt::Display::fmt(problems, f),
            Kind::Source { name, message, .. } => write!(f, "source {name}: {message}"),
            Kind::Home { name, message } => write!(f, "home {name}: {message}"),
            Kind::Control { message, .. } => write!(f, "the control database: {message}"),
            Kind::UnderWay(message) | Kind::Usage(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}
