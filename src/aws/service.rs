//! Services with the query protocol: a form with the parameters, signed by Signature Version 4, answered in XML.

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::aws::answer;
use crate::aws::sign::{Scope, Unsigned, amz_date, sign};
use crate::cloud::credentials::Credentials;
use crate::cloud::{ANSWER_LIMIT, Answer, Call, Endpoint, Method, Request, Result, Service, header_value};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// One service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    /// The version of its API.
    pub(super) version: &'static str,
    pub(super) scope: Scope,
}

impl Service for Query {
    fn sign(
        &self,
        call: &Call,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        now: OffsetDateTime,
    ) -> Result<Request> {
        let mut parameters = call.parameters.clone();
        parameters.set("Action", call.operation);
        parameters.set("Version", self.version);
        let mut form = parameters.encoded();
        let body = Zeroizing::new(std::mem::take(&mut *form).into_bytes());

        let (host, date) = (endpoint.to_string(), amz_date(now));
        let mut signed = vec![
            ("content-type", FORM),
            ("host", host.as_str()),
            ("x-amz-date", date.as_str()),
        ];
        let token = credentials.and_then(|credentials| credentials.security_token.as_ref());
        if let Some(token) = token {
            signed.push(("x-amz-security-token", token.expose_secret()));
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/xml"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        // The transport adds the host.
        for (name, value) in signed.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
            headers.insert(HeaderName::from_static(name), header_value(call, *value)?);
        }
        if let Some(credentials) = credentials {
            let request = Unsigned {
                method: Method::Post,
                headers: &signed,
                body: &body,
            };
            let signature = sign(&request, self.scope, credentials, now);
            headers.insert(AUTHORIZATION, header_value(call, signature.authorization)?);
        }
        Ok(Request {
            method: Method::Post,
            endpoint: endpoint.clone(),
            query: Zeroizing::default(),
            headers,
            body,
            answer_limit: ANSWER_LIMIT,
        })
    }

    fn interpret(
        &self,
        operation: &'static str,
        credentials: Option<&Credentials>,
        answer: &Answer,
    ) -> Result<()> {
        answer::check(operation, credentials, answer)
    }

    /// AWS documents no rates of IAM. Accounts were seen to bear about these; where one bears less, the rate limiter slows
    /// down by itself.
    fn rate(&self, operation: &str) -> u32 {
        if operation.starts_with("List") { 25 } else { 15 }
    }
}
