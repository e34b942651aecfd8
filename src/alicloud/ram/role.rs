//! RAM roles: their identity, how long a session of one can be, and their tags.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Ram;
use crate::alicloud::arn::same_name;
use crate::alicloud::wire::filled;
use crate::cloud::{Error, Parameters, Result};

/// A RAM role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// 1 to 64 of `[A-Za-z0-9.-]`, as it was spelled when the role was created.
    #[serde(rename = "RoleName", default)]
    pub name: String,
    /// A string of digits, never reused.
    #[serde(rename = "RoleId", default)]
    pub id: String,
    /// `acs:ram::<account>:role/<name>`.
    #[serde(rename = "Arn", default)]
    pub arn: String,
    /// The longest session of the role in seconds, 3,600 to 43,200, if the answer says so.
    #[serde(rename = "MaxSessionDuration")]
    pub max_session_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "TagResources", default)]
    tags: Vec<Tag>,
    #[serde(rename = "NextToken", default, deserialize_with = "filled")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "ResourceType", default)]
    kind: String,
    #[serde(rename = "ResourceName", default)]
    name: String,
    #[serde(rename = "TagKey")]
    key: String,
    /// Blank where there is none.
    #[serde(rename = "TagValue", default)]
    value: Option<String>,
}

/// The word for roles among the resources with tags.
const ROLE: &str = "role";
/// Tags of a page, the most that the cloud gives.
const PAGE: &str = "100";
/// A role has at most 20 tags; an answer that goes on for ever is none.
const PAGES: usize = 20;

impl Ram {
    /// Looks a role up.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is none, and every other kind.
    pub async fn get_role(&self, name: &str) -> Result<Role> {
        self.one("GetRole", Parameters::new().with("RoleName", name))
            .await
    }

    /// The longest session of a role in seconds, 3,600 to 43,200, if the answer says so.
    ///
    /// # Errors
    /// As [`Self::get_role`].
    pub async fn max_session_seconds(&self, role: &str) -> Result<Option<u32>> {
        Ok(self.get_role(role).await?.max_session_seconds)
    }

    /// The tags of a role, page by page. What an answer tells of other resources is left out.
    ///
    /// # Errors
    /// [`Unexpected`](crate::cloud::Kind::Unexpected) for pages without an end and for a key with two values, and every
    /// other kind.
    pub async fn list_role_tags(&self, role: &str) -> Result<BTreeMap<String, String>> {
        const OPERATION: &str = "ListTagResources";
        let mut tags = BTreeMap::new();
        let mut next = None;
        for _ in 0..PAGES {
            let parameters = Parameters::new()
                .with("ResourceType", ROLE)
                .with("ResourceNames", serde_json::json!([role]).to_string())
                .with("PageSize", PAGE)
                .with_some("NextToken", next.as_deref());
            let page: Page = self.repeatable(OPERATION, parameters).await?;
            for tag in page.tags {
                if tag.kind != ROLE || !same_name(&tag.name, role) {
                    continue;
                }
                let value = tag.value.unwrap_or_default();
                if tags.get(&tag.key).is_some_and(|other| *other != value) {
                    return Err(Error::unexpected(OPERATION, "a tag has two values"));
                }
                tags.insert(tag.key, value);
            }
            match page.next {
                Some(token) => next = Some(token),
                None => return Ok(tags),
            }
        }
        Err(Error::unexpected(OPERATION, "the list of tags has no end"))
    }
}
