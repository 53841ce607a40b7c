//! The context and the router, used as a program uses them.

mod carried;
mod configured;
mod confined;
mod guards;
mod interleaving;
mod layer;
mod memory;
mod placement;
mod random_scopes;
mod random_tasks;
mod replaced;
mod routing;
mod scopes;
mod set;
mod tasks;
mod values;
