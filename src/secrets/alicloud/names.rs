//! Names of RAM users, policies and role sessions.

use serde_json::Value;
use time::OffsetDateTime;

use crate::framework::{Context, Error};
use crate::secrets::identity::Identity;
use crate::secrets::lease::names::{Rules, USER, after_unique, cut, sanitized, unique};
use crate::secrets::template::{IdentityValues, RenderError, Template, Values};

/// Names that a template can make.
pub(super) struct Templated {
    /// Of the setting.
    field: &'static str,
    /// What they are.
    of: &'static str,
    rules: Rules,
    /// In bytes.
    shortest: usize,
    /// Whether a name must never be made twice.
    is_unique: bool,
    /// Whether they can have values of the caller's identity.
    takes_identity: bool,
}

/// Users. Their names are never made twice: what is removed is removed by its name.
pub(super) const USERNAME: Templated = Templated {
    field: "username_template",
    of: "the name of a RAM user",
    rules: USER,
    shortest: 1,
    is_unique: true,
    takes_identity: false,
};

/// Sessions of roles.
pub(super) const SESSION_NAME: Templated = Templated {
    field: "role_session_name_template",
    of: "the name of a role session",
    // The rules of STS.
    rules: Rules {
        longest: 64,
        also: &['.', '_', '@'],
    },
    shortest: 2,
    is_unique: false,
    takes_identity: true,
};

/// Source identities of sessions.
pub(super) const SOURCE_IDENTITY: Templated = Templated {
    field: "source_identity",
    of: "a source identity",
    // The rules of STS.
    rules: Rules {
        longest: 64,
        also: &['.', '_', '@', '+', '=', ','],
    },
    shortest: 2,
    is_unique: false,
    takes_identity: true,
};

/// The most of a display name and of a role name that a template gets, in characters.
const LONGEST_VALUE: usize = 64;

/// A display name, a role name and an identity value that an example is made of.
const EXAMPLE: [&str; 3] = ["userpass-alice", "deploy", "alice"];

impl Templated {
    /// The template in the value of its field, as it was written. A blank is none. It is tried with short and with long
    /// names, so that it does not fail when somebody waits for credentials.
    ///
    /// # Errors
    /// What is wrong, or to what it leads.
    pub(super) fn read(&self, given: &Value) -> Result<Option<Template>, Error> {
        let text = given.as_str().unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(None);
        }
        let refused = |reason: String| Error::bad_request(format!("{}: {reason}", self.field));
        let template: Template = text.parse().map_err(|error| refused(format!("{error}")))?;
        let long = "x".repeat(LONGEST_VALUE);
        for [display_name, role, value] in [EXAMPLE, ["", "r", "ab"], [&long, &long, &long]] {
            let now = OffsetDateTime::UNIX_EPOCH + EXAMPLE_TIME;
            let made = self.made(&template, display_name, role, now, self.identity(value));
            made.map_err(|error| {
                let (display_name, role) = (display_name.len(), role.len());
                let names =
                    format!("with a display name of {display_name} characters and a role name of {role}");
                Error::new(error.kind(), format!("{}; this is {names}", error.message()))
            })?;
        }
        Ok(Some(template))
    }

    /// A name that the template makes.
    pub(super) fn example(&self, template: &Template, now: OffsetDateTime) -> Result<String, Error> {
        let [display_name, role, value] = EXAMPLE;
        self.made(template, display_name, role, now, self.identity(value))
    }

    /// For fuzzing: makes two names, and checks that they are names and not the same.
    #[cfg(fuzzing)]
    pub(super) fn check_made(
        &self,
        template: &Template,
        display_name: &str,
        role: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let first = self.made(template, display_name, role, now, self.identity("alice"))?;
        let second = self.made(template, display_name, role, now, self.identity("alice"))?;
        for name in [&first, &second] {
            assert!(
                (self.shortest..=self.rules.longest).contains(&name.len()),
                "{name}"
            );
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._@+=,".contains(&b)),
                "{name}"
            );
        }
        assert!(!self.is_unique || !first.eq_ignore_ascii_case(&second), "{first}");
        Ok(())
    }

    /// A value to try a template with.
    fn identity<'v>(&self, value: &'v str) -> IdentityValues<'v> {
        if self.takes_identity {
            IdentityValues::Example(value)
        } else {
            IdentityValues::None
        }
    }

    /// A new name for the caller of this request and its role.
    fn named(
        &self,
        template: Option<&Template>,
        context: &Context,
        role: &str,
        identity: Option<&Identity>,
    ) -> Result<String, Error> {
        let identity = identity.filter(|_| self.takes_identity);
        let identity = identity.map_or(IdentityValues::None, IdentityValues::Of);
        match template {
            None => unique(context, role, self.rules),
            Some(template) => self.made(
                template,
                &context.request.display_name,
                role,
                context.clock.now(),
                identity,
            ),
        }
    }

    fn made(
        &self,
        template: &Template,
        display_name: &str,
        role: &str,
        now: OffsetDateTime,
        identity: IdentityValues<'_>,
    ) -> Result<String, Error> {
        let Rules { longest, also } = self.rules;
        let value = |text| cut(&sanitized(text, also), LONGEST_VALUE).to_owned();
        let (display_name, role) = (value(display_name), value(role));
        let values = Values {
            display_name: &display_name,
            role_name: &role,
            now,
            identity,
        };
        let refused = |reason: String| Err(Error::bad_request(format!("{}: {reason}", self.field)));
        let rendered = match template.render(&values) {
            Ok(rendered) => rendered,
            Err(error @ RenderError::Random(_)) => {
                return Err(Error::internal("the OS random source failed").with_source(error));
            }
            Err(error) => return refused(error.to_string()),
        };
        let name = &rendered.text;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || also.contains(&c);
        if let Some(c) = name.chars().find(|c| !fits(*c)) {
            return refused(format!("the result has {c:?}, which {} cannot have", self.of));
        }
        let length = name.len();
        if !(self.shortest..=longest).contains(&length) {
            return refused(format!(
                "the result has {length} characters, and {} can have {} to {longest}; truncate its parts",
                self.of, self.shortest
            ));
        }
        if self.is_unique && !rendered.is_unique() {
            return refused(String::from(
                "the result must keep 10 characters of random, or 16 of uuid, so that no name is made twice; use random 10 and \
                 truncate the other parts",
            ));
        }
        Ok(rendered.text)
    }
}

/// A time of day for examples: none until 2286 is longer, for no month and no day has a longer name (2025-09-24 22:20:00, a
/// Wednesday).
const EXAMPLE_TIME: time::Duration = time::Duration::seconds(1_758_752_400);

/// A name for the RAM user of a role, and what the names of its policies begin with.
pub(super) fn user(
    template: Option<&Template>,
    context: &Context,
    role: &str,
) -> Result<(String, String), Error> {
    let user = USERNAME.named(template, context, role, None)?;
    // Policies have the name that the user would have without a template: the engine knows them by it, and the
    // permissions of its own key.
    let base = match template {
        None => user.clone(),
        Some(_) => unique(context, role, USER)?,
    };
    Ok((user, base))
}

/// A name for a session of a role.
pub(super) fn session(
    template: Option<&Template>,
    context: &Context,
    role: &str,
    identity: Option<&Identity>,
) -> Result<String, Error> {
    SESSION_NAME.named(template, context, role, identity)
}

/// The source identity of a session.
pub(super) fn source_identity(
    template: &Template,
    context: &Context,
    role: &str,
    identity: Option<&Identity>,
) -> Result<String, Error> {
    SOURCE_IDENTITY.named(Some(template), context, role, identity)
}

/// A name for the policy that is made from the role's document of this number, with this id: letters, digits and `-` only.
/// It begins with a name that is never made twice. The number keeps two documents of one role apart, whatever their ids.
pub(super) fn policy(base: &str, number: usize, id: &str) -> String {
    // The id of an entry that the Go plugin or an API client wrote may be anything.
    format!(
        "{}-{number}-{}",
        sanitized(base, &[]),
        cut(&sanitized(id, &[]), 32)
    )
}

/// Whether a policy was made for this user, by its name. Without a template a user's name is never made twice, so no other
/// user's policy begins with it.
pub(super) fn is_policy_of(user: &str, policy: &str) -> bool {
    let number = policy
        .strip_prefix(sanitized(user, &[]).as_str())
        .and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(is_numbered)
}

/// Whether a policy was made for a user of any mount, by its name.
pub(super) fn is_policy_of_any_user(policy: &str) -> bool {
    after_unique(policy).is_some_and(is_numbered)
}

fn is_numbered(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn read(of: &Templated, text: &str) -> Result<Option<Template>, String> {
        of.read(&text.into()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_template_is_tried_when_it_is_written() {
        for text in [
            r#"{{ printf "vault-%s-%s-%s" (printf "%s-%s" (.DisplayName) (.RoleName) | truncate 30) (unix_time) (random 20) | truncate 64 }}"#,
            "vault-{{ .RoleName | truncate 20 }}-{{ uuid }}",
            "\nvault-{{random 10}}\n",
        ] {
            let template = read(&USERNAME, text).unwrap().unwrap();
            assert_eq!(template.to_string(), text);
            assert!(USERNAME.example(&template, NOW).unwrap().starts_with("vault-"));
        }
        for (text, refusal) in [
            ("{{ .Role }}", "username_template: \".Role\" is not known"),
            ("vault-{{ .RoleName }}", "must keep 10 characters of random"),
            (
                "{{ random 9 }}{{ unix_time }}",
                "must keep 10 characters of random",
            ),
            ("{{ random 20 | sha256 }}", "must keep 10 characters of random"),
            ("{{ uuid | truncate 15 }}", "16 of uuid"),
            ("{{ .DisplayName }}-{{ random 20 }}", "has 85 characters"),
            (
                "{{ printf \"%s-%s\" .DisplayName (random 20) | truncate 64 }}",
                "must keep 10 characters of random, or 16 of uuid, so that no name is made twice; use random 10 and \
                 truncate the other parts; this is with a display name of 64 characters",
            ),
            (
                "a b-{{ random 20 }}",
                "the result has ' ', which the name of a RAM user cannot have",
            ),
            ("a\n{{ random 20 }}", "the result has '\\n'"),
            ("a@b-{{ random 20 }}", "the result has '@'"),
            (
                "{{ identity.entity.id }}{{ random 20 }}",
                "identity cannot be used here",
            ),
        ] {
            let error = read(&USERNAME, text).unwrap_err();
            assert!(error.contains(refusal), "{text}: {error}");
        }
        for blank in ["", " \n"] {
            assert_eq!(read(&USERNAME, blank), Ok(None));
        }
        for (text, right) in [
            ("{{ .RoleName }}@x", false),
            ("{{ .RoleName | truncate 62 }}@x", true),
            ("{{ .DisplayName }}", false),
            ("x{{ .DisplayName }}", false),
            ("xy{{ .DisplayName | truncate 62 }}", true),
            ("{{ identity.entity.name }}", true),
            ("x{{ identity.entity.name }}", false),
        ] {
            assert_eq!(read(&SESSION_NAME, text).is_ok(), right, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ram_accepts_the_name_of_every_policy(user in "vault-[a-z0-9._-]{1,58}", id in ".*") {
            let policy = policy(&user, 10, &id);
            prop_assert!((1..=128).contains(&policy.len()));
            prop_assert!(policy.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", policy);
            prop_assert!(is_policy_of(&user, &policy));
            let another = format!("{user}x");
            prop_assert!(!is_policy_of(&another, &policy));
            prop_assert!(!is_policy_of_any_user(&another));
        }

        #[test]
        fn ram_accepts_every_name_that_a_template_makes(
            text in "[a-z-]{0,20}(\\{\\{ (\\.DisplayName|\\.RoleName|random (10|20)|uuid|unix_time)( \\| (uppercase|truncate [0-9]{1,2}|truncate_sha256 20|base64))? \\}\\}){1,4}",
            display_name in ".*",
            role in "[a-zA-Z0-9._-]{1,80}",
        ) {
            for of in [&USERNAME, &SESSION_NAME] {
                let Ok(Some(template)) = read(of, &text) else {
                    continue;
                };
                // What is taken may still fail for names of other characters, but never gives a wrong one.
                let Ok(first) = of.made(&template, &display_name, &role, NOW, of.identity("alice")) else {
                    continue;
                };
                prop_assert!((of.shortest..=of.rules.longest).contains(&first.len()), "{}", first);
                let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || of.rules.also.contains(&c);
                prop_assert!(first.chars().all(fits), "{}", first);
                if of.is_unique {
                    let second = of.made(&template, &display_name, &role, NOW, of.identity("alice")).unwrap();
                    prop_assert!(!first.eq_ignore_ascii_case(&second));
                }
            }
        }
    }
}
