//! Reads answers: JSON of a success, or the cloud's error shape.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::codes;
use super::credentials::Credentials;
use super::error::{Error, Kind, Result};
use super::redact;
use super::transport::Answer;

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

/// The answer of an operation that gives nothing but a request id.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Turns an answer into what the operation gives, or into an error.
///
/// Without credentials the cloud's message is not shown at all: it may quote the secrets of a request that somebody
/// else signed, or of one that carries an identity token instead of a signature.
pub(super) fn interpret<T: DeserializeOwned>(
    operation: &'static str,
    credentials: Option<&Credentials>,
    answer: &Answer,
) -> Result<T> {
    // The texts of serde_json quote the document, which may hold a key: they are dropped.
    let envelope = serde_json::from_slice::<Envelope>(&answer.body).ok();
    let identifier = |text: &str| redact::identifier(text, credentials);
    let request_id = envelope
        .as_ref()
        .and_then(|envelope| envelope.request_id.as_deref().and_then(identifier))
        .or_else(|| answer.request_id.as_deref().and_then(identifier));
    let located = |error: Error| {
        error
            .with_request_id(request_id.clone())
            .with_status(answer.status)
            .with_retry_after(answer.retry_after)
    };
    if answer.status == 200 {
        // A success of the service has a request id; a page of something on the way does not.
        if envelope.is_none_or(|envelope| envelope.request_id.is_none()) {
            return Err(located(Error::unexpected(
                operation,
                "the answer is not one of this service",
            )));
        }
        return serde_json::from_slice(&answer.body).map_err(|_| {
            located(Error::unexpected(
                operation,
                "the answer lacks what this operation must give",
            ))
        });
    }
    let code = envelope
        .as_ref()
        .and_then(|envelope| envelope.code.as_deref())
        .and_then(identifier);
    let meaning = match &code {
        Some(code) => codes::meaning(code, answer.status),
        None => codes::meaning_without_code(answer.status),
    };
    let message = match (meaning.text, envelope.and_then(|envelope| envelope.message)) {
        (Some(text), _) => text.to_owned(),
        (None, message) if credentials.is_some() => {
            redact::message(message.as_deref().unwrap_or_default(), credentials)
        }
        (None, _) => "refused".to_owned(),
    };
    let message = if code.is_none() && meaning.kind != Kind::Connect {
        format!("{message} (http status {})", answer.status)
    } else {
        message
    };
    let error =
        located(Error::new(meaning.kind, operation, message)).with_outcome_unknown(meaning.outcome_unknown);
    Err(match code {
        Some(code) => error.with_code(code),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        Answer {
            status,
            request_id: Some("FROM-HEADER".into()),
            retry_after: None,
            body,
        }
    }

    fn error(status: u16, body: &str) -> Error {
        let credentials = Credentials::new("id", "the-secret");
        interpret::<Nothing>("DeleteUser", Some(&credentials), &answer(status, body))
            .err()
            .unwrap()
    }

    #[test]
    fn the_code_decides_and_the_message_is_cleaned() {
        let error = error(
            404,
            r#"{"RequestId":"R-1","Code":"EntityNotExist.User","Message":"no\nthe-secret"}"#,
        );
        assert_eq!(
            (error.kind(), error.request_id(), error.http_status()),
            (Kind::NotFound, Some("R-1"), Some(404))
        );
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
        assert!(interpret::<Nothing>("DeleteUser", None, &answer(200, r#"{"RequestId":"R"}"#)).is_ok());
    }

    #[test]
    fn an_error_shape_of_odd_types_is_survived() {
        assert_eq!(error(400, r#"{"Code":5,"Message":[]}"#).kind(), Kind::Unexpected);
        assert_eq!(error(400, r#"{"Code":"a b\n","RequestId":"x y"}"#).code(), None);
    }
}
