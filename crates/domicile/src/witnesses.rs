//! The witnesses of one operation.

use std::ops::Deref;

use crate::Witness;

/// Few things are known of an operation, and a route that is found costs no allocation.
// It is moved from the router to whoever asked, each time, so that it is put together where it ends up.
#[derive(Clone, Debug)]
pub(crate) enum Witnesses {
    None,
    One([Witness; 1]),
    Two([Witness; 2]),
    More(Vec<Witness>),
}

impl Witnesses {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self::None
    }

    #[inline]
    pub(crate) fn push(&mut self, witness: Witness) {
        *self = match std::mem::replace(self, Self::None) {
            Self::None => Self::One([witness]),
            Self::One([first]) => Self::Two([first, witness]),
            Self::Two([first, second]) => Self::More(vec![first, second, witness]),
            Self::More(mut witnesses) => {
                witnesses.push(witness);
                Self::More(witnesses)
            }
        };
    }
}

impl Deref for Witnesses {
    type Target = [Witness];

    #[inline]
    fn deref(&self) -> &[Witness] {
        match self {
            Self::None => &[],
            Self::One(witnesses) => witnesses,
            Self::Two(witnesses) => witnesses,
            Self::More(witnesses) => witnesses,
        }
    }
}

impl PartialEq for Witnesses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Witnesses {}

impl Extend<Witness> for Witnesses {
    fn extend<I: IntoIterator<Item = Witness>>(&mut self, witnesses: I) {
        witnesses.into_iter().for_each(|witness| self.push(witness));
    }
}
