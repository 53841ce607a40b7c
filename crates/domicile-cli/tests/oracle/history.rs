//! Random histories: what happens to a source, to the runs on it and to the databases, one step after the other. A seed makes
//! the same history again; at which moment of a run a step comes, the machine decides.

use domicile_pipeline::fault::Point;
use domicile_testkit::SplitMix64;

use crate::database::Kind;
use crate::model::Quarantine;

/// A server that something may happen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    PostgresHomes,
    MariaDbHomes,
    /// The source has a server of its own.
    Source,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// So many records are inserted and committed at once.
    Insert(u64),
    /// A transaction inserts so many and stays open.
    Open(u64),
    /// The oldest open transaction ends.
    Commit,
    Rollback,
    /// So many records that their home takes, whatever was mended.
    InsertPlain(u64),
    /// A run begins.
    Run,
    /// So does one that goes on by a schedule, until it is asked to end.
    Schedule,
    /// One that is killed when it gets to a point for the time of this number.
    Dying(Point, usize),
    /// One that stands still there.
    Standing(Point, usize),
    /// Somebody works on what is in quarantine, perhaps until the process gets to a point for the first time.
    Tend(Option<Point>),
    /// The oldest run is killed from outside.
    Kill,
    /// It is stopped, or goes on.
    Stop,
    Continue,
    /// The stopped run has lost its lease, and another one comes.
    Outlast,
    /// The oldest run is waited for.
    Await,
    /// So many milliseconds go by.
    Wait(u64),
    KillServer(Side),
    StartServer(Side),
    PauseServer(Side),
    ResumeServer(Side),
    /// The connections to a server end.
    Cut(Side),
    /// So do they after so many bytes of its answers.
    CutAfter(Side, u64),
    /// So do they after so many bytes of what is sent to it, be it in the midst of a COPY.
    CutAfterSent(Side, u64),
    /// The answer to a statement with these words is lost: it was executed, or has begun.
    Lose(Side, &'static str),
    /// Nothing that a server answers arrives.
    Swallow(Side),
    /// Nobody can connect to it.
    Refuse(Side),
    /// All is carried again.
    Heal(Side),
    /// Somebody else locks the files of the homes that are files, and lets go.
    Lock,
    Unlock,
    /// A table of a home has no longer a column that is written to, and has it again.
    Misfit(usize),
    Fit,
    /// The position of a home is put back by hand. No history has it but those that are to be found wrong.
    PutBack(usize),
}

/// The databases of a history, and what happens to them.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) source: Kind,
    pub(crate) homes: [Kind; 3],
    pub(crate) control: Kind,
    pub(crate) limits: &'static str,
    /// The records are also read as another source, by times that the application sets.
    pub(crate) is_read_twice: bool,
    pub(crate) steps: Vec<Step>,
    /// What somebody does to what is in quarantine, once all is delivered.
    pub(crate) quarantine: Quarantine,
    /// What happens meanwhile.
    pub(crate) afterwards: Vec<Step>,
}

impl Step {
    /// What is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Insert(_) => "inserts",
            Self::Open(_) => "transactions left open",
            Self::Commit => "late commits",
            Self::Rollback => "rollbacks",
            Self::InsertPlain(_) => "inserts of what is taken",
            Self::Run => "runs begun plainly",
            Self::Schedule => "schedules begun",
            Self::Tend(None) => "replays and drops",
            Self::Tend(Some(_)) => "replays and drops that are to die at a point",
            Self::Dying(..) => "runs that are to die at a point",
            Self::Standing(..) => "runs that are to stand still at a point",
            Self::Kill => "kills of runs",
            Self::Stop => "stops of runs",
            Self::Continue => "stopped runs that went on",
            Self::Outlast => "leases outlasted",
            Self::Await => "runs awaited",
            Self::Wait(_) => "waits",
            Self::KillServer(_) => "servers killed",
            Self::StartServer(_) => "servers started again",
            Self::PauseServer(_) => "servers stopped",
            Self::ResumeServer(_) => "stopped servers that went on",
            Self::Cut(_) => "servers whose connections were cut",
            Self::CutAfter(..) => "connections to be cut within an answer",
            Self::CutAfterSent(..) => "connections to be cut within what is sent",
            Self::Lose(..) => "answers to be lost",
            Self::Swallow(_) => "networks that swallow",
            Self::Refuse(_) => "networks that refuse",
            Self::Heal(_) => "networks healed",
            Self::Lock => "files locked",
            Self::Unlock => "files unlocked",
            Self::Misfit(_) => "tables that did not fit",
            Self::Fit => "tables that fitted again",
            Self::PutBack(_) => "positions put back",
        }
    }

    /// Whether it does harm to something.
    pub(crate) fn is_fault(&self) -> bool {
        match self {
            Self::Dying(..)
            | Self::Standing(..)
            | Self::Tend(Some(_))
            | Self::Kill
            | Self::Stop
            | Self::Outlast
            | Self::KillServer(_)
            | Self::PauseServer(_)
            | Self::Cut(_)
            | Self::CutAfter(..)
            | Self::CutAfterSent(..)
            | Self::Lose(..)
            | Self::Swallow(_)
            | Self::Refuse(_)
            | Self::Lock
            | Self::Misfit(_) => true,
            Self::Insert(_)
            | Self::Open(_)
            | Self::Commit
            | Self::Rollback
            | Self::InsertPlain(_)
            | Self::Run
            | Self::Schedule
            | Self::Tend(None)
            | Self::Continue
            | Self::Await
            | Self::Wait(_)
            | Self::StartServer(_)
            | Self::ResumeServer(_)
            | Self::Heal(_)
            | Self::Unlock
            | Self::Fit
            | Self::PutBack(_) => false,
        }
    }
}

const KINDS: [Kind; 3] = [Kind::Sqlite, Kind::Postgres, Kind::MariaDb];

/// Statements whose answers are lost.
const LOST: [&str; 4] = ["COMMIT", "COPY ", "INSERT INTO", "domicile_position"];

/// Sizes of batches and transactions: small ones have more moments at which something can happen.
const LIMITS: [&str; 3] = [
    "[batch]\nrows = 7\n[delivery]\ncommit_rows = 3\ncommit_seconds = 0.5\nlease_seconds = 3\nanswer_seconds = 2\n",
    "[batch]\nrows = 40\n[delivery]\ncommit_rows = 60\nlease_seconds = 3\nanswer_seconds = 2\n\
     others_wait_seconds = 1\ncatch_up_seconds = 1\n",
    "[batch]\nrows = 25\n[delivery]\ncommit_rows = 10\nopen_homes = 2\nparallel = 2\nlease_seconds = 3\nanswer_seconds = 2\n",
];

impl History {
    /// The history of a seed. It is led astray by hand on request.
    pub(crate) fn random(seed: u64, is_put_back: bool) -> Self {
        let mut random = SplitMix64::seeded(seed);
        let source = *random.pick(&KINDS);
        // Each kind once, in whatever order, or whatever comes.
        let mut homes = KINDS;
        homes.rotate_left(random.below(3) as usize);
        if random.below(3) == 0 {
            homes = [(); 3].map(|()| *random.pick(&KINDS));
        }
        let (control, limits) = (*random.pick(&KINDS), *random.pick(&LIMITS));
        let is_read_twice = random.below(2) == 0;
        let mut history = Self {
            seed,
            source,
            homes,
            control,
            limits,
            is_read_twice,
            steps: Vec::new(),
            quarantine: Quarantine::Waits,
            afterwards: Vec::new(),
        };
        // Nothing is made in homes while a source has never had a record.
        history.steps.push(Step::Insert(1 + random.below(150)));
        for scene in 0..3 + random.below(4) {
            history.scene(&mut random);
            if is_put_back && scene == 1 {
                history.steps.push(Step::PutBack(random.below(3) as usize));
            }
        }
        if !is_put_back {
            history.quarantine = *random.pick(&[Quarantine::Waits, Quarantine::Replayed, Quarantine::Dropped]);
        }
        if history.quarantine != Quarantine::Waits {
            history.afterwards = (0..1 + random.below(3)).flat_map(|_| history.tend(&mut random)).collect();
        }
        history
    }

    /// Somebody works on what is in quarantine, beside runs, and things happen meanwhile.
    fn tend(&self, random: &mut SplitMix64) -> Vec<Step> {
        let (first, last) = match self.quarantine {
            Quarantine::Dropped => (Point::BeforeDropped, Point::Dropped),
            Quarantine::Waits | Quarantine::Replayed => (Point::ReplayBegun, Point::MoveTold),
        };
        let place = |point| Point::ALL.iter().position(|of| *of == point).expect("it is one of them");
        let points = &Point::ALL[place(first)..=place(last)];
        let mut steps = Vec::new();
        if random.below(2) == 0 {
            steps.extend([Step::InsertPlain(1 + random.below(60)), Step::Run]);
        }
        for _ in 0..1 + random.below(2) {
            steps.push(Step::Tend((random.below(2) == 0).then(|| *random.pick(points))));
        }
        for _ in 0..random.below(3) {
            steps.push(Step::Wait(random.below(200)));
            steps.extend(self.happening(random));
        }
        if random.below(2) == 0 {
            steps.push(Step::Await);
        }
        steps
    }

    /// Something is written, runs begin, and things happen meanwhile.
    fn scene(&mut self, random: &mut SplitMix64) {
        for _ in 0..1 + random.below(3) {
            let written = match random.below(6) {
                0 => Step::Open(1 + random.below(30)),
                1 => Step::Commit,
                2 => Step::Rollback,
                _ => Step::Insert(1 + random.below(150)),
            };
            self.steps.push(written);
        }
        self.begin(random);
        for _ in 0..random.below(4) {
            if random.below(3) > 0 {
                self.steps.push(Step::Wait(random.below(200)));
            }
            let happening = self.happening(random);
            self.steps.extend(happening);
        }
        if random.below(4) > 0 {
            self.steps.push(Step::Await);
        }
    }

    fn begin(&mut self, random: &mut SplitMix64) {
        let points = Point::ALL.iter().position(|point| *point == Point::LeaseReleased).expect("it is one of them");
        let point = *random.pick(&Point::ALL[..=points]);
        let time = 1 + random.below(8) as usize;
        match random.below(11) {
            10 => self.steps.push(Step::Schedule),
            0..4 => self.steps.push(Step::Run),
            4..7 => self.steps.push(Step::Dying(point, time)),
            7 => self.steps.extend([Step::Standing(point, time), Step::Await, Step::Outlast, Step::Continue]),
            8 => self.steps.extend([Step::Standing(point, time), Step::Run, Step::Await, Step::Continue]),
            _ => self.steps.extend([Step::Run, Step::Run]),
        }
    }

    /// The servers that there are something on.
    fn sides(&self) -> Vec<Side> {
        let is_used = |kind| self.homes.contains(&kind) || self.control == kind;
        let sides = [
            (Side::PostgresHomes, is_used(Kind::Postgres)),
            (Side::MariaDbHomes, is_used(Kind::MariaDb)),
            (Side::Source, self.source != Kind::Sqlite),
        ];
        sides.into_iter().filter(|(_, is_used)| *is_used).map(|(side, _)| side).collect()
    }

    /// A fault, and perhaps its end.
    fn happening(&self, random: &mut SplitMix64) -> Vec<Step> {
        let sides = self.sides();
        // Without any, what happens to one cannot.
        let side = if sides.is_empty() { Side::Source } else { *random.pick(&sides) };
        let (wait, lost) = (Step::Wait(random.below(600)), *random.pick(&LOST));
        match random.below(16) {
            0 => vec![Step::Kill],
            1 => vec![Step::Stop, wait, Step::Continue],
            2 => vec![Step::Stop, Step::Outlast, Step::Continue],
            3 => vec![Step::KillServer(side), Step::StartServer(side)],
            4 => vec![Step::KillServer(side), Step::Await],
            5 => vec![Step::PauseServer(side), wait, Step::ResumeServer(side)],
            6 => vec![Step::PauseServer(side), Step::Await],
            7 => vec![Step::CutAfter(side, random.below(20_000))],
            8 => vec![Step::Lose(side, lost)],
            9 => vec![Step::Swallow(side), Step::Await, Step::Heal(side)],
            10 => vec![Step::Refuse(side), wait, Step::Heal(side)],
            11 => vec![Step::Lock, wait, Step::Unlock],
            12 => vec![Step::Run],
            13 => vec![Step::CutAfterSent(side, random.below(20_000))],
            14 => vec![Step::Misfit(random.below(3) as usize), Step::Run, Step::Await, Step::Fit],
            _ => vec![Step::Cut(side)],
        }
    }
}
