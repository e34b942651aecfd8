//! Against a name server on the loopback interface.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{RData, Record};
use tokio::net::UdpSocket;

use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// A name server that knows `sts.example.com` and its alias, and what it was asked.
struct NameServer {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn name_server(address: &str) -> NameServer {
    let socket = UdpSocket::bind(address).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut bytes).await {
            let question = Message::from_vec(&bytes[..length]).unwrap();
            let query = question.queries.first().unwrap().clone();
            let name = query.name().to_ascii().to_lowercase();
            noted
                .lock()
                .unwrap()
                .push(format!("{name} {}", query.query_type()));
            if name == "silent.example.com." {
                continue;
            }
            let mut answer = question.into_response();
            let (code, records) = records(&name, query.name(), query.query_type());
            answer.metadata.response_code = code;
            answer.insert_answers(records);
            let _ = socket.send_to(&answer.to_vec().unwrap(), client).await;
        }
    });
    NameServer { port, asked }
}

fn records(name: &str, asked: &Name, kind: RecordType) -> (ResponseCode, Vec<Record>) {
    let record = |name: &Name, data| Record::from_rdata(name.clone(), 60, data);
    let real = Name::from_ascii("sts.example.com.").unwrap();
    let own = |name: &Name| match kind {
        RecordType::A => vec![record(name, RData::A(A(ADDRESS)))],
        RecordType::AAAA => vec![record(name, RData::AAAA(AAAA("2001:db8::7".parse().unwrap())))],
        _ => Vec::new(),
    };
    match name {
        "sts.example.com." => (ResponseCode::NoError, own(asked)),
        "alias.example.com." => {
            let mut all = vec![record(asked, RData::CNAME(CNAME(real.clone())))];
            all.extend(own(&real));
            (ResponseCode::NoError, all)
        }
        "six.example.com." if kind == RecordType::AAAA => (ResponseCode::NoError, own(asked)),
        "six.example.com." | "empty.example.com." => (ResponseCode::NoError, Vec::new()),
        "broken.example.com." => (ResponseCode::ServFail, Vec::new()),
        _ => (ResponseCode::NXDomain, Vec::new()),
    }
}

fn names(folder: &Path, resolv_conf: &str, hosts: &str, port: u16) -> SystemNames {
    let files = Files {
        hosts: folder.join("hosts"),
        resolv_conf: folder.join("resolv.conf"),
        port,
    };
    fs::write(&files.hosts, hosts).unwrap();
    fs::write(&files.resolv_conf, resolv_conf).unwrap();
    // What it names does not count.
    fs::write(folder.join("nsswitch.conf"), "hosts: mymachines resolve\n").unwrap();
    SystemNames::of(files)
}

fn addresses(texts: &[&str]) -> Result<Vec<IpAddr>, LookupError> {
    Ok(texts.iter().map(|text| text.parse().unwrap()).collect())
}

#[tokio::test]
async fn names_are_asked_of_the_name_server() {
    let server = name_server("127.0.0.1:0").await;
    let folder = tempfile::tempdir().unwrap();
    let names = names(folder.path(), "nameserver 127.0.0.1\n", "", server.port);
    let both = addresses(&["192.0.2.7", "2001:db8::7"]);
    for (host, expected) in [
        ("sts.example.com", both.clone()),
        ("alias.example.com", both),
        ("six.example.com", addresses(&["2001:db8::7"])),
        ("empty.example.com", Err(LookupError::NoAddress)),
        ("none.example.com", Err(LookupError::NotFound)),
        (
            "broken.example.com",
            Err(LookupError::Refused(ResponseCode::ServFail)),
        ),
        ("silent.example.com", Err(LookupError::NoAnswer)),
        ("localhost", addresses(&["127.0.0.1", "::1"])),
    ] {
        assert_eq!(names.addresses(host).await, expected, "{host}");
    }
}

#[tokio::test]
async fn hosts_files_come_first_and_for_both_kinds_of_addresses() {
    let server = name_server("127.0.0.1:0").await;
    let folder = tempfile::tempdir().unwrap();
    let hosts = "10.0.0.5 Sts.Example.com vpc # of the VPC\n";
    let names = names(folder.path(), "nameserver 127.0.0.1\n", hosts, server.port);
    for host in ["sts.example.com", "vpc"] {
        assert_eq!(names.addresses(host).await, addresses(&["10.0.0.5"]), "{host}");
    }
    assert_eq!(*server.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn short_names_are_looked_for_in_the_search_domains() {
    let server = name_server("127.0.0.1:0").await;
    let folder = tempfile::tempdir().unwrap();
    let resolv_conf = "nameserver 127.0.0.1\nsearch svc.local example.com\noptions ndots:2\n";
    let names = names(folder.path(), resolv_conf, "", server.port);
    assert!(names.addresses("sts").await.is_ok());
    let asked = || std::mem::take(&mut *server.asked.lock().unwrap());
    let of_a = |asked: Vec<String>| {
        asked
            .into_iter()
            .filter(|question| question.ends_with(" A"))
            .collect::<Vec<_>>()
    };
    assert_eq!(of_a(asked()), ["sts.svc.local. A", "sts.example.com. A"]);
    // Enough dots, or a dot at the end: as it is.
    assert!(names.addresses("sts.example.com").await.is_ok());
    assert_eq!(of_a(asked()), ["sts.example.com. A"]);
    assert_eq!(names.addresses("sts.").await, Err(LookupError::NotFound));
    assert_eq!(of_a(asked()), ["sts. A"]);
}

#[tokio::test]
async fn the_next_name_server_is_asked_when_one_does_not_answer_or_fails() {
    let second = name_server("127.0.0.3:0").await;
    // Nobody is at 127.0.0.2; a socket that is bound there and never read is silent.
    let silent = UdpSocket::bind(("127.0.0.2", second.port)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let names = names(
        folder.path(),
        "nameserver 127.0.0.2\nnameserver 127.0.0.3\n",
        "",
        second.port,
    );
    assert!(names.addresses("sts.example.com").await.is_ok());
    drop(silent);
    assert!(names.addresses("sts.example.com").await.is_ok());
}

#[tokio::test]
async fn no_answer_ends_within_the_time_for_connecting() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = silent.local_addr().unwrap().port();
    let names = names(folder.path(), &"nameserver 127.0.0.1\n".repeat(5), "", port);
    let outcome = timeout(crate::cloud::budget::CONNECT, names.addresses("sts.example.com")).await;
    assert_eq!(outcome, Ok(Err(LookupError::NoAnswer)));
}

#[tokio::test]
async fn without_resolv_conf_a_name_server_on_this_machine_is_asked() {
    let server = name_server("127.0.0.1:0").await;
    let folder = tempfile::tempdir().unwrap();
    let files = |port| Files {
        hosts: folder.path().join("hosts"),
        resolv_conf: folder.path().join("resolv.conf"),
        port,
    };
    assert!(
        SystemNames::of(files(server.port))
            .addresses("sts.example.com")
            .await
            .is_ok()
    );
    // Nobody listens at this one any more.
    let free = UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let outcome = SystemNames::of(files(free)).addresses("sts.example.com").await;
    assert_eq!(outcome, Err(LookupError::NoServer));
}

#[tokio::test]
async fn changed_files_count_at_once() {
    let server = name_server("127.0.0.1:0").await;
    let folder = tempfile::tempdir().unwrap();
    let names = names(folder.path(), "nameserver 127.0.0.1\n", "", server.port);
    assert_eq!(names.addresses("sts").await, Err(LookupError::NotFound));
    fs::write(
        folder.path().join("resolv.conf"),
        "nameserver 127.0.0.1\nsearch example.com\n",
    )
    .unwrap();
    assert!(names.addresses("sts").await.is_ok());
    fs::write(folder.path().join("hosts"), "10.0.0.6 sts\n").unwrap();
    assert_eq!(names.addresses("sts").await, addresses(&["10.0.0.6"]));
}

#[tokio::test]
async fn long_answers_come_over_tcp() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let over_tcp = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&over_tcp);
    let answer = |bytes: &[u8], whole: bool| {
        let question = Message::from_vec(bytes).unwrap();
        let query = question.queries.first().unwrap().clone();
        let mut answer = question.into_response();
        if whole {
            answer.insert_answers(records("sts.example.com.", query.name(), query.query_type()).1);
        } else {
            answer.metadata.truncation = true;
        }
        answer.to_vec().unwrap()
    };
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok((length, client)) = udp.recv_from(&mut bytes).await {
            let _ = udp.send_to(&answer(&bytes[..length], false), client).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut bytes = vec![0; length.into()];
                    stream.read_exact(&mut bytes).await.unwrap();
                    count.fetch_add(1, Ordering::SeqCst);
                    let whole = answer(&bytes, true);
                    stream.write_u16(whole.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&whole).await.unwrap();
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let names = names(folder.path(), "nameserver 127.0.0.1\n", "", address.port());
    assert_eq!(
        names.addresses("sts.example.com").await,
        addresses(&["192.0.2.7", "2001:db8::7"])
    );
    assert_eq!(over_tcp.load(Ordering::SeqCst), 2);
}
