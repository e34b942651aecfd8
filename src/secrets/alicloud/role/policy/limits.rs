//! How large a document may be.

/// The longest document that RAM takes (its metadata says characters in one place and bytes in another: bytes are
/// the stricter).
pub(in crate::secrets::alicloud) const MAX_BYTES: usize = 6144;

/// The longest session policy that STS takes.
pub(in crate::secrets::alicloud) const MAX_SESSION_BYTES: usize = 2048;

/// RAM's grammar needs seven levels. The stored role, which is around the document, must be readable as well.
pub(super) const MAX_DEPTH: usize = 32;
