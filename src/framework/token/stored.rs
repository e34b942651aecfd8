//! The stored form of a token's type.

/// A number. Before Vault 1.2 it was the word.
pub(super) mod token_type {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    use crate::framework::response::TokenType;

    pub(in crate::framework::token) fn serialize<S: Serializer>(
        value: &TokenType,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(value.number())
    }

    pub(in crate::framework::token) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TokenType, D::Error> {
        let found = match Value::deserialize(deserializer)? {
            Value::Null => Some(TokenType::Default),
            Value::String(word) if word.is_empty() => Some(TokenType::Default),
            Value::String(word) => word.parse().ok(),
            value => value.as_u64().and_then(TokenType::from_number),
        };
        found.ok_or_else(|| D::Error::custom("token_type is not a known type"))
    }
}
