//! Membership of users in groups.

use super::{Ram, of_user};
use crate::cloud::{Result, checked_text};

checked_text! {
    /// The name of a group: 1 to 64 letters, digits and hyphens.
    pub struct GroupName, |text| {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then_some(()).ok_or(ParseGroupError)
    } => ParseGroupError;
}

/// No name for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a group has 1 to 64 letters, digits and hyphens")]
pub struct ParseGroupError;

impl Ram {
    /// The names of a user's groups.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_groups_for_user(&self, user: &str) -> Result<Vec<String>> {
        self.names("ListGroupsForUser", of_user(user)).await
    }

    /// Makes a user a member of a group.
    ///
    /// # Errors
    /// [`Exists`](crate::cloud::Kind::Exists) if it is one, [`NotFound`](crate::cloud::Kind::NotFound) if user or group
    /// do not exist, [`LimitExceeded`](crate::cloud::Kind::LimitExceeded), and every other kind.
    pub async fn add_user_to_group(&self, user: &str, group: &str) -> Result<()> {
        let membership = of_user(user).with("GroupName", group);
        self.change("AddUserToGroup", membership).await
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is none, or user or group do not exist; every other kind.
    pub async fn remove_user_from_group(&self, user: &str, group: &str) -> Result<()> {
        let membership = of_user(user).with("GroupName", group);
        self.change("RemoveUserFromGroup", membership).await
    }
}
