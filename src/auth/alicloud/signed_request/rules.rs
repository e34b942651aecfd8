//! What one mount accepts, and the limits of every request.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::official_host::OfficialHost;
use crate::cloud::Endpoint;

/// The most that a field may hold once it is decoded, in bytes. A security token takes up one to four thousand.
pub(super) const FIELD_LIMIT: usize = 16 * 1024;

/// The most parameters, and the most headers. Real requests have fewer than twenty.
pub(super) const COUNT_LIMIT: usize = 64;

/// The query parameter that binds a request to one server. Its name is ours; STS signs what it does not know.
pub(super) const SERVER_ID: &str = "VaultServerId";

/// What this mount accepts, and when.
#[derive(Debug, Clone, Copy)]
pub(in crate::auth::alicloud) struct Rules<'a> {
    /// Hosts of STS that the operator added to the compiled-in list.
    pub extra_hosts: &'a BTreeSet<Endpoint>,
    /// If it is not empty, those hosts of the compiled-in list that are accepted.
    pub allowed_hosts: &'a BTreeSet<OfficialHost>,
    /// Whether the VPC hosts of the list are accepted too.
    pub allow_vpc_endpoints: bool,
    /// What the parameter `VaultServerId` must be. Without it no request may have the parameter: it was signed for
    /// another server.
    pub server_id: Option<&'a str>,
    /// The time that the signature's date is compared with.
    pub now: OffsetDateTime,
}
