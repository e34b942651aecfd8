//! No request keeps the runtime's one thread for long: others would wait for it.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::task::yield_now;

use super::call;
use crate::alicloud::Client;
use crate::alicloud::credentials::{Sources, process_environment};
use crate::cloud::SystemClock;
use crate::framework::Backend;
use crate::vault::generated::pb;
use crate::vault::testing::Mount;
use crate::{auth, secrets};

/// The least of so many runs counts: whatever else the machine does only adds to it.
const RUNS: usize = 5;

/// CPU time of this thread. Time in which the system runs something else is not in it.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

fn least(mut run: impl FnMut() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().unwrap()
}

/// A quarter of what it takes to read 1 MiB of JSON: about a millisecond in a release build.
fn limit() -> Duration {
    let document = json!({"inline_policies": policies(1 << 20)}).to_string();
    let reading = least(|| {
        let before = cpu_time();
        black_box(serde_json::from_str::<Value>(&document).unwrap());
        cpu_time() - before
    });
    reading / 4
}

/// The longest poll of any task while `work` is done.
fn longest_poll<R: Future<Output = ()> + Send + 'static>(work: impl Fn() -> R) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    least(|| {
        runtime.block_on(async {
            let done = Arc::new(AtomicBool::new(false));
            let watch = tokio::spawn(watch(Arc::clone(&done)));
            // It begins before the work does.
            yield_now().await;
            tokio::spawn(work()).await.unwrap();
            done.store(true, Ordering::Relaxed);
            watch.await.unwrap()
        })
    })
}

/// A task that is always ready has its turn after each other task that is: what lies between two of its turns is no shorter
/// than a poll.
async fn watch(done: Arc<AtomicBool>) -> Duration {
    let (mut longest, mut last) = (Duration::ZERO, cpu_time());
    while !done.load(Ordering::Relaxed) {
        yield_now().await;
        let now = cpu_time();
        longest = longest.max(now - last);
        last = now;
    }
    longest
}

/// Policy documents of so many bytes together.
fn policies(bytes: usize) -> Value {
    let statement = json!({
        "Effect": "Allow",
        "Action": ["ecs:DescribeInstances", "ecs:StartInstance", "oss:GetObject"],
        "Resource": ["acs:ecs:cn-hangzhou:1234567890123456:instance/*", "acs:oss:*:*:a-bucket/some/prefix/*"],
        "Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}},
    });
    let policy = json!({"Version": "1", "Statement": vec![statement; 12]});
    let count = bytes / policy.to_string().len();
    vec![policy; count].into()
}

/// The longest poll of a call.
fn of_call(mount: &Mount, call: &pb::HandleRequestArgs) -> Duration {
    longest_poll(|| {
        let (mount, call) = (mount.clone(), call.clone());
        async move {
            black_box(mount.handle(call).await);
        }
    })
}

fn mount(backend: Backend) -> Mount {
    Mount::new(backend, Arc::new(SystemClock))
}

fn secrets_mount() -> Mount {
    let client = Client::new();
    let sources = Arc::new(Sources::new(&client, process_environment()));
    mount(secrets::alicloud::backend(client, sources, "uuid"))
}

fn assert_short(what: &str, longest: Duration) {
    let limit = limit();
    assert!(
        longest <= limit,
        "{what}: {longest:?}, and at most {limit:?} are allowed"
    );
}

#[test]
fn a_long_poll_is_seen() {
    let document = json!(policies(1 << 20)).to_string();
    let longest = longest_poll(|| {
        let document = document.clone();
        async move {
            black_box(serde_json::from_str::<Value>(&document).unwrap());
        }
    });
    assert!(longest > limit(), "{longest:?}");
}

#[test]
fn large_documents_keep_nobody_waiting() {
    let mount = secrets_mount();
    for kib in [1000, 95, 7] {
        let data = json!({"inline_policies": policies(kib << 10)});
        let write = call("create", "role/r", &data);
        let longest = of_call(&mount, &write);
        assert_short(&format!("a role of {kib} KiB"), longest);
    }
}

#[test]
fn what_is_shown_keeps_nobody_waiting() {
    let mount = secrets_mount();
    let help = of_call(&mount, &call("help", "", &json!({})));
    assert_short("the OpenAPI document", help);
}

#[test]
fn large_logins_keep_nobody_waiting() {
    let signatures = Arc::new(auth::alicloud::UsedSignatures::new().unwrap());
    let client = Client::new();
    let sources = Sources::new(&client, process_environment());
    let mount = mount(auth::alicloud::backend(client, &sources, signatures));
    let arn = json!({"arn": "acs:ram::1234567890123456:role/dev"});
    of_call(&mount, &call("create", "role/dev", &arn));
    let data = json!({
        "role": "dev",
        "identity_request_url": "A".repeat(20 << 10),
        "identity_request_headers": (0..1000).map(|n| (format!("Header-{n}"), "x".repeat(20).into())).collect::<serde_json::Map<_, _>>(),
    });
    let login = of_call(&mount, &call("update", "login", &data));
    assert_short("a login", login);
}
