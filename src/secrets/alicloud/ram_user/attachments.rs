//! What a new user is attached to: policies and groups; and its tags.

use futures_util::future::{join, join_all, join3};

use crate::alicloud::ims::Ims;
use crate::alicloud::ram::{PolicyRef, Ram};
use crate::alicloud::{self, Kind, Subject};
use crate::framework::{Context, Error, Excerpt, Status};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::ram_user::plan::Plan;
use crate::secrets::lease::settled;

/// Part of the second round trip. Waits for all calls even when one failed.
pub(super) async fn attach(
    ram: &Ram,
    ims: &Ims,
    context: &Context,
    plan: &Plan,
    user_id: Option<&str>,
) -> Result<(), Error> {
    let (policies, groups, tags) = join3(
        attach_policies(ram, context, plan),
        join_groups(ram, context, plan),
        tag(ims, context, plan, user_id),
    )
    .await;
    policies.and(groups).and(tags)
}

async fn attach_policies(ram: &Ram, context: &Context, plan: &Plan) -> Result<(), Error> {
    let attach = |policy: PolicyRef, unsettled: &'static [Subject]| async move {
        let attached = settled(context, is_unsettled(unsettled), || {
            ram.attach_policy_to_user(&plan.user, &policy)
        })
        .await;
        (policy.name, attached)
    };
    let made = plan
        .made()
        .map(|policy| attach(policy, &[Subject::User, Subject::Policy]));
    let remote = plan.remote.iter().cloned();
    let remote = remote.map(|policy| attach(policy, &[Subject::User]));
    let (made, remote) = join(join_all(made), join_all(remote)).await;
    all_attached("policy", made.into_iter().chain(remote))
}

async fn join_groups(ram: &Ram, context: &Context, plan: &Plan) -> Result<(), Error> {
    let joined = plan.groups.iter().map(|group| async move {
        let joined = settled(context, is_unsettled(&[Subject::User]), || {
            ram.add_user_to_group(&plan.user, group)
        })
        .await;
        (group, joined)
    });
    all_attached("group", join_all(joined).await)
}

/// What is attached already was attached by an earlier try of the same call.
fn all_attached(
    kind: &str,
    answers: impl IntoIterator<Item = (impl AsRef<str>, alicloud::Result<()>)>,
) -> Result<(), Error> {
    for (name, answer) in answers {
        match answer {
            Err(error) if error.kind() != Kind::Exists => {
                let error = failed_call(error);
                return Err(Error::new(
                    error.kind(),
                    format!("{kind} {:?}: {}", Excerpt(name.as_ref()), error.message()),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn tag(ims: &Ims, context: &Context, plan: &Plan, user_id: Option<&str>) -> Result<(), Error> {
    if plan.tags.is_empty() {
        return Ok(());
    }
    let id = known_id(user_id)?;
    settled(context, is_unsettled(&[Subject::User]), || {
        ims.tag_user(id, &plan.tags)
    })
    .await
    .map_err(failed_call)
}

/// RAM's id of the user, which IMS wants.
fn known_id(user_id: Option<&str>) -> Result<&str, Error> {
    user_id.ok_or_else(|| {
        Error::coded(
            Status::BAD_GATEWAY,
            "RAM did not tell the id of the new user, without which tags, network policies and API keys cannot be made",
        )
    })
}

/// What IMS calls a user that was made a moment ago.
pub(super) async fn principal_name(
    ims: &Ims,
    context: &Context,
    user_id: Option<&str>,
) -> Result<String, Error> {
    let id = known_id(user_id)?;
    settled(context, is_unsettled(&[Subject::User]), || ims.principal_name(id))
        .await
        .map_err(failed_call)
}

/// Whether a call has not seen yet what was made a moment ago.
pub(super) fn is_unsettled(subjects: &'static [Subject]) -> impl Fn(&alicloud::Error) -> bool {
    move |error| error.is_not_found() && error.subject().is_some_and(|subject| subjects.contains(&subject))
}
