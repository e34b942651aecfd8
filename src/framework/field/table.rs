//! Tables of fields, which all mounts of a process share.

use std::sync::{Mutex, PoisonError};

use super::Field;

/// Each table that was asked for. They are never freed: there are no more than the program has paths.
static TABLES: Mutex<Vec<&[Field]>> = Mutex::new(Vec::new());

/// The table with these fields. The fields of a path are the same in each mount, and are most of its memory.
pub(in crate::framework) fn shared(fields: Vec<Field>) -> &'static [Field] {
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = tables.iter().find(|table| **table == fields) {
        return known;
    }
    let new: &[Field] = Vec::leak(fields);
    tables.push(new);
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::field::FieldKind;

    #[test]
    fn the_same_fields_are_one_table() {
        let fields = |description| vec![Field::new("shared", FieldKind::Int).describe(description)];
        let first = shared(fields("one"));
        assert!(std::ptr::eq(first, shared(fields("one"))));
        assert_eq!(shared(fields("another")), fields("another"));
    }
}
