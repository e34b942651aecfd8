//! Fields, which all mounts of a process share.

use std::sync::{Mutex, PoisonError};

use super::Field;

/// Each field that was asked for. They are never freed: there are no more than the program has.
static FIELDS: Mutex<Vec<&Field>> = Mutex::new(Vec::new());

/// The one field that is like this. Fields are the same in each mount, and would be most of its memory.
pub(in crate::framework) fn shared(field: Field) -> &'static Field {
    let mut fields = FIELDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = fields.iter().find(|known| ***known == field) {
        return known;
    }
    let new: &Field = Box::leak(Box::new(field));
    fields.push(new);
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::field::FieldKind;

    #[test]
    fn the_same_field_is_there_once() {
        let field = |description| Field::new("shared", FieldKind::Int).describe(description);
        let first = shared(field("one"));
        assert!(std::ptr::eq(first, shared(field("one"))));
        assert_eq!(*shared(field("another")), field("another"));
    }
}
