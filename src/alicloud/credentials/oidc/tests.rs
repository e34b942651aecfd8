//! Where token, provider and role come from, and when a token file counts as changed.

use std::fs;
use std::sync::Arc;

use super::super::identity_token::tests::token;
use super::super::settings::TokenFile;
use super::*;
use crate::alicloud::endpoint;
use crate::alicloud::region::Region;
use crate::alicloud::sts::RoleSessionName;
use crate::cloud::testing::{Script, Step};

const CLAIMS: &str = r#"{"iss":"https://oidc.example.com","aud":"sts.aliyuncs.com"}"#;
const SESSION: &str = r#"{"RequestId":"R","AssumedRoleUser":{"Arn":"a","AssumedRoleId":"i"},
    "Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"x","SecurityToken":"t","Expiration":"2024-03-01T00:59:59Z"}}"#;
const PROVIDER_ARN: &str = "acs:ram::12345:oidc-provider/env";

type Variables = Vec<(&'static str, String)>;

fn provider(script: &Script, variables: Variables, token: Option<&Path>, role: Option<&str>) -> OidcProvider {
    let find = move |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
    };
    let env = ProviderEnv {
        environment: Arc::new(find),
        sts: Some(endpoint::sts(&Region::default())),
    };
    let token = token.map(|file| OidcToken {
        provider: OidcProviderArn::parse("acs:ram::12345:oidc-provider/written").unwrap(),
        file: TokenFile::parse(file.to_str().unwrap()).unwrap(),
    });
    let role = role.map(|arn| RoleToAssume {
        arn: Arn::parse(arn).unwrap(),
        session_name: Some(RoleSessionName::parse("chosen").unwrap()),
        external_id: None,
    });
    OidcProvider::new(script.client(), env, token, role)
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, token(CLAIMS) + "\n").unwrap();
    (folder, file)
}

/// What was sent: provider, role and session name; and whether the role of the settings is reached with that.
async fn exchanged(variables: Variables, token: Option<&Path>, role: Option<&str>) -> Result<String, String> {
    let script = Script::new([Step::Answer(200, SESSION)]);
    let provider = provider(&script, variables, token, role);
    let found = provider.load().await.map_err(|error| error.to_string())?;
    if found.is_none() {
        return Ok("none".to_owned());
    }
    let sent = script.sent().remove(0);
    let last = |name: &str| sent.value(name).unwrap().rsplit('/').next().unwrap().to_owned();
    Ok(format!(
        "{} {} {} {}",
        last("OIDCProviderArn"),
        last("RoleArn"),
        last("RoleSessionName"),
        provider.gives_the_role()
    ))
}

#[tokio::test]
async fn settings_go_before_the_environment_and_are_never_mixed_with_it() {
    let (_folder, file) = folder();
    let path = file.to_str().unwrap().to_owned();
    let environment = || -> Variables {
        vec![
            (PROVIDER, PROVIDER_ARN.to_owned()),
            (FILE, path.clone()),
            (ROLE, "acs:ram::12345:role/pod".to_owned()),
            ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "from-env".to_owned()),
        ]
    };
    let role_alone = || vec![(ROLE, "acs:ram::12345:role/pod".to_owned())];
    let half = || vec![(PROVIDER, PROVIDER_ARN.to_owned())];
    let written = Some(file.as_path());
    let far = Some("acs:ram::99999:role/far");
    for (variables, token, role, expected) in [
        (environment(), None, None, "env pod from-env false"),
        (environment(), None, far, "env pod from-env false"),
        (
            environment(),
            None,
            Some("acs:ram::12345:role/POD"),
            "env pod chosen true",
        ),
        (environment(), written, far, "written far chosen true"),
        (environment(), written, None, "written pod from-env false"),
        (role_alone(), written, far, "written far chosen true"),
        (
            vec![(ROLE, "no arn".to_owned())],
            written,
            far,
            "written far chosen true",
        ),
        (vec![], written, far, "written far chosen true"),
        (half(), written, far, "written far chosen true"),
        (role_alone(), None, far, "none"),
        (vec![], None, far, "none"),
    ] {
        let found = exchanged(variables.clone(), token, role).await;
        assert_eq!(found.as_deref(), Ok(expected), "{variables:?} {token:?} {role:?}");
    }
    for (variables, token, part) in [
        (half(), None, "set all of ALIBABA_CLOUD_ROLE_ARN"),
        (
            vec![],
            written,
            "give a role to assume, or set ALIBABA_CLOUD_ROLE_ARN",
        ),
        (
            vec![(ROLE, "acs:ram::12345:user/u".to_owned())],
            written,
            "ALIBABA_CLOUD_ROLE_ARN is not the arn of a role",
        ),
    ] {
        let error = exchanged(variables, token, None).await.unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_has_changed() {
    let (folder, file) = folder();
    let script = Script::new([Step::Answer(200, SESSION), Step::Answer(200, SESSION)]);
    let provider = provider(&script, vec![], Some(&file), Some("acs:ram::12345:role/r"));
    assert!(provider.has_changed().await);
    provider.load().await.unwrap();
    assert!(!provider.has_changed().await);
    // As the kubelet does it: another file takes the name.
    let next = folder.path().join("next");
    let other = token(&CLAIMS.replace("oidc", "other"));
    fs::write(&next, &other).unwrap();
    fs::rename(next, &file).unwrap();
    assert!(provider.has_changed().await);
    provider.load().await.unwrap();
    assert_eq!(script.sent()[1].value("OIDCToken"), Some(other.as_str()));
    assert!(!provider.has_changed().await);
    fs::remove_file(&file).unwrap();
    assert!(provider.has_changed().await);
}

#[tokio::test]
async fn what_holds_no_identity_token_is_told_in_one_way() {
    let (folder, file) = folder();
    let mut told = std::collections::BTreeSet::new();
    let mut tell = async || {
        let error = exchanged(vec![], Some(&file), Some("acs:ram::12345:role/r"))
            .await
            .unwrap_err();
        told.insert(error);
    };
    for content in [
        "root:x:0:0::/root:/bin/sh\n",
        "\n",
        "s.ABCdefGHI.nsid1",
        &token(r#"{"iss":"https://oidc.example.com","aud":"https://oidc.example.com"}"#),
        &" ".repeat(40_000),
    ] {
        fs::write(&file, content).unwrap();
        tell().await;
    }
    fs::remove_file(&file).unwrap();
    tell().await;
    fs::create_dir(&file).unwrap();
    tell().await;
    let [error] = Vec::from_iter(told).try_into().unwrap();
    assert!(
        error.contains("the token file") && error.contains("the server's log has the cause"),
        "{error}"
    );
    drop(folder);
}

#[tokio::test(start_paused = true)]
async fn only_what_the_operator_has_written_is_to_be_checked() {
    const ARNS: &str = ", check both ARNs and the role's trust policy";
    const TOKEN: &str = ", check the token's issuer and audience";
    let (_folder, file) = folder();
    for (status, code, check, text) in [
        (
            400,
            "AuthenticationFail.OIDCToken.Expired",
            ", check that its file is rewritten before the token expires",
            "the identity token has expired",
        ),
        (
            400,
            "AuthenticationFail.OIDCToken.Invalid",
            TOKEN,
            "the identity was not accepted",
        ),
        (
            403,
            "AuthenticationFail.NoPermission",
            ARNS,
            "the role does not trust this identity",
        ),
        (404, "EntityNotExist.Role", ARNS, "refused"),
        (403, "NoPermission", ARNS, "refused"),
        (400, "InvalidParameter.RoleArn", ARNS, "refused"),
        (429, "Throttling.User", "", "too many calls in this account"),
        (500, "InternalError", "", "the service failed"),
        (
            503,
            "ServiceUnavailable",
            "",
            "the service is temporarily unavailable",
        ),
        (
            400,
            "InvalidTimeStamp.Expired",
            "",
            "the time of the request differs too much from the cloud's clock",
        ),
    ] {
        let body: &'static str = format!(r#"{{"RequestId":"R","Code":"{code}","Message":"m"}}"#).leak();
        let script = Script::new((0..20).map(|_| Step::Answer(status, body)));
        let provider = provider(&script, vec![], Some(&file), Some("acs:ram::12345:role/r"));
        let error = provider.load().await.unwrap_err().to_string();
        let expected = format!(
            "oidc credentials: cannot assume acs:ram::12345:role/r with the pod's token{check}: AssumeRoleWithOIDC: {code}: \
             {text} (request id R)"
        );
        assert_eq!(error, expected);
    }
}
