//! Reads answers: JSON of a success, or the cloud's error shape.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::alicloud::codes;
use crate::cloud::credentials::Credentials;
use crate::cloud::{Answer, Error, Kind, Result, redact};

/// Every JSON object of the service has this, success or not.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "RequestId")]
    request_id: Option<String>,
    #[serde(rename = "Code")]
    code: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

impl Envelope {
    /// The texts of `serde_json` quote the document, which may hold a key: they are dropped.
    fn of(answer: &Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
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
        return match envelope {
            Some(envelope) if envelope.request_id.is_some() => Ok(()),
            envelope => Err(located(
                Error::unexpected(operation, "the answer is not one of this service"),
                credentials,
                answer,
                envelope.as_ref(),
            )),
        };
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
    let message = match meaning.text {
        Some(text) => text.to_owned(),
        None if credentials.is_some() => redact::message(message.unwrap_or_default(), credentials),
        None => "refused".to_owned(),
    };
    let message = if code.is_none() && meaning.kind != Kind::Connect {
        format!("{message} (http status {})", answer.status)
    } else {
        message
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
