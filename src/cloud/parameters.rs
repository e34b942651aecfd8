//! The flat set of names and values that a request of an RPC or query API consists of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::cloud::encode::encode_into;

/// Request parameters: unique names, sorted by the bytes of the unencoded name as signatures want them.
///
/// Values may be secret (a security token, a policy), so they are zeroed on drop and `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<Cow<'static, str>, Zeroizing<String>>);

impl Parameters {
    /// No parameters yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, and replaces an earlier value of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds one if there is a value that is not empty: the cloud takes an empty optional parameter for a length
    /// error.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) if !value.is_empty() => self.with(name, value),
            _ => self,
        }
    }

    /// Adds one in place.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.0.insert(name.into(), Zeroizing::new(value.into()));
    }

    /// The value of a name, also when it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }

    /// All of them, in the order of a signature.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// `name=value&…`, percent-encoded: a query string, a form body, or the canonical string of a signature.
    #[must_use]
    pub fn encoded(&self) -> Zeroizing<String> {
        self.encoded_without("")
    }

    /// As [`Self::encoded`], leaving one name out.
    pub(crate) fn encoded_without(&self, left_out: &str) -> Zeroizing<String> {
        // Sized for the worst case, so that growing leaves no copy of a secret behind.
        let size = self
            .0
            .iter()
            .map(|(name, value)| 3 * (name.len() + value.len()) + 2)
            .sum();
        let mut out = Zeroizing::new(String::with_capacity(size));
        for (name, value) in self.iter().filter(|(name, _)| *name != left_out) {
            if !out.is_empty() {
                out.push('&');
            }
            encode_into(&mut out, name);
            out.push('=');
            encode_into(&mut out, value);
        }
        out
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_byte_and_empty_values_kept() {
        let parameters = Parameters::new()
            .with("b", "")
            .with("a.1", "x y")
            .with("B", "1")
            .with("a", "2");
        assert_eq!(*parameters.encoded(), "B=1&a=2&a.1=x%20y&b=");
    }

    #[test]
    fn an_empty_optional_value_is_left_out() {
        let none = Parameters::new()
            .with_some("Comments", Some(""))
            .with_some("Policy", None);
        assert_eq!(none.iter().count(), 0);
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Parameters::new().with("SecurityToken", "very-secret"));
        assert_eq!(shown, r#"{"SecurityToken"}"#);
    }
}
