//! Membership of users in groups.

use super::{Ram, of_user};
use crate::cloud::Result;

impl Ram {
    /// The names of a user's groups.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_groups_for_user(&self, user: &str) -> Result<Vec<String>> {
        self.names("ListGroupsForUser", of_user(user)).await
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
