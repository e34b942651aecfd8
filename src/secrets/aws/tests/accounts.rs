//! Users are removed in the account that they were made in.

use super::*;

async fn write_key(mount: &Mount, access_key: &str) {
    let data = json!({"access_key": access_key, "secret_key": "s", "region": "us-east-1"});
    mount.write("config/root", data).await.unwrap();
}

const OTHER: Step = Step::Answer(
    200,
    "<CreateUserResponse><CreateUserResult><User><UserId>AIDA2</UserId><Arn>arn:aws:iam::999999999999:user/u</Arn></User>\
     </CreateUserResult></CreateUserResponse>",
);

#[tokio::test]
async fn a_key_of_another_account_does_not_count_a_user_as_gone() {
    let mount = Mount::new([("CreateUser", OTHER)]).await;
    let theirs = answer(mount.creds().await).secret.unwrap();
    write_key(&mount, "AKIASECOND").await;
    let ours = answer(mount.creds().await).secret.unwrap();
    let before = mount.actions().len();
    let error = failure(mount.end_lease(Operation::Revoke, theirs.clone()).await);
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    for text in [
        "account 999999999999",
        "belong to account 123456789012",
        "aws/config/root",
    ] {
        assert!(error.message().contains(text), "{error}");
    }
    assert_eq!(mount.actions().len(), before);
    mount.end_lease(Operation::Revoke, ours).await.unwrap();
    // Also in a process that was told nothing.
    let mount = mount.restarted([]);
    assert_eq!(
        failure(mount.end_lease(Operation::Revoke, theirs).await).kind(),
        Kind::Coded(Status::CONFLICT)
    );
}

#[tokio::test]
async fn while_the_account_is_not_told_what_is_not_found_may_be_there() {
    let mount = Mount::new([]).await;
    let one = answer(mount.creds().await).secret.unwrap();
    let two = answer(mount.creds().await).secret.unwrap();
    write_key(&mount, "AKIASECOND").await;
    let mount = mount.restarted([("DeleteUser", GONE)]);
    let error = failure(mount.end_lease(Operation::Revoke, one.clone()).await);
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    // A user that is found tells whose account it is.
    mount.end_lease(Operation::Revoke, two).await.unwrap();
    let mount = mount.restarted([("DeleteUser", GONE)]);
    mount.end_lease(Operation::Revoke, one).await.unwrap();
}

#[tokio::test]
async fn a_new_key_whose_id_holds_the_same_account_is_known_at_once() {
    let made = Step::Answer(
        200,
        "<CreateUserResponse><CreateUserResult><User><Arn>arn:aws:iam::029608264753:user/u</Arn></User></CreateUserResult>\
         </CreateUserResponse>",
    );
    let mount = Mount::new([("CreateUser", made)]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    write_key(&mount, "ASIAQNZGKIQY56JQ7WML").await;
    let mount = mount.restarted([("DeleteUser", GONE)]);
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
}

#[tokio::test]
async fn leases_that_say_no_account_are_of_the_one_that_the_mount_first_issued_in() {
    let mount = Mount::new([("CreateUser", OTHER)]).await;
    answer(mount.creds().await);
    write_key(&mount, "AKIASECOND").await;
    answer(mount.creds().await);
    let before = mount.actions().len();
    let error = failure(
        mount
            .revoke(json!({"secret_type": "access_keys", "username": "vault-old"}))
            .await,
    );
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    assert!(error.message().contains("account 999999999999"), "{error}");
    assert_eq!(mount.actions().len(), before);
}
