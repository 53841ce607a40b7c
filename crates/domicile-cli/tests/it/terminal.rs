//! What people see on a terminal, made by the program `script`, and what is printed elsewhere.

use domicile_testkit::{CONFIG, Sandbox, Shop, on_a_terminal};

use crate::command::{domicile, wrapped};

fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    Shop::open(&sandbox, 95).sell(50);
    sandbox
}

#[test]
fn a_terminal_gets_a_bar_which_is_gone_in_the_end() {
    let sandbox = shop();
    let ran = wrapped(&on_a_terminal("xterm"), sandbox.dir(), &["run"]).exits_with_any_of(&[0, 3]);
    assert!(ran.stdout.contains("sales [") && ran.stdout.contains("100% 50 read, "), "{:?}", ran.stdout);
    assert!(ran.stdout.contains("\u{1b}[2K"), "it is wiped: {:?}", ran.stdout);
    assert!(ran.stdout.contains("50 read = "), "{:?}", ran.stdout);
}

#[test]
fn a_terminal_that_cannot_draw_gets_lines() {
    let sandbox = shop();
    let ran = wrapped(&on_a_terminal("dumb"), sandbox.dir(), &["run"]).exits_with_any_of(&[0, 3]);
    assert!(ran.stdout.contains("source sales: from the start up to 50"), "{:?}", ran.stdout);
    assert!(!ran.stdout.contains("sales ["), "{:?}", ran.stdout);
}

#[test]
fn without_a_terminal_there_are_lines() {
    let sandbox = shop();
    let ran = domicile(sandbox.dir(), ["run"]).exits_with_any_of(&[0, 3]);
    ran.complains("source sales: from the start up to 50").says("50 read = ");
}

#[test]
fn a_terminal_gets_problems_drawn_into_the_file() {
    let sandbox = shop();
    sandbox.write_config(&CONFIG.replacen("table = \"sales\"", "tabel = \"sales\"", 1));
    let ran = wrapped(&on_a_terminal("xterm"), sandbox.dir(), &["check"]).exits(2);
    for part in ["domicile.toml:13:1", "tabel = \"sales\"", "did you mean `table`?"] {
        assert!(ran.stdout.contains(part), "{part}: {:?}", ran.stdout);
    }
}
