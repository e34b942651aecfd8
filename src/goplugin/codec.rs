//! How the generated services write and read messages: as prost does, with buffers of the size of these messages.
//!
//! tonic takes 8 KiB for each call, and keeps it for as long as a stream is open.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec as TonicCodec, EncodeBuf, Encoder as TonicEncoder};
use tonic_prost::ProstDecoder;

/// What a message is written into, or received in. For a longer one, this grows once.
const BUFFER: usize = 512;

/// As in tonic; only calls with more than one message come to it.
const YIELD_THRESHOLD: usize = 32 * 1024;

/// Named in the generated code, for every service.
#[derive(Debug)]
pub struct Codec<Sent, Received>(PhantomData<(Sent, Received)>);

impl<Sent, Received> Default for Codec<Sent, Received> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Sent, Received> TonicCodec for Codec<Sent, Received>
where
    Sent: Message + 'static,
    Received: Message + Default + 'static,
{
    type Encode = Sent;
    type Decode = Received;
    type Encoder = Encoder<Sent>;
    type Decoder = ProstDecoder<Received>;

    fn encoder(&mut self) -> Encoder<Sent> {
        Encoder(PhantomData)
    }

    fn decoder(&mut self) -> ProstDecoder<Received> {
        ProstDecoder::new(BufferSettings::new(BUFFER, YIELD_THRESHOLD))
    }
}

/// Writes messages.
#[derive(Debug)]
pub struct Encoder<Sent>(PhantomData<Sent>);

impl<Sent: Message> TonicEncoder for Encoder<Sent> {
    type Item = Sent;
    type Error = Status;

    fn encode(&mut self, message: Sent, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(message.encoded_len());
        message
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER, YIELD_THRESHOLD)
    }
}
