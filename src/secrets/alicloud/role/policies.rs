//! The two kinds of policies of a role, as they are stored.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::alicloud::ram::{PolicyKind, PolicyRef};
use crate::secrets::alicloud::role::policy::PolicyDocument;

/// A policy that exists in RAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::secrets::alicloud) struct RemotePolicy {
    pub(in crate::secrets::alicloud) name: String,
    /// `System` or `Custom`; stored unchecked by upstream.
    #[serde(rename = "type")]
    pub(in crate::secrets::alicloud) kind: String,
}

/// A policy that is made for each user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::secrets::alicloud) struct InlinePolicy {
    /// An id that upstream calls a hash; the names of the policies in leases are made from it.
    #[serde(rename = "hash")]
    pub(in crate::secrets::alicloud) id: String,
    #[serde(rename = "policy_document")]
    pub(in crate::secrets::alicloud) document: PolicyDocument,
}

impl RemotePolicy {
    /// What a read and a lease show.
    pub(in crate::secrets::alicloud) fn shown(&self) -> Value {
        json!({"name": self.name, "type": self.kind})
    }

    /// As RAM calls take it. A type that RAM does not have is taken for a custom policy, which RAM then refuses.
    pub(in crate::secrets::alicloud) fn to_ref(&self) -> PolicyRef {
        PolicyRef {
            name: self.name.clone(),
            kind: self.kind.parse().unwrap_or(PolicyKind::Custom),
        }
    }

    pub(in crate::secrets::alicloud) fn is_system(&self) -> bool {
        self.kind.parse() == Ok(PolicyKind::System)
    }
}

impl From<&PolicyRef> for RemotePolicy {
    fn from(policy: &PolicyRef) -> Self {
        Self {
            name: policy.name.clone(),
            kind: policy.kind.to_string(),
        }
    }
}

impl InlinePolicy {
    /// What a read shows.
    pub(super) fn shown(&self) -> Value {
        json!({"hash": self.id, "policy_document": self.document.to_value()})
    }
}
