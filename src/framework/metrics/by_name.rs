//! Values by the name of a constant, such as the counters of an operation.

use std::sync::OnceLock;

/// More names than the code has for one thing.
const NAMES: usize = 64;

/// Values of names that are constants of the code. For a name that was there before nothing is locked or allocated, and
/// before the first name there is nothing at all: most mounts of a process make few calls.
#[derive(Debug)]
pub(super) struct ByName<T>(OnceLock<Box<Named<T>>>);

#[derive(Debug)]
struct Named<T> {
    name: &'static str,
    value: T,
    next: ByName<T>,
}

impl<T: Default> ByName<T> {
    /// The value of a name, which begins with the default. `None` for a name too many: that is not counted.
    pub(super) fn of(&self, name: &'static str) -> Option<&T> {
        let begun = || {
            Box::new(Named {
                name,
                value: T::default(),
                next: Self::default(),
            })
        };
        let mut slot = self;
        for _ in 0..NAMES {
            let named = slot.0.get_or_init(begun);
            if named.name == name {
                return Some(&named.value);
            }
            slot = &named.next;
        }
        None
    }

    /// The names so far with their values, sorted.
    pub(super) fn all(&self) -> Vec<(&'static str, &T)> {
        let used = std::iter::successors(self.0.get(), |named| named.next.0.get());
        let mut all: Vec<_> = used.map(|named| (named.name, &named.value)).collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::metrics::values::Counter;

    #[test]
    fn each_name_has_one_value() {
        let by_name = ByName::<Counter>::default();
        for name in ["b", "a", "b"] {
            by_name.of(name).unwrap().increment();
        }
        let values: Vec<_> = by_name
            .all()
            .into_iter()
            .map(|(name, counter)| (name, counter.value()))
            .collect();
        assert_eq!(values, [("a", 1.0), ("b", 2.0)]);
    }

    #[test]
    fn names_that_come_at_the_same_time_get_slots_of_their_own() {
        let by_name = ByName::<Counter>::default();
        let names = ["a", "b", "c", "d"];
        std::thread::scope(|scope| {
            for name in names.into_iter().cycle().take(16) {
                let by_name = &by_name;
                scope.spawn(move || (0..100).for_each(|_| by_name.of(name).unwrap().increment()));
            }
        });
        let values: Vec<_> = by_name
            .all()
            .into_iter()
            .map(|(name, counter)| (name, counter.value()))
            .collect();
        assert_eq!(values, names.map(|name| (name, 400.0)));
    }
}
