//! Users.

use super::{Iam, of_user};
use crate::aws::account_of;
use crate::cloud::Result;

/// A user that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// IAM's id of the user, which no renaming changes.
    pub id: Option<String>,
    /// The account that it was made in.
    pub account: Option<String>,
}

impl Iam {
    /// Makes a user, under a name that can be taken only once.
    ///
    /// # Errors
    /// [`Exists`](crate::cloud::Kind::Exists) if the name is taken. If the
    /// [outcome is unknown](crate::cloud::Error::outcome_unknown) as well, an earlier try of the same call made the user.
    /// And every other kind.
    pub async fn create_user(&self, name: &str) -> Result<User> {
        let made = self.repeatable("CreateUser", of_user(name)).await?;
        let user = made.child("User");
        let text = |name| user.and_then(|user| user.text_of(name));
        Ok(User {
            id: text("UserId").map(str::to_owned),
            account: text("Arn").and_then(account_of).map(str::to_owned),
        })
    }

    /// Deletes a user that has nothing any more.
    ///
    /// # Errors
    /// [`Conflict`](crate::cloud::Kind::Conflict) with IAM's word for what is left,
    /// [`NotFound`](crate::cloud::Kind::NotFound), and every other kind.
    pub async fn delete_user(&self, name: &str) -> Result<()> {
        self.change("DeleteUser", of_user(name)).await
    }
}
