//! RAM users.

use serde::Deserialize;

use super::{List, Ram, of_user};
use crate::alicloud::wire::filled;
use crate::cloud::{Error, Parameters, Result};

/// A RAM user. It has no ARN of its own in the answers; it is `acs:ram::<account>:user/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// 1 to 64 of `[A-Za-z0-9._-]`.
    #[serde(rename = "UserName")]
    pub name: String,
    /// A string of digits, never reused.
    #[serde(rename = "UserId", default)]
    pub id: String,
    /// Up to 128 characters.
    #[serde(rename = "Comments", default)]
    pub comments: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "Users", default = "List::empty")]
    users: List<User>,
    #[serde(rename = "IsTruncated", default)]
    is_truncated: bool,
    #[serde(rename = "Marker", default, deserialize_with = "filled")]
    marker: Option<String>,
}

/// Users of a page, the most that the cloud gives.
const PAGE: &str = "1000";
/// An account has at most 5,000 users; an answer that goes on for ever is none.
const PAGES: usize = 50;

impl Ram {
    /// Makes a user. `comments` are at most 128 characters.
    ///
    /// # Errors
    /// [`Exists`](crate::cloud::Kind::Exists) for a taken name, and every other kind. A name can be taken only once, so
    /// the call is repeated also after a lost answer, and may find the user that it made itself: look with
    /// [`Self::get_user`] whether the comments are yours.
    pub async fn create_user(&self, name: &str, comments: Option<&str>) -> Result<User> {
        let parameters = of_user(name).with_some("Comments", comments);
        self.one("CreateUser", parameters).await
    }

    /// Looks a user up.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is none, and every other kind.
    pub async fn get_user(&self, name: &str) -> Result<User> {
        self.one("GetUser", of_user(name)).await
    }

    /// All users of the account, page by page.
    ///
    /// # Errors
    /// [`Unexpected`](crate::cloud::Kind::Unexpected) for pages without an end, and every other kind.
    pub async fn list_users(&self) -> Result<Vec<User>> {
        const OPERATION: &str = "ListUsers";
        let mut users = Vec::new();
        let mut marker = None;
        for _ in 0..PAGES {
            let parameters = Parameters::new()
                .with("MaxItems", PAGE)
                .with_some("Marker", marker.as_deref());
            let page: Page = self.repeatable(OPERATION, parameters).await?;
            users.extend(page.users.list);
            match page.marker.filter(|_| page.is_truncated) {
                Some(next) => marker = Some(next),
                None => return Ok(users),
            }
        }
        Err(Error::unexpected(OPERATION, "the list of users has no end"))
    }

    /// Deletes a user that has no keys, policies, groups, password and MFA device any more.
    ///
    /// # Errors
    /// [`Conflict`](crate::cloud::Kind::Conflict) with the [subject](crate::cloud::Error::subject) that is left,
    /// [`NotFound`](crate::cloud::Kind::NotFound), and every other kind.
    pub async fn delete_user(&self, name: &str) -> Result<()> {
        self.change("DeleteUser", of_user(name)).await
    }

    /// Takes a user's console password away.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no password or no user, and every other kind.
    pub async fn delete_login_profile(&self, user: &str) -> Result<()> {
        self.change("DeleteLoginProfile", of_user(user)).await
    }

    /// Takes a user's MFA device away.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no device or no user, and every other kind.
    pub async fn unbind_mfa_device(&self, user: &str) -> Result<()> {
        self.change("UnbindMFADevice", of_user(user)).await
    }
}
