//! stub
pub(super) struct DocumentInfo<'a> { pub(super) title: &'a str, pub(super) version: &'a str, pub(super) kind: super::BackendKind, pub(super) default_prefix: Option<&'a str> }
pub(super) fn document(_: &[&super::Path], _: &super::SpecialPaths, _: &DocumentInfo<'_>) -> serde_json::Value { serde_json::Value::Null }
