//! Every record finds its home database: the ambient context and the router.
//!
//! Set what you know once, where you know it. Every operation below that point is routed by it, and a route says why
//! it was chosen.
//!
//! ```
//! use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey, context};
//!
//! # fn main() -> Result<(), domicile::Error> {
//! let placement = Placement::builder()
//!     .place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12")
//!     .place(RoutingKey::new("FR"), Home::new("fr")?, "domicile.toml:13")
//!     .build()?;
//! let routers = Chain::new(PlacementRouter::new(placement));
//!
//! let route = context::with(RoutingKey::new("ES"), || routers.route(&Operation::write("orders")))?;
//! assert_eq!(route.home().as_str(), "es");
//!
//! // Nothing is known here, and there is no default to fall through to.
//! assert!(routers.route(&Operation::write("orders")).unwrap_err().is_no_opinion());
//! # Ok(())
//! # }
//! ```
//!
//! The crate does no IO and names no database: routing is a pure, synchronous function of the context, the record (if
//! there is one) and the table.
//!
//! Two features are off unless they are asked for: `toml`, by which [`Placement`] is read from a configuration, and `tower`,
//! a layer that fills the context from a request.

mod confined;
pub mod context;
mod each_home;
mod error;
mod few;
mod home;
mod key;
mod located;
mod placement;
mod replica;
mod route;
mod router;
#[cfg(feature = "tower")]
pub mod tower;
mod witness;

pub use confined::Confined;
pub use context::{Context, Origin};
pub use each_home::{Aggregate, EachHome, MergeError};
pub use error::Error;
pub use home::Home;
pub use key::RoutingKey;
pub use located::Located;
pub use placement::{Placed, Placement, PlacementBuilder};
pub use replica::{ReplicaReads, Role};
pub use route::{Reason, Route};
pub use router::{Access, Chain, DryRun, Operation, PlacementRouter, Record, Router};
pub use witness::{Witness, WitnessKind};
