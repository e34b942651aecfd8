"""What it costs the plugin to start: CPU time from exec to the handshake line."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from harness.places import clean_environment
from harness.processes import cpu_seconds


def host_certificate() -> str:
    """A certificate as the host makes one: P-521, self-signed, a CA, for both directions."""
    key = ec.generate_private_key(ec.SECP521R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
                      x509.NameAttribute(NameOID.ORGANIZATION_NAME, "HashiCorp")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(seconds=30))
               .not_valid_after(now + datetime.timedelta(hours=262_980))
               .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
               .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
               .add_extension(x509.KeyUsage(
                   digital_signature=True, key_encipherment=True, key_agreement=True, key_cert_sign=True,
                   content_commitment=False, data_encipherment=False, crl_sign=False, encipher_only=False,
                   decipher_only=False), critical=True)
               .add_extension(x509.ExtendedKeyUsage(
                   [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False))
    certificate = builder.sign(key, hashes.SHA512())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def cpu_milliseconds(binary: Path) -> float:
    """One start. The time is taken when the line is there, so the end of the process does not count."""
    environment = {**clean_environment(), "VAULT_BACKEND_PLUGIN": "6669da05-b1c8-4f49-97d9-c8e5bed98e20",
                   "PLUGIN_PROTOCOL_VERSIONS": "5", "PLUGIN_CLIENT_CERT": host_certificate(),
                   "VAULT_VERSION": "2.7.2", "BAO_VERSION": "2.7.2",
                   "VAULT_PLUGIN_AUTOMTLS_ENABLED": "true", "VAULT_PLUGIN_METADATA_MODE": "false"}
    with subprocess.Popen([binary], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        spent = cpu_seconds(process.pid)
        process.kill()
    if line.count("|") < 5:
        raise RuntimeError(f"this is no handshake: {line!r}")
    return spent * 1e3
