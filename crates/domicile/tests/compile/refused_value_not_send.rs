//! A value that must stay on its thread is not carried to another by the context.

use std::rc::Rc;

fn main() {
    let here = domicile::Context::empty().and(Rc::new("ES"));
    std::thread::spawn(move || here.run(|| ()));
}
