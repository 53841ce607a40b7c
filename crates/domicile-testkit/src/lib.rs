//! Test support for Domicile: a folder full of throwaway databases, a shop that fills them with dirty records, an
//! independent account of what must arrive where, and throwaway database servers.
//!
//! Nothing here is computed with Domicile's own code: a mistake of the product cannot hide behind the same mistake in
//! its test.
//!
//! ```
//! use domicile_testkit::{Expectation, Sandbox, Shop};
//!
//! let sandbox = Sandbox::new();
//! let mut shop = Shop::open(&sandbox, 7);
//! shop.sell(100);
//! // `domicile run` has not delivered them.
//! let differences = Expectation::of(&sandbox).compare(&sandbox).unwrap_err();
//! assert!(differences.iter().any(|difference| difference.starts_with("spain.sales: missing")));
//! ```

mod actual;
mod expectation;
mod fault;
mod labels;
#[cfg(unix)]
mod proxy;
mod random;
mod sandbox;
#[cfg(unix)]
mod server;
mod shop;
mod tally;
mod value;

pub use expectation::{Expectation, assert_arrived};
pub use fault::{can_mount, limited_to_file_size, limited_to_files, on_a_terminal, unprivileged, with_disk_of};
pub use labels::{HOMES, ShopHome};
#[cfg(unix)]
pub use proxy::Proxy;
pub use random::SplitMix64;
pub use sandbox::Sandbox;
#[cfg(unix)]
pub use server::{Server, Session};
pub use shop::{CONFIG, Shop};
pub use tally::Differences;
