//! What a request for credentials can choose, within what its role allows.

use crate::framework::{Error, Excerpt};
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::policy::PolicyDocument;

impl Role {
    /// The RAM role to assume, where a request asks for this one; blank means that it does not choose.
    ///
    /// # Errors
    /// There is nothing to choose from, several to choose from, or not this one.
    pub(in crate::secrets::alicloud) fn arn_for(&self, asked: &str) -> Result<String, Error> {
        let mut allowed = self.role_arns.iter().map(ToString::to_string);
        if asked.is_empty() {
            return match (self.arn.as_str(), allowed.next(), allowed.next()) {
                ("", Some(only), None) => Ok(only),
                ("", ..) => Err(Error::bad_request(
                    "role_arn is required, because the role has several role_arns: give one of them",
                )),
                (arn, ..) => Ok(arn.to_owned()),
            };
        }
        if self.arn == asked || allowed.any(|arn| arn == asked) {
            return Ok(asked.to_owned());
        }
        Err(Error::bad_request(format!(
            "role_arn {:?} is not among those that the role allows",
            Excerpt(asked)
        )))
    }

    /// The policy of a session, where a request gives this one.
    ///
    /// # Errors
    /// The role leaves no choice.
    pub(in crate::secrets::alicloud) fn session_policy_for(
        &self,
        asked: Option<PolicyDocument>,
    ) -> Result<Option<PolicyDocument>, Error> {
        match asked {
            None => Ok(self.session_policy.clone()),
            Some(_) if !self.allow_session_policy => Err(Error::bad_request(
                "session_policy cannot be given for this role: its allow_session_policy is false",
            )),
            asked => Ok(asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::secrets::alicloud::role::session_policy::session_policy;

    fn role(stored: Value) -> Role {
        serde_json::from_value(stored).unwrap()
    }

    fn arn(name: &str) -> String {
        format!("acs:ram::1234567890123456:role/{name}")
    }

    #[test]
    fn a_request_chooses_among_the_arns_of_the_role() {
        let one = role(json!({"role_arn": arn("a")}));
        let only = role(json!({"role_arns": [arn("a")]}));
        for role in [&one, &only] {
            for asked in ["", &arn("a")] {
                assert_eq!(role.arn_for(asked).unwrap(), arn("a"));
            }
            let refusal = role.arn_for(&arn("b")).unwrap_err();
            assert!(refusal.message().contains("is not among"), "{refusal}");
        }
        let two = role(json!({"role_arns": [arn("a"), arn("b")]}));
        assert_eq!(two.arn_for(&arn("b")).unwrap(), arn("b"));
        assert!(
            two.arn_for("")
                .unwrap_err()
                .message()
                .starts_with("role_arn is required")
        );
        assert!(two.arn_for(&arn("A")).is_err());
    }

    #[test]
    fn only_a_role_that_allows_it_takes_a_policy_from_a_request() {
        let document = |resource: &str| {
            let document = json!({"Version": "1", "Statement": [
                {"Effect": "Allow", "Action": "oss:*", "Resource": resource}]});
            session_policy(&Value::from(document.to_string())).unwrap()
        };
        let open = role(json!({"role_arn": arn("a"), "allow_session_policy": true}));
        assert_eq!(open.session_policy_for(None).unwrap(), None);
        assert_eq!(open.session_policy_for(document("x")).unwrap(), document("x"));
        let mut fixed = role(json!({"role_arn": arn("a")}));
        fixed.session_policy = document("y");
        assert_eq!(fixed.session_policy_for(None).unwrap(), document("y"));
        for role in [fixed, role(json!({"role_arn": arn("a")}))] {
            assert!(role.session_policy_for(document("x")).is_err());
        }
    }
}
