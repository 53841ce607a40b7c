//! A list of few things, which are kept in their place.

use std::mem;
use std::ops::Deref;

/// A list that allocates nothing for two things or less, and costs next to nothing while it is empty.
// A list of any length cannot be that: what is added to it is made elsewhere and moved there, for which a processor waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Few<T> {
    None,
    One([T; 1]),
    Two([T; 2]),
    More(Vec<T>),
}

impl<T> Few<T> {
    /// Adds what `last` returns, at the end.
    #[inline]
    pub(crate) fn push(&mut self, last: impl FnOnce() -> T) {
        if let Self::None = self {
            // Nothing is there to be dropped.
            mem::forget(mem::replace(self, Self::One([last()])));
        } else {
            self.push_further(last);
        }
    }

    #[inline(never)]
    fn push_further(&mut self, last: impl FnOnce() -> T) {
        *self = match mem::replace(self, Self::None) {
            Self::None => Self::One([last()]),
            Self::One([first]) => Self::Two([first, last()]),
            Self::Two([first, second]) => Self::More(vec![first, second, last()]),
            Self::More(mut more) => {
                more.push(last());
                Self::More(more)
            }
        };
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(one) => one,
            Self::Two(two) => two,
            Self::More(more) => more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn however_many_there_are_they_are_there_in_their_order() {
        let mut few = Few::None;
        for count in 0..5 {
            let all: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            assert_eq!(*few, all);
            few.push(|| count.to_string());
        }
    }
}
