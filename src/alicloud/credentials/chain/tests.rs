//! The server's chain, by the folders of `tests/data/credentials`: each has `env` (one `NAME=value` a line), perhaps
//! `answer` (what STS says; a first line `status`, then the body) and `token` (put into a file that `env` names as
//! `@token`), and `expected`: lines of `key`, `source`, `token`, of `sent <name>=<value>` for what STS must be sent, or
//! one line of `none`, or `error` with a part of the text.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::*;
use crate::alicloud::testing::{Script, Step};

fn read(case: &Path, file: &str) -> Option<String> {
    fs::read_to_string(case.join(file)).ok()
}

async fn run(case: &Path) {
    let name = case.display();
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    if let Some(token) = read(case, "token") {
        fs::write(&token_file, token).unwrap();
    }
    let text = read(case, "env")
        .unwrap()
        .replace("@token", token_file.to_str().unwrap());
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let mut variables: BTreeMap<String, String> = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    // No test asks the real address.
    variables.insert("ALIBABA_CLOUD_ECS_METADATA_DISABLED".into(), "true".into());

    let script = Script::new(read(case, "answer").map(|text| {
        let (status, body) = text.split_once('\n').unwrap();
        Step::Answer(status.parse().unwrap(), body.to_owned().leak())
    }));
    let find = move |name: &str| variables.get(name).cloned();
    let chain = Chain::new(&script.client(), Arc::new(find), None);
    let found = chain.credentials().await;

    for line in read(case, "expected").unwrap().lines() {
        let (what, value) = line.split_once(' ').unwrap_or((line, ""));
        let got = match &found {
            Err(error) => {
                assert_eq!(what, "error", "{name}: {error}");
                assert!(error.to_string().contains(value), "{name}: {error}");
                continue;
            }
            Ok(None) => {
                assert_eq!(what, "none", "{name}");
                continue;
            }
            Ok(Some(found)) => found,
        };
        let seen = match what {
            "key" => got.access_key_id.clone(),
            "source" => got.source.to_string(),
            "token" => got
                .security_token
                .as_ref()
                .map_or("-", |token| token.expose_secret())
                .to_owned(),
            "host" => script.sent()[0].endpoint.clone(),
            "sent" => {
                let (parameter, _) = value.split_once('=').unwrap();
                format!("{parameter}={}", script.sent()[0].value(parameter).unwrap_or("-"))
            }
            other => panic!("{name}: unknown expectation {other}"),
        };
        assert_eq!(seen, value, "{name}: {what}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_case_gives_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/credentials");
    let mut cases = 0;
    for entry in fs::read_dir(root).unwrap() {
        run(&entry.unwrap().path()).await;
        cases += 1;
    }
    assert!(cases >= 12, "cases are missing");
}

#[tokio::test]
async fn the_first_configured_provider_decides_also_by_failing() {
    #[derive(Debug)]
    struct Fixed(Option<&'static str>);
    #[async_trait]
    impl Provider for Fixed {
        async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
            match self.0 {
                Some("broken") => Err(ProviderError::new("test", "broken")),
                other => Ok(other.map(|id| Credentials::new(id, "s"))),
            }
        }
    }
    let chain = |ids: &[Option<&'static str>]| {
        Chain::of(
            ids.iter()
                .map(|id| Box::new(Fixed(*id)) as Box<dyn Provider>)
                .collect(),
        )
    };
    assert_eq!(
        chain(&[None, Some("b"), Some("c")])
            .credentials()
            .await
            .unwrap()
            .unwrap()
            .access_key_id,
        "b"
    );
    assert!(
        chain(&[None, Some("broken"), Some("c")])
            .credentials()
            .await
            .is_err()
    );
    assert!(chain(&[None, None]).credentials().await.unwrap().is_none());
}
