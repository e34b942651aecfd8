//! stub
pub(super) fn root_help(_: &str, _: &[super::Path]) -> String { String::new() }
pub(super) fn path_help(_: &super::Path, _: &str) -> String { String::new() }
