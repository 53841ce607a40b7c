//! A value that two threads must not look at together is not shared by the context.

use std::cell::Cell;

fn main() {
    domicile::context::with(Cell::new(7), || {
        let here = domicile::Context::current();
        std::thread::spawn(move || here.run(|| ()));
    });
}
