//! What the mount's own key must be allowed to do: the engine's operations as actions of RAM on resources.
//!
//! An action of two resources, such as an attachment, needs both to be allowed. So what is taken off a user can be wide,
//! for the user cannot be: its name begins as all names do that the engine makes.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::alicloud::Arn;
use crate::alicloud::arn::ParseArnError;
use crate::alicloud::ram::PolicyKind;
use crate::secrets::alicloud::config::RoleArn;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::policies::RemotePolicy;
use crate::secrets::lease::names::PREFIX;

/// To look at a user, and to remove it with whatever others hung on it.
const REMOVE_USER: [&str; 11] = [
    "ram:GetUser",
    "ram:DeleteUser",
    "ram:ListAccessKeys",
    "ram:DeleteAccessKey",
    "ram:DeleteLoginProfile",
    "ram:UnbindMFADevice",
    "ram:ListPoliciesForUser",
    "ram:ListGroupsForUser",
    "ram:ListServiceCredentials",
    "ram:UpdateServiceCredential",
    "ram:DeleteServiceCredential",
];

/// To take a user out of what it belongs to.
const RELEASE_USER: [&str; 2] = ["ram:DetachPolicyFromUser", "ram:RemoveUserFromGroup"];

/// To remove a policy, also one to which others added versions, or which they attached to another user of the engine.
const REMOVE_POLICY: [&str; 4] = [
    "ram:DeletePolicy",
    "ram:ListPolicyVersions",
    "ram:DeletePolicyVersion",
    "ram:ListEntitiesForPolicy",
];

/// To replace the key of a user.
const ROTATE_KEY: [&str; 4] = [
    "ram:CreateAccessKey",
    "ram:ListAccessKeys",
    "ram:UpdateAccessKey",
    "ram:DeleteAccessKey",
];

/// What a mount does with its key.
#[derive(Debug)]
pub(super) struct Needs {
    account: String,
    /// What the names of users begin with.
    prefixes: BTreeSet<String>,
    assumed: BTreeSet<String>,
    read: BTreeSet<String>,
    attached: BTreeSet<String>,
    groups: BTreeSet<String>,
    makes_users: bool,
    makes_access_keys: bool,
    makes_api_keys: bool,
    makes_policies: bool,
    tags_users: bool,
    restricts_keys: bool,
    removes_users: bool,
    rotated: Option<String>,
    /// Users of static roles.
    users: BTreeSet<String>,
}

/// A policy document of RAM.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy {
    version: &'static str,
    pub(super) statement: Vec<Statement>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    effect: &'static str,
    action: Vec<&'static str>,
    resource: Vec<String>,
}

impl Needs {
    /// Nothing yet. `account` is the id of the account whose users are made, or `*` where it is not known, and `prefix` what
    /// their names begin with.
    pub(super) fn new(account: &str, prefix: &str) -> Self {
        Self {
            account: account.to_owned(),
            prefixes: BTreeSet::from([prefix.to_owned()]),
            assumed: BTreeSet::new(),
            read: BTreeSet::new(),
            attached: BTreeSet::new(),
            groups: BTreeSet::new(),
            makes_users: false,
            makes_access_keys: false,
            makes_api_keys: false,
            makes_policies: false,
            tags_users: false,
            restricts_keys: false,
            removes_users: false,
            rotated: None,
            users: BTreeSet::new(),
        }
    }

    /// What a role needs, where `asks_for_maximum` says that its sessions may be longer than every RAM role allows.
    ///
    /// # Errors
    /// Its ARN is none of a role, which the Go plugin stored unchecked.
    pub(super) fn add_role(&mut self, role: &Role, asks_for_maximum: bool) -> Result<(), ParseArnError> {
        if role.assumes() {
            let written = (!role.arn.is_empty()).then(|| role.arn.parse::<Arn>());
            let listed = role.role_arns.iter().map(|RoleArn(arn)| Ok(arn.clone()));
            return written
                .into_iter()
                .chain(listed)
                .try_for_each(|arn| self.add_assumed(&arn?, asks_for_maximum));
        }
        let attached: Vec<_> = role
            .remote_policies()
            .iter()
            .map(|policy| self.policy_arn(policy))
            .collect();
        self.attached.extend(attached);
        let groups: Vec<_> = role
            .ram_groups
            .iter()
            .map(|group| self.arn(&format!("group/{group}")))
            .collect();
        self.groups.extend(groups);
        self.makes_users = true;
        self.makes_access_keys |= !role.has_api_keys();
        self.makes_api_keys |= role.has_api_keys();
        self.makes_policies |= !role.inline_policies().is_empty();
        self.tags_users |= !role.tags.is_empty();
        self.restricts_keys |= !role.allowed_ips.is_empty() || !role.allowed_vpcs.is_empty();
        Ok(())
    }

    fn add_assumed(&mut self, arn: &Arn, asks_for_maximum: bool) -> Result<(), ParseArnError> {
        let name = arn.role_name().ok_or(ParseArnError::Resource)?;
        let resource = format!("acs:ram:*:{}:role/{name}", arn.account());
        // RAM knows the roles of the caller's account only.
        if asks_for_maximum && arn.account().as_str() == self.account {
            self.read.insert(resource.clone());
        }
        self.assumed.insert(resource);
        Ok(())
    }

    /// There are leases of users whose names begin so. Their roles may be gone.
    pub(super) fn add_leases(&mut self, prefix: &str) {
        self.removes_users = true;
        self.prefixes.insert(prefix.to_owned());
    }

    /// A static role has this user.
    pub(super) fn add_static_role(&mut self, user: &str) {
        let user = self.arn(&format!("user/{user}"));
        self.users.insert(user);
    }

    /// The mount rotates its own key, which is this user's.
    pub(super) fn add_rotation(&mut self, user: &str) {
        self.rotated = Some(user.to_owned());
    }

    /// The smallest policy that allows it all.
    pub(super) fn policy(&self) -> Policy {
        let mut statement = Vec::new();
        // An empty list is none of RAM's, and means that nothing is needed.
        let mut allow = |action: Vec<&'static str>, resource: Vec<String>| {
            if !action.is_empty() && !resource.is_empty() {
                statement.push(Statement {
                    effect: "Allow",
                    action,
                    resource,
                });
            }
        };
        let of_names = |noun: &str, prefix: &str| self.arn(&format!("{noun}/{prefix}*"));
        let users: Vec<_> = self
            .prefixes
            .iter()
            .map(|prefix| of_names("user", prefix))
            .collect();
        // Whatever the template of user names: see `names::user`.
        let policies = vec![of_names("policy", PREFIX)];
        allow(vec!["sts:AssumeRole"], self.assumed.iter().cloned().collect());
        allow(vec!["ram:GetRole"], self.read.iter().cloned().collect());
        let mut of_users = Vec::new();
        let mut of_all_users = Vec::new();
        if self.makes_users {
            of_users.extend(self.makes_access_keys.then_some("ram:CreateAccessKey"));
            of_users.extend(self.makes_api_keys.then_some("ram:CreateServiceCredential"));
            // RAM's documents name all users and all policies as what a creation is on: no name may be enough.
            of_all_users.push("ram:CreateUser");
            if self.makes_policies {
                allow(vec!["ram:CreatePolicy"], vec![self.arn("policy/*")]);
            }
            if self.tags_users {
                of_users.push("ram:TagResources");
            }
            if self.restricts_keys {
                of_users.push("ram:SetAccessKeyPolicy");
            }
            let with_users = |others: Vec<String>| [users.clone(), others].concat();
            let made = policies.iter().filter(|_| self.makes_policies);
            let attached = made.chain(&self.attached).cloned().collect();
            allow(vec!["ram:AttachPolicyToUser"], with_users(attached));
            if !self.groups.is_empty() {
                let groups = self.groups.iter().cloned().collect();
                allow(vec!["ram:AddUserToGroup"], with_users(groups));
            }
        }
        if self.makes_users || self.removes_users {
            of_users.extend(REMOVE_USER);
            // For `orphans`, and for a user that gave itself another name.
            of_all_users.push("ram:ListUsers");
            let all = [
                self.arn("group/*"),
                self.arn("policy/*"),
                "acs:ram:*:system:policy/*".to_owned(),
            ];
            allow(RELEASE_USER.to_vec(), users.iter().cloned().chain(all).collect());
        }
        if self.makes_policies || self.removes_users {
            allow(REMOVE_POLICY.to_vec(), policies);
        }
        allow(of_users, users);
        allow(of_all_users, vec![self.arn("user/*")]);
        if let Some(user) = &self.rotated {
            allow(ROTATE_KEY.to_vec(), vec![self.arn(&format!("user/{user}"))]);
        }
        let of_static_users = ROTATE_KEY.into_iter().chain(["ram:GetUser"]).collect();
        allow(of_static_users, self.users.iter().cloned().collect());
        Policy {
            version: "1",
            statement,
        }
    }

    fn policy_arn(&self, policy: &RemotePolicy) -> String {
        let policy = policy.to_ref();
        match policy.kind {
            PolicyKind::System => format!("acs:ram:*:system:policy/{}", policy.name),
            PolicyKind::Custom => self.arn(&format!("policy/{}", policy.name)),
        }
    }

    fn arn(&self, resource: &str) -> String {
        format!("acs:ram:*:{}:{resource}", self.account)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ACCOUNT: &str = "1234567890123456";

    fn role(settings: Value) -> Role {
        serde_json::from_value(settings).unwrap()
    }

    fn of_role(settings: Value) -> Vec<Value> {
        let mut needs = Needs::new(ACCOUNT, "vault-");
        needs.add_role(&role(settings), false).unwrap();
        statements(&needs)
    }

    fn statements(needs: &Needs) -> Vec<Value> {
        let policy = serde_json::to_value(needs.policy()).unwrap();
        assert_eq!(policy["Version"], "1");
        policy["Statement"].as_array().unwrap().clone()
    }

    fn resources_of(action: &str, statements: &[Value]) -> Vec<String> {
        let names = |of: &Value| -> Vec<String> { serde_json::from_value(of.clone()).unwrap() };
        let with = statements
            .iter()
            .filter(|statement| names(&statement["Action"]).iter().any(|name| name == action));
        with.flat_map(|statement| names(&statement["Resource"])).collect()
    }

    #[test]
    fn a_role_to_assume_needs_that_and_nothing_else() {
        let arn = "acs:ram::1234567890123456:role/dev";
        assert_eq!(
            of_role(json!({"role_arn": arn})),
            [json!({"Effect": "Allow", "Action": ["sts:AssumeRole"],
                    "Resource": ["acs:ram:*:1234567890123456:role/dev"]})]
        );
    }

    #[test]
    fn the_maximum_of_a_role_is_asked_for_in_the_own_account_only() {
        let mut needs = Needs::new(ACCOUNT, "vault-");
        for (arn, longer) in [
            ("acs:ram::1234567890123456:role/short", false),
            ("acs:ram::1234567890123456:role/long", true),
            ("acs:ram::6543210987654321:role/far", true),
        ] {
            needs.add_role(&role(json!({"role_arn": arn})), longer).unwrap();
        }
        let several = [
            "acs:ram::1234567890123456:role/one",
            "acs:ram::1234567890123456:role/two",
        ];
        needs
            .add_role(&role(json!({"role_arns": several})), false)
            .unwrap();
        let statements = statements(&needs);
        assert_eq!(resources_of("sts:AssumeRole", &statements).len(), 5);
        assert_eq!(
            resources_of("ram:GetRole", &statements),
            ["acs:ram:*:1234567890123456:role/long"]
        );
    }

    #[test]
    fn policies_to_attach_are_named_one_by_one() {
        let remote =
            json!([{"name": "AliyunOSSReadOnlyAccess", "type": "System"}, {"name": "app", "type": "Custom"}]);
        let statements = of_role(json!({"remote_policies": remote}));
        assert_eq!(
            resources_of("ram:AttachPolicyToUser", &statements),
            [
                "acs:ram:*:1234567890123456:user/vault-*",
                "acs:ram:*:1234567890123456:policy/app",
                "acs:ram:*:system:policy/AliyunOSSReadOnlyAccess",
            ]
        );
        assert!(resources_of("ram:CreatePolicy", &statements).is_empty());
        assert!(resources_of("ram:DeletePolicy", &statements).is_empty());
    }

    #[test]
    fn groups_are_named_and_tags_and_network_policies_are_for_roles_that_have_them() {
        let remote = json!([{"name": "app", "type": "Custom"}]);
        let plain = of_role(json!({"remote_policies": remote}));
        for action in ["ram:AddUserToGroup", "ram:TagResources", "ram:SetAccessKeyPolicy"] {
            assert!(resources_of(action, &plain).is_empty(), "{action}");
        }
        let more =
            of_role(json!({"remote_policies": remote, "ram_groups": ["auditors"], "tags": {"a": "b"}}));
        assert_eq!(
            resources_of("ram:AddUserToGroup", &more),
            [
                "acs:ram:*:1234567890123456:user/vault-*",
                "acs:ram:*:1234567890123456:group/auditors"
            ]
        );
        assert_eq!(
            resources_of("ram:TagResources", &more),
            ["acs:ram:*:1234567890123456:user/vault-*"]
        );
        for (field, value) in [("allowed_ips", "10.0.0.1"), ("allowed_vpcs", "vpc-a")] {
            let restricted = of_role(json!({"remote_policies": remote, field: [value]}));
            assert_eq!(
                resources_of("ram:SetAccessKeyPolicy", &restricted),
                ["acs:ram:*:1234567890123456:user/vault-*"]
            );
        }
    }

    #[test]
    fn each_kind_of_key_is_made_only_where_a_role_has_it() {
        let users = ["acs:ram:*:1234567890123456:user/vault-*"];
        let api_keys = of_role(
            json!({"ram_groups": ["g"], "credential_type": "service_credential", "service_name": "s"}),
        );
        assert!(resources_of("ram:CreateAccessKey", &api_keys).is_empty());
        for action in [
            "ram:CreateServiceCredential",
            "ram:DeleteServiceCredential",
            "ram:GetUser",
        ] {
            assert_eq!(resources_of(action, &api_keys), users, "{action}");
        }
        let access_keys = of_role(json!({"ram_groups": ["g"]}));
        assert!(resources_of("ram:CreateServiceCredential", &access_keys).is_empty());
        assert_eq!(resources_of("ram:CreateAccessKey", &access_keys), users);
    }

    #[test]
    fn other_users_can_be_listed_and_nothing_else() {
        let inline = json!([{"hash": "h", "policy_document": {"Version": "1", "Statement": []}}]);
        let remote = json!([{"name": "app", "type": "Custom"}]);
        let statements = of_role(json!({"inline_policies": inline, "remote_policies": remote}));
        let on_all: Vec<_> = statements
            .iter()
            .filter(|statement| statement["Resource"] == json!(["acs:ram:*:1234567890123456:user/*"]))
            .map(|statement| &statement["Action"])
            .collect();
        // A user without key and policy is worth nothing.
        assert_eq!(on_all, [&json!(["ram:CreateUser", "ram:ListUsers"])]);
        let others = statements
            .iter()
            .flat_map(|statement| statement["Resource"].as_array().unwrap())
            .filter(|resource| resource.as_str().unwrap().contains(":user/"));
        for resource in others {
            let resource = resource.as_str().unwrap();
            assert!(
                resource.ends_with("/vault-*") || resource.ends_with("user/*"),
                "{resource}"
            );
        }
    }

    #[test]
    fn names_of_a_template_are_in_place_of_ours_and_beside_them_while_leases_have_those() {
        let inline = json!([{"hash": "h", "policy_document": {"Version": "1", "Statement": []}}]);
        for (leases, users) in [(false, vec!["app_"]), (true, vec!["app_", "vault-"])] {
            let mut needs = Needs::new(ACCOUNT, "app_");
            needs
                .add_role(&role(json!({"inline_policies": inline})), false)
                .unwrap();
            if leases {
                needs.add_leases("vault-");
            }
            let statements = statements(&needs);
            let on = |noun: &str, prefixes: Vec<&str>| -> Vec<String> {
                let name = |prefix| format!("acs:ram:*:{ACCOUNT}:{noun}/{prefix}*");
                prefixes.into_iter().map(name).collect()
            };
            assert_eq!(resources_of("ram:DeleteUser", &statements), on("user", users));
            assert_eq!(
                resources_of("ram:DeletePolicy", &statements),
                on("policy", vec!["vault-"])
            );
        }
    }

    #[test]
    fn static_roles_need_their_users() {
        let mut needs = Needs::new(ACCOUNT, "vault-");
        needs.add_static_role("billing");
        needs.add_static_role("app");
        let statements = statements(&needs);
        for action in ROTATE_KEY.into_iter().chain(["ram:GetUser"]) {
            assert_eq!(
                resources_of(action, &statements),
                [
                    "acs:ram:*:1234567890123456:user/app",
                    "acs:ram:*:1234567890123456:user/billing"
                ]
            );
        }
    }

    #[test]
    fn leases_whose_role_is_gone_can_end() {
        let mut needs = Needs::new(ACCOUNT, "vault-");
        assert!(statements(&needs).is_empty());
        needs.add_leases("vault-");
        let statements = statements(&needs);
        assert!(!resources_of("ram:DeletePolicy", &statements).is_empty());
        assert!(!resources_of("ram:DeleteUser", &statements).is_empty());
        for action in ["ram:CreateUser", "ram:CreatePolicy", "ram:AttachPolicyToUser"] {
            assert!(resources_of(action, &statements).is_empty(), "{action}");
        }
    }

    #[test]
    fn a_rotation_is_of_the_own_user() {
        let mut needs = Needs::new(ACCOUNT, "vault-");
        needs.add_rotation("operator");
        let statements = statements(&needs);
        for action in ROTATE_KEY {
            assert_eq!(
                resources_of(action, &statements),
                ["acs:ram:*:1234567890123456:user/operator"]
            );
        }
    }

    #[test]
    fn an_arn_that_is_none_of_a_role_is_told() {
        let mut needs = Needs::new(ACCOUNT, "vault-");
        for arn in ["dev", "acs:ram::1234567890123456:user/dev"] {
            assert!(
                needs.add_role(&role(json!({"role_arn": arn})), false).is_err(),
                "{arn}"
            );
        }
    }
}
