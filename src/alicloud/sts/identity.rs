//! GetCallerIdentity, for ourselves and for a request that somebody else signed.

use std::fmt;

use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Sts;
use crate::alicloud::answer::{check, read};
use crate::alicloud::arn::{AccountId, Arn, Identity};
use crate::alicloud::wire::filled;
use crate::cloud::{Answer, Client, Endpoint, Error, Method, Parameters, Request, Result};

const OPERATION: &str = "GetCallerIdentity";

/// Whose credentials signed a call. Account and ARN were checked against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account_id: AccountId,
    /// The identity. A role session is spelt `assumed-role/…`.
    pub arn: Arn,
    /// `Account`, `RAMUser` or `AssumedRoleUser`. Decide on the ARN instead.
    pub identity_type: String,
    /// The account id, the user id, or `<RoleId>:<session>`. Where the answer has none, as in samples of 2016, it is made
    /// of the others, as far as that can be done.
    pub principal_id: Option<String>,
    /// Of accounts and users.
    pub user_id: Option<String>,
    /// Of role sessions; stable, and different when a role is deleted and made again under the same name.
    pub role_id: Option<String>,
    /// The id of the request at the cloud.
    pub request_id: String,
}

/// A GetCallerIdentity request that somebody else signed, rebuilt from checked parts: host, query, and only those
/// headers that are to be sent on. It is a credential, so `Debug` shows only where it goes.
pub struct Presigned {
    /// Where it goes: chosen by us, never by whoever signed it.
    pub endpoint: Endpoint,
    /// The signed method.
    pub method: Method,
    /// All of V1's parameters, decoded; none in V3.
    pub query: Parameters,
    /// V3's signed headers and `Authorization`; nothing in V1. `Host` and the framing headers are dropped, for the
    /// first is always the endpoint's, and a forged one would reach another service.
    pub headers: HeaderMap,
}

impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presigned")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct IdentityAnswer {
    #[serde(rename = "AccountId", default)]
    account_id: String,
    #[serde(rename = "Arn", default)]
    arn: String,
    #[serde(rename = "IdentityType", default)]
    identity_type: String,
    #[serde(rename = "PrincipalId", default, deserialize_with = "filled")]
    principal_id: Option<String>,
    #[serde(rename = "UserId", default, deserialize_with = "filled")]
    user_id: Option<String>,
    #[serde(rename = "RoleId", default, deserialize_with = "filled")]
    role_id: Option<String>,
    #[serde(rename = "RequestId", default)]
    request_id: String,
}

impl IdentityAnswer {
    fn identity(self) -> Result<CallerIdentity> {
        let arn = Arn::parse(&self.arn).map_err(|error| {
            Error::unexpected(OPERATION, format!("the answer's arn is not understood: {error}"))
        })?;
        if arn.account().as_str() != self.account_id {
            return Err(Error::unexpected(
                OPERATION,
                "the answer's arn is of another account than its account id",
            ));
        }
        let made = || match (arn.identity(), &self.user_id, &self.role_id) {
            (Identity::Root, ..) => Some(self.account_id.clone()),
            (Identity::User(_), Some(user_id), _) => Some(user_id.clone()),
            (Identity::AssumedRole { session, .. }, _, Some(role_id)) => Some(format!("{role_id}:{session}")),
            _ => None,
        };
        let principal_id = self.principal_id.clone().or_else(made);
        Ok(CallerIdentity {
            account_id: arn.account().clone(),
            arn,
            identity_type: self.identity_type,
            principal_id,
            user_id: self.user_id,
            role_id: self.role_id,
            request_id: self.request_id,
        })
    }
}

impl Sts {
    /// Whose credentials these are. Needs no permission, and so tells whether a key works at all.
    ///
    /// # Errors
    /// [`Credentials`](crate::cloud::Kind::Credentials) if they are not accepted,
    /// [`Unexpected`](crate::cloud::Kind::Unexpected) for an answer that contradicts itself, and every other kind.
    pub async fn get_caller_identity(&self) -> Result<CallerIdentity> {
        self.call::<IdentityAnswer>(OPERATION, Parameters::new())
            .await?
            .identity()
    }
}

/// Sends a request that somebody else signed, once. The answer is read up to 64 KiB.
///
/// The caller has checked that it is a GetCallerIdentity request. The cloud's message is never shown, for it may quote
/// the signer's token.
///
/// # Errors
/// [`Credentials`](crate::cloud::Kind::Credentials) or [`Clock`](crate::cloud::Kind::Clock) if STS refuses the signature,
/// [`Interrupted`](crate::cloud::Kind::Interrupted) if it was used before,
/// [`Unexpected`](crate::cloud::Kind::Unexpected) for an answer that contradicts itself, and every other kind.
pub async fn send_presigned(client: &Client, presigned: Presigned) -> Result<CallerIdentity> {
    let Presigned {
        endpoint,
        method,
        query,
        mut headers,
    } = presigned;
    for dropped in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
        headers.remove(dropped);
    }
    let request = Request {
        method,
        endpoint,
        query: query.encoded(),
        headers,
        body: Zeroizing::default(),
        answer_limit: 64 * 1024,
    };
    let answer = client.forward(OPERATION, request).await?;
    identity(&answer).map_err(|error| error.with_clock_of(&answer, client.clock().now()))
}

fn identity(answer: &Answer) -> Result<CallerIdentity> {
    check(OPERATION, None, answer)?;
    read::<IdentityAnswer>(OPERATION, answer)?.identity()
}

/// Reads an answer to a request that somebody else signed, for `tests/fuzz`.
///
/// # Errors
/// As [`send_presigned`].
#[cfg(fuzzing)]
pub fn read_identity(status: u16, body: &[u8]) -> Result<CallerIdentity> {
    identity(&Answer {
        status,
        headers: HeaderMap::new(),
        body: Zeroizing::new(body.to_vec()),
    })
}
