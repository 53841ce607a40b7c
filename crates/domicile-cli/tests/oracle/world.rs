//! A source, homes and a control database, and the command on them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;

use domicile_testkit::{Proxy, Sandbox, SplitMix64};

use crate::database::{Database, Kind, SharedServer};
use crate::model::{Contents, HOMES, Model, Quarantine, REFUSED, REFUSING, Record};
use crate::process::{Ended, Process};

/// What differs from world to world.
pub(crate) struct Plan {
    pub(crate) source: Database,
    pub(crate) homes: Vec<Database>,
    pub(crate) control: Database,
    /// Settings of `[batch]` and `[delivery]`.
    pub(crate) limits: &'static str,
    /// By a database's URL, that of the proxy in front of it.
    pub(crate) through: BTreeMap<String, String>,
    /// The records are also read as another source.
    pub(crate) is_read_twice: bool,
}

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) source: Database,
    pub(crate) homes: Vec<(&'static str, Database)>,
    pub(crate) control: Database,
    /// What is committed in the source, as far as this test has written it.
    pub(crate) committed: BTreeMap<String, Record>,
    pub(crate) quarantine: Quarantine,
    is_read_twice: bool,
    tags: u64,
    processes: Cell<usize>,
}

const RULES: &str = "
[[source]]
url = 'SOURCE'
table = 'orders'
cursor = 'id'
key = 'country_code(label)'
ignore = \"note = 'test'\"

# No key: what is delivered twice is there twice.
[[source.analyser]]
into = 'orders'
sql = 'SELECT tag, amount FROM record'

[[source.analyser]]
into = 'latest'
key = 'bucket'
write = 'replace'
sql = 'SELECT bucket, id AS last FROM record'

[[source.analyser]]
into = 'daily'
write = 'merge'
sql = '''
SELECT bucket, count(*) AS orders, sum(amount) AS total, min(amount) AS low, max(amount) AS high
FROM record GROUP BY bucket'''
";

/// The same records by another cursor, by which most come late: whatever is inserted is within the overlap.
const COPIES: &str = "
[[source]]
name = 'copies'
url = 'SOURCE'
table = 'orders'
cursor = ['placed_at', 'id']
overlap = '1h'
identity = 'id'
key = 'country_code(label)'
ignore = \"note = 'test'\"

[[source.analyser]]
into = 'copies'
sql = 'SELECT tag, amount FROM record'

[[source.analyser]]
into = 'sums'
write = 'merge'
sql = 'SELECT bucket, count(*) AS orders, sum(amount) AS total FROM record GROUP BY bucket'
";

/// Batches and transactions so small that each run has many.
pub(crate) const SMALL: &str = "[batch]\nrows = 8\n[delivery]\ncommit_rows = 4\nlease_seconds = 3\n";

impl World {
    /// A world whose databases are all of one kind, and on one server where they are on any; behind a proxy, if there is one.
    pub(crate) fn of_one_kind(
        (kind, server): (Kind, Option<&SharedServer>),
        name: &str,
        homes: &[&str],
        limits: &'static str,
        proxy: Option<&Proxy>,
    ) -> Self {
        let sandbox = Sandbox::new();
        let mut through = BTreeMap::new();
        let mut database = |of: &str| {
            let name = format!("{name}_{of}");
            let database = Database::make(kind, server, &sandbox, &name);
            if let (Some(server), Some(proxy)) = (server, proxy) {
                through.insert(database.url(), proxy.url(&server.borrow(), &name));
            }
            database
        };
        let (source, control) = (database("source"), database("control"));
        let homes = homes.iter().map(|home| database(home)).collect();
        Self::new(sandbox, Plan { source, homes, control, limits, through, is_read_twice: false })
    }

    /// An empty source, homes of which one refuses an amount, and the configuration. There may be fewer homes than usual.
    pub(crate) fn new(sandbox: Sandbox, plan: Plan) -> Self {
        let Plan { source, homes, control, limits, through, is_read_twice } = plan;
        let homes: Vec<_> = HOMES.iter().map(|(home, _)| *home).zip(homes).collect();
        source.execute(&format!(
            "CREATE TABLE orders ({}, tag varchar(40) NOT NULL, label varchar(40), bucket bigint, amount bigint, note varchar(40),
             placed_at {} NOT NULL)",
            source.kind().numbered(),
            source.kind().time()
        ));
        for (home, database) in &homes {
            database.execute("CREATE TABLE orders (tag varchar(40), amount bigint)");
            if *home == REFUSING {
                database.execute(&database.kind().refuse(REFUSED));
            }
        }
        let through = |database: &Database| through.get(&database.url()).cloned().unwrap_or(database.url());
        let mut config = format!("control = '{}'\n[homes]\n", through(&control));
        for ((home, database), (_, key)) in homes.iter().zip(HOMES) {
            config += &format!("{home} = {{ keys = ['{key}'], url = '{}' }}\n", through(database));
        }
        config += limits;
        let rules = if is_read_twice { format!("{RULES}{COPIES}") } else { RULES.to_owned() };
        config += &rules.replace("SOURCE", &through(&source));
        sandbox.write_config(&config);
        Self {
            sandbox,
            source,
            homes,
            control,
            committed: BTreeMap::new(),
            quarantine: Quarantine::Waits,
            is_read_twice,
            tags: 0,
            processes: Cell::new(0),
        }
    }

    /// New records, which are not in the source yet.
    pub(crate) fn records(&mut self, random: &mut SplitMix64, count: u64) -> Vec<Record> {
        let may_be_broken = matches!(self.source, Database::File(_));
        (0..count).map(|_| Record::random(random, self.tag(), may_be_broken)).collect()
    }

    fn tag(&mut self) -> String {
        self.tags += 1;
        format!("tag-{}", self.tags)
    }

    /// Inserts records of which something becomes of every kind that there is.
    pub(crate) fn sell(&mut self, random: &mut SplitMix64) {
        let mut records = self.records(random, 60);
        records.push(Record::refused(self.tag()));
        self.insert(records);
    }

    /// Inserts records of the first home, which takes all of them.
    pub(crate) fn sell_to_one_home(&mut self, count: u64) {
        let records = (0..count).map(|_| Record::plain(self.tag())).collect();
        self.insert(records);
    }

    /// Inserts records, which are committed at once.
    pub(crate) fn insert(&mut self, records: Vec<Record>) {
        self.source.execute(&insert(&records));
        self.commit(records);
    }

    /// Records are committed in the source.
    pub(crate) fn commit(&mut self, records: Vec<Record>) {
        self.committed.extend(records.into_iter().map(|record| (record.tag.clone(), record)));
    }

    /// Starts the command where it meets these faults.
    pub(crate) fn start(&self, arguments: &[&str], faults: &str) -> Process {
        self.processes.set(self.processes.get() + 1);
        Process::start(self.sandbox.dir(), self.processes.get(), arguments, faults)
    }

    /// Runs the command to its end.
    #[track_caller]
    pub(crate) fn domicile(&self, arguments: &[&str]) -> Ended {
        self.start(arguments, "").end()
    }

    /// A run in which nothing fails.
    #[track_caller]
    pub(crate) fn run(&self) -> Ended {
        self.domicile(&["run"]).exits_with(&[0, 3])
    }

    /// Writes something else into the configuration.
    #[track_caller]
    pub(crate) fn configure(&self, before: &str, after: &str) {
        let config = fs::read_to_string(self.sandbox.config_path()).expect("it was written");
        assert!(config.contains(before), "{before:?} is not in {config}");
        self.sandbox.write_config(&config.replace(before, after));
    }

    /// What has to be there once everything is delivered: the ids are those that the source gave to the records.
    #[track_caller]
    pub(crate) fn model(&self) -> Model {
        let rows = self.source.rows("SELECT id, tag FROM orders");
        let with_id = |row: &String| {
            let (id, tag) = row.split_once('\t').expect("two columns");
            let record = self.committed.get(tag).unwrap_or_else(|| panic!("nobody has committed {tag}"));
            (id.parse().expect("an id is a number"), record.clone())
        };
        let records: BTreeMap<_, _> = rows.iter().map(with_id).collect();
        assert_eq!(records.len(), self.committed.len(), "the source has not kept what it has committed");
        Model { records, quarantine: self.quarantine, is_read_twice: self.is_read_twice }
    }

    /// What is there, by database.
    pub(crate) fn contents(&self) -> BTreeMap<&'static str, Contents> {
        let home = |(home, database): &(&'static str, Database)| (*home, contents(database, true, self.is_read_twice));
        let mut contents: BTreeMap<_, _> = self.homes.iter().map(home).collect();
        contents.insert("control", self::contents(&self.control, false, self.is_read_twice));
        contents
    }

    /// In what the databases differ from the model.
    pub(crate) fn differences(&self, model: &Model) -> Vec<String> {
        let found = self.contents();
        let homes = self.homes.iter().map(|(home, _)| (*home, model.home(home)));
        let expected = homes.chain([("control", model.control())]);
        expected.flat_map(|(place, expected)| found[place].differences(place, &expected)).collect()
    }

    /// Asserts that all that is in the source has arrived, once.
    #[track_caller]
    pub(crate) fn assert_exactly_once(&self, when: &str) {
        let differences = self.differences(&self.model());
        assert!(differences.is_empty(), "{when}:\n{}", differences.join("\n"));
    }

    /// Asserts that all is proved, and that there is nothing left to do.
    #[track_caller]
    pub(crate) fn assert_at_rest(&self, when: &str) {
        self.assert_exactly_once(when);
        self.domicile(&["verify"]).exits_with(&[0]);
        let before = self.contents();
        let ended = self.domicile(&["run"]).exits_with(&[0]);
        assert!(ended.has_read_nothing(), "{when}: {ended:?}");
        assert_eq!(before, self.contents(), "{when}: one more run has changed something");
    }
}

/// The statement that inserts records.
pub(crate) fn insert(records: &[Record]) -> String {
    let values: Vec<_> = records.iter().map(Record::values).collect();
    format!("INSERT INTO orders (tag, label, amount, bucket, note, placed_at) VALUES {}", values.join(", "))
}

/// What is asked of a home, each with the name of the table in front, of the first source and of the other one.
const OF_HOME: [&[&str]; 2] = [
    &[
        "SELECT 'orders', tag, amount FROM orders",
        "SELECT 'daily', bucket, orders, total, low, high FROM daily",
        "SELECT 'latest', bucket, last FROM latest",
    ],
    &["SELECT 'copies', tag, amount FROM copies", "SELECT 'sums', bucket, orders, total FROM sums"],
];

/// What is asked of the control database as well.
const OF_ALL: [&[&str]; 2] = [
    &[
        "SELECT 'quarantine', position, cause, resolution FROM domicile_quarantine WHERE source = 'orders'",
        "SELECT 'account', coalesce(sum(`read`), 0), coalesce(sum(delivered), 0), coalesce(sum(ignored), 0),
                coalesce(sum(quarantined), 0)
         FROM domicile_account WHERE source = 'orders'",
    ],
    &[
        "SELECT 'quarantine of copies', cause, resolution, count(*) FROM domicile_quarantine WHERE source = 'copies'
         GROUP BY cause, resolution",
        "SELECT 'account of copies', coalesce(sum(`read`), 0), coalesce(sum(delivered), 0), coalesce(sum(ignored), 0),
                coalesce(sum(quarantined), 0)
         FROM domicile_account WHERE source = 'copies'",
    ],
];

fn contents(database: &Database, is_home: bool, is_read_twice: bool) -> Contents {
    let of_home = if is_home { &OF_HOME[..] } else { &[] };
    let sources = if is_read_twice { 2 } else { 1 };
    let queries = of_home.iter().take(sources).chain(OF_ALL.iter().take(sources)).copied().flatten();
    // PostgreSQL alone quotes names otherwise, and needs no quotes here.
    let without_quotes = |query: &&str| match database.kind() {
        Kind::Postgres => query.replace('`', ""),
        Kind::Sqlite | Kind::MariaDb => (*query).to_owned(),
    };
    let rows = database.rows_of_all(&queries.map(without_quotes).collect::<Vec<_>>());
    let mut contents = Contents::default();
    let mut read_again = ReadAgain::default();
    for row in rows {
        let (table, line) = row.split_once('\t').expect("a name is in front");
        if table != "quarantine of copies" || !read_again.is_one(line) {
            contents.add(table, line);
        }
    }
    if is_read_twice {
        contents.change("quarantine of copies", |lines| read_again.as_replayed(lines));
        contents.change("account of copies", |lines| read_again.not_accounted(lines));
    }
    contents
}

/// Records that had no home before, where a run has read them again for the home that they have now before anybody replayed
/// them: which comes first, the machine decides. They are accounted for as the home's own.
#[derive(Default)]
struct ReadAgain {
    delivered: u64,
    quarantined: u64,
}

impl ReadAgain {
    fn is_one(&mut self, line: &str) -> bool {
        let mut values = line.split('\t');
        let (cause, resolution, count) =
            (values.next(), values.next(), values.next().and_then(|count| count.parse().ok()));
        if resolution != Some("read") {
            return false;
        }
        let count: u64 = count.expect("a count is a number");
        *if cause == Some("unknown_key") { &mut self.delivered } else { &mut self.quarantined } += count;
        true
    }

    /// As they are where they were replayed. Of those that wait yet there is a line of the home's own.
    fn as_replayed(&self, lines: &mut Vec<String>) {
        const REPLAYED: &str = "unknown_key\treplayed\t";
        let (replayed, mut others): (Vec<_>, Vec<_>) = lines.drain(..).partition(|line| line.starts_with(REPLAYED));
        let count = |line: &String| line[REPLAYED.len()..].parse::<u64>().expect("a count is a number");
        let count = replayed.iter().map(count).sum::<u64>() + self.delivered;
        others.extend((count > 0).then(|| format!("{REPLAYED}{count}")));
        others.sort();
        *lines = others;
    }

    fn not_accounted(&self, lines: &mut [String]) {
        for line in lines {
            let mut counts: Vec<u64> =
                line.split('\t').map(|count| count.parse().expect("a count is a number")).collect();
            counts[0] -= self.delivered + self.quarantined;
            counts[1] -= self.delivered;
            counts[3] -= self.quarantined;
            *line = counts.iter().map(u64::to_string).collect::<Vec<_>>().join("\t");
        }
    }
}
