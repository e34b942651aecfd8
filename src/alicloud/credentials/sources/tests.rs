//! The server's chain, by the folders of `tests/data/credentials`: each has `env` (one `NAME=value` a line), perhaps
//! `answer` (what STS says; a first line `status`, then the body) and `token` (put into a file that `env` names as
//! `@token`), and `expected`: lines of `key`, `source`, `token`, of `sent <name>=<value>` for what STS must be sent, or
//! one line of `none`, or `error` with a part of the text.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::super::identity_token::tests::token;
use super::super::{OidcToken, RoleToAssume, TokenFile};
use super::*;
use crate::alicloud::sts::{ExternalId, OidcProviderArn};
use crate::cloud::Endpoint;
use crate::cloud::credentials::{Credentials, Provider as _};
use crate::cloud::testing::{Script, Step};

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
    let client = script.client();
    let chain = Sources::new(&client, Arc::new(find)).chain(&client, &Settings::default());
    let found = chain.load().await;

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

/// What a chain sends, by the last parts of its ARNs and the keys that sign.
async fn sent(
    settings: Settings,
    variables: &'static [(&str, &str)],
    answers: usize,
) -> (Found, Vec<String>) {
    let script = Script::new((0..answers).map(|number| {
        let body = format!(
            r#"{{"RequestId":"R","AssumedRoleUser":{{"Arn":"a","AssumedRoleId":"i"}},"Credentials":{{"AccessKeyId":"STS.{number}",
            "AccessKeySecret":"x","SecurityToken":"t","Expiration":"2024-03-01T00:59:59Z"}}}}"#
        );
        Step::Answer(200, body.leak())
    }));
    let find = move |name: &str| {
        let known = variables
            .iter()
            .chain(&[("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")]);
        known
            .clone()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let client = script.client();
    let found = Sources::new(&client, Arc::new(find))
        .chain(&client, &settings)
        .load()
        .await;
    let sent = script.sent().into_iter().map(|sent| {
        format!(
            "{} {} by {} ({}) at {}",
            sent.value("Action").unwrap(),
            sent.value("RoleArn").unwrap().rsplit(':').next().unwrap(),
            sent.value("AccessKeyId").unwrap_or("nobody"),
            sent.value("ExternalId").unwrap_or("-"),
            sent.endpoint
        )
    });
    (found, sent.collect())
}

type Found = Result<Option<Credentials>, ProviderError>;

const KEYS: &[(&str, &str)] = &[("ALICLOUD_ACCESS_KEY", "LTAIenv"), ("ALICLOUD_SECRET_KEY", "s")];

fn role(arn: &str) -> Option<RoleToAssume> {
    Some(RoleToAssume {
        arn: arn.parse().unwrap(),
        session_name: None,
        external_id: Some(ExternalId::parse("agreed").unwrap()),
    })
}

#[tokio::test(start_paused = true)]
async fn a_pair_of_the_settings_goes_before_the_environment() {
    let pair = Settings {
        pair: Some(Credentials::new("LTAIpair", "s")),
        ..Settings::default()
    };
    let found = sent(pair.clone(), KEYS, 0).await.0.unwrap().unwrap();
    assert_eq!(
        (found.access_key_id.as_str(), found.source),
        ("LTAIpair", Source::Stored.name())
    );
    let chosen = Settings {
        source: Some(Source::Environment),
        ..pair
    };
    let found = sent(chosen, KEYS, 0).await.0.unwrap().unwrap();
    assert_eq!(
        (found.access_key_id.as_str(), found.source),
        ("LTAIenv", Source::Environment.name())
    );
}

#[tokio::test(start_paused = true)]
async fn a_chosen_source_that_is_not_configured_is_an_error_that_names_it() {
    for (source, part) in [
        (Source::Stored, "stored: chosen"),
        (Source::Environment, "environment: chosen"),
        (Source::Oidc, "oidc token: chosen"),
        (Source::Uri, "ALIBABA_CLOUD_CREDENTIALS_URI"),
        (Source::Ecs, "ecs metadata: chosen"),
    ] {
        let settings = Settings {
            source: Some(source),
            ..Settings::default()
        };
        let disabled = &[("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")];
        let error = sent(settings, disabled, 0).await.0.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_with_whatever_is_found_and_where_the_settings_say() {
    let settings = Settings {
        role: role("acs:ram::99999:role/far"),
        sts: Some(Endpoint::parse("sts.example.com").unwrap()),
        ..Settings::default()
    };
    let (found, calls) = sent(settings.clone(), KEYS, 1).await;
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.access_key_id.as_str(), found.source),
        ("STS.0", Source::Environment.name())
    );
    assert_eq!(
        calls,
        ["AssumeRole role/far by LTAIenv (agreed) at sts.example.com"]
    );
    // Without a base there is no role either.
    assert!(sent(settings, &[], 0).await.0.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_identity_token_is_exchanged_for_the_role_at_once_where_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let claims = r#"{"iss":"https://oidc.example.com","aud":"sts.aliyuncs.com"}"#;
    fs::write(&file, token(claims)).unwrap();
    let settings = Settings {
        oidc: Some(OidcToken {
            provider: OidcProviderArn::parse("acs:ram::12345:oidc-provider/p").unwrap(),
            file: TokenFile::parse(file.to_str().unwrap()).unwrap(),
        }),
        role: role("acs:ram::99999:role/far"),
        ..Settings::default()
    };
    let near: &[_] = &[("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::12345:role/pod")];
    let same: &[_] = &[("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::99999:role/far")];
    let exchange =
        |role: &str| format!("AssumeRoleWithOIDC role/{role} by nobody (-) at sts.us-east-1.aliyuncs.com");
    for (variables, expected) in [
        (&[] as &[_], vec![exchange("far")]),
        (same, vec![exchange("far")]),
        // What is written goes before the environment.
        (near, vec![exchange("far")]),
    ] {
        let (found, calls) = sent(settings.clone(), variables, expected.len()).await;
        assert_eq!(found.unwrap().unwrap().source, Source::Oidc.name());
        assert_eq!(calls, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_written_token_goes_before_keys_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(
        &file,
        token(r#"{"iss":"https://oidc.example.com","aud":"sts.aliyuncs.com"}"#),
    )
    .unwrap();
    let written = Settings {
        oidc: Some(OidcToken {
            provider: OidcProviderArn::parse("acs:ram::12345:oidc-provider/p").unwrap(),
            file: TokenFile::parse(file.to_str().unwrap()).unwrap(),
        }),
        role: role("acs:ram::99999:role/far"),
        ..Settings::default()
    };
    let (found, calls) = sent(written.clone(), KEYS, 1).await;
    assert_eq!(found.unwrap().unwrap().source, Source::Oidc.name());
    assert_eq!(calls.len(), 1);
    let chosen = Settings {
        source: Some(Source::Environment),
        ..written
    };
    let found = sent(chosen, KEYS, 1).await.0;
    assert_eq!(found.unwrap().unwrap().source, Source::Environment.name());
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_found_the_names_of_other_tools_are_told() {
    const DISABLED: (&str, &str) = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    const OTHERS: &[(&str, &str)] = &[
        DISABLED,
        ("ALICLOUD_ACCESS_KEY_ID", "LTAIother"),
        ("ALIYUN_ACCESS_KEY_SECRET", "very-secret"),
    ];
    const BOTH: &[(&str, &str)] = &[
        ("ALICLOUD_ACCESS_KEY", "LTAIenv"),
        ("ALICLOUD_SECRET_KEY", "s"),
        ("ALICLOUD_ACCESS_KEY_ID", "LTAIother"),
    ];
    let error = sent(Settings::default(), OTHERS, 0)
        .await
        .0
        .unwrap_err()
        .to_string();
    let told = "no credentials are configured; ALICLOUD_ACCESS_KEY_ID, ALIYUN_ACCESS_KEY_SECRET in the environment is not read";
    assert!(error.contains(told), "{error}");
    assert!(
        !error.contains("LTAIother") && !error.contains("very-secret"),
        "{error}"
    );
    // Where there is something, nobody asks.
    assert!(sent(Settings::default(), BOTH, 0).await.0.unwrap().is_some());
    assert!(
        sent(Settings::default(), &[DISABLED], 0)
            .await
            .0
            .unwrap()
            .is_none()
    );
}
