//! Requests of the host, through both backends, with a cloud that gives the answers of the input and is then gone.
//!
//! An input is a protobuf message. Mutations change its texts, and the fields in its data, and leave its form intact, which
//! mutations of bytes rarely do.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use prost::Message;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use vault_plugin_alicloud::fuzzing::alicloud::credentials::Sources;
use vault_plugin_alicloud::fuzzing::cloud::encode::encode;
use vault_plugin_alicloud::fuzzing::cloud::fuzzing;
use vault_plugin_alicloud::fuzzing::framework::Backend;
use vault_plugin_alicloud::fuzzing::vault::generated::pb;
use vault_plugin_alicloud::fuzzing::vault::testing::Mount;
use vault_plugin_alicloud::fuzzing::{auth, secrets};
use vault_plugin_alicloud_fuzz::{SECRETS, block_on, check_text, holds_secret};

const SECRET: &str = SECRETS[0];
const TOKEN: &str = SECRETS[1];

/// The server's id for the mount.
const MOUNT: &str = "0b2c7f0e-1111-2222-3333-444455556666";

/// One mount's life.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Session {
    #[prost(message, repeated, tag = "1")]
    requests: Vec<pb::HandleRequestArgs>,
    #[prost(message, repeated, tag = "2")]
    answers: Vec<Answer>,
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(uint32, tag = "1")]
    status: u32,
    #[prost(string, tag = "2")]
    body: String,
}

const MOST_REQUESTS: usize = 8;

const OPERATIONS: [&str; 12] = [
    "alias-lookahead",
    "create",
    "delete",
    "help",
    "list",
    "read",
    "renew",
    "resolve-path",
    "resolve-role",
    "revoke",
    "rollback",
    "update",
];

fuzz_target!(|data: &[u8]| {
    let Ok(mut session) = Session::decode(data) else {
        return;
    };
    session.requests.truncate(MOST_REQUESTS);
    if holds_secret(data) {
        return;
    }
    for request in session
        .requests
        .iter_mut()
        .filter_map(|call| call.request.as_mut())
    {
        let data = object(&request.data).unwrap_or_default();
        if holds_secret(Value::Object(data).to_string().as_bytes()) {
            return;
        }
        hide_secrets(request);
    }
    let answer = |answer: &Answer| {
        let status = u16::try_from(answer.status).unwrap_or(200);
        (status, answer.body.clone().into_bytes())
    };
    let answers: Vec<_> = session.answers.iter().map(answer).collect();
    let client = || fuzzing::client(answers.clone(), SECRET);
    let surroundings =
        |name: &str| (name == "ALIBABA_CLOUD_ECS_METADATA_DISABLED").then(|| "true".to_owned());
    let sources = Sources::new(&client(), Arc::new(surroundings));
    let signatures = auth::UsedSignatures::new().expect("the system has random bytes");
    let method = auth::backend(client(), &sources, Arc::new(signatures));
    let engine = secrets::backend(client(), Arc::new(sources), MOUNT);
    for backend in [engine, method] {
        block_on(run(backend, session.requests.clone()));
    }
});

async fn run(backend: Backend, requests: Vec<pb::HandleRequestArgs>) {
    let mount = Mount::new(backend, Arc::new(fuzzing::FixedClock));
    for call in requests {
        let operation = call
            .request
            .as_ref()
            .map(|request| request.operation.clone())
            .unwrap_or_default();
        // The host asks before it decides between the two.
        if matches!(operation.as_str(), "create" | "update") {
            let request = call.request.clone();
            let reply = mount
                .exists(pb::HandleExistenceCheckArgs {
                    storage_id: 0,
                    request,
                })
                .await;
            assert!(reply.err.is_none() || !(reply.check_found || reply.exists));
            reply.err.iter().for_each(check_error);
        }
        let reply = mount.handle(call).await;
        check(&reply);
        // Only a lease gets back what is its own.
        if operation != "renew" {
            assert!(
                !holds_secret(&reply.encode_to_vec()),
                "{operation} shows a secret"
            );
        }
    }
    // Whatever was taken can be read.
    for key in ["config", "role/"] {
        let Some(reply) = read(&mount, if key == "config" { "read" } else { "list" }, key)
            .await
            .response
        else {
            continue;
        };
        let data: Value = serde_json::from_str(&reply.data).expect("data is JSON");
        for name in data["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let role = read(&mount, "read", &format!("role/{name}")).await;
            assert!(role.response.is_some(), "{name} is listed and cannot be read");
        }
    }
}

async fn read(mount: &Mount, operation: &str, path: &str) -> pb::HandleRequestReply {
    let request = pb::Request {
        operation: operation.to_owned(),
        path: path.to_owned(),
        ..pb::Request::default()
    };
    let reply = mount
        .handle(pb::HandleRequestArgs {
            storage_id: 0,
            request: Some(Box::new(request)),
        })
        .await;
    assert!(reply.err.is_none(), "{:?}", reply.err);
    if let Some(response) = &reply.response {
        assert!(error_text(response).is_none(), "{}", response.data);
    }
    reply
}

/// What the host relies on in every reply.
fn check(reply: &pb::HandleRequestReply) {
    let bytes = reply.encode_to_vec();
    let again = pb::HandleRequestReply::decode(&*bytes);
    assert!(again.is_ok_and(|again| again.encoded_len() == bytes.len()));
    assert!(reply.err.is_none() || reply.response.is_none());
    reply.err.iter().for_each(check_error);
    let Some(response) = &reply.response else { return };
    if let Some(text) = error_text(response) {
        check_text(&text);
        assert!(!holds_secret(text.as_bytes()), "{text}");
    }
    assert!(
        response.data == "null" || members(&response.data).is_some(),
        "{}",
        response.data
    );
    for warning in &response.warnings {
        assert!(!warning.is_empty());
    }
    let leases = [
        response
            .secret
            .as_ref()
            .map(|secret| (&secret.lease_options, &secret.internal_data)),
        response
            .auth
            .as_ref()
            .map(|auth| (&auth.lease_options, &auth.internal_data)),
    ];
    for (options, internal) in leases.into_iter().flatten() {
        assert!(members(internal).is_some(), "{internal}");
        let options = options.as_ref().expect("a lease says how long");
        assert!(options.ttl >= 0 && options.max_ttl >= 0 && options.increment >= 0);
        assert!(options.issue_time.is_some());
    }
    if let Some(secret) = &response.secret {
        let internal = members(&secret.internal_data);
        assert!(internal.is_some_and(|internal| internal.contains_key("secret_type")));
    }
}

/// Kinds whose text the host keeps, or replaces by what is meant. A status outside of errors makes it panic.
fn check_error(error: &pb::ProtoError) {
    check_text(&error.err_msg);
    assert!(!holds_secret(error.err_msg.as_bytes()), "{}", error.err_msg);
    match error.err_type {
        3 => assert!((400..600).contains(&error.err_code)),
        0 | 1 | 5 | 6 => assert_eq!(error.err_code, 0),
        other => panic!("error of type {other}"),
    }
}

/// The text of an error answer: data that holds nothing but `error`.
fn error_text(response: &pb::Response) -> Option<String> {
    let data = object(&response.data)?;
    let text = data.get("error").filter(|_| data.len() == 1)?;
    text.as_str().map(str::to_owned)
}

/// The names of an object. (As values, serde_json takes some objects for numbers; the host does not.)
fn members(json: &str) -> Option<BTreeMap<String, IgnoredAny>> {
    serde_json::from_str(json).ok()
}

fn object(json: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(json).ok()
}

/// Puts the secrets wherever a request has one.
fn hide_secrets(request: &mut pb::Request) {
    request.client_token = TOKEN.to_owned();
    if let Some(auth) = &mut request.auth {
        auth.client_token = TOKEN.to_owned();
    }
    let Some(mut data) = object(&request.data) else {
        return;
    };
    let login = request.path == "login";
    for (name, value) in &mut data {
        match (name.as_str(), value) {
            ("secret_key", Value::String(text)) if !text.trim().is_empty() => SECRET.clone_into(text),
            ("security_token", Value::String(text)) => TOKEN.clone_into(text),
            ("identity_request_url", Value::String(url)) if login => {
                if let Some(hidden) = hidden_in_url(url) {
                    *url = hidden;
                }
            }
            ("identity_request_headers", Value::Object(headers)) if login => {
                if let Some(Value::String(token)) = headers.get_mut("x-acs-security-token") {
                    TOKEN.clone_into(token);
                }
            }
            _ => {}
        }
    }
    request.data = Value::Object(data).to_string();
}

/// The signed URL with our token.
fn hidden_in_url(url: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(url).ok()?).ok()?;
    let (before, token) = text.split_once("SecurityToken=")?;
    let after = token.find('&').map_or("", |at| &token[at..]);
    Some(STANDARD.encode(format!("{before}SecurityToken={}{after}", encode(TOKEN))))
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let decoded = Session::decode(&data[..size])
        .ok()
        .filter(|session| !session.requests.is_empty());
    let (what, which) = (seed % 8, seed as usize / 8);
    let Some(mut session) = decoded.filter(|_| what != 0) else {
        return fuzzer_mutate(data, size, max_size);
    };
    if what == 1 {
        reshape(&mut session, which);
    } else if what < 5 {
        let calls = session.requests.len();
        let request = session.requests[which % calls].request.get_or_insert_default();
        change_member(&mut request.data, which / 8);
    } else {
        let mut texts = texts(&mut session);
        let at = which % texts.len();
        mutate(texts[at]);
    }
    let bytes = session.encode_to_vec();
    if bytes.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
});

/// Another order, another operation, one more or one less.
fn reshape(session: &mut Session, which: usize) {
    let (one, two) = (
        which / 8 % session.requests.len(),
        which / 64 % session.requests.len(),
    );
    match which % 8 {
        0 => session.requests.swap(one, two),
        1 if session.requests.len() > 1 => drop(session.requests.remove(one)),
        2 if session.requests.len() < MOST_REQUESTS => session.requests.push(session.requests[one].clone()),
        3 => session.answers.push(Answer {
            status: 200,
            body: r#"{"RequestId":"R"}"#.to_owned(),
        }),
        4 => drop(session.answers.pop()),
        5 if !session.answers.is_empty() => {
            let at = which / 8 % session.answers.len();
            session.answers[at].status = [0, 200, 400, 403, 404, 409, 429, 500, 503][which / 64 % 9];
        }
        _ => {
            let request = session.requests[one].request.get_or_insert_default();
            OPERATIONS[which / 64 % OPERATIONS.len()].clone_into(&mut request.operation);
        }
    }
}

/// Changes one field of the data, and leaves it JSON.
fn change_member(json: &mut String, which: usize) {
    let mut data = object(json).unwrap_or_default();
    let names: Vec<_> = data.keys().cloned().collect();
    let Some(name) = names.get(which / 16 % names.len().max(1)) else {
        return;
    };
    let Some(old) = data.remove(name).filter(|_| which % 16 != 0) else {
        *json = Value::Object(data).to_string();
        return;
    };
    let value = match which % 16 {
        1 => Value::Null,
        2 => "".into(),
        3 => 0.into(),
        4 => (-1).into(),
        5 => true.into(),
        6 => Value::Array(vec![old]),
        7 => old.to_string().into(),
        8 => Value::Object(Map::from_iter([(name.clone(), old)])),
        _ => match old {
            Value::String(mut text) => {
                mutate(&mut text);
                text.into()
            }
            old => {
                let mut text = old.to_string();
                mutate(&mut text);
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            }
        },
    };
    data.insert(name.clone(), value);
    *json = Value::Object(data).to_string();
}

/// The texts that matter, most of all the data.
fn texts(session: &mut Session) -> Vec<&mut String> {
    let mut texts: Vec<&mut String> = session
        .answers
        .iter_mut()
        .map(|answer| &mut answer.body)
        .collect();
    for call in &mut session.requests {
        let request = call.request.get_or_insert_default();
        texts.extend([
            &mut request.data,
            &mut request.path,
            &mut request.operation,
            &mut request.display_name,
            &mut request.mount_point,
        ]);
        if let Some(secret) = &mut request.secret {
            texts.push(&mut secret.internal_data);
        }
        if let Some(auth) = &mut request.auth {
            texts.push(&mut auth.internal_data);
            texts.extend(auth.metadata.values_mut());
        }
        if let Some(connection) = &mut request.connection {
            texts.push(&mut connection.remote_addr);
        }
    }
    texts
}

fn mutate(text: &mut String) {
    let mut bytes = text.as_bytes().to_vec();
    let size = bytes.len();
    bytes.resize(size + 256, 0);
    let longest = bytes.len();
    let size = fuzzer_mutate(&mut bytes, size, longest);
    bytes.truncate(size);
    *text = String::from_utf8_lossy(&bytes).into_owned();
}
