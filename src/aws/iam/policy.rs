//! Policies that are a part of a user, and go with it.

use super::{Iam, of_user};
use crate::cloud::Result;

impl Iam {
    /// Gives a user a policy of this name, in place of one of the same name.
    ///
    /// # Errors
    /// [`Invalid`](crate::cloud::Kind::Invalid) for a document that IAM does not take,
    /// [`LimitExceeded`](crate::cloud::Kind::LimitExceeded) for one that is too long,
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn put_user_policy(&self, user: &str, policy: &str, document: &str) -> Result<()> {
        let parameters = of_user(user)
            .with("PolicyName", policy)
            .with("PolicyDocument", document);
        self.change("PutUserPolicy", parameters).await
    }

    /// The names of the policies that are a part of the user.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_user_policies(&self, user: &str) -> Result<Vec<String>> {
        self.list_of_user("ListUserPolicies", user, "PolicyNames", |name| Some(name.text()))
            .await
    }

    /// Takes a policy from a user.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such policy or user, and every other kind.
    pub async fn delete_user_policy(&self, user: &str, policy: &str) -> Result<()> {
        let parameters = of_user(user).with("PolicyName", policy);
        self.change("DeleteUserPolicy", parameters).await
    }
}
