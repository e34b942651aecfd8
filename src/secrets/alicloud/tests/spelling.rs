//! Spellings of role names, on a host that does not ask which path a request means.

use super::*;

async fn creds(mount: &Mount, name: &str) -> HandlerResult {
    mount
        .handle(Request::new(Operation::Read, format!("creds/{name}")))
        .await
}

async fn role(mount: &Mount, operation: Operation, name: &str) -> HandlerResult {
    let mut request = Request::new(operation, format!("role/{name}"));
    request.data = object(json!({"remote_policies": "name:P,type:System"}));
    mount.handle(request).await
}

#[tokio::test]
async fn a_role_answers_to_one_spelling() {
    let mount = Mount::new([]).await;
    // Nobody knows how the Go plugin was told the name of this one.
    for (operation, name) in [
        (Operation::Read, "Dev"),
        (Operation::Update, "DEV"),
        (Operation::Delete, "dEV"),
    ] {
        let error = failure(role(&mount, operation, name).await);
        assert_eq!(error.kind(), Kind::BadRequest);
        assert!(error.message().contains("\"dev\""), "{error}");
    }
    assert!(failure(creds(&mount, "DEV").await).message().contains("\"dev\""));
    answer(creds(&mount, "dev").await);
    assert_eq!(mount.times("CreateUser"), 1);

    role(&mount, Operation::Create, "Prod").await.unwrap();
    assert!(
        failure(creds(&mount, "prod").await)
            .message()
            .contains("\"Prod\"")
    );
    answer(creds(&mount, "Prod").await);
    let listed = answer(mount.handle(Request::new(Operation::List, "roles/")).await);
    assert_eq!(listed.data.unwrap()["keys"], json!(["dev", "Prod"]));
}

#[tokio::test]
async fn a_setting_restores_the_folding() {
    let mount = Mount::new([]).await;
    mount
        .write_config(json!({"fold_role_names": true}))
        .await
        .unwrap();
    answer(creds(&mount, "DEV").await);
    role(&mount, Operation::Update, "DEV").await.unwrap();
    mount
        .write_config(json!({"fold_role_names": false}))
        .await
        .unwrap();
    assert!(failure(creds(&mount, "dev").await).message().contains("\"DEV\""));
}

#[tokio::test]
async fn a_role_that_was_deleted_meanwhile_is_not_made_anew_by_an_update() {
    let mount = Mount::new([]).await;
    let error = failure(role(&mount, Operation::Update, "none").await);
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(error.message().contains("no role found to update"), "{error}");
}
