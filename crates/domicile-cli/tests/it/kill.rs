//! A run that is killed with SIGKILL, again and again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domicile_testkit::{CONFIG, Sandbox, Shop, SplitMix64, assert_arrived};

use crate::command::{binary, run};

const KILLS: u64 = 25;
const SALES: usize = 160;

/// Batches and transactions so small that a run commits some hundred times.
const SMALL: &str = "\n[batch]\nrows = 5\n[delivery]\ncommit_rows = 2\n";

/// Starts a run and kills it after a while, unless it ends before. Whether it was killed.
fn kill_after(sandbox: &Sandbox, delay: Duration) -> bool {
    let mut command = Command::new(binary());
    command.arg("run").current_dir(sandbox.dir()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // This delay is the test: the moment of the kill must not depend on anything that the run does.
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// The files of the homes and of the control database. They are not opened as databases between the runs: that would
/// undo a half-written transaction, which is what the next run itself has to do.
fn written(sandbox: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = sandbox.files();
    files.retain(|path, _| *path != sandbox.source_path());
    files
}

#[test]
fn nothing_is_lost_and_nothing_is_there_twice_however_often_a_run_is_killed() {
    let mut random = SplitMix64::of_the_moment();
    let seed = random.next_number();
    let unkilled = Sandbox::new();
    Shop::open(&unkilled, seed).sell(SALES);
    unkilled.write_config(&format!("{CONFIG}{SMALL}"));
    let begin = Instant::now();
    run(&unkilled).exits_with_any_of(&[0, 3]);
    let whole_run = begin.elapsed();
    assert_arrived(&unkilled);

    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, seed);
    shop.sell(SALES);
    sandbox.write_config(&format!("{CONFIG}{SMALL}"));
    let (mut killed, mut killed_half_way) = (0, 0);
    for _ in 0..KILLS {
        let before = written(&sandbox);
        let delay = Duration::from_micros(1_000 + random.below(whole_run.as_micros() as u64));
        let was_killed = kill_after(&sandbox, delay);
        killed += u32::from(was_killed);
        killed_half_way += u32::from(was_killed && written(&sandbox) != before);
        // There is always a whole run left to do, or the kills would soon hit runs with nothing to write.
        shop.sell(SALES);
    }
    eprintln!("an unkilled run took {whole_run:?}; {killed} runs were killed, {killed_half_way} of them half-way");
    assert!(killed_half_way >= 3, "the kills came before or after all commits, so nothing was tested");
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
    let homes = || {
        let mut files = written(&sandbox);
        files.retain(|path, _| *path != sandbox.control_path());
        files
    };
    let before = homes();
    run(&sandbox).exits(0).says("0 read = 0 delivered + 0 ignored + 0 quarantined");
    assert_eq!(before, homes());
    assert_arrived(&sandbox);
}

/// Leaves a database as a kill in the middle of a commit does: half of a transaction is in the file, and the journal
/// next to it undoes that.
fn leave_half_written(sandbox: &Sandbox, path: &Path) {
    let journal = path.with_extension("sqlite-journal");
    let copies = [sandbox.path("half"), sandbox.path("half-journal")];
    let connection = rusqlite::Connection::open(path).unwrap();
    let half = "
        PRAGMA cache_size = 2;
        BEGIN;
        UPDATE domicile_position SET position = position + 1;
        CREATE TABLE half AS
            WITH RECURSIVE number AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM number LIMIT 100)
            SELECT hex(randomblob(1000)) FROM number;";
    connection.execute_batch(half).unwrap();
    std::fs::copy(path, &copies[0]).unwrap();
    std::fs::copy(&journal, &copies[1]).unwrap();
    connection.execute_batch("ROLLBACK").unwrap();
    drop(connection);
    std::fs::rename(&copies[0], path).unwrap();
    std::fs::rename(&copies[1], journal).unwrap();
}

#[test]
fn a_half_written_home_is_repaired_by_the_next_run() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 91);
    shop.sell(100);
    run(&sandbox).exits(3);
    shop.sell(100);
    leave_half_written(&sandbox, &sandbox.home_path("spain"));
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}

#[test]
fn a_half_written_control_database_is_repaired_by_the_next_run() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 92);
    shop.sell(100);
    run(&sandbox).exits(3);
    shop.sell(100);
    leave_half_written(&sandbox, &sandbox.control_path());
    run(&sandbox).exits_with_any_of(&[0, 3]);
    assert_arrived(&sandbox);
}
