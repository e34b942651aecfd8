//! Membership of users in groups.

use serde::Deserialize;

use super::{Ram, of_user};
use crate::cloud::Result;

#[derive(Deserialize)]
struct GroupsAnswer {
    #[serde(rename = "Groups", default)]
    groups: Groups,
}

#[derive(Default, Deserialize)]
struct Groups {
    #[serde(rename = "Group", default)]
    list: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "GroupName")]
    name: String,
}

impl Ram {
    /// The names of a user's groups.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_groups_for_user(&self, user: &str) -> Result<Vec<String>> {
        let answer: GroupsAnswer = self.repeatable("ListGroupsForUser", of_user(user)).await?;
        Ok(answer.groups.list.into_iter().map(|group| group.name).collect())
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
