//! Membership of users in groups.

use serde::Deserialize;

use super::{Ram, of_user};
use crate::alicloud::error::Result;
use crate::alicloud::parameters::Parameters;

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

fn membership(user: &str, group: &str) -> Parameters {
    of_user(user).with("GroupName", group)
}

impl Ram {
    /// The names of a user's groups.
    ///
    /// # Errors
    /// [`Gone`](crate::alicloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_groups_for_user(&self, user: &str) -> Result<Vec<String>> {
        let answer: GroupsAnswer = self.repeatable("ListGroupsForUser", of_user(user)).await?;
        Ok(answer.groups.list.into_iter().map(|group| group.name).collect())
    }

    /// Makes a user a member of a group.
    ///
    /// # Errors
    /// [`Exists`](crate::alicloud::Kind::Exists) for a member, [`Gone`](crate::alicloud::Kind::NotFound) for an unknown user
    /// or group, and every other kind.
    pub async fn add_user_to_group(&self, user: &str, group: &str) -> Result<()> {
        self.change("AddUserToGroup", membership(user, group)).await
    }

    /// Ends a membership.
    ///
    /// # Errors
    /// [`Gone`](crate::alicloud::Kind::NotFound) if there is none, or user or group do not exist; every other kind.
    pub async fn remove_user_from_group(&self, user: &str, group: &str) -> Result<()> {
        self.change("RemoveUserFromGroup", membership(user, group)).await
    }
}
