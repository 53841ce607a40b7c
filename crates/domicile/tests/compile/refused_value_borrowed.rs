//! A value that is borrowed from a stack frame does not outlive it in a context.

fn main() {
    let country = String::from("ES");
    let here = domicile::Context::empty().and(country.as_str());
    std::thread::spawn(move || here.run(|| ()));
}
