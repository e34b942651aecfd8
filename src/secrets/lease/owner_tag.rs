//! The owner tag that users carry as a comment or a tag in their cloud: which mount made them, at which request.

use crate::framework::Request;

/// The owner tag of one mount. It is the host's id for the mount, so it stays when the mount is moved, and two mounts of
/// one path at different hosts do not share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerTag(String);

impl OwnerTag {
    /// `None` where the host gave the mount no id.
    #[must_use]
    pub fn of_mount(id: &str) -> Option<Self> {
        // Anything else would not be found again in a comment.
        let clean =
            !id.is_empty() && id.len() <= 36 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        clean.then(|| Self(id.to_owned()))
    }

    /// The host's id for the mount.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.0
    }

    /// Whether a user with this comment was made by this mount.
    #[must_use]
    pub fn is_in(&self, comment: &str) -> bool {
        comment
            .strip_prefix(START)
            .and_then(|rest| rest.strip_prefix(self.0.as_str()))
            .is_some_and(|rest| rest.starts_with(','))
    }

    /// The comment of a user that is made for a request, at most so many characters of ASCII. People read it in the
    /// cloud's console.
    #[must_use]
    pub fn comment(mount: Option<&Self>, request: &Request, role: &str, longest: usize) -> String {
        let text = format!(
            "{}for {}creds/{role}",
            Self::start(mount, request),
            request.mount_point
        );
        text.chars().filter(char::is_ascii).take(longest).collect()
    }

    /// The same with as much of a note as fits, in place of where the user was asked for.
    #[must_use]
    pub fn comment_with(mount: Option<&Self>, request: &Request, note: &str, longest: usize) -> String {
        let text: String = Self::start(mount, request)
            .chars()
            .chain(note.chars())
            .take(longest)
            .collect();
        text.trim_end().to_owned()
    }

    /// What tells mount and request.
    fn start(mount: Option<&Self>, request: &Request) -> String {
        let mount = mount.map_or("unknown", |mount| mount.0.as_str());
        format!("{START}{mount}, request {}, ", request.id)
    }
}

/// What every comment of ours begins with.
const START: &str = "Made by Vault: mount ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Operation;

    const MOUNT: &str = "0b2c7f0e-1111-2222-3333-444455556666";

    #[test]
    fn a_comment_is_recognised_by_its_own_mount_only() {
        let mut request = Request::new(Operation::Read, "creds/dev");
        request.id = "99999999-1111-2222-3333-444455556666".to_owned();
        request.mount_point = "a/very/long/mount/point/ü/".to_owned();
        let owner_tag = OwnerTag::of_mount(MOUNT).unwrap();
        let text = OwnerTag::comment(Some(&owner_tag), &request, "dev", 128);
        assert!(text.len() <= 128 && text.contains(&request.id), "{text}");
        assert!(owner_tag.is_in(&text));
        let noted = OwnerTag::comment_with(Some(&owner_tag), &request, &"für Menschen ".repeat(20), 128);
        assert!(
            owner_tag.is_in(&noted) && noted.contains(", für Menschen"),
            "{noted}"
        );
        assert!(
            noted.contains(&request.id) && noted.chars().count() <= 128,
            "{noted}"
        );
        for other in [
            "",
            "hand-made",
            &OwnerTag::comment(None, &request, "dev", 128),
            &format!("x{text}"),
            &format!("{START}{MOUNT}5, request"),
        ] {
            assert!(!owner_tag.is_in(other), "{other}");
        }
    }

    #[test]
    fn an_id_that_is_none_makes_no_tag() {
        for id in ["", "a,b", &"x".repeat(37)] {
            assert_eq!(OwnerTag::of_mount(id), None, "{id}");
        }
    }
}
