//! Two runs of one configuration at the same time.

use std::process::{Child, Command, Stdio};

use domicile_testkit::{CONFIG, Sandbox, Shop, assert_arrived};

use crate::command::{binary, run};

fn start(sandbox: &Sandbox) -> Child {
    let mut command = Command::new(binary());
    command.arg("run").current_dir(sandbox.dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn of_two_runs_at_once_nothing_is_lost_and_nothing_is_there_twice() {
    let sandbox = Sandbox::new();
    let mut shop = Shop::open(&sandbox, 11);
    sandbox.write_config(&format!("{CONFIG}\n[batch]\nrows = 20\n[delivery]\ncommit_rows = 5\n"));
    for round in 0..4 {
        shop.sell(300);
        let runs = [start(&sandbox), start(&sandbox)].map(|run| run.wait_with_output().unwrap());
        for done in &runs {
            let (code, errors) = (done.status.code(), String::from_utf8_lossy(&done.stderr));
            // A run that comes while another one is under way says so, and nothing fails.
            match code {
                Some(0 | 3) => {}
                Some(4) => assert!(errors.contains("another run "), "round {round}: {errors}"),
                _ => panic!("round {round}: {code:?} {errors}"),
            }
        }
        run(&sandbox).exits_with_any_of(&[0, 3]);
        assert_arrived(&sandbox);
    }
}

#[test]
fn two_runs_one_after_the_other_both_succeed() {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 12).sell(300);
    run(&sandbox).exits(3);
    run(&sandbox).exits(0);
    assert_arrived(&sandbox);
}
