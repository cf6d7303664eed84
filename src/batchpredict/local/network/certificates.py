"""A throwaway certificate authority for Google's two domains that lives as long as one session.

Its private key stays in memory and is dropped after the one leaf certificate is signed: once the
services are up nobody can issue another certificate with it. It is installed nowhere; only
processes that are given the path of ``ca.pem`` trust it.
"""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DOMAINS = ("googleapis.com", "pkg.dev")
LIFETIME = datetime.timedelta(days=90)  # a server may run for weeks


@dataclass(frozen=True)
class Certificates:
    """Paths of the authority, the server's chain and the server's key, all PEM."""

    authority: Path
    chain: Path
    key: Path


def issue_certificates(folder: Path) -> Certificates:
    """Write a new authority and a server certificate for Google's domains into ``folder``."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign_authority(authority_key)
    server = _sign_server(server_key.public_key(), authority_key)
    paths = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    pem = serialization.Encoding.PEM
    _write_private(paths.authority, authority.public_bytes(pem))
    _write_private(paths.chain, server.public_bytes(pem) + authority.public_bytes(pem))
    _write_private(
        paths.key,
        server_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    return paths


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
    )


AUTHORITY_NAME = "batchpredict throwaway authority"


def _sign_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    public = key.public_key()
    return (
        _builder(AUTHORITY_NAME, AUTHORITY_NAME, public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.NameConstraints([x509.DNSName(name) for name in DOMAINS], None), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _sign_server(
    key: ec.EllipticCurvePublicKey, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    hosts = [name for domain in DOMAINS for name in (f"*.{domain}", domain)]
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder("batchpredict local services", AUTHORITY_NAME, key)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(issuer, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
