//! Policies, their versions, and what they are attached to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{List, Named, Ram, of_user};
use crate::cloud::{Parameters, Result};

/// Who owns a policy. On the wire and in JSON it is `System` or `Custom`, in exactly that spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Made by the account.
    Custom,
    /// Made by Alibaba Cloud; cannot be changed.
    System,
}

impl PolicyKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Custom => "Custom",
            Self::System => "System",
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no kind of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a policy type is System or Custom")]
pub struct ParsePolicyKindError;

impl FromStr for PolicyKind {
    type Err = ParsePolicyKindError;

    /// Reads the word in any letter case: operators write it, and the cloud wants one spelling.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Custom, Self::System]
            .into_iter()
            .find(|kind| word.eq_ignore_ascii_case(kind.as_str()))
            .ok_or(ParsePolicyKindError)
    }
}

/// A policy by name and kind, which together name it in an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyRef {
    /// 1 to 128 of `[A-Za-z0-9-]`.
    #[serde(rename = "PolicyName")]
    pub name: String,
    /// Who owns it.
    #[serde(rename = "PolicyType")]
    pub kind: PolicyKind,
}

impl PolicyRef {
    /// A policy of the account.
    pub fn custom(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: PolicyKind::Custom,
        }
    }

    /// A policy of Alibaba Cloud.
    #[cfg(test)]
    pub fn system(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: PolicyKind::System,
        }
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with("PolicyName", self.name.as_str())
            .with("PolicyType", self.kind.as_str())
    }
}

/// One version of a policy; there are at most five.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PolicyVersion {
    /// `v1`, `v2`, …; never reused.
    #[serde(rename = "VersionId")]
    pub id: String,
    /// Whether it is the one in force, which cannot be deleted.
    #[serde(rename = "IsDefaultVersion", default)]
    pub is_default: bool,
}

#[derive(Deserialize)]
struct Entities {
    #[serde(rename = "Users", default = "List::empty")]
    users: List<Named>,
}

impl Ram {
    /// Makes a policy of the account. The document is at most 6,144 bytes of JSON, the description 1,024 characters.
    ///
    /// # Errors
    /// [`Exists`](crate::cloud::Kind::Exists) for a taken name, [`Invalid`](crate::cloud::Kind::Invalid) for a bad
    /// document, and every other kind. A name can be taken only once, so the call is repeated also after a lost answer,
    /// and may find the policy that it made itself.
    pub async fn create_policy(&self, name: &str, document: &str, description: &str) -> Result<()> {
        let parameters = Parameters::new()
            .with("PolicyName", name)
            .with("PolicyDocument", document)
            .with_some("Description", Some(description));
        self.change("CreatePolicy", parameters).await
    }

    /// Deletes a policy of the account, which must be detached from everything and have one version only.
    ///
    /// # Errors
    /// [`Conflict`](crate::cloud::Kind::Conflict) with the [subject](crate::cloud::Error::subject) that is left,
    /// [`NotFound`](crate::cloud::Kind::NotFound), and every other kind.
    pub async fn delete_policy(&self, name: &str) -> Result<()> {
        self.change("DeletePolicy", Parameters::new().with("PolicyName", name))
            .await
    }

    /// All versions of a policy of the account.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such policy, and every other kind.
    pub async fn list_policy_versions(&self, name: &str) -> Result<Vec<PolicyVersion>> {
        self.list("ListPolicyVersions", PolicyRef::custom(name).parameters())
            .await
    }

    /// Deletes a version that is not in force.
    ///
    /// # Errors
    /// [`Conflict`](crate::cloud::Kind::Conflict) for the version in force,
    /// [`NotFound`](crate::cloud::Kind::NotFound), and every other kind.
    pub async fn delete_policy_version(&self, name: &str, version_id: &str) -> Result<()> {
        let parameters = Parameters::new()
            .with("PolicyName", name)
            .with("VersionId", version_id);
        self.change("DeletePolicyVersion", parameters).await
    }

    /// Attaches a policy to a user.
    ///
    /// # Errors
    /// [`Exists`](crate::cloud::Kind::Exists) if it is attached already (also after a lost first try),
    /// [`NotFound`](crate::cloud::Kind::NotFound) for an unknown user or policy, and every other kind.
    pub async fn attach_policy_to_user(&self, user: &str, policy: &PolicyRef) -> Result<()> {
        self.change("AttachPolicyToUser", policy.parameters().with("UserName", user))
            .await
    }

    /// Detaches a policy from a user.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if it is not attached, or policy or user do not exist; every other kind.
    pub async fn detach_policy_from_user(&self, user: &str, policy: &PolicyRef) -> Result<()> {
        self.change("DetachPolicyFromUser", policy.parameters().with("UserName", user))
            .await
    }

    /// The policies attached to a user itself: not those of its groups, nor those inside resource groups.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_policies_for_user(&self, user: &str) -> Result<Vec<PolicyRef>> {
        self.list("ListPoliciesForUser", of_user(user)).await
    }

    /// The names of all users that a policy is attached to.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such policy, and every other kind.
    pub async fn list_users_with_policy(&self, policy: &PolicyRef) -> Result<Vec<String>> {
        let entities: Entities = self
            .repeatable("ListEntitiesForPolicy", policy.parameters())
            .await?;
        Ok(entities.users.names())
    }
}
