//! Wiping JSON that may hold secrets before its memory is given back.

use serde_json::{Map, Value};
use zeroize::Zeroize;

/// Overwrites every string and empties the map. Numbers, booleans and names are no secrets.
pub(crate) fn wipe(map: &mut Map<String, Value>) {
    map.values_mut().for_each(wipe_value);
    map.clear();
}

fn wipe_value(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(wipe_value),
        Value::Object(map) => map.values_mut().for_each(wipe_value),
        Value::String(text) => text.zeroize(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_string_is_overwritten() {
        let mut value = json!({"a": "hush", "b": ["hush", {"c": "hush"}], "d": 1});
        wipe_value(&mut value);
        assert_eq!(value, json!({"a": "", "b": ["", {"c": ""}], "d": 1}));
    }
}
