//! RAM roles, as far as a session's length depends on them.

use serde::Deserialize;

use super::Ram;
use crate::cloud::{Parameters, Result};

/// A RAM role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// 1 to 64 of `[A-Za-z0-9.-]`.
    #[serde(rename = "RoleName")]
    pub name: String,
    /// A string of digits, never reused.
    #[serde(rename = "RoleId", default)]
    pub id: String,
    /// As the cloud spells it; letter case may differ from the name.
    #[serde(rename = "Arn", default)]
    pub arn: String,
    /// Longest session in seconds, 3,600 to 43,200, if the answer says so.
    #[serde(rename = "MaxSessionDuration")]
    pub max_session_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct RoleAnswer {
    #[serde(rename = "Role")]
    role: Role,
}

impl Ram {
    /// Looks a role up.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is none, and every other kind.
    pub async fn get_role(&self, name: &str) -> Result<Role> {
        let parameters = Parameters::new().with("RoleName", name);
        self.repeatable::<RoleAnswer>("GetRole", parameters)
            .await
            .map(|answer| answer.role)
    }
}
