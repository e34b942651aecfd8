//! The metadata service in both modes, and when it fails.

use std::sync::Mutex;

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::*;
use crate::cloud::testing::FixedClock;

const GOOD: &str = r#"{"Code":"Success","AccessKeyId":"STS.1","AccessKeySecret":"x","SecurityToken":"t",
    "Expiration":"2024-03-01T05:59:59Z","LastUpdated":"2024-02-29T23:59:59Z"}"#;

/// Answers by a function of path (empty for the token) and token, and remembers the questions.
type Rule = fn(&str, Option<&str>) -> Result<(u16, &'static str), Failure>;

#[derive(Debug, Clone)]
struct Fake {
    rule: Arc<Mutex<Rule>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Metadata for Fake {
    async fn ask(&self, ask: Ask<'_>, _: Duration) -> Result<Answer, Failure> {
        let (path, token) = match ask {
            Ask::Token => ("", None),
            Ask::Document { path, token } => (path, token.map(|token| token.expose_secret())),
        };
        self.asked
            .lock()
            .unwrap()
            .push(format!("{path}#{}", token.unwrap_or("-")));
        let (status, body) = self.rule.lock().unwrap()(path, token)?;
        let body = Zeroizing::new(body.as_bytes().to_vec());
        Ok(Answer {
            status,
            headers: http::HeaderMap::new(),
            body,
        })
    }
}

fn provider(rule: Rule, environment: &'static [(&str, &str)]) -> (Fake, EcsProvider) {
    let fake = Fake {
        rule: Arc::new(Mutex::new(rule)),
        asked: Arc::default(),
    };
    let find = |name: &str| {
        environment
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let env = ProviderEnv {
        environment: Arc::new(find),
        sts: None,
    };
    let provider = EcsProvider::with_service(
        env,
        Arc::new(FixedClock::default()),
        false,
        Box::new(fake.clone()),
    );
    (fake, provider)
}

fn normal(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
    Ok(match (path, token) {
        ("", _) => (200, "TOKEN\n"),
        (_, None) => (403, ""),
        ("ram/security-credentials/", _) => (200, "app-role\n"),
        ("ram/security-credentials/app-role", _) => (200, GOOD),
        _ => (404, "<html>"),
    })
}

fn old_mode_only(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
    Ok(match (path, token) {
        ("", _) => (404, ""),
        ("ram/security-credentials/", None) => (200, "app-role"),
        ("ram/security-credentials/app-role", None) => (200, GOOD),
        _ => (403, ""),
    })
}

fn nobody(_: &str, _: Option<&str>) -> Result<(u16, &'static str), Failure> {
    Err(Failure::Connect("no route".into()))
}

#[tokio::test]
async fn the_token_mode_is_used_first() {
    let (fake, provider) = provider(normal, &[]);
    let found = provider.load().await.unwrap().unwrap();
    assert_eq!(
        (found.access_key_id.as_str(), found.source),
        ("STS.1", Source::Ecs.name())
    );
    let paths = [
        "#-",
        "ram/security-credentials/#TOKEN",
        "ram/security-credentials/app-role#TOKEN",
    ];
    assert_eq!(*fake.asked.lock().unwrap(), paths);
}

#[tokio::test]
async fn a_role_of_the_environment_is_not_looked_up() {
    let (fake, provider) = provider(normal, &[("ALICLOUD_ROLE_NAME", "app-role")]);
    assert!(provider.load().await.unwrap().is_some());
    assert_eq!(fake.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn the_old_mode_is_a_fallback_unless_forbidden() {
    assert!(provider(old_mode_only, &[]).1.load().await.unwrap().is_some());
    let forbidden: &[_] = &[
        ("ALIBABA_CLOUD_IMDSV1_DISABLED", "TRUE"),
        ("ALIBABA_CLOUD_ECS_METADATA", "app-role"),
    ];
    assert!(provider(old_mode_only, forbidden).1.load().await.is_err());
    // A token that is given but refused later leads to the old mode too.
    fn fickle(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
        if path.is_empty() {
            Ok((200, "TOKEN"))
        } else {
            old_mode_only(path, token)
        }
    }
    assert!(provider(fickle, &[]).1.load().await.unwrap().is_some());
    let strict: &[_] = &[
        ("ALIBABA_CLOUD_IMDSV1_DISABLED", "true"),
        ("ALIBABA_CLOUD_ECS_METADATA", "app-role"),
    ];
    assert!(provider(fickle, strict).1.load().await.is_err());
}

#[tokio::test]
async fn off_an_instance_nothing_is_configured_unless_a_role_is_named() {
    assert!(provider(nobody, &[]).1.load().await.unwrap().is_none());
    let error = provider(nobody, &[("ALICLOUD_ROLE_NAME", "app-role")])
        .1
        .load()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ecs metadata credentials: the metadata service: no route"
    );
    let (fake, provider) = provider(normal, &[("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "True")]);
    assert!(provider.load().await.unwrap().is_none());
    assert!(fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn after_it_has_worked_silence_is_an_error() {
    let (fake, provider) = provider(normal, &[]);
    assert!(provider.load().await.unwrap().is_some());
    *fake.rule.lock().unwrap() = nobody;
    assert!(provider.load().await.is_err());
}

#[tokio::test]
async fn nonsense_is_an_error_and_quotes_nothing() {
    fn failed(path: &str, _: Option<&str>) -> Result<(u16, &'static str), Failure> {
        Ok((
            200,
            if path.ends_with('e') {
                r#"{"Code":"Failed","AccessKeySecret":"very-secret"}"#
            } else {
                "role"
            },
        ))
    }
    fn hostile(path: &str, _: Option<&str>) -> Result<(u16, &'static str), Failure> {
        Ok((
            200,
            if path.is_empty() {
                "T"
            } else {
                "../../latest/user-data"
            },
        ))
    }
    fn expired(path: &str, _: Option<&str>) -> Result<(u16, &'static str), Failure> {
        let old = r#"{"Code":"Success","AccessKeyId":"i","AccessKeySecret":"very-secret","SecurityToken":"t","Expiration":"2020-01-01T00:00:00Z"}"#;
        Ok((200, if path.ends_with('e') { old } else { "role" }))
    }
    for rule in [failed as Rule, hostile, expired] {
        let error = provider(rule, &[]).1.load().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("very-secret"), "{error}");
    }
}

/// Answers every question correctly after a while, or never.
#[derive(Debug)]
struct Slow(Option<u64>, Rule);

#[async_trait]
impl Metadata for Slow {
    async fn ask(&self, ask: Ask<'_>, wait: Duration) -> Result<Answer, Failure> {
        let answer = async {
            match self.0 {
                Some(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
                None => std::future::pending().await,
            }
            let fake = Fake {
                rule: Arc::new(Mutex::new(self.1)),
                asked: Arc::default(),
            };
            fake.ask(ask, wait).await
        };
        timeout(wait, answer).await.unwrap_or(Err(Failure::Interrupted))
    }
}

/// What a service as slow as this gives, and after how long, in milliseconds.
async fn found(
    slow: Slow,
    is_chosen: bool,
    role: &'static str,
) -> (Result<Option<Credentials>, ProviderError>, u128) {
    let env = ProviderEnv {
        environment: Arc::new(move |name: &str| {
            (name == "ALICLOUD_ROLE_NAME" && !role.is_empty()).then(|| role.to_owned())
        }),
        sts: None,
    };
    let provider = EcsProvider::with_service(env, Arc::new(FixedClock::default()), is_chosen, Box::new(slow));
    let start = tokio::time::Instant::now();
    let found = provider.load().await;
    (found, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn off_an_instance_nobody_waits_longer_than_a_second() {
    for (is_chosen, role, limit) in [(false, "", 1_000), (false, "app-role", 4_100), (true, "", 4_100)] {
        let (found, took) = found(Slow(None, normal), is_chosen, role).await;
        assert!(took <= limit, "{took}");
        match (limit, found) {
            (1_000, Ok(None)) => {}
            (_, Err(error)) => assert!(error.to_string().contains("did not answer in time"), "{error}"),
            (_, Ok(_)) => panic!("nobody gave any"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_is_found_where_it_was_chosen() {
    for milliseconds in [250, 350, 500, 800, 990] {
        for (is_chosen, role) in [(true, ""), (false, "app-role"), (true, "app-role")] {
            let (found, took) = found(Slow(Some(milliseconds), normal), is_chosen, role).await;
            assert!(found.unwrap().is_some(), "{milliseconds} {role}");
            assert!(took <= 3_000, "{took}");
        }
    }
    // Nobody said so, and so nobody waits.
    assert!(
        found(Slow(Some(350), normal), false, "")
            .await
            .0
            .unwrap()
            .is_none()
    );
    // A token that gets lost costs its second, and no more.
    fn lost(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
        match path {
            "" => Err(Failure::Interrupted),
            _ => old_mode_only(path, token),
        }
    }
    assert!(found(Slow(Some(900), lost), true, "").await.0.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn why_a_chosen_service_gives_nothing_is_told_apart() {
    fn without_role(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
        match path {
            ROLES => Ok((404, "<html>not found</html>")),
            _ => normal(path, token),
        }
    }
    fn blank(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
        if path == ROLES {
            Ok((200, " \n"))
        } else {
            normal(path, token)
        }
    }
    fn broken(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
        if path == ROLES {
            Ok((500, ""))
        } else {
            normal(path, token)
        }
    }
    fn late(path: &str, token: Option<&str>) -> Result<(u16, &'static str), Failure> {
        if path == ROLES {
            Err(Failure::Interrupted)
        } else {
            normal(path, token)
        }
    }
    for (rule, text) in [
        (without_role as Rule, "knows of no RAM role"),
        (blank, "knows of no RAM role"),
        (broken, "answered with http status 500"),
        (late, "did not answer in time"),
        (nobody, "the metadata service: no route"),
    ] {
        let error = found(Slow(Some(0), rule), true, "")
            .await
            .0
            .unwrap_err()
            .to_string();
        assert!(error.contains(text), "{error}");
        assert!(
            found(Slow(Some(0), rule), false, "").await.0.unwrap().is_none(),
            "{text}"
        );
    }
}
