//! Reads answers: XML of a success, or one of the shapes in which AWS and what stands before it write errors.

use http::HeaderMap;
use serde_json::Value;

use crate::aws::codes;
use crate::cloud::clock::date_of;
use crate::cloud::credentials::Credentials;
use crate::cloud::xml::Element;
use crate::cloud::{Answer, Error, Kind, Result, redact};

/// What an error says of itself, as far as it does.
#[derive(Default)]
struct Said {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
}

/// Whether an answer is a success, or which error it is. AWS's message is shown only where it cannot quote secrets of the
/// request.
pub(super) fn check(
    operation: &'static str,
    credentials: Option<&Credentials>,
    answer: &Answer,
) -> Result<()> {
    if answer.status == 200 && result(operation, answer).is_some() {
        return Ok(());
    }
    let said = Said::by(answer);
    let identifier = |text: &String| redact::identifier(text, credentials);
    let request_id = said.request_id.as_ref().and_then(identifier);
    let Some(code) = said.code.as_ref().and_then(identifier) else {
        let meaning = codes::meaning_without_code(answer.status);
        let message = format!(
            "{} (http status {})",
            meaning.text.unwrap_or_default(),
            answer.status
        );
        return Err(Error::new(meaning.kind, operation, message)
            .with_outcome_unknown(meaning.outcome_unknown)
            .with_request_id(request_id));
    };
    let shown = redact::message(said.message.as_deref().unwrap_or_default(), credentials);
    let meaning = codes::meaning(&code, &shown, answer.status);
    let message = match meaning.text {
        Some(text) => text.to_owned(),
        None if credentials.is_some() => shown,
        None => "refused".to_owned(),
    };
    let server_time = date_of(&answer.headers).filter(|_| meaning.kind == Kind::Clock);
    Err(Error::new(meaning.kind, operation, message)
        .with_outcome_unknown(meaning.outcome_unknown)
        .with_server_time(server_time)
        .with_request_id(request_id)
        .with_code(code))
}

/// What an operation gives, out of an answer that was checked: its result element, or for operations that give nothing an
/// element without anything in it.
pub(super) fn read(operation: &'static str, answer: &Answer) -> Result<Element> {
    result(operation, answer)
        .ok_or_else(|| Error::unexpected(operation, "the answer lacks what this operation must give"))
}

fn result(operation: &str, answer: &Answer) -> Option<Element> {
    let root = Element::parse(&answer.body)?;
    let is_answer = root.name().strip_suffix("Response") == Some(operation);
    is_answer.then(|| root.into_child(&format!("{operation}Result")).unwrap_or_default())
}

impl Said {
    /// `ErrorResponse`, `Response`, or a bare `Error`; the JSON of newer protocols and of gateways.
    fn by(answer: &Answer) -> Self {
        let mut said = match Element::parse(&answer.body) {
            Some(root) => Self::in_xml(&root),
            None => Self::in_json(answer).unwrap_or_default(),
        };
        let header = |name: &str| header(&answer.headers, name);
        said.code = said
            .code
            .or_else(|| header("x-amzn-errortype"))
            .map(without_shape);
        said.request_id = said
            .request_id
            .or_else(|| header("x-amzn-requestid"))
            .or_else(|| header("x-amz-request-id"));
        said
    }

    fn in_xml(root: &Element) -> Self {
        let find = |names: &[&str]| root.find(names).map(str::to_owned);
        Self {
            code: find(&["Code"]),
            message: find(&["Message", "message"]),
            request_id: find(&["RequestId", "RequestID"]),
        }
    }

    fn in_json(answer: &Answer) -> Option<Self> {
        let root: Value = serde_json::from_slice(&answer.body).ok()?;
        let error = root.get("Error").unwrap_or(&root);
        let text = |from: &Value, names: &[&str]| {
            let found = names.iter().find_map(|name| from.get(*name));
            found.and_then(Value::as_str).map(str::to_owned)
        };
        Some(Self {
            code: text(error, &["__type", "code", "Code"]),
            message: text(error, &["message", "Message"]),
            request_id: text(&root, &["RequestId", "requestId"]),
        })
    }
}

/// `com.amazonaws.iam#NoSuchEntity` and `NoSuchEntity:http://…` name the same code as `NoSuchEntity`.
fn without_shape(code: String) -> String {
    let code = code.rsplit('#').next().unwrap_or_default();
    code.split(':').next().unwrap_or_default().to_owned()
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
