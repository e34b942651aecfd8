//! Reads answers: JSON of a success, or the cloud's error shape in JSON or XML.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::alicloud::codes;
use crate::cloud::credentials::Credentials;
use crate::cloud::xml::Element;
use crate::cloud::{Answer, Error, Kind, Result, redact};

/// Every answer of the service has a request id, success or not; every refusal has a code, too.
#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(rename = "RequestId")]
    request_id: Option<String>,
    #[serde(rename = "Code")]
    code: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
    /// Whether it came as XML: that is understood in refusals, whatever was asked for.
    #[serde(skip)]
    is_xml: bool,
}

impl Envelope {
    /// The texts of `serde_json` quote the document, which may hold a key: they are dropped.
    fn of(answer: &Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body)
            .ok()
            .or_else(|| Self::of_xml(&answer.body))
    }

    fn of_xml(body: &[u8]) -> Option<Self> {
        let root = Element::parse(without_bom(body)).filter(|root| !is_html(root.name()))?;
        let found = |name: &str| root.find(&[name]).map(str::to_owned);
        Some(Self {
            request_id: found("RequestId"),
            code: found("Code"),
            message: found("Message"),
            is_xml: true,
        })
    }
}

fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

fn is_html(name: &str) -> bool {
    name.eq_ignore_ascii_case("html")
}

/// What something is that the service does not answer with.
fn described(body: &[u8]) -> &'static str {
    let start = without_bom(body);
    let begins = |text: &str| {
        start
            .get(..text.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
    };
    if start.is_empty() {
        "it is empty"
    } else if begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body") {
        "it is a web page, as proxies send it"
    } else if begins("<") {
        "it is XML of something else"
    } else if begins("{") || begins("[") {
        "it is JSON of something else"
    } else {
        "it is neither JSON nor XML"
    }
}

/// The answer of an operation that gives nothing but a request id.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Whether an answer is a success, or which error it is.
///
/// Without credentials the cloud's message is not shown at all: it may quote the secrets of a request that somebody
/// else signed, or of one that carries an identity token instead of a signature.
pub(super) fn check(
    operation: &'static str,
    credentials: Option<&Credentials>,
    answer: &Answer,
) -> Result<()> {
    let envelope = Envelope::of(answer);
    if answer.status == 200 {
        // A success of the service has a request id; a page of something on the way does not.
        let text = match &envelope {
            Some(envelope) if envelope.request_id.is_some() && !envelope.is_xml => return Ok(()),
            Some(envelope) if envelope.request_id.is_some() => {
                "the service answered in XML, and not in JSON; is Format=JSON signed?".to_owned()
            }
            _ => format!(
                "the answer is not one of this service: {}",
                described(&answer.body)
            ),
        };
        let error = Error::unexpected(operation, text);
        return Err(located(error, credentials, answer, envelope.as_ref()));
    }
    let code = envelope
        .as_ref()
        .and_then(|envelope| envelope.code.as_deref())
        .and_then(|code| redact::identifier(code, credentials));
    let message = envelope.as_ref().and_then(|envelope| envelope.message.as_deref());
    let meaning = match &code {
        Some(code) => codes::meaning(code, message.unwrap_or_default(), answer.status),
        None => codes::meaning_without_code(answer.status),
    };
    if let (true, Some(credentials)) = (meaning == codes::LEAKED, credentials) {
        tracing::error!(
            event = "access_key_restricted",
            operation,
            access_key_id = credentials.access_key_id,
            "Alibaba Cloud has restricted an access key because it may have leaked"
        );
    }
    let message = match meaning.text {
        Some(text) => text.to_owned(),
        None if credentials.is_some() => redact::message(message.unwrap_or_default(), credentials),
        None => "refused".to_owned(),
    };
    let message = match (&code, meaning.kind) {
        (Some(_), _) | (None, Kind::Connect) => message,
        (None, Kind::Unexpected | Kind::Unavailable) => {
            let described = described(&answer.body);
            format!("{message}: {described} (http status {})", answer.status)
        }
        (None, _) => format!("{message} (http status {})", answer.status),
    };
    let error = Error::new(meaning.kind, operation, message)
        .with_outcome_unknown(meaning.outcome_unknown)
        .with_subject(
            code.as_deref()
                .and_then(|code| codes::subject(meaning.kind, code)),
        );
    let error = located(error, credentials, answer, envelope.as_ref());
    Err(match code {
        Some(code) => error.with_code(code),
        None => error,
    })
}

/// Reads what an operation gives out of an answer that was checked.
pub(super) fn read<T: DeserializeOwned>(operation: &'static str, answer: &Answer) -> Result<T> {
    serde_json::from_slice(&answer.body).map_err(|_| {
        let error = Error::unexpected(operation, "the answer lacks what this operation must give");
        located(error, None, answer, Envelope::of(answer).as_ref())
    })
}

/// Adds what an answer says of itself to an error.
fn located(
    error: Error,
    credentials: Option<&Credentials>,
    answer: &Answer,
    envelope: Option<&Envelope>,
) -> Error {
    let identifier = |text: &str| redact::identifier(text, credentials);
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = envelope
        .and_then(|envelope| envelope.request_id.as_deref().and_then(identifier))
        .or_else(|| header("x-acs-request-id").and_then(identifier));
    let retry_after = header("x-acs-retry-after")
        .and_then(|milliseconds| milliseconds.trim().parse().ok())
        .map(Duration::from_millis);
    error.with_request_id(request_id).with_retry_after(retry_after)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        let mut headers = http::HeaderMap::new();
        headers.insert("x-acs-request-id", "FROM-HEADER".parse().unwrap());
        headers.insert("x-acs-retry-after", "1500".parse().unwrap());
        Answer {
            status,
            headers,
            body,
        }
    }

    fn error(status: u16, body: &str) -> Error {
        let credentials = Credentials::new("id", "the-secret");
        check("DeleteUser", Some(&credentials), &answer(status, body))
            .err()
            .unwrap()
    }

    #[test]
    fn the_code_decides_and_the_message_is_cleaned() {
        let error = error(
            404,
            r#"{"RequestId":"R-1","Code":"EntityNotExist.User","Message":"no\nthe-secret"}"#,
        );
        assert_eq!((error.kind(), error.request_id()), (Kind::NotFound, Some("R-1")));
        assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
        assert_eq!(
            error.to_string(),
            "DeleteUser: EntityNotExist.User: no [hidden] (request id R-1)"
        );
    }

    #[test]
    fn a_code_or_request_id_that_quotes_a_secret_is_not_shown() {
        let error = error(
            404,
            r#"{"RequestId":"the-secret","Code":"EntityNotExist.the-secret","Message":"no"}"#,
        );
        // Nor is it decided on: no code of the cloud has a secret in it.
        assert_eq!((error.kind(), error.code()), (Kind::Unexpected, None));
        assert!(!format!("{error} {error:?}").contains("the-secret"));
    }

    #[test]
    fn a_signature_message_is_replaced() {
        let body = r#"{"RequestId":"R","Code":"SignatureDoesNotMatch","Message":"server string to sign is:POST&TOKEN"}"#;
        let error = error(400, body);
        assert_eq!(error.kind(), Kind::Credentials);
        assert!(!format!("{error} {error:?}").contains("TOKEN"));
    }

    #[test]
    fn a_page_of_a_proxy_is_no_answer_of_the_service() {
        for (status, kind, unknown) in [
            (200, Kind::Unexpected, true),
            (302, Kind::Unexpected, true),
            (404, Kind::Unexpected, true),
            (429, Kind::Throttled, false),
            (502, Kind::Unavailable, true),
        ] {
            let error = error(status, "<html>EntityNotExist.User</html>");
            assert_eq!(
                (error.kind(), error.outcome_unknown()),
                (kind, unknown),
                "{status}"
            );
            assert_eq!(error.request_id(), Some("FROM-HEADER"));
            assert!(!error.to_string().contains("html"));
        }
    }

    #[test]
    fn a_refusal_in_xml_is_understood_whatever_was_asked_for() {
        const ERROR: &str = "<Error><RequestId>R-1</RequestId><HostId>sts.aliyuncs.com</HostId>\
            <Code>EntityNotExist.User</Code><Message>no the-secret</Message></Error>";
        let prolog = format!("<?xml version='1.0' encoding='UTF-8'?>\n{ERROR}\n");
        let bom = format!("\u{feff}{ERROR}");
        let nested = format!("<ns:Response xmlns:ns=\"u\"><!-- x -->{ERROR}</ns:Response>");
        let marked = ERROR.replace("no the-secret", "<![CDATA[no the-secret]]>");
        for body in [ERROR, &prolog, &bom, &nested, &marked] {
            for status in [400, 404, 500, 503] {
                let error = error(status, body);
                assert_eq!(
                    error.to_string(),
                    "DeleteUser: EntityNotExist.User: no [hidden] (request id R-1)",
                    "{body}"
                );
                assert_eq!(error.kind(), Kind::NotFound);
            }
        }
        // A code that our own text stands for, at a login, where the cloud's message is not shown.
        let body = ERROR.replace("EntityNotExist.User", "InvalidAccessKeyId.NotFound");
        let error = check("GetCallerIdentity", None, &answer(404, &body)).unwrap_err();
        assert_eq!(
            (error.kind(), error.request_id()),
            (Kind::Credentials, Some("R-1"))
        );
    }

    #[test]
    fn a_success_in_xml_is_told_with_its_request_id() {
        let body =
            "<GetCallerIdentityResponse><RequestId>R-1</RequestId><Arn>a</Arn></GetCallerIdentityResponse>";
        let error = error(200, body);
        assert_eq!(
            (error.kind(), error.request_id()),
            (Kind::Unexpected, Some("R-1"))
        );
        assert!(error.message().contains("is Format=JSON signed?"), "{error}");
    }

    #[test]
    fn what_is_no_answer_is_named_for_what_it_is() {
        for (body, part) in [
            ("", "it is empty"),
            (" \r\n", "it is empty"),
            ("<!DOCTYPE html><html>", "it is a web page"),
            ("\n<HTML><body>no</body></HTML>", "it is a web page"),
            (
                "<html><Code>EntityNotExist.User</Code><RequestId>R</RequestId></html>",
                "it is a web page",
            ),
            ("<ListBucketResult/>", "it is XML of something else"),
            ("{}", "it is JSON of something else"),
            ("[]", "it is JSON of something else"),
            ("no healthy upstream", "it is neither JSON nor XML"),
        ] {
            for status in [200, 404, 502] {
                let error = error(status, body);
                assert!(error.message().contains(part), "{status} {body}: {error}");
                assert_eq!(error.code(), None);
            }
        }
    }

    #[test]
    fn an_empty_object_is_no_success() {
        assert_eq!(error(200, "{}").kind(), Kind::Unexpected);
        assert_eq!(error(200, "[]").kind(), Kind::Unexpected);
        assert!(check("DeleteUser", None, &answer(200, r#"{"RequestId":"R"}"#)).is_ok());
    }

    #[test]
    fn an_error_shape_of_odd_types_is_survived() {
        assert_eq!(error(400, r#"{"Code":5,"Message":[]}"#).kind(), Kind::Unexpected);
        assert_eq!(error(400, r#"{"Code":"a b\n","RequestId":"x y"}"#).code(), None);
    }
}
