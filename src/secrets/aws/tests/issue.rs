//! Issuing, and what is left when a step fails.

use super::*;

#[tokio::test]
async fn credentials_take_three_calls_and_leave_a_record() {
    let mount = Mount::new([]).await;
    let response = answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        ["CreateUser", "PutUserPolicy", "CreateAccessKey"]
    );
    let [user] = &mount.values("CreateUser", "UserName")[..] else {
        panic!("one user")
    };
    assert!(
        user.starts_with("vault-token-deploy-") && user.len() <= 64,
        "{user}"
    );
    assert_eq!(
        mount.values("PutUserPolicy", "PolicyName"),
        [format!("vault-{MOUNT_ID}")]
    );
    assert!(mount.values("PutUserPolicy", "PolicyDocument")[0].contains("iam:*"));
    assert_eq!(
        Value::from(response.data.unwrap()),
        json!({"access_key": "AKIAnew", "secret_key": "new-secret"})
    );
    let secret = response.secret.unwrap();
    assert!(secret.lease.renewable);
    assert_eq!(
        Value::from(secret.internal),
        json!({"secret_type": "access_keys", "username": user, "account_id": "123456789012", "user_id": "AIDA1",
               "access_key": "AKIAnew"})
    );
    assert_eq!(
        (mount.wal_entries().await, mount.records().await),
        (0, vec![user.clone()])
    );
    let record = mount
        .storage
        .get(&format!("issued/{user}"))
        .await
        .unwrap()
        .unwrap();
    assert!(!String::from_utf8(record).unwrap().contains("new-secret"));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let mount = Mount::empty([]);
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(
        error
            .message()
            .contains("write access_key, secret_key and region to aws/config/root"),
        "{error}"
    );
    let mount = Mount::new([]).await;
    let error = failure(mount.read("creds/none").await);
    assert_eq!(error.kind(), Kind::Coded(Status::NOT_FOUND));
    assert!(error.message().contains("aws/roles/none"), "{error}");
    assert!(mount.actions().is_empty());
}

#[tokio::test]
async fn a_refused_user_leaves_nothing_and_is_told_in_the_words_of_iam() {
    let mount = Mount::new([("CreateUser", DENIED)]).await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
    assert_eq!(
        error.message(),
        "Error creating IAM user: User: arn:aws:iam::123456789012:user/hashicorp is not authorized to perform: iam:X on \
         resource: arn:aws:iam::123456789012:user/vault-u (AccessDenied, request id R-1)"
    );
    assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 0));
    assert_eq!(mount.actions(), ["CreateUser"]);
}

#[tokio::test]
async fn a_failed_step_takes_back_the_user() {
    for (action, step, status, text) in [
        (
            "PutUserPolicy",
            refused!(400, "MalformedPolicyDocument", "Syntax errors in policy."),
            Kind::BadRequest,
            "Error putting user policy: Syntax errors in policy. (MalformedPolicyDocument, request id R-1)",
        ),
        (
            "PutUserPolicy",
            refused!(
                409,
                "LimitExceeded",
                "Maximum policy size of 2048 bytes exceeded for user"
            ),
            Kind::Coded(Status::CONFLICT),
            "Error putting user policy: Maximum policy size",
        ),
        (
            "CreateAccessKey",
            DENIED,
            Kind::Coded(Status::FORBIDDEN),
            "Error creating access keys: User: arn:aws",
        ),
    ] {
        let mount = Mount::new([(action, step)]).await;
        let error = failure(mount.creds().await);
        assert_eq!(error.kind(), status);
        assert!(error.message().starts_with(text), "{error}");
        assert_eq!(
            mount.values("DeleteUser", "UserName"),
            mount.values("CreateUser", "UserName")
        );
        assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_at_once_is_undone_by_the_tick() {
    let mount = Mount::new([("CreateAccessKey", DENIED), ("DeleteUser", DENIED)]).await;
    let error = failure(mount.creds().await);
    assert!(
        error.message().contains("also failed and will be retried"),
        "{error}"
    );
    assert_eq!(mount.wal_entries().await, 1);
    // Young, then old.
    mount.tick(json!({})).await;
    assert_eq!(mount.wal_entries().await, 1);
    mount.advance(601);
    mount.tick(json!({})).await;
    assert_eq!(mount.wal_entries().await, 0);
    assert_eq!(mount.values("DeleteUser", "UserName").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_not_seen_yet_is_not_forgotten() {
    // Right after it was made IAM may say that there is no such user.
    let mount = Mount::new([("CreateAccessKey", DENIED), ("DeleteUser", GONE)]).await;
    failure(mount.creds().await);
    assert_eq!(mount.wal_entries().await, 1);
    let mount = mount.restarted([("DeleteUser", GONE)]);
    mount.advance(300);
    mount.tick(json!({})).await;
    assert_eq!((mount.wal_entries().await, mount.actions().len()), (1, 0));
    // Old enough, its absence ends the record.
    mount.advance(301);
    mount.tick(json!({})).await;
    assert_eq!(mount.wal_entries().await, 0);
    mount.tick(json!({})).await;
    assert_eq!(mount.values("DeleteUser", "UserName").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn steps_wait_for_a_new_user_to_be_seen_with_a_bound() {
    let mount = Mount::new([
        ("PutUserPolicy", GONE),
        ("PutUserPolicy", GONE),
        ("CreateAccessKey", GONE),
    ])
    .await;
    answer(mount.creds().await);
    assert_eq!(mount.values("PutUserPolicy", "UserName").len(), 3);
    let always = (0..1000).map(|_| ("PutUserPolicy", GONE));
    let mount = Mount::new(always).await;
    let error = failure(mount.creds().await);
    assert!(
        error.message().starts_with("Error putting user policy: The user"),
        "{error}"
    );
    assert!(mount.values("PutUserPolicy", "UserName").len() < 50);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_found_again() {
    let exists = refused!(409, "EntityAlreadyExists", "User already exists.");
    let mount = Mount::new([
        ("CreateUser", LOST),
        ("CreateUser", exists),
        ("CreateAccessKey", LOST),
    ])
    .await;
    answer(mount.creds().await);
    assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 1));
    // A key that nobody knows is deleted.
    assert_eq!(mount.values("DeleteAccessKey", "AccessKeyId"), ["AKIAnew"]);
    // A name that is somebody else's is not used.
    let exists = refused!(409, "EntityAlreadyExists", "User already exists.");
    let mount = Mount::new([("CreateUser", exists)]).await;
    answer(mount.creds().await);
    let names = mount.values("CreateUser", "UserName");
    assert!(names.len() == 2 && names[0] != names[1]);
    assert!(mount.values("DeleteUser", "UserName").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_user_whose_making_was_not_refused_for_certain_is_looked_for_again() {
    let unavailable = || refused!(503, "ServiceUnavailable", "Service Unavailable");
    let failed = || LOST;
    for lost in [failed as fn() -> Step, unavailable] {
        // No call gets another answer, and the user cannot be found yet.
        let mut steps = vec![("DeleteUser", GONE)];
        steps.extend((0..1000).map(|_| ("CreateUser", lost())));
        let mount = Mount::new(steps).await;
        failure(mount.creds().await);
        assert_eq!(mount.wal_entries().await, 1);
        let mount = mount.restarted([]);
        mount.tick(json!({"immediate": true})).await;
        assert_eq!(mount.values("DeleteUser", "UserName").len(), 1);
        assert_eq!(mount.wal_entries().await, 0);
    }
    // Made although it was refused: the next try says so.
    let exists = refused!(409, "EntityAlreadyExists", "User already exists.");
    let mount = Mount::new([("CreateUser", unavailable()), ("CreateUser", exists)]).await;
    answer(mount.creds().await);
    let names = mount.values("CreateUser", "UserName");
    assert_eq!(names[0], names[1]);
    assert_eq!(mount.records().await, [names[0].clone()]);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_429_in_the_end() {
    let throttled = || refused!(400, "Throttling", "Rate exceeded");
    let mount = Mount::new([("CreateUser", throttled()), ("CreateUser", throttled())]).await;
    answer(mount.creds().await);
    let always = (0..1000).map(|_| ("CreateUser", refused!(400, "Throttling", "Rate exceeded")));
    let mount = Mount::new(always).await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::TOO_MANY_REQUESTS));
    assert!(
        error
            .message()
            .starts_with("Error creating IAM user: Rate exceeded (Throttling"),
        "{error}"
    );
}

#[tokio::test]
async fn names_keep_the_rules_of_iam_whatever_the_caller_is_called() {
    let mount = Mount::new([]).await;
    let role = "r".repeat(100);
    let policy = json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    mount
        .write(&format!("roles/{role}"), json!({"policy": policy}))
        .await
        .unwrap();
    let mut tails = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let response = answer(mount.read(&format!("creds/{role}")).await);
        let internal = response.secret.unwrap().internal;
        let user = internal["username"].as_str().unwrap().to_owned();
        assert!(user.len() <= 64 && user.starts_with("vault-"), "{user}");
        assert!(
            user.chars()
                .all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)),
            "{user}"
        );
        assert!(response.warnings.is_empty());
        let tail = user.rsplit('-').next().unwrap().to_owned();
        assert_eq!(tail.len(), 10);
        tails.insert(tail);
    }
    assert_eq!(tails.len(), 20);
}
