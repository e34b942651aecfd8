//! The groups that a user is in.

use super::{Iam, of_user};
use crate::cloud::Result;

impl Iam {
    /// The names of the user's groups.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_groups_for_user(&self, user: &str) -> Result<Vec<String>> {
        self.list_of_user("ListGroupsForUser", user, "Groups", |group| {
            group.text_of("GroupName")
        })
        .await
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such group or user, or the user is not in it, and every
    /// other kind.
    pub async fn remove_user_from_group(&self, user: &str, group: &str) -> Result<()> {
        let parameters = of_user(user).with("GroupName", group);
        self.change("RemoveUserFromGroup", parameters).await
    }
}
