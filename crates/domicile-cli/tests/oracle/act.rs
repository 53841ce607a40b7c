//! Leading a world through a history.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domicile_testkit::{Sandbox, Session, SplitMix64};
use rusqlite::Connection;

use crate::cluster::{Cluster, Place};
use crate::database::{Database, Kind, SharedServer, open};
use crate::history::{History, Side, Step};
use crate::model::{Quarantine, Record};
use crate::points::{DROP, REPLAY, dies_at, mend};
use crate::process::{PATIENCE, Process};
use crate::world::{Plan, World, insert};

/// A step that waits for something which need not come about goes on after so long.
const WAITS: Duration = Duration::from_secs(4);

/// So many runs bring everything at most, once there are no faults any more. A home that is far behind has some time in each.
const RUNS: usize = 30;

/// Under this all faults are counted together.
pub(crate) const FAULTS: &str = "faults";

/// Transactions that are open in the source at once; a file has one.
const OPEN: usize = 3;

/// A transaction that is open in the source.
struct Writer {
    connection: Writing,
    records: Vec<Record>,
}

enum Writing {
    File(Connection),
    Server(Session),
}

struct Running {
    process: Process,
    /// It dies by SIGKILL, or may do so.
    is_doomed: bool,
    /// It goes on until it is asked to end.
    is_scheduled: bool,
    is_stopped: bool,
    /// A home does not fit: where the others are away, something is wrong in all of them.
    may_be_refused: bool,
}

/// A world while things happen to it.
pub(crate) struct Act<'a> {
    cluster: &'a mut Cluster,
    history: &'a History,
    pub(crate) world: World,
    random: SplitMix64,
    writers: Vec<Writer>,
    runs: Vec<Running>,
    locked: Vec<Connection>,
    /// The home that has a table which does not fit.
    misfit: Option<usize>,
    /// What happened, and what could not because there was nothing that it could happen to.
    happened: Vec<(String, bool)>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl<'a> Act<'a> {
    pub(crate) fn new(cluster: &'a mut Cluster, history: &'a History) -> Self {
        let sandbox = Sandbox::new();
        let mut through = BTreeMap::new();
        let mut database = |kind: Kind, place: Option<&Place>, of: &str| {
            let name = format!("h{}_{of}", history.seed);
            let server: Option<&SharedServer> = place.map(|place| &place.server);
            let database = Database::make(kind, server, &sandbox, &name);
            through.extend(place.map(|place| (database.url(), place.url(&name))));
            database
        };
        let source = database(history.source, cluster.source(history.source), "source");
        let homes = ["es", "fr", "de"].into_iter().zip(history.homes);
        let homes = homes.map(|(home, kind)| database(kind, cluster.homes(kind), home)).collect();
        let control = database(history.control, cluster.homes(history.control), "control");
        let world = World::new(
            sandbox,
            Plan { source, homes, control, limits: history.limits, through, is_read_twice: history.is_read_twice },
        );
        let random = SplitMix64::seeded(!history.seed);
        let (happened, counts) = (Vec::new(), BTreeMap::new());
        Self {
            cluster,
            history,
            world,
            random,
            writers: Vec::new(),
            runs: Vec::new(),
            locked: Vec::new(),
            misfit: None,
            happened,
            counts,
        }
    }

    /// Does all of it, and then puts an end to all faults and lets everything be delivered.
    pub(crate) fn play(&mut self) {
        let cuts = self.cluster.cuts();
        self.play_all();
        self.count("connections that were cut", self.cluster.cuts() - cuts);
    }

    fn play_all(&mut self) {
        let history = self.history;
        self.lead(&history.steps);
        self.end();
        if history.quarantine == Quarantine::Waits {
            return;
        }
        if history.quarantine == Quarantine::Replayed {
            mend(&self.world);
        }
        self.lead(&history.afterwards);
        self.heal();
        self.tend_to_the_end();
        self.world.quarantine = history.quarantine;
        self.end();
    }

    fn count(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_insert(0) += count;
    }

    fn lead(&mut self, steps: &[Step]) {
        for step in steps {
            self.happened.push((format!("{step:?}"), false));
            let has_happened = self.step(step);
            self.happened.last_mut().expect("it was pushed above").1 = has_happened;
            if has_happened {
                self.count(step.name(), 1);
                self.count(FAULTS, step.is_fault().into());
            }
            self.reap();
        }
    }

    /// Whether it could be done.
    fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Insert(count) => self.insert(count),
            Step::Open(count) => self.open(count),
            Step::Commit => self.close("COMMIT"),
            Step::Rollback => self.close("ROLLBACK"),
            Step::InsertPlain(count) => self.insert_plain(count),
            Step::Run => self.run(String::new(), false),
            Step::Schedule => self.schedule(),
            Step::Tend(point) => {
                let faults = point.map(|point| dies_at(point, 1));
                self.begin(self.tending(), &faults.unwrap_or_default(), point.is_some())
            }
            Step::Dying(point, time) => self.run(format!("{}={}*off->return(kill)", point.name(), time - 1), true),
            Step::Standing(point, time) => {
                self.run(format!("{}={}*off->1*return(stop)", point.name(), time - 1), false)
            }
            Step::Kill => self.signal("KILL"),
            Step::Stop => self.signal("STOP"),
            Step::Continue => self.signal("CONT"),
            Step::Outlast => self.outlast(),
            Step::Await => self.await_oldest(),
            Step::Wait(milliseconds) => {
                // This is chance: no step after it may depend on what a run does meanwhile.
                std::thread::sleep(Duration::from_millis(milliseconds));
                true
            }
            Step::Lock => self.lock(),
            Step::Unlock => !std::mem::take(&mut self.locked).is_empty(),
            Step::Misfit(home) => self.misfit(home),
            Step::Fit => self.fit(),
            Step::PutBack(home) => self.put_back(home),
            _ => self.on_server(step),
        }
    }

    fn on_server(&mut self, step: &Step) -> bool {
        let side = match *step {
            Step::KillServer(side)
            | Step::StartServer(side)
            | Step::PauseServer(side)
            | Step::ResumeServer(side)
            | Step::Cut(side)
            | Step::CutAfter(side, _)
            | Step::CutAfterSent(side, _)
            | Step::Lose(side, _)
            | Step::Swallow(side)
            | Step::Refuse(side)
            | Step::Heal(side) => side,
            _ => unreachable!("it happens to no server"),
        };
        let Some(place) = self.cluster.place(side, self.history.source) else { return false };
        match *step {
            Step::KillServer(_) if place.answers() => {
                place.server.borrow_mut().kill();
                place.is_down = true;
                if side == Side::Source {
                    // What they have not committed is undone.
                    self.writers.clear();
                }
            }
            Step::PauseServer(_) if place.answers() => {
                place.server.borrow_mut().pause();
                place.is_paused = true;
            }
            Step::KillServer(_) | Step::PauseServer(_) => return false,
            Step::StartServer(_) => return place.start_again(),
            Step::ResumeServer(_) => return place.resume(),
            Step::Cut(_) => {
                let before = place.proxy.cuts();
                place.proxy.cut();
                return place.proxy.cuts() > before;
            }
            Step::CutAfter(_, bytes) => place.proxy.cut_after(bytes),
            Step::CutAfterSent(_, bytes) => place.proxy.cut_after_sent(bytes),
            Step::Lose(_, text) => place.proxy.lose_reply_to(text),
            Step::Swallow(_) => place.proxy.swallow_replies(),
            Step::Refuse(_) => place.proxy.refuse(),
            _ => place.proxy.heal(),
        }
        true
    }

    /// Whether the source takes what is inserted, and nobody else holds it.
    fn is_writable(&self) -> bool {
        self.cluster.answers(&self.world.source) && (self.history.source != Kind::Sqlite || self.writers.is_empty())
    }

    fn insert(&mut self, count: u64) -> bool {
        if !self.is_writable() {
            return false;
        }
        let records = self.world.records(&mut self.random, count);
        self.world.insert(records);
        true
    }

    fn insert_plain(&mut self, count: u64) -> bool {
        if !self.is_writable() {
            return false;
        }
        self.world.sell_to_one_home(count);
        true
    }

    fn open(&mut self, count: u64) -> bool {
        if !self.is_writable() || self.writers.len() == OPEN {
            return false;
        }
        let records = self.world.records(&mut self.random, count);
        let mut connection = match &self.world.source {
            Database::File(path) => Writing::File(open(path)),
            Database::Of { server, name, .. } => Writing::Server(server.borrow().session(name)),
        };
        connection.execute(&format!("BEGIN; {}", insert(&records)));
        self.writers.push(Writer { connection, records });
        true
    }

    fn close(&mut self, how: &str) -> bool {
        if self.writers.is_empty() || !self.cluster.answers(&self.world.source) {
            return false;
        }
        let mut writer = self.writers.remove(0);
        writer.connection.execute(how);
        if how == "COMMIT" {
            self.world.commit(writer.records);
        }
        true
    }

    fn run(&mut self, faults: String, is_doomed: bool) -> bool {
        let has_begun = self.begin(&["run"], &faults, is_doomed);
        self.count("runs", has_begun.into());
        has_begun
    }

    fn begin(&mut self, arguments: &[&str], faults: &str, is_doomed: bool) -> bool {
        if self.runs.len() >= 3 {
            return false;
        }
        let process = self.world.start(arguments, faults);
        let may_be_refused = self.misfit.is_some();
        self.runs.push(Running { process, is_doomed, is_scheduled: false, is_stopped: false, may_be_refused });
        true
    }

    /// Runs every second.
    fn schedule(&mut self) -> bool {
        let has_begun = self.begin(&["run", "--schedule", "* * * * * *"], "", false);
        if has_begun {
            let run = self.runs.last_mut().expect("it has begun");
            run.is_scheduled = true;
            // Before, it would die of a signal.
            run.process.await_word();
        }
        has_begun
    }

    /// What somebody does to what is in quarantine.
    fn tending(&self) -> &'static [&'static str] {
        if self.history.quarantine == Quarantine::Dropped { DROP } else { REPLAY }
    }

    /// Does it until nothing fails. What cannot be mended waits on, with 3.
    fn tend_to_the_end(&self) {
        for _ in 0..8 {
            if self.world.domicile(self.tending()).exits_with(&[0, 1, 3]).code() != Some(1) {
                return;
            }
        }
        panic!("what is in quarantine is not dealt with");
    }

    /// Sends the oldest run a signal that makes sense to it.
    fn signal(&mut self, name: &str) -> bool {
        let Some(run) = self.runs.first_mut() else { return false };
        let is_stopped = run.is_stopped || run.process.is_stopped();
        if (name == "CONT") != is_stopped && name != "KILL" {
            return false;
        }
        run.is_stopped = name == "STOP";
        run.is_doomed |= name == "KILL";
        run.process.signal(name);
        true
    }

    /// Waits until the lease of a stopped run has ended, and lets another one come.
    fn outlast(&mut self) -> bool {
        let control = &self.world.control;
        let is_stopped = self.runs.first().is_some_and(|run| run.process.is_stopped());
        if !is_stopped || !self.cluster.answers(control) || self.history.control == Kind::Sqlite {
            return false;
        }
        let past = control.kind().past();
        let sql = format!("SELECT count(*) FROM domicile_lease WHERE held_until > {past}");
        let (begin, has) = (Instant::now(), control.has("domicile_lease"));
        while has && control.rows(&sql) != ["0"] && begin.elapsed() < 2 * WAITS {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.run(String::new(), false);
        let begin = Instant::now();
        while self.runs.last_mut().is_some_and(|run| !run.process.has_ended()) && begin.elapsed() < WAITS {
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Waits for the oldest run, unless it stands still or takes too long. One that goes on by a schedule is asked to end.
    fn await_oldest(&mut self) -> bool {
        let begin = Instant::now();
        if let Some(run) = self.runs.first().filter(|run| run.is_scheduled) {
            run.process.signal("TERM");
        }
        while begin.elapsed() < WAITS {
            let Some(run) = self.runs.first_mut() else { return false };
            if run.process.has_ended() {
                return true;
            }
            if run.process.is_stopped() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    fn lock(&mut self) -> bool {
        let homes = self.world.homes.iter();
        let files = homes.filter_map(|(_, home)| if let Database::File(path) = home { Some(path) } else { None });
        for path in files {
            let connection = Connection::open(path).expect("the file is there");
            // A run may hold it.
            if connection.execute_batch("BEGIN EXCLUSIVE").is_ok() {
                self.locked.push(connection);
            }
        }
        !self.locked.is_empty()
    }

    /// Somebody renames a column that runs write to, in a home that has been delivered to.
    fn misfit(&mut self, number: usize) -> bool {
        let (_, home) = &self.world.homes[number];
        let may_be = self.misfit.is_none() && self.cluster.answers(home) && self.locked.is_empty();
        if may_be
            && home.attempt("SELECT position FROM domicile_position")
            && home.attempt("ALTER TABLE orders RENAME COLUMN tag TO mark")
        {
            self.misfit = Some(number);
            self.runs.iter_mut().for_each(|run| run.may_be_refused = true);
            return true;
        }
        false
    }

    /// The column has its name again.
    fn fit(&mut self) -> bool {
        let Some(number) = self.misfit else { return false };
        let (_, home) = &self.world.homes[number];
        if self.cluster.answers(home) && home.attempt("ALTER TABLE orders RENAME COLUMN mark TO tag") {
            self.misfit = None;
        }
        self.misfit.is_none()
    }

    /// Breaks what is promised: a home gets again what it has.
    fn put_back(&mut self, home: usize) -> bool {
        self.heal();
        let (_, home) = &self.world.homes[home];
        if !home.has("domicile_position") {
            return false;
        }
        home.execute("UPDATE domicile_position SET position = NULL");
        true
    }

    /// Looks at those that have ended: whatever happens, none may say that the configuration is wrong, or panic.
    fn reap(&mut self) {
        let ended = self.runs.extract_if(.., |run| run.process.has_ended()).collect::<Vec<_>>();
        for run in ended {
            self.check(run);
        }
    }

    fn check(&mut self, run: Running) {
        let is_doomed = run.is_doomed;
        let ended = run.process.end();
        assert!(!ended.stderr.contains("panicked"), "a run panicked:\n{}", ended.stderr);
        if ended.code().is_none() && is_doomed {
            self.count("runs that were killed", 1);
            return;
        }
        if run.is_scheduled {
            drop(ended.exits_with(&[0, 5]));
            self.count("schedules ended", 1);
            return;
        }
        let mut ended = ended.exits_with(if run.may_be_refused { &[0, 1, 2, 3, 4] } else { &[0, 1, 3, 4] });
        if ended.code() == Some(2) {
            ended = ended.complains("has no column `tag`");
        }
        let how = [
            "runs done",
            "runs that failed",
            "runs that were refused",
            "runs done, with quarantine",
            "runs that left to another",
        ];
        self.count(how[ended.code().unwrap_or_default() as usize], 1);
    }

    /// Puts an end to all faults and to transactions that are open, and waits for the end of all runs.
    fn heal(&mut self) {
        self.cluster.heal();
        self.locked.clear();
        // Runs wait for them.
        while self.close("COMMIT") {}
        while !self.runs.is_empty() {
            let mut run = self.runs.remove(0);
            let begin = Instant::now();
            if run.is_scheduled {
                run.process.signal("TERM");
            }
            // One that is to stand still may get there only now.
            while !run.process.has_ended() && begin.elapsed() < PATIENCE {
                if run.process.is_stopped() {
                    run.process.signal("CONT");
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            self.check(run);
        }
        let begin = Instant::now();
        while self.misfit.is_some() && !self.fit() {
            assert!(begin.elapsed() < PATIENCE, "somebody holds a table for good");
        }
    }

    fn end(&mut self) {
        self.heal();
        for _ in 0..RUNS {
            let ended = self.world.domicile(&["run"]).exits_with(&[0, 1, 3]);
            if ended.code() == Some(0) && ended.has_read_nothing() {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    /// Removes what is left of it on servers.
    pub(crate) fn clear_away(self) {
        let World { source, homes, control, .. } = &self.world;
        for database in homes.iter().map(|(_, home)| home).chain([source, control]) {
            database.drop_it();
        }
    }
}

impl Drop for Act<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let History { seed, source, homes, control, limits, is_read_twice, .. } = self.history;
            let how_often = if *is_read_twice { "read twice, " } else { "" };
            eprintln!(
                "a history of the seed {seed} fails, with {source:?}, {how_often}to {homes:?}, control {control:?}, {limits:?}:"
            );
            for (step, has_happened) in &self.happened {
                eprintln!("    {step}{}", if *has_happened { "" } else { " (in vain)" });
            }
            eprintln!("repeat it by: just oracle 1 {seed}");
        }
    }
}

impl Writing {
    #[track_caller]
    fn execute(&mut self, sql: &str) {
        match self {
            Self::File(connection) => connection.execute_batch(sql).expect("nobody else writes to the source"),
            Self::Server(session) => assert!(session.execute(sql), "the source refuses {sql}"),
        }
    }
}
