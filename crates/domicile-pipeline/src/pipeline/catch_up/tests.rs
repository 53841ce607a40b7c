use rusqlite::Connection;
use tokio::sync::{Mutex, Semaphore};

use super::*;
use crate::account::Account;
use crate::config::Config;
use crate::database::control;
use crate::inspect::Known;
use crate::pipeline::Until;
use crate::pipeline::lead::Run;
use crate::pipeline::order::places;
use crate::position::Position;
use crate::report::{Observer, Silent};

const CONFIG: &str = r#"
control = "sqlite:control.sqlite"
home_url = "sqlite:{home}.sqlite"
homes = ["ES", "FR"]
[[source]]
url = "sqlite:source.sqlite"
table = "orders"
cursor = "id"
key = "country"
[[source.analyser]]
into = "orders"
sql = "SELECT id FROM record"
"#;

/// What is counted of three homes' positions, one of which may have committed one record without an answer.
async fn counted(pipeline: &Pipeline, unconfirmed: &Transacted) -> (Caught, Fallen) {
    let observer: Arc<dyn Observer> = Arc::new(Silent);
    let mut kept = control(&pipeline.config.control).read().await.unwrap();
    pipeline.hold(&mut kept).await.unwrap();
    let (limits, until) = (pipeline.limits(&kept), Until::default());
    let (leading, readers) = (Semaphore::new(1), Readers::new());
    let run = Run {
        kept: &kept,
        observer: &observer,
        until: &until,
        limits: limits.clone(),
        behind: limits.clone(),
        leading,
        readers,
    };
    let (limits, upto, known) = (Arc::new(limits), Position::At(3), Mutex::<Known>::default());
    let (turn, place) = (Arc::new(Turn::new(Duration::from_secs(60))), Arc::new(places(1, 3).remove(0)));
    let shared = Shared {
        source: "orders",
        run: &run,
        observer: &observer,
        place: &place,
        enough: &until.stop,
        leaders: &turn,
        limits: &limits,
        batch: pipeline.batch_limit(),
        upto: &upto,
        known: &known,
    };
    let unconfirmed = HashMap::from([(0, unconfirmed.clone())]);
    let again = Together::Again { slots: vec![0, 1], merges_each_share: false, unconfirmed };
    let (fallen, mut told) = mpsc::channel(1);
    let reader = Reader { limits: Arc::clone(&limits), fallen, turn: Arc::clone(&turn), is_catching_up: true };
    let caught = pipeline.catch_up(0, again, &shared, reader).await;
    kept.holding.unwrap().give_back(&pipeline.config.control).await;
    (caught, told.try_recv().unwrap())
}

#[test]
fn what_was_committed_without_an_answer_is_counted_also_of_a_home_that_is_too_far_behind_to_be_read_for_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Connection::open(folder.path().join(name)).unwrap();
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT);
                  INSERT INTO orders (country) VALUES ('ES'), ('ES'), ('ES')";
    open("source.sqlite").execute_batch(orders).unwrap();
    let config = Config::read(&folder.path().join("domicile.toml"), CONFIG.to_owned(), &|_| None).unwrap();
    let pipeline = Pipeline::new(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    runtime.block_on(pipeline.run(Arc::new(Silent))).unwrap();
    open("es.sqlite")
        .execute_batch("DELETE FROM orders WHERE id > 1; UPDATE domicile_position SET position = '1'")
        .unwrap();
    let transacted = |epoch| Transacted {
        began: Instant::now(),
        after: Position::Start,
        upto: Position::At(1),
        epoch,
        account: Account { read: 1, delivered: 1, ignored: 0, quarantined: 0 },
        causes: std::collections::BTreeMap::new(),
        objects: Vec::new(),
    };
    for (epoch, counted_of_es) in [(1, 1), (2, 0)] {
        let (Caught { slots, .. }, met) = runtime.block_on(counted(&pipeline, &transacted(epoch)));
        let Fallen::Met { rest, confirmed } = met else { panic!("nobody was met") };
        let rest: Vec<_> = rest.members.iter().map(|member| member.slot).collect();
        assert_eq!((slots, rest), (vec![1], vec![0]), "they are not read for together");
        let of_es = confirmed.iter().filter(|(slot, _)| *slot == 0).map(|(_, home)| home.account.read);
        assert_eq!(of_es.sum::<u64>(), counted_of_es, "in the epoch {epoch}");
    }
}
