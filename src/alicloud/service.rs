//! RPC services of Alibaba Cloud: signature, answers, and how often each operation may be called.

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::alicloud::answer;
use crate::alicloud::sign::{EMPTY_BODY_SHA256, RequestV3, add_common};
use crate::cloud::credentials::Credentials;
use crate::cloud::random::nonce;
use crate::cloud::{
    ANSWER_LIMIT, Answer, Api, Call, Endpoint, Error, Idempotency, Kind, Method, Parameters, Request, Result,
    Service, header_value, timestamp,
};

const ACTION: &str = "x-acs-action";
const CONTENT_SHA256: &str = "x-acs-content-sha256";
const DATE: &str = "x-acs-date";
const TOKEN: &str = "x-acs-security-token";
const NONCE: &str = "x-acs-signature-nonce";
const VERSION: &str = "x-acs-version";

/// One RPC service, by the version of its API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rpc {
    pub(super) version: &'static str,
}

impl Rpc {
    /// Signature V3, which every host of RAM, STS and IMS accepts. The operation's parameters are in the query, where
    /// the API's metadata has them and the official SDKs send them: whether each operation takes a V3 form is not documented.
    /// None of them is secret; the security token is in a header.
    fn signed(
        self,
        call: &Call,
        endpoint: &Endpoint,
        credentials: &Credentials,
        now: OffsetDateTime,
        nonce: String,
    ) -> Result<Request> {
        let (host, date, query) = (endpoint.to_string(), timestamp(now), call.parameters.encoded());
        let token = credentials.security_token.as_ref();
        let mut signed = Vec::with_capacity(7);
        signed.extend([
            ("host", host.as_str()),
            (ACTION, call.operation),
            (CONTENT_SHA256, EMPTY_BODY_SHA256),
            (DATE, date.as_str()),
        ]);
        signed.extend(token.map(|token| (TOKEN, token.expose_secret())));
        signed.extend([(NONCE, nonce.as_str()), (VERSION, self.version)]);
        let request = RequestV3 {
            method: Method::Post,
            query: &query,
            headers: &signed,
            body_sha256: EMPTY_BODY_SHA256,
        };
        let authorization = request.authorization(&credentials.access_key_id, &credentials.access_key_secret);

        let mut headers = accepting_json();
        headers.insert(AUTHORIZATION, header_value(call, authorization)?);
        headers.insert(
            HeaderName::from_static(ACTION),
            HeaderValue::from_static(call.operation),
        );
        headers.insert(
            HeaderName::from_static(CONTENT_SHA256),
            HeaderValue::from_static(EMPTY_BODY_SHA256),
        );
        headers.insert(HeaderName::from_static(DATE), header_value(call, date)?);
        if let Some(token) = token {
            headers.insert(
                HeaderName::from_static(TOKEN),
                header_value(call, token.expose_secret())?,
            );
        }
        headers.insert(HeaderName::from_static(NONCE), header_value(call, nonce)?);
        headers.insert(
            HeaderName::from_static(VERSION),
            HeaderValue::from_static(self.version),
        );
        Ok(post(endpoint, headers, query, Zeroizing::default()))
    }

    /// Without a signature, as the SDKs send it: the identity token that takes its place is in the form, and in no URL.
    fn anonymous(self, call: &Call, endpoint: &Endpoint, now: OffsetDateTime, nonce: String) -> Request {
        let mut parameters = call.parameters.clone();
        add_common(&mut parameters, call.operation, self.version, now, nonce);
        let mut form = parameters.encoded();
        let body = Zeroizing::new(std::mem::take(&mut *form).into_bytes());
        let mut headers = accepting_json();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        post(endpoint, headers, Zeroizing::default(), body)
    }
}

/// Makes one call of a service, and reads what it answers with.
///
/// # Errors
/// Those of [`Api::call`], and an answer that cannot be read.
pub(super) async fn ask<T: DeserializeOwned>(
    api: &Api,
    operation: &'static str,
    idempotency: Idempotency,
    parameters: Parameters,
) -> Result<T> {
    let call = Call {
        operation,
        idempotency,
        parameters,
    };
    answer::read(operation, &api.call(&call).await?)
}

fn accepting_json() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

fn post(
    endpoint: &Endpoint,
    headers: HeaderMap,
    query: Zeroizing<String>,
    body: Zeroizing<Vec<u8>>,
) -> Request {
    Request {
        method: Method::Post,
        endpoint: endpoint.clone(),
        query,
        headers,
        body,
        answer_limit: ANSWER_LIMIT,
    }
}

impl Service for Rpc {
    fn sign(
        &self,
        call: &Call,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        now: OffsetDateTime,
    ) -> Result<Request> {
        let nonce = nonce().map_err(|error| {
            let text = format!("no random bytes for a nonce: {error}");
            Error::new(Kind::Unexpected, call.operation, text)
        })?;
        match credentials {
            Some(credentials) => self.signed(call, endpoint, credentials, now, nonce),
            None => Ok(self.anonymous(call, endpoint, now, nonce)),
        }
    }

    fn interpret(
        &self,
        operation: &'static str,
        credentials: Option<&Credentials>,
        answer: &Answer,
    ) -> Result<()> {
        answer::check(operation, credentials, answer)
    }

    /// By the documents of RAM and STS. Detaching, tagging and network policies are not in them; they are taken for as slow as
    /// attaching.
    fn rate(&self, operation: &str) -> u32 {
        match operation {
            "AttachPolicyToUser"
            | "DetachPolicyFromUser"
            | "AddUserToGroup"
            | "RemoveUserFromGroup"
            | "TagResources"
            | "SetAccessKeyPolicy" => 10,
            _ if ["Get", "List", "AssumeRole"]
                .iter()
                .any(|reading| operation.starts_with(reading)) =>
            {
                100
            }
            _ => 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_rate() {
        for (operation, rate) in [
            ("AttachPolicyToUser", 10),
            ("DetachPolicyFromUser", 10),
            ("TagResources", 10),
            ("CreateUser", 20),
            ("DeleteAccessKey", 20),
            ("ListAccessKeys", 100),
            ("GetCallerIdentity", 100),
            ("AssumeRoleWithOIDC", 100),
        ] {
            assert_eq!(Rpc { version: "" }.rate(operation), rate, "{operation}");
        }
    }
}
