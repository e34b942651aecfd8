//! The head of a request: what is needed to admit it, read from the first bytes of the message before the rest is taken
//! off the connection.
//!
//! The message is `HandleRequestArgs` or `HandleExistenceCheckArgs`, which look the same: the request is field 2. Hosts
//! write fields in the order of their numbers, so that operation and path come before the data.

use prost::encoding::decode_varint;

use crate::goplugin::message::PREFIX;

/// Field numbers of `pb.HandleRequestArgs`, `pb.Request` and `pb.Connection`.
const REQUEST: u64 = 2;
const OPERATION: u64 = 3;
const PATH: u64 = 4;
const DATA: u64 = 5;
const CONNECTION: u64 = 20;
const REMOTE_ADDRESS: u64 = 1;

/// The head of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The length of the whole message.
    pub(super) message: usize,
    pub(super) operation: String,
    pub(super) path: String,
    /// The length of the data, which is JSON text.
    pub(super) data: usize,
}

/// One field of a message, as far as it is there.
struct Field<'a> {
    number: u64,
    /// Its length, if it has one.
    len: usize,
    /// What is there of it.
    bytes: &'a [u8],
}

/// Reads fields one after the other. What is not the beginning of a message gives no further fields.
struct Fields<'a>(&'a [u8]);

impl Head {
    /// Reads the head from the beginning of a call's body. `None` while there is too little of it; a message that is not
    /// understood gives what was found so far.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (prefix, message) = body.split_at_checked(PREFIX)?;
        let length = prefix.get(1..).and_then(|length| length.try_into().ok());
        let mut head = Self {
            message: length.map_or(0, |length| {
                usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX)
            }),
            ..Self::default()
        };
        let complete = message.len() >= head.message;
        let Some(request) = Fields(message).find(|field| field.number == REQUEST) else {
            return complete.then_some(head);
        };
        for field in Fields(request.bytes) {
            let text = || String::from_utf8_lossy(field.bytes).into_owned();
            match field.number {
                DATA => {
                    head.data = field.len;
                    return Some(head);
                }
                number if number > DATA => return Some(head),
                // Cut off: the rest is still on its way.
                _ if field.bytes.len() < field.len => break,
                OPERATION => head.operation = text(),
                PATH => head.path = text(),
                _ => {}
            }
        }
        complete.then_some(head)
    }
}

/// The client's address and the data of a whole message, empty where there is none.
pub(super) fn address_and_data(body: &[u8]) -> (&[u8], &[u8]) {
    let message = body.get(PREFIX..).unwrap_or_default();
    let request = field(message, REQUEST);
    (
        field(field(request, CONNECTION), REMOTE_ADDRESS),
        field(request, DATA),
    )
}

fn field(message: &[u8], number: u64) -> &[u8] {
    Fields(message)
        .find(|field| field.number == number)
        .map_or(&[], |field| field.bytes)
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let key = decode_varint(&mut self.0).ok()?;
        let number = key >> 3;
        let len = match key & 7 {
            0 => {
                decode_varint(&mut self.0).ok()?;
                0
            }
            1 => 8,
            2 => usize::try_from(decode_varint(&mut self.0).ok()?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Some(Field { number, len, bytes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::goplugin::message;
    use crate::vault::generated::pb;

    fn body(request: pb::Request) -> Vec<u8> {
        message::framed(&pb::HandleRequestArgs {
            storage_id: 7,
            request: Some(Box::new(request)),
        })
        .to_vec()
    }

    fn request(path: &str, data: &str) -> pb::Request {
        pb::Request {
            id: "id".to_owned(),
            operation: "update".to_owned(),
            path: path.to_owned(),
            data: data.to_owned(),
            mount_point: "m/".to_owned(),
            connection: Some(pb::Connection {
                remote_addr: "192.0.2.1".to_owned(),
                remote_port: 80,
            }),
            ..pb::Request::default()
        }
    }

    #[test]
    fn the_head_is_known_before_the_data_has_come() {
        let whole = body(request("role/a", &"x".repeat(1000)));
        let head = Head::read(&whole[..60]).unwrap();
        assert_eq!(
            (head.operation.as_str(), head.path.as_str(), head.data),
            ("update", "role/a", 1000)
        );
        assert_eq!(head.message, whole.len() - PREFIX);
        assert_eq!(Head::read(&whole[..12]), None);
    }

    proptest! {
        #[test]
        fn a_prefix_gives_the_head_of_the_whole_or_none(
            path in "[a-zA-Z/é]{0,200}", data in "[ -~]{0,300}", cut in 0..700_usize,
        ) {
            let whole = body(request(&path, &data));
            let head = Head::read(&whole).unwrap();
            prop_assert_eq!((&head.path, head.data), (&path, data.len()));
            let (address, found) = address_and_data(&whole);
            prop_assert_eq!((address, found), (&b"192.0.2.1"[..], data.as_bytes()));
            if let Some(early) = Head::read(&whole[..cut.min(whole.len())]) {
                prop_assert_eq!(early, head);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Head::read(&bytes);
            let _ = address_and_data(&bytes);
        }
    }
}
