//! What is owned and may be shared is carried to a thread.

fn main() {
    let here = domicile::Context::empty().and(String::from("ES"));
    let thread = std::thread::spawn(move || here.run(|| domicile::context::get::<String>().unwrap().len()));
    assert_eq!(thread.join().unwrap(), 2);
}
