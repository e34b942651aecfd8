//! The engine as its host sees it, with storage in memory and a scripted cloud: what a failed issue leaves, what the
//! write-ahead log is for, and leases that the Go plugin made.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::backend;
use crate::alicloud::credentials::Chain;
use crate::alicloud::testing::{Script, Step};
use crate::framework::{
    Backend, Context, Error, FixedSystem, Kind, MemoryStorage, Operation, Outcome, ReplicationState, Request,
    Response, Secret, Status, Storage,
};

const DONE: Step = Step::Answer(200, r#"{"RequestId":"R"}"#);
const USER: Step = Step::Answer(200, r#"{"RequestId":"R","User":{"UserName":"u","UserId":"1"}}"#);
const KEY: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"LTAInew","AccessKeySecret":"new-secret","Status":"Active"}}"#,
);

const fn refused(status: u16, body: &'static str) -> Step {
    Step::Answer(status, body)
}

const DENIED: Step = refused(
    403,
    r#"{"RequestId":"R-DENIED","Code":"NoPermission","Message":"You are not authorized."}"#,
);
const USER_EXISTS: Step = refused(
    409,
    r#"{"RequestId":"R","Code":"EntityAlreadyExists.User","Message":"The user exists."}"#,
);
const USER_GONE: Step = refused(
    404,
    r#"{"RequestId":"R","Code":"EntityNotExist.User","Message":"The user does not exist."}"#,
);
const KEY_IN_THE_WAY: Step = refused(
    409,
    r#"{"RequestId":"R","Code":"DeleteConflict.User.AccessKey","Message":"The user has access keys."}"#,
);
const ONE_KEY: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIother","Status":"Active"}]}}"#,
);

/// A mount with a role that has one remote policy, so that the order of calls is fixed.
struct Mount {
    backend: Backend,
    script: Script,
    storage: Arc<dyn Storage>,
    system: FixedSystem,
    cancelled: CancellationToken,
}

impl Mount {
    async fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Script::new(steps);
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        for (key, entry) in [
            (
                "config",
                "{\"access_key\":\"LTAIconfigured\",\"secret_key\":\"hush\"}\n",
            ),
            (
                "role/dev",
                "{\"role_arn\":\"\",\"remote_policies\":[{\"name\":\"P\",\"type\":\"System\"}],\"inline_policies\":null,\
                 \"ttl\":3600000000000,\"max_ttl\":7200000000000}\n",
            ),
        ] {
            storage.put(key, entry.as_bytes().to_vec()).await.unwrap();
        }
        Self {
            backend: backend(script.client(), Arc::new(Chain::of(vec![]))),
            script,
            storage,
            system: FixedSystem::default(),
            cancelled: CancellationToken::new(),
        }
    }

    async fn handle(&self, request: Request) -> Outcome {
        let context = Context::new(
            request,
            Arc::clone(&self.storage),
            Arc::new(self.system),
            self.cancelled.clone(),
        );
        self.backend.handle(context).await
    }

    async fn creds(&self) -> Outcome {
        let mut request = Request::new(Operation::Read, "creds/Dev");
        request.display_name = "token".to_owned();
        request.mount_point = "alicloud/".to_owned();
        self.handle(request).await
    }

    async fn roll_back(&self, data: Value) -> Outcome {
        let mut request = Request::new(Operation::Rollback, "");
        request.data = object(data);
        self.handle(request).await
    }

    async fn revoke(&self, internal: Value) -> Outcome {
        let mut request = Request::new(Operation::Revoke, "creds/dev");
        request.secret = Some(Secret {
            internal: object(internal),
            ..Secret::default()
        });
        self.handle(request).await
    }

    async fn wal_entries(&self) -> usize {
        self.storage.list("wal/").await.unwrap().len()
    }

    fn actions(&self) -> Vec<String> {
        self.script
            .sent()
            .iter()
            .map(|sent| sent.value("Action").unwrap().to_owned())
            .collect()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn failure(outcome: Outcome) -> Error {
    outcome.expect_err("the request should have failed")
}

fn answer(outcome: Outcome) -> Response {
    outcome
        .expect("the request should have succeeded")
        .expect("there should be an answer")
}

#[tokio::test]
async fn credentials_leave_no_wal_entry_and_a_lease_as_upstream_has_it() {
    let mount = Mount::new([USER, DONE, KEY]).await;
    let response = answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        ["CreateUser", "AttachPolicyToUser", "CreateAccessKey"]
    );
    assert_eq!(mount.wal_entries().await, 0);
    assert_eq!(response.data.unwrap()["secret_key"], "new-secret");
    let secret = response.secret.unwrap();
    assert_eq!(secret.lease.ttl.as_secs(), 3600);
    assert_eq!(secret.lease.max_ttl.as_secs(), 7200);
    assert!(secret.lease.renewable);
    assert_eq!(
        secret.internal["remote_policies"],
        json!([{"name": "P", "type": "System"}])
    );
    assert_eq!(secret.internal["role_name"], "dev");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_at_once_is_undone_by_the_tick() {
    let mount = Mount::new([USER, DONE, DENIED, DONE, DENIED]).await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
    assert!(error.message().contains("NoPermission"), "{error}");
    assert!(error.message().contains("R-DENIED"), "{error}");
    assert!(error.message().contains("will be repeated"), "{error}");
    assert_eq!(mount.wal_entries().await, 1);

    // An entry this young may belong to a request that is still at work.
    assert!(mount.roll_back(json!({})).await.unwrap().is_none());
    assert_eq!(mount.wal_entries().await, 1);

    // A tick that fails leaves the entry for the next; one that finds nothing left is done.
    let again = Script::new([DONE, DENIED, DONE, USER_GONE]);
    let mount = Mount {
        backend: backend(again.client(), Arc::new(Chain::of(vec![]))),
        script: again,
        ..mount
    };
    mount.roll_back(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.wal_entries().await, 1);
    mount.roll_back(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.wal_entries().await, 0);
    assert_eq!(
        mount.actions(),
        [
            "DetachPolicyFromUser",
            "DeleteUser",
            "DetachPolicyFromUser",
            "DeleteUser"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_found_and_deleted() {
    let failed = refused(
        500,
        r#"{"RequestId":"R","Code":"InternalError","Message":"failed"}"#,
    );
    let mount = Mount::new([USER, DONE, failed, DONE, KEY_IN_THE_WAY, ONE_KEY, DONE, DONE]).await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert_eq!(mount.wal_entries().await, 0);
    let sent = mount.script.sent();
    let deleted = sent
        .iter()
        .find(|sent| sent.value("Action") == Some("DeleteAccessKey"))
        .unwrap();
    assert_eq!(deleted.value("UserAccessKeyId"), Some("LTAIother"));
    assert_eq!(mount.actions().last().unwrap(), "DeleteUser");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_the_wal_entry_for_a_later_look() {
    let lost = || {
        refused(
            500,
            r#"{"RequestId":"R","Code":"InternalError","Message":"failed"}"#,
        )
    };
    // Nothing is found right now; the call may still be on its way.
    let mount = Mount::new([lost(), USER_GONE, USER_GONE]).await;
    assert_eq!(
        failure(mount.creds().await).kind(),
        Kind::Coded(Status::UNAVAILABLE)
    );
    assert_eq!(mount.wal_entries().await, 1);
    // It had been: the tick finds the user and removes it.
    let tick = Script::new([DONE, DONE]);
    let mount = Mount {
        backend: backend(tick.client(), Arc::new(Chain::of(vec![]))),
        script: tick,
        ..mount
    };
    mount.roll_back(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.actions(), ["DetachPolicyFromUser", "DeleteUser"]);
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn a_user_of_somebody_else_is_left_alone_and_another_name_is_taken() {
    let mount = Mount::new([USER_EXISTS, USER, USER, DONE, KEY]).await;
    answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        [
            "CreateUser",
            "GetUser",
            "CreateUser",
            "AttachPolicyToUser",
            "CreateAccessKey"
        ]
    );
    let sent = mount.script.sent();
    assert_ne!(sent[0].value("UserName"), sent[2].value("UserName"));
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn a_user_made_by_an_earlier_try_is_recognised_by_its_comment() {
    let ours = Step::Answer(
        200,
        r#"{"RequestId":"R","User":{"UserName":"u","Comments":"Made by Vault for alicloud/creds/dev, request "}}"#,
    );
    let mount = Mount::new([USER_EXISTS, ours, DONE, KEY]).await;
    answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        ["CreateUser", "GetUser", "AttachPolicyToUser", "CreateAccessKey"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_made_but_cannot_be_found_yet_is_left_to_the_tick() {
    let mount = Mount::new([USER, DENIED, USER_GONE, USER_GONE]).await;
    failure(mount.creds().await);
    assert_eq!(
        mount.actions(),
        [
            "CreateUser",
            "AttachPolicyToUser",
            "DetachPolicyFromUser",
            "DeleteUser"
        ]
    );
    assert_eq!(mount.wal_entries().await, 1);
}

#[tokio::test]
async fn what_was_surely_not_made_needs_no_undoing() {
    let mount = Mount::new([DENIED]).await;
    assert_eq!(
        failure(mount.creds().await).kind(),
        Kind::Coded(Status::FORBIDDEN)
    );
    assert_eq!(mount.actions(), ["CreateUser"]);
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn nothing_is_made_for_a_caller_who_has_gone_away() {
    let mount = Mount::new([]).await;
    mount.cancelled.cancel();
    failure(mount.creds().await);
    assert_eq!(mount.actions(), Vec::<String>::new());
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn a_node_that_cannot_write_forwards_before_it_calls_the_cloud() {
    let mut mount = Mount::new([]).await;
    mount.system.replication = ReplicationState(1 << 14);
    assert_eq!(failure(mount.creds().await).kind(), Kind::ReadOnly);
    assert_eq!(mount.actions(), Vec::<String>::new());
}

#[tokio::test]
async fn a_node_that_cannot_write_leaves_the_write_ahead_log_alone() {
    let mut mount = Mount::new([]).await;
    let entry =
        json!({"type": "user", "data": {"user_name": "u", "policies": [], "attached": []}, "created_at": 0});
    let entry = entry.to_string().into_bytes();
    mount.storage.put("wal/1", entry).await.unwrap();
    mount.system.replication = ReplicationState(1 << 14);
    assert!(mount.roll_back(json!({})).await.unwrap().is_none());
    assert_eq!(mount.actions(), Vec::<String>::new());
    assert_eq!(mount.wal_entries().await, 1);
}

#[tokio::test]
async fn leases_of_the_go_plugin_can_be_revoked_also_with_a_null_list() {
    let mount = Mount::new([DONE, DONE, DONE]).await;
    let internal = json!({
        "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "token-dev-1600000000-1",
        "access_key_id": "LTAIold", "inline_policies": [], "remote_policies": null,
    });
    assert!(mount.revoke(internal).await.unwrap().is_none());
    assert_eq!(mount.actions(), ["DeleteAccessKey", "DeleteUser"]);
    let sts = json!({"secret_type": "alicloud", "role_type": "sts"});
    assert!(mount.revoke(sts).await.unwrap().is_none());
    assert_eq!(mount.actions().len(), 2);
}

#[tokio::test]
async fn a_missing_role_is_no_success() {
    let mount = Mount::new([]).await;
    assert!(
        mount
            .handle(Request::new(Operation::Read, "creds/none"))
            .await
            .unwrap()
            .is_none()
    );
    let error = failure(mount.handle(Request::new(Operation::Update, "creds/none")).await);
    assert_eq!(error.kind(), Kind::Coded(Status::NOT_FOUND));
}

#[tokio::test]
async fn two_spellings_of_a_role_are_one_path_to_a_policy() {
    let mount = Mount::new([]).await;
    for (path, folded) in [("role/Dev", "role/dev"), ("creds/DEV", "creds/dev")] {
        let response = answer(mount.handle(Request::new(Operation::ResolvePath, path)).await);
        assert_eq!(response.data.unwrap()["path"], folded);
    }
    for path in ["role/dev", "config", "nothing/Here"] {
        let error = failure(mount.handle(Request::new(Operation::ResolvePath, path)).await);
        assert_eq!(error.kind(), Kind::UnsupportedOperation, "{path}");
    }
}
