//! Cargo accepts a `links` key only from a package with a build script, so this one exists and does nothing. The key
//! makes Cargo refuse two versions of this crate in one build: each would have its own thread-local context, and a
//! value set in one would be invisible to a router that reads the other.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
