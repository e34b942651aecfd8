//! Compiles `proto/` with protox, a compiler written in Rust, so that no `protoc` is needed on the machine.

const FILES: [&str; 4] = [
    "goplugin/goplugin.proto",
    "logical/logical.proto",
    "pb/backend.proto",
    "pb/multiplexing.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure()
        // The host's half is generated too: the fake host of the tests is made of it.
        .build_client(true)
        .build_server(true)
        .codec_path("crate::goplugin::Codec")
        // These are large, and are handed on a dozen times.
        .boxed(".pb.HandleRequestArgs.request")
        .boxed(".pb.HandleExistenceCheckArgs.request")
        .boxed(".pb.HandleRequestReply.response")
        .boxed(".pb.Request.auth")
        .boxed(".pb.Request.secret")
        .boxed(".pb.Response.auth")
        .boxed(".pb.Response.secret")
        .boxed(".pb.Response.wrap_info")
        // These carry secrets; without `Debug` they cannot be printed by accident.
        .skip_debug([
            ".pb.Request",
            ".pb.Response",
            ".pb.Auth",
            ".pb.Secret",
            ".pb.StorageEntry",
            ".pb.HandleRequestArgs",
            ".pb.HandleRequestReply",
            ".pb.HandleExistenceCheckArgs",
            ".pb.StorageGetReply",
            ".pb.StoragePutArgs",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
