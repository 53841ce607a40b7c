//! Points at which the command that tests build can be made to die or to stand still.
//!
//! The environment's `FAILPOINTS` says where and how, in the words of the crate `fail`: with
//! `before-commit=2*off->return(kill)` the process ends by SIGKILL when it gets there for the third time, and with
//! `return(stop)` it is stopped by SIGSTOP. Each database that is delivered to counts, in whatever order they come. A command
//! that is built without the feature `failpoints` of `fail`, as all are but that of the tests, has nothing of it.

use std::process::Command;

/// Names each point once.
macro_rules! points {
    ($($(#[$what:meta])* $point:ident = $name:literal,)*) => {
        /// A step of a run, of a replay, or of dropping what is in quarantine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[$what])* $point,)*
        }

        impl Point {
            /// All of them, in the order in which a process gets there.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// What it is called in `FAILPOINTS`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

points! {
    /// A run has read what earlier ones keep in the control database, and has looked at no home yet.
    ControlRead = "control-read",
    /// What a run keeps in the control database, and its lease, are written there; the transaction is open.
    BeforeLeaseTaken = "before-lease-taken",
    /// The lease is taken.
    LeaseTaken = "lease-taken",
    /// A batch is about to be read.
    BeforeRead = "before-read",
    /// A batch was read.
    AfterRead = "after-read",
    /// Each of its records has its home.
    Located = "located",
    /// The tables of a database that is delivered to for the first time in this run are there.
    TablesMade = "tables-made",
    /// A transaction of a home, or of the control database, has begun.
    Begun = "begun",
    /// Objects are written, in the transaction.
    Staged = "staged",
    /// Records are in quarantine, in the transaction.
    Quarantined = "quarantined",
    /// Partial results are merged into the tables, in the transaction.
    Merged = "merged",
    /// The position is moved, in the transaction.
    PositionWritten = "position-written",
    /// The batch is accounted for, in the transaction.
    Accounted = "accounted",
    /// All is written, and the next statement is COMMIT.
    BeforeCommit = "before-commit",
    /// The answer to COMMIT was read, and nothing was done about it.
    Committed = "committed",
    /// What was committed is told to whoever observes the run.
    Told = "told",
    /// The lease is about to be renewed.
    BeforeLeaseRenewed = "before-lease-renewed",
    /// The lease is renewed.
    LeaseRenewed = "lease-renewed",
    /// The lease is about to be given back, with the ends of sources.
    BeforeLeaseReleased = "before-lease-released",
    /// The lease is given back.
    LeaseReleased = "lease-released",
    /// A home's transaction has begun in which records that it keeps are replayed.
    ReplayBegun = "replay-begun",
    /// Their objects are written and they are resolved, and the next statement is COMMIT.
    ReplayWritten = "replay-written",
    /// It is committed.
    ReplayCommitted = "replay-committed",
    /// The control database has noted, and committed, to which home its records go.
    HomeNoted = "home-noted",
    /// That home's transaction has begun.
    TakeOverBegun = "take-over-begun",
    /// The home has taken the records over, and the next statement is COMMIT.
    TakeOverWritten = "take-over-written",
    /// It is committed.
    TakenOver = "taken-over",
    /// The control database is told that its records have moved, and the next statement is COMMIT.
    BeforeMoveTold = "before-move-told",
    /// It is committed.
    MoveTold = "move-told",
    /// Records are dropped, and the next statement is COMMIT.
    BeforeDropped = "before-dropped",
    /// It is committed.
    Dropped = "dropped",
}

/// A process has got to a point.
pub(crate) fn at(point: Point) {
    if fail::has_failpoints() {
        fail::eval(point.name(), |action| meet(point, action.as_deref().unwrap_or_default()));
    }
}

/// Does what `FAILPOINTS` asks for. Whoever is here does not go on before it is done.
fn meet(point: Point, action: &str) {
    let signal = match action {
        "kill" => "-KILL",
        "stop" => "-STOP",
        _ => panic!("`return({action})` means nothing at the point {}", point.name()),
    };
    eprintln!("the process meets its fault at the point {}: {action}", point.name());
    let sent = Command::new("kill").args([signal, &std::process::id().to_string()]).status();
    assert!(sent.is_ok_and(|sent| sent.success()), "the process cannot signal itself");
}
