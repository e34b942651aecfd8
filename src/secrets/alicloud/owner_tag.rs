//! The owner tag that users carry in their comments: which mount made them, at which request. RAM cannot tag users.

use crate::alicloud::ram::User;
use crate::framework::Request;

/// RAM's limit for a user's comments.
const MAX_COMMENT: usize = 128;

/// The owner tag of one mount. It is the server's id for the mount, so it stays when the mount is moved, and two mounts of one
/// path at different servers do not share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnerTag(String);

impl OwnerTag {
    /// `None` where the server gave the mount no id.
    pub(super) fn of_mount(id: &str) -> Option<Self> {
        // Anything else would not be found again in a comment.
        let clean =
            !id.is_empty() && id.len() <= 36 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        clean.then(|| Self(id.to_owned()))
    }

    /// Whether the user was made by this mount.
    pub(super) fn is_on(&self, user: &User) -> bool {
        let comments = user.comments.as_deref().unwrap_or_default();
        comments
            .strip_prefix(START)
            .and_then(|rest| rest.strip_prefix(self.0.as_str()))
            .is_some_and(|rest| rest.starts_with(','))
    }
}

/// What every comment of ours begins with.
const START: &str = "Made by Vault: mount ";

/// The comment of a user that is made for a request. It is shown in the RAM console.
pub(super) fn comment(owner_tag: Option<&OwnerTag>, request: &Request, role_name: &str) -> String {
    let mount = owner_tag.map_or("unknown", |owner_tag| owner_tag.0.as_str());
    let text = format!(
        "{START}{mount}, request {}, for {}creds/{role_name}",
        request.id, request.mount_point
    );
    text.chars().filter(char::is_ascii).take(MAX_COMMENT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Operation;

    const MOUNT: &str = "0b2c7f0e-1111-2222-3333-444455556666";

    fn user(comments: &str) -> User {
        User {
            name: "u".to_owned(),
            id: String::new(),
            comments: Some(comments.to_owned()),
        }
    }

    #[test]
    fn a_comment_is_recognised_by_its_own_mount_only() {
        let mut request = Request::new(Operation::Read, "creds/dev");
        request.id = "99999999-1111-2222-3333-444455556666".to_owned();
        request.mount_point = "a/very/long/mount/point/ü/".to_owned();
        let owner_tag = OwnerTag::of_mount(MOUNT).unwrap();
        let text = comment(Some(&owner_tag), &request, "dev");
        assert!(text.len() <= 128 && text.contains(&request.id), "{text}");
        assert!(owner_tag.is_on(&user(&text)));
        for other in [
            "",
            "hand-made",
            &comment(None, &request, "dev"),
            &format!("x{text}"),
            &format!("{START}{MOUNT}5, request"),
        ] {
            assert!(!owner_tag.is_on(&user(other)), "{other}");
        }
    }

    #[test]
    fn an_id_that_is_none_makes_no_mark() {
        for id in ["", "a,b", &"x".repeat(37)] {
            assert_eq!(OwnerTag::of_mount(id), None, "{id}");
        }
    }
}
