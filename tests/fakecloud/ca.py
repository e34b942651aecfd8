"""A throw-away certificate authority and one leaf certificate per host name."""

from __future__ import annotations

import datetime
import re
import ssl
import threading
from pathlib import Path
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class TestAuthority:
    """Issues certificates under a CA written to `directory`/ca.pem.

    P-256 throughout: a handshake costs a fraction of one with RSA. All leaves share one key, which
    is as good as many for a test and makes a new host cheap.
    """

    __test__ = False  # not a pytest class, whatever its name suggests

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fakecloud test CA")])
        self._certificate = self._issue_ca()
        self._directory.mkdir(parents=True, exist_ok=True)
        self.ca_file = directory / "ca.pem"
        self.ca_file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self, host: str,
                       on_sni: Callable[[ssl.SSLObject, str | None], int | None],
                       ) -> ssl.SSLContext:
        """The TLS context for `host`; `on_sni` sees the name each client asks for."""
        with self._lock:
            context = self._contexts.get(host)
            if context is None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                context.set_alpn_protocols(["http/1.1"])
                context.load_cert_chain(self._write_leaf(host))
                context.sni_callback = lambda tls, name, _context: on_sni(tls, name)
                self._contexts[host] = context
            return context

    def _issue_ca(self) -> x509.Certificate:
        public = self._key.public_key()
        return (
            self._builder(self._name, public, 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write_leaf(self, host: str) -> Path:
        public = self._leaf_key.public_key()
        leaf = (
            # The subject stays generic: a common name is limited to 64 characters, a SAN is not.
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fakecloud")]),
                          public, 90)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
                           critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        folder = self._directory / "leaves"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / (re.sub(r"[^a-z0-9.-]", "_", host) + ".pem")
        path.write_bytes(
            self._leaf_key.private_bytes(serialization.Encoding.PEM,
                                         serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption())
            + leaf.public_bytes(serialization.Encoding.PEM))
        path.chmod(0o600)
        return path

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey,
                 days: int) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
                .public_key(public).serial_number(x509.random_serial_number())
                .not_valid_before(now - _DAY).not_valid_after(now + days * _DAY))


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, key_cert_sign=sign_certificates,
        crl_sign=sign_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False)
