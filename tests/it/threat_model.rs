//! The tests that `docs/threat-model.md` names are there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let named: Vec<(&str, &str)> = document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let missing: Vec<_> = named
        .into_iter()
        .filter(|(file, test)| {
            let source = fs::read_to_string(root.join(file)).unwrap_or_default();
            !["fn", "def"]
                .iter()
                .any(|word| source.contains(&format!("{word} {test}(")))
        })
        .collect();
    assert!(missing.is_empty(), "not found: {missing:#?}");
}
