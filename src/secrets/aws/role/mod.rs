//! Roles: each is the text of an IAM policy, and is stored as that text.

pub(super) mod path;
pub(super) mod policy;

use crate::framework::{Context, Error, Excerpt};

/// Where roles are stored, by Vault too. Those of its present AWS engine are elsewhere, at `role/`, and are not touched.
const STORAGE_PREFIX: &str = "policy/";

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    /// The policy, as it was written but for white space.
    pub(super) policy: String,
}

impl Role {
    pub(super) async fn load(context: &Context, name: &str) -> Result<Option<Self>, Error> {
        let Some(stored) = context.storage.get(&storage_key(name)).await? else {
            return Ok(None);
        };
        let policy = String::from_utf8(stored)
            .map_err(|_| Error::internal(format!("the stored role {:?} is no text", Excerpt(name))))?;
        Ok(Some(Self { policy }))
    }

    /// The policy for a user that is made for this role.
    ///
    /// # Errors
    /// The role names a policy of AWS in place of having one, as those of later versions of Vault's engine could.
    pub(super) fn document(&self) -> Result<&str, Error> {
        match self.policy.trim_start().starts_with("arn:") {
            true => Err(Error::bad_request(format!(
                "the role names the managed policy {}, which this engine does not attach: write the role with a policy \
                 document",
                Excerpt(self.policy.trim())
            ))),
            false => Ok(&self.policy),
        }
    }
}

fn storage_key(name: &str) -> String {
    format!("{STORAGE_PREFIX}{name}")
}
