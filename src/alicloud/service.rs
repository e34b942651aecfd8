//! RPC services of Alibaba Cloud: signature, answers, and how often each operation may be called.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::alicloud::answer;
use crate::alicloud::sign::{add_common, add_signature_v1};
use crate::cloud::credentials::Credentials;
use crate::cloud::random::nonce;
use crate::cloud::{ANSWER_LIMIT, Answer, Call, Endpoint, Error, Kind, Method, Request, Result, Service};

/// One RPC service, by the version of its API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rpc {
    pub(super) version: &'static str,
}

impl Service for Rpc {
    /// Signature V1 with all parameters in the form body, so that no token or policy is in a URL.
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
        let mut parameters = call.parameters.clone();
        add_common(&mut parameters, call.operation, self.version, now, nonce);
        if let Some(credentials) = credentials {
            add_signature_v1(&mut parameters, Method::Post, credentials);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let mut form = parameters.encoded();
        Ok(Request {
            method: Method::Post,
            endpoint: endpoint.clone(),
            query: Zeroizing::default(),
            headers,
            body: Zeroizing::new(std::mem::take(&mut *form).into_bytes()),
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

    /// By the documents of RAM and STS. Detaching and tagging are not in them; they are taken for as slow as attaching.
    fn rate(&self, operation: &str) -> u32 {
        match operation {
            "AttachPolicyToUser"
            | "DetachPolicyFromUser"
            | "AddUserToGroup"
            | "RemoveUserFromGroup"
            | "TagResources" => 10,
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
