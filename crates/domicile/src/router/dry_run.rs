//! Where many records would go.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::{Chain, Operation};
use crate::{Error, Home};

/// How many refusals are kept with their reasons; the others are counted.
const REFUSALS_KEPT_MAX: usize = 100;

/// Where each of many operations would go, such as one for each record of a file; made by [`Chain::dry_run`].
///
/// It holds as many reasons as anybody reads, however many operations there are.
///
/// ```
/// use domicile::{Chain, Home, Operation, Placement, PlacementRouter, RoutingKey};
///
/// # fn main() -> Result<(), domicile::Error> {
/// let placement = Placement::builder().place(RoutingKey::new("ES"), Home::new("es")?, "domicile.toml:12").build()?;
/// let routers = Chain::new(PlacementRouter::new(placement));
/// let file = "1;ES\n2;ES\n3;XX\n";
///
/// let countries = file.lines().map(|line| line.split(';').nth(1).unwrap_or_default());
/// let records = countries.map(|country| Operation::write("orders").with_key(RoutingKey::new(country), "country"));
/// let dry_run = routers.dry_run(records);
///
/// assert_eq!((dry_run.routed()[&Home::new("es")?], dry_run.refused()), (2, 1));
/// let (index, why) = &dry_run.refusals()[0];
/// assert!(*index == 2 && why.is_unknown_key());
/// assert!(dry_run.to_string().starts_with("es: 2\nrefused: 1\n  3: routing key `XX` has no home"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing was routed, so that what is told here is all that there is"]
pub struct DryRun {
    routed: BTreeMap<Home, usize>,
    refused: usize,
    refusals: Vec<(usize, Error)>,
}

impl DryRun {
    pub(super) fn new<'a>(routers: &Chain, operations: impl IntoIterator<Item = Operation<'a>>) -> Self {
        let mut dry_run = Self::default();
        for (index, operation) in operations.into_iter().enumerate() {
            match routers.route(&operation) {
                Ok(route) => match dry_run.routed.get_mut(route.home()) {
                    Some(count) => *count += 1,
                    None => {
                        dry_run.routed.insert(route.home().clone(), 1);
                    }
                },
                Err(error) => dry_run.refuse(index, error),
            }
        }
        dry_run
    }

    fn refuse(&mut self, index: usize, error: Error) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_KEPT_MAX {
            self.refusals.push((index, error));
        }
    }

    /// Returns how many would go to each home.
    ///
    /// ```
    /// # use domicile::{Chain, Placement, PlacementRouter};
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert!(routers.dry_run([]).routed().is_empty());
    /// ```
    pub fn routed(&self) -> &BTreeMap<Home, usize> {
        &self.routed
    }

    /// Returns how many would be refused.
    ///
    /// ```
    /// # use domicile::{Chain, Operation, Placement, PlacementRouter};
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert_eq!(routers.dry_run([Operation::read("orders")]).refused(), 1);
    /// ```
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// Returns the first refusals, at most 100, each with the place of its operation, counted from 0.
    ///
    /// ```
    /// # use domicile::{Chain, Operation, Placement, PlacementRouter};
    /// # let routers = Chain::new(PlacementRouter::new(Placement::builder().build().unwrap()));
    /// assert!(routers.dry_run([Operation::read("orders")]).refusals()[0].1.is_no_opinion());
    /// ```
    pub fn refusals(&self) -> &[(usize, Error)] {
        &self.refusals
    }
}

impl Display for DryRun {
    /// A line for each home, and one for each refusal that was kept, counted from 1 as lines of files are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (home, count) in &self.routed {
            writeln!(f, "{home}: {count}")?;
        }
        write!(f, "refused: {}", self.refused)?;
        self.refusals.iter().try_for_each(|(index, why)| write!(f, "\n  {}: {why}", index + 1))
    }
}
