//! The cloud's answers to calls of RAM and STS. The first byte chooses the call; the next two are the status, if the
//! first of them is small; the rest is the body.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::alicloud::ram::{PolicyRef, Ram};
use vault_plugin_alicloud::fuzzing::alicloud::sts::{
    AssumeRole, AssumeRoleWithOidc, OidcProviderArn, Sts, assume_role_with_oidc,
};
use vault_plugin_alicloud::fuzzing::alicloud::{Credentials, Error, Kind, Region, endpoint};
use vault_plugin_alicloud::fuzzing::cloud::encode::encode;
use vault_plugin_alicloud::fuzzing::cloud::fuzzing;
use vault_plugin_alicloud_fuzz::{SECRETS, block_on, check_text, holds_secret};

/// The token has characters that are encoded on the wire.
const SECRET: &str = SECRETS[0];
const TOKEN: &str = SECRETS[1];

fuzz_target!(|data: &[u8]| {
    let [call, rest @ ..] = data else { return };
    let (status, body) = match rest {
        // Mostly successes: they are read furthest.
        [first, second, body @ ..] if *first < 8 => (u16::from_be_bytes([*first, *second]), body),
        body => (200, body),
    };
    let client = fuzzing::client(vec![(status, body.to_vec())], SECRET);
    // One try: after it there is nothing to be reached.
    let client = client.with_max_retries(0);
    let credentials = Credentials::new("STS.id", SECRET).with_token(TOKEN);
    let ram = Ram::new(&client, credentials.clone(), endpoint::ram());
    let sts = Sts::new(&client, credentials, endpoint::sts(&Region::default()));
    let policy = PolicyRef::custom("p");
    block_on(async {
        match call % 17 {
            0 => check(status, body, ram.create_user("u", None).await),
            1 => check(status, body, ram.get_user("u").await),
            2 => check(status, body, ram.delete_user("u").await),
            3 => check(status, body, ram.create_access_key("u").await),
            4 => check(status, body, ram.list_access_keys("u").await),
            5 => check(status, body, ram.create_policy("p", "{}", "d").await),
            6 => check(status, body, ram.list_policy_versions("p").await),
            7 => check(status, body, ram.list_policies_for_user("u").await),
            8 => check(status, body, ram.list_users_with_policy(&policy).await),
            9 => check(status, body, ram.list_groups_for_user("u").await),
            10 => check(status, body, ram.max_session_seconds("r").await),
            11 => check(status, body, sts.get_caller_identity().await),
            12 => {
                let answer = sts.assume_role(&AssumeRole::default()).await;
                if let Ok(session) = &answer {
                    assert_eq!(session.credentials.expiration, Some(session.expiration));
                    assert!(session.credentials.security_token.is_some());
                }
                check(status, body, answer);
            }
            13 => {
                let request = AssumeRoleWithOidc {
                    provider_arn: OidcProviderArn::parse("acs:ram::1234567890123456:oidc-provider/p")
                        .expect("it is one"),
                    role_arn: "acs:ram::12345:role/r".to_owned(),
                    token: TOKEN.into(),
                    session_name: "s".to_owned(),
                };
                let sts = endpoint::sts(&Region::default());
                check(status, body, assume_role_with_oidc(&client, &sts, &request).await);
            }
            14 => check(status, body, ram.list_users().await),
            _ => check(status, body, ram.detach_policy_from_user("u", &policy).await),
        }
    });
});

fn check<T: Debug>(status: u16, body: &[u8], answer: Result<T, Error>) {
    let error = match answer {
        Ok(value) => {
            assert_eq!(status, 200);
            // Only what the cloud itself made up may look like our secret.
            let shown = format!("{value:?}");
            assert!(!holds_secret(shown.as_bytes()) || holds_secret(body));
            return;
        }
        Err(error) => error,
    };
    for text in [error.to_string(), format!("{error:?}")] {
        check_text(&text);
        let once = encode(TOKEN);
        for spelling in [encode(&once), once, TOKEN.to_owned()] {
            assert!(!text.contains(&spelling), "{text}");
        }
        // This call is not signed: the client does not know the secret, and the cloud neither.
        let signed = error.operation() != "AssumeRoleWithOIDC";
        assert!(!(signed && text.contains(SECRET)), "{text}");
    }
    let family = |name: &str| {
        let code = error.code().unwrap_or_default();
        code.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match error.kind() {
        // A deletion takes this for done, and a creation the next one: nothing but the cloud's own word will do.
        Kind::NotFound => assert!(status != 200 && family("EntityNotExist")),
        Kind::Exists => assert!(status != 200 && family("EntityAlreadyExists")),
        // It was not a refusal, so it may have been carried out.
        _ if status == 200 || status == 0 => assert!(error.outcome_unknown(), "{error}"),
        _ => {}
    }
    if let Some(subject) = error.subject() {
        assert!(error.code().is_some(), "{subject:?}");
    }
}
