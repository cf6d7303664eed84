"""What the throwaway authority can vouch for, and what is left of it on disk."""

import datetime
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batchpredict.local.network import certificates as module
from batchpredict.local.network.certificates import Certificates, issue_certificates


@pytest.fixture
def paths(tmp_path: Path) -> Certificates:
    return issue_certificates(tmp_path)


def handshake(chain: Path, key: Path, authority: Path, host: str) -> list[str]:
    """Let a client greet a server in memory; return the names of the certificate it accepted."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(chain, key)
    client_context = ssl.create_default_context(cafile=str(authority))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(down, up, server_hostname=host)
    server = server_context.wrap_bio(up, down, server_side=True)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    shown: Any = client.getpeercert()
    return [name for _, name in shown["subjectAltName"]]


@pytest.mark.parametrize(
    "host",
    [
        "storage.googleapis.com",
        "us-central1-aiplatform.googleapis.com",
        "googleapis.com",
        "us-central1-kfp.pkg.dev",
    ],
)
def test_google_s_hosts_are_vouched_for(paths: Certificates, host: str) -> None:
    accepted = handshake(paths.chain, paths.key, paths.authority, host)
    assert accepted == ["*.googleapis.com", "googleapis.com", "*.pkg.dev", "pkg.dev"]


@pytest.mark.parametrize("host", ["example.com", "googleapis.com.example", "a.b.googleapis.com"])
def test_no_other_host_is(paths: Certificates, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(paths.chain, paths.key, paths.authority, host)


@pytest.mark.parametrize("host", ["example.com", "www.google.com"])
def test_even_with_its_key_the_authority_could_not_vouch_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    made = iter(keys)
    monkeypatch.setattr(ec, "generate_private_key", lambda _: next(made))
    paths = issue_certificates(tmp_path)
    forged = (
        module._builder(host, module.AUTHORITY_NAME, keys[1].public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), False
        )
        .sign(keys[0], hashes.SHA256())
    )
    chain = tmp_path / "forged.pem"
    chain.write_bytes(
        forged.public_bytes(serialization.Encoding.PEM) + paths.authority.read_bytes()
    )
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(chain, paths.key, paths.authority, host)


def test_the_files_are_for_their_owner_alone(paths: Certificates) -> None:
    for path in (paths.authority, paths.chain, paths.key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_key_of_the_authority_is_in_no_file(paths: Certificates, tmp_path: Path) -> None:
    authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
    private = [path for path in tmp_path.rglob("*") if b"PRIVATE KEY" in path.read_bytes()]
    assert private == [paths.key]
    key = serialization.load_pem_private_key(paths.key.read_bytes(), None)
    assert key.public_key() != authority.public_key()


def test_the_authority_lives_for_three_months_and_signs_no_other(paths: Certificates) -> None:
    authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
    lifetime = authority.not_valid_after_utc - authority.not_valid_before_utc
    assert lifetime < datetime.timedelta(days=91)
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.path_length == 0


def test_each_session_has_an_authority_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, other = issue_certificates(tmp_path / "a"), issue_certificates(tmp_path / "b")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(one.chain, one.key, other.authority, "storage.googleapis.com")


def test_the_name_is_the_only_one_of_its_kind(paths: Certificates) -> None:
    authority = x509.load_pem_x509_certificate(paths.authority.read_bytes())
    name = authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert name == module.AUTHORITY_NAME
