//! What is in quarantine is told, replayed exactly once after it was mended, and dropped for a reason: one contract, which
//! holds for each kind of database.

use std::path::Path;
use std::sync::Arc;

use domicile_pipeline::{
    Cause, Config, Pipeline, QuarantineFilter, Replay, ReplayedPlace, Resolution, Silent, Verification, Verified,
};
use domicile_testkit::Server;
use tempfile::TempDir;

use crate::fixture::{self, runtime};
use crate::servers;
use crate::sites::Site;
use crate::verify::differences;

/// The databases of one test: a source, a control database and homes, all of one kind.
pub(crate) enum Databases {
    Files(TempDir),
    Server(Server),
}

pub(crate) struct World {
    pub(crate) databases: Databases,
    pub(crate) homes: String,
    pub(crate) key: String,
    pub(crate) settings: String,
    pub(crate) batch_rows: usize,
}

pub(crate) const FILES: fn() -> Option<Databases> = || Some(Databases::Files(tempfile::tempdir().unwrap()));
pub(crate) const POSTGRES: fn() -> Option<Databases> = || Server::postgres().map(Databases::Server);
pub(crate) const MARIADB: fn() -> Option<Databases> = || Server::mariadb().map(Databases::Server);

mod replaced;
mod runs;

contract! {
    what_was_mended_is_replayed_once_and_each_wrong_state_is_found
    what_is_dropped_keeps_its_reason_and_nothing_of_the_record
    a_record_that_its_home_refuses_moves_there_and_is_replayed_there
    a_replay_goes_on_beside_a_home_that_somebody_has_to_mend
    a_replay_that_ends_before_the_control_database_is_told_is_found_by_the_next
    of_two_replays_at_once_each_record_is_delivered_by_one
    a_home_that_reads_again_what_had_no_home_is_not_given_it_twice
    a_run_goes_on_while_records_are_replayed
    what_cannot_be_had_as_it_was_is_asked_of_the_source_or_stays
    a_quarantine_of_an_earlier_version_is_told_and_replayed
    what_is_read_again_by_its_overlap_is_not_given_twice
    what_is_being_moved_to_its_home_is_not_dropped
    numbers_are_replayed_to_their_last_bit
}

impl World {
    pub(crate) fn new(start: fn() -> Option<Databases>) -> Option<Self> {
        let databases = start()?;
        let homes = String::from("homes = { es = \"ES\", fr = \"FR\" }");
        let world = Self { databases, homes, key: String::from("country"), settings: String::new(), batch_rows: 3 };
        for database in ["source", "control", "es", "fr", "pt"] {
            world.site().create_database(database);
        }
        let id = match &world.databases {
            Databases::Files(_) => servers::SQLITE.id,
            Databases::Server(server) if server.url("source").starts_with("postgres") => servers::POSTGRES.id,
            Databases::Server(_) => servers::MARIADB.id,
        };
        let columns = "country varchar(80), customer varchar(80), amount decimal(12,2), at timestamp";
        world.sql("source", &format!("CREATE TABLE orders (id {id}, {columns})"));
        Some(world)
    }

    fn site(&self) -> &dyn Site {
        match &self.databases {
            Databases::Files(folder) => folder,
            Databases::Server(server) => server,
        }
    }

    pub(crate) fn sql(&self, database: &str, sql: &str) {
        self.site().sql(database, sql);
    }

    pub(crate) fn rows(&self, database: &str, sql: &str) -> Vec<String> {
        self.site().rows(database, sql)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.site().url(database)
    }

    pub(crate) fn order(&self, orders: &[&str]) {
        for order in orders {
            self.sql("source", &format!("INSERT INTO orders (country, customer, amount) VALUES ({order})"));
        }
    }

    pub(crate) fn pipeline(&self) -> Pipeline {
        let Self { homes, key, settings, batch_rows, .. } = self;
        let url = |database| self.url(database);
        let cursor = if settings.contains("cursor") { "" } else { "cursor = \"id\"" };
        let text = format!(
            "control = \"{}\"\nhome_url = \"{}\"\n{homes}\nbatch.rows = {batch_rows}\n\
             delivery.poison_share_max = 1.0\n[[source]]\nurl = \"{}\"\ntable = \"orders\"\n\
             {cursor}\nkey = '''{key}'''\n{settings}\n\
             [[source.analyser]]\ninto = \"orders\"\nkey = \"id\"\nsql = \"SELECT id, customer, amount FROM record\"\n\
             [[source.analyser]]\ninto = \"totals\"\nwrite = \"merge\"\n\
             sql = \"SELECT customer, count(*) AS orders, sum(amount) AS revenue FROM record GROUP BY customer\"\n\
             [[source.analyser]]\ninto = \"latest\"\nwrite = \"replace\"\nkey = \"customer\"\n\
             sql = \"SELECT customer, id AS last FROM record\"\n",
            url("control"),
            url("{home}"),
            url("source")
        );
        let config = Config::read(Path::new("domicile.toml"), text, &|_| None);
        Pipeline::new(config.unwrap_or_else(|problems| panic!("{problems:#?}")))
    }

    pub(crate) fn run(&self) {
        let report = fixture::run(&self.pipeline(), Arc::new(Silent)).unwrap();
        assert!(!report.has_failed(), "{report:#?}");
    }

    fn replay(&self, filter: &QuarantineFilter) -> Replay {
        runtime().block_on(self.pipeline().replay(filter, Some("ana"))).unwrap()
    }

    pub(crate) fn replay_all(&self) -> Replay {
        let replay = self.replay(&QuarantineFilter::default());
        assert!(!replay.has_failed(), "{replay:#?}");
        replay
    }

    /// By source, home, kind and what it is about, how many wait and what became of the others.
    fn list(&self, filter: &QuarantineFilter) -> Vec<String> {
        let list = runtime().block_on(self.pipeline().quarantine(filter)).unwrap();
        assert!(list.unreached.is_empty(), "{list:#?}");
        let told = list.groups.iter().map(|group| {
            let home = group.home.as_deref().unwrap_or("-");
            let resolved: Vec<_> =
                group.resolved.iter().map(|(how, count)| format!("{} {count}", how.name())).collect();
            let about = group.about.as_deref().filter(|_| group.cause != "refused").unwrap_or("-");
            format!("{home} {} {about}: {} {}", group.cause, group.waiting, resolved.join(" ")).trim_end().to_owned()
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    fn verify(&self) -> Verified {
        runtime().block_on(self.pipeline().verify(&Verification::default())).unwrap()
    }

    fn assert_proved(&self) {
        let verified = self.verify();
        assert!(verified.is_proved(), "{verified:#?}");
    }

    pub(crate) fn ids(&self, home: &str) -> String {
        self.rows(home, "SELECT id FROM orders ORDER BY id").join(" ")
    }

    fn total(&self, home: &str, customer: &str) -> String {
        self.rows(home, &format!("SELECT orders, revenue FROM totals WHERE customer = '{customer}'"))
            .concat()
            .replace(".00", "")
    }
}

fn of<'a>(replay: &'a Replay, home: Option<&str>) -> &'a ReplayedPlace {
    replay.places.iter().find(|place| place.home.as_deref() == home).unwrap()
}

/// Delivered, ignored, known, moved, kept, ahead, not replayed.
fn counts(place: &ReplayedPlace) -> [u64; 7] {
    [place.delivered, place.ignored, place.known, place.moved, place.kept, place.ahead, place.unplayed]
}

fn all() -> QuarantineFilter {
    QuarantineFilter::default()
}

/// Orders of which one is refused by its home, because somebody has put a row there by hand, and four have no home.
fn refused(world: &World) {
    world.order(&["'ES', 'Ana', 10.00"]);
    world.run();
    world.sql("es", "INSERT INTO orders (id, amount) VALUES (2, 0)");
    world.order(&["'ES', 'Ana', 20.00", "'XX', 'Ana', 30.00", "NULL, 'Nil', 40.00", "'FR', 'Zoé', 50.00"]);
    world.order(&["'ES', 'Bea', 60.00", "'XX', 'Xia', 70.00", "'YY', 'Yui', 80.00"]);
    world.run();
    assert_eq!(world.ids("es"), "1 2 6");
}

fn mend(world: &World) {
    world.sql("es", "DELETE FROM orders WHERE id = 2");
}

fn what_was_mended_is_replayed_once_and_each_wrong_state_is_found(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    let told = ["- no_key -: 1", "- unknown_key XX: 2", "- unknown_key YY: 1", "es refused -: 1"];
    assert_eq!(world.list(&all()), told);
    let unknown = QuarantineFilter { causes: vec![Cause::UnknownKey], ..all() };
    assert_eq!(world.list(&unknown), told[1..3]);
    assert_eq!(world.list(&QuarantineFilter { record: Some(String::from("2")), ..all() }), told[3..]);
    assert_eq!(counts(of(&world.replay_all(), Some("es"))), [0, 0, 0, 0, 1, 0, 0], "nothing is mended yet");

    mend(&world);
    let replay = world.replay_all();
    assert_eq!(counts(of(&replay, Some("es"))), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(counts(of(&replay, None)), [0, 0, 0, 0, 4, 0, 0]);
    assert_eq!((world.ids("es"), world.total("es", "Ana")), (String::from("1 2 6"), String::from("2|30")));
    world.assert_proved();
    assert_eq!(counts(of(&world.replay_all(), Some("es"))), [0; 7], "it is replayed once");

    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    assert_eq!(counts(of(&world.replay(&unknown), None)), [2, 0, 0, 0, 1, 0, 0]);
    assert_eq!((world.ids("es"), world.total("es", "Ana")), (String::from("1 2 3 6 7"), String::from("3|60")));
    assert_eq!(world.list(&all())[1], "- unknown_key XX: 0 moved 2");
    let record = "SELECT record FROM domicile_quarantine WHERE position = '3'";
    assert!(world.rows("control", record).concat().contains("SHA-256 "), "the record has left the control database");
    world.assert_proved();
    let before = world.total("es", "Ana");
    world.replay_all();
    world.run();
    assert_eq!((world.ids("es"), world.total("es", "Ana")), (String::from("1 2 3 6 7"), before));

    for (change, undo, table, expected) in [
        ("DELETE FROM orders WHERE id = 2", "INSERT INTO orders VALUES (2, 'Ana', 20.00)", "orders", "missing id = 2"),
        ("DELETE FROM orders WHERE id = 3", "INSERT INTO orders VALUES (3, 'Ana', 30.00)", "orders", "missing id = 3"),
        (
            "UPDATE totals SET orders = orders - 1 WHERE customer = 'Ana'",
            "UPDATE totals SET orders = orders + 1 WHERE customer = 'Ana'",
            "totals",
            "changed customer = Ana",
        ),
    ] {
        world.sql("es", change);
        assert_eq!(differences(crate::verify::of(&world.verify(), "es"), table), [expected], "{change}");
        world.sql("es", undo);
        world.assert_proved();
    }
    for (database, change) in [
        ("es", "DELETE FROM domicile_quarantine WHERE number < 0"),
        ("es", "DELETE FROM domicile_quarantine"),
        ("control", "DELETE FROM domicile_quarantine WHERE position = '3'"),
    ] {
        world.sql(database, change);
        assert!(!world.verify().is_proved(), "{change}");
    }
}

fn what_is_dropped_keeps_its_reason_and_nothing_of_the_record(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    refused(&world);
    let drop = |filter: &QuarantineFilter, reason| {
        runtime().block_on(world.pipeline().drop_quarantined(filter, reason, Some("ana")))
    };
    let of_es = QuarantineFilter { homes: vec![String::from("es")], ..all() };
    assert!(drop(&of_es, " ").unwrap_err().is_usage());
    assert_eq!(drop(&of_es, "a test order").unwrap(), 1);
    assert_eq!(drop(&of_es, "a test order").unwrap(), 0, "it is dropped once");
    assert_eq!(drop(&QuarantineFilter { causes: vec![Cause::NoKey], ..all() }, "nobody's").unwrap(), 1);
    let shown =
        runtime().block_on(world.pipeline().quarantined(&QuarantineFilter { resolved: true, ..all() }, 10)).unwrap();
    let told: Vec<_> = shown.iter().map(|record| (record.position.as_str(), record.resolution)).collect();
    let waiting = runtime().block_on(world.pipeline().quarantined(&all(), 2)).unwrap();
    let waiting: Vec<_> = waiting.iter().map(|record| record.position.as_str()).collect();
    assert_eq!(waiting, ["3", "7"], "what was dropped takes no room");
    let nobody = QuarantineFilter { sources: vec![String::from("sales")], ..all() };
    assert!(runtime().block_on(world.pipeline().quarantined(&nobody, 10)).unwrap_err().is_usage());
    assert!(drop(&nobody, "no").unwrap_err().is_usage());
    let dropped = Some(Resolution::Dropped);
    assert_eq!(told, [("2", dropped), ("3", None), ("4", dropped), ("7", None), ("8", None)]);
    let (two, three) = (&shown[0], &shown[1]);
    assert_eq!((two.note.as_deref(), two.resolved_by.as_deref()), (Some("a test order"), Some("ana")));
    assert!(two.resolved_at.is_some() && two.record.to_string().starts_with("\"SHA-256 "), "{two:#?}");
    assert_eq!(three.record["customer"], "Ana", "the twin that was not dropped is shown");
    mend(&world);
    world.replay_all();
    assert_eq!(world.ids("es"), "1 6", "what is dropped is not delivered");
    world.assert_proved();
    world.sql("es", "INSERT INTO orders VALUES (2, 'Ana', 20.00)");
    assert_eq!(differences(crate::verify::of(&world.verify(), "es"), "orders"), ["unexpected id = 2"]);
}

fn a_record_that_its_home_refuses_moves_there_and_is_replayed_there(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    mend(&world);
    world.sql("es", "INSERT INTO orders (id, amount) VALUES (3, 0)");
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    let replay = world.replay_all();
    assert_eq!(counts(of(&replay, None)), [1, 0, 0, 1, 2, 0, 0]);
    assert_eq!(replay.waiting(), 3);
    assert_eq!(
        world.list(&QuarantineFilter { homes: vec![String::from("es")], ..all() }),
        ["es refused -: 1 replayed 1", "es unknown_key -: 0 replayed 1",]
    );
    world.sql("es", "DELETE FROM orders WHERE id = 3");
    world.assert_proved();
    let replay = world.replay_all();
    assert_eq!((counts(of(&replay, Some("es")))[0], counts(of(&replay, None))[0]), (1, 0));
    assert_eq!((world.ids("es"), world.total("es", "Ana")), (String::from("1 2 3 6 7"), String::from("3|60")));
    world.assert_proved();
}

/// France's table does not fit any more; of two records that had no home, one is hers.
fn a_replay_goes_on_beside_a_home_that_somebody_has_to_mend(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    mend(&world);
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = [\"FR\", \"YY\"] }");
    world.sql("fr", "ALTER TABLE orders RENAME COLUMN customer TO buyer");
    let replay = world.replay(&all());
    assert_eq!(counts(of(&replay, Some("es"))), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(counts(of(&replay, None)), [2, 0, 0, 0, 1, 0, 0]);
    let failure = |home: Option<&str>| of(&replay, home).failure.clone().unwrap_or_default();
    assert!(failure(Some("fr")).contains("has no column `customer`"), "{replay:#?}");
    assert!(failure(None).starts_with("home fr: "), "{replay:#?}");
    assert_eq!((world.ids("es"), world.total("es", "Ana")), (String::from("1 2 3 6 7"), String::from("3|60")));
    world.sql("fr", "ALTER TABLE orders RENAME COLUMN buyer TO customer");
    assert_eq!(counts(of(&world.replay_all(), None)), [1, 0, 0, 0, 1, 0, 0]);
    assert_eq!(world.ids("fr"), "5 8");
    world.assert_proved();
}

fn a_replay_that_ends_before_the_control_database_is_told_is_found_by_the_next(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    mend(&world);
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    let (fails, mended) = match &world.databases {
        Databases::Files(_) => (
            "CREATE TRIGGER fails BEFORE UPDATE ON domicile_quarantine WHEN NEW.resolution = 'moved'
             BEGIN SELECT RAISE(ABORT, 'it ends here'); END",
            "DROP TRIGGER fails",
        ),
        Databases::Server(server) if server.url("es").starts_with("postgres") => (
            "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it ends here''; END';
             CREATE TRIGGER fails BEFORE UPDATE ON domicile_quarantine FOR EACH ROW WHEN (NEW.resolution = 'moved')
             EXECUTE FUNCTION fails()",
            "DROP TRIGGER fails ON domicile_quarantine",
        ),
        Databases::Server(_) => (
            // NULL is refused.
            "CREATE TRIGGER fails BEFORE UPDATE ON domicile_quarantine FOR EACH ROW
             SET NEW.record = IF(NEW.resolution = 'moved', NULL, NEW.record)",
            "DROP TRIGGER fails",
        ),
    };
    world.sql("control", fails);
    let replay = world.replay(&all());
    assert!(of(&replay, None).failure.is_some(), "{replay:#?}");
    assert_eq!((world.ids("es"), world.total("es", "Ana")), (String::from("1 2 3 6 7"), String::from("3|60")));
    assert_eq!(world.list(&all())[1], "- unknown_key XX: 2", "the control database was not told");
    world.assert_proved();
    world.sql("control", mended);
    // Whatever the rules say by then, the home that has them is asked first. One that is not configured cannot be.
    world.key = String::from("CASE WHEN country = 'XX' THEN 'FR' ELSE country END");
    let homes = std::mem::replace(&mut world.homes, String::from("homes = { fr = \"FR\" }"));
    world.sql("control", "DELETE FROM domicile_placement WHERE home = 'es'");
    let replay = world.replay_all();
    assert_eq!(counts(of(&replay, None)), [0, 0, 0, 0, 2, 0, 2]);
    let why = &of(&replay, None).reasons[0].1;
    assert!(why.starts_with("home es may have it, and is not in the configuration; "), "{why}");
    world.homes = homes;
    let replay = world.replay_all();
    assert_eq!(counts(of(&replay, None)), [0, 0, 2, 0, 2, 0, 0]);
    world.key = String::from("country");
    assert_eq!((world.ids("es"), world.ids("fr")), (String::from("1 2 3 6 7"), String::from("5")));
    assert_eq!(world.list(&all())[1], "- unknown_key XX: 0 moved 2");
    world.assert_proved();
}

fn of_two_replays_at_once_each_record_is_delivered_by_one(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    let more: Vec<_> = (0..40).map(|_| "'XX', 'Xia', 1.00").collect();
    world.order(&more);
    world.run();
    mend(&world);
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    let (one, other, filter) = (world.pipeline(), world.pipeline(), all());
    let (one, other) =
        runtime().block_on(async { tokio::join!(one.replay(&filter, None), other.replay(&filter, None)) });
    let delivered: u64 =
        [one.unwrap(), other.unwrap()].iter().flat_map(|replay| &replay.places).map(|place| place.delivered).sum();
    world.replay_all();
    assert!(delivered <= 43, "{delivered}");
    assert_eq!(world.total("es", "Xia"), "41|110");
    assert_eq!(world.rows("es", "SELECT count(*) FROM orders"), ["45"]);
    world.assert_proved();
}

fn a_home_that_reads_again_what_had_no_home_is_not_given_it_twice(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    mend(&world);
    world.homes = String::from("homes = { es = \"ES\", fr = \"FR\", pt = \"XX\" }");
    let replay = world.replay_all();
    assert_eq!(counts(of(&replay, None)), [0, 0, 0, 0, 2, 2, 0], "the next run of the new home delivers them");
    world.assert_proved();
    world.run();
    assert_eq!(world.ids("pt"), "3 7");
    world.assert_proved();
    assert_eq!(counts(of(&world.replay_all(), None)), [0, 0, 2, 0, 2, 0, 0]);
    assert_eq!((world.ids("pt"), world.total("pt", "Xia")), (String::from("3 7"), String::from("1|70")));
    world.assert_proved();
    // Without what the run has noted, it would be given twice: this is what keeps it from that.
    world.sql("control", "UPDATE domicile_quarantine SET resolution = NULL, record = '{}' WHERE position = '7'");
    world.sql("pt", "DELETE FROM domicile_quarantine; DELETE FROM orders");
    world.replay_all();
    assert_eq!(world.total("pt", "Xia"), "2|140");
}

fn a_run_goes_on_while_records_are_replayed(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    mend(&world);
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    let more: Vec<_> = (0..60).map(|_| "'ES', 'Ana', 1.00").collect();
    world.order(&more);
    let (running, replaying, filter) = (world.pipeline(), world.pipeline(), all());
    let (report, replay) =
        runtime().block_on(async { tokio::join!(running.run(Arc::new(Silent)), replaying.replay(&filter, None)) });
    let (report, replay) = (report.unwrap(), replay.unwrap());
    assert!(!report.has_failed() && !replay.has_failed(), "{report:#?} {replay:#?}");
    world.replay_all();
    assert_eq!(world.total("es", "Ana"), "63|120");
    world.assert_proved();
}

fn what_cannot_be_had_as_it_was_is_asked_of_the_source_or_stays(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    mend(&world);
    world.homes = String::from("homes = { es = [\"ES\", \"XX\", \"YY\"], fr = \"FR\" }");
    // As if it had been read with other columns or types.
    world.sql("control", "UPDATE domicile_quarantine SET shape = 'other' WHERE position <> '3'");
    world.sql("source", "DELETE FROM orders WHERE id IN (3, 7)");
    let replay = world.replay_all();
    let control = of(&replay, None);
    assert_eq!(counts(control), [2, 0, 0, 0, 1, 0, 1], "{control:#?}");
    assert_eq!(control.reasons, [(String::from("7"), String::from("the source has no such record any more"))]);
    assert_eq!((world.ids("es"), world.total("es", "Yui")), (String::from("1 2 3 6 8"), String::from("1|80")));
}

fn a_quarantine_of_an_earlier_version_is_told_and_replayed(start: fn() -> Option<Databases>) {
    let Some(world) = World::new(start) else { return };
    refused(&world);
    for database in ["es", "fr", "control"] {
        for column in ["about", "shape", "home", "resolution", "resolved_at", "resolved_by", "note"] {
            world.sql(database, &format!("ALTER TABLE domicile_quarantine DROP COLUMN {column}"));
        }
    }
    assert_eq!(world.list(&all()), ["- no_key -: 1", "- unknown_key -: 3", "es refused -: 1"]);
    assert_eq!(runtime().block_on(world.pipeline().quarantined(&all(), 2)).unwrap().len(), 2);
    mend(&world);
    world.assert_proved();
    assert_eq!(counts(of(&world.replay_all(), Some("es")))[0], 1);
    world.order(&["'ES', 'Bea', 1.00", "'YY', 'Yui', 1.00"]);
    world.run();
    assert_eq!(world.ids("es"), "1 2 6 9");
    world.assert_proved();
}

fn what_is_read_again_by_its_overlap_is_not_given_twice(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.settings = String::from("cursor = \"at\"\noverlap = \"1h\"\nidentity = \"id\"");
    let insert = "INSERT INTO orders (at, country, customer, amount) VALUES";
    world.sql(
        "source",
        &format!("{insert} ('2024-01-01 12:00:00', 'ES', 'Ana', 1.00), ('2024-01-01 12:10:00', 'XX', 'Xia', 2.00)"),
    );
    world.sql(
        "source",
        &format!("{insert} ('2024-01-01 12:10:00', 'XX', 'Yui', 3.00), ('2024-01-01 12:20:00', 'ES', 'Ana', 4.00)"),
    );
    world.run();
    assert_eq!(world.ids("es"), "1 4");
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    let first = QuarantineFilter { no_home: true, ..all() };
    assert_eq!(counts(of(&world.replay(&first), None))[0], 2);
    world.assert_proved();
    world.sql("source", &format!("{insert} ('2024-01-01 12:15:00', 'XX', 'Xia', 5.00)"));
    world.run();
    assert_eq!((world.ids("es"), world.total("es", "Xia")), (String::from("1 2 3 4 5"), String::from("2|7")));
    world.assert_proved();
}

/// A replay was killed when it had noted where the record goes. The home may have it.
fn what_is_being_moved_to_its_home_is_not_dropped(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    refused(&world);
    world.sql("control", "UPDATE domicile_quarantine SET home = 'es' WHERE position = '3'");
    let filter = QuarantineFilter { no_home: true, ..all() };
    let drop = |world: &World| runtime().block_on(world.pipeline().drop_quarantined(&filter, "nobody's", None));
    let refused = drop(&world).unwrap_err().to_string();
    assert!(refused.contains("3 records are dropped; 1 are not, because a replay has not ended"), "{refused}");
    let waiting = || world.rows("control", "SELECT position FROM domicile_quarantine WHERE resolution IS NULL");
    assert_eq!(waiting(), ["3"]);
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    assert_eq!(counts(of(&world.replay_all(), None))[0], 1);
    assert_eq!(world.ids("es"), "1 2 3 6");
    assert_eq!(drop(&world).unwrap(), 0);
}

fn numbers_are_replayed_to_their_last_bit(start: fn() -> Option<Databases>) {
    let Some(mut world) = World::new(start) else { return };
    world.batch_rows = 100;
    world.settings = String::from("[[source.analyser]]\ninto = \"parts\"\nsql = \"SELECT id, part FROM record\"");
    world.sql("source", "ALTER TABLE orders ADD COLUMN part double precision");
    let third = |number: u32| format!("('XX', 'Xia', 1.00, {:?})", f64::from(number) / 3.0);
    let thirds: Vec<_> = (1..300).map(third).collect();
    world.sql("source", &format!("INSERT INTO orders (country, customer, amount, part) VALUES {}", thirds.join(", ")));
    world.run();
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    assert_eq!(counts(of(&world.replay_all(), None))[0], 299);
    let parts = |table| format!("SELECT id, part FROM {table} ORDER BY id");
    assert_eq!(world.rows("es", &parts("parts")), world.rows("source", &parts("orders")));
    world.assert_proved();
}

#[test]
fn of_many_records_the_first_of_the_source_are_the_first_and_all_are_replayed() {
    let mut world = World::new(FILES).unwrap();
    world.sql(
        "source",
        "INSERT INTO orders (country, customer, amount)
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 12000)
         SELECT 'XX', 'c' || n % 7, 1 FROM n",
    );
    world.batch_rows = 5_000;
    world.run();
    let shown = runtime().block_on(world.pipeline().quarantined(&all(), 11)).unwrap();
    let first: Vec<_> = shown.iter().map(|record| record.position.as_str()).collect();
    assert_eq!(first, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"], "not in the order of their texts");
    world.homes = String::from("homes = { es = [\"ES\", \"XX\"], fr = \"FR\" }");
    assert_eq!(counts(of(&world.replay_all(), None))[0], 12_000);
    assert_eq!(world.rows("es", "SELECT max(last) FROM latest"), ["12000"]);
    world.assert_proved();
}
