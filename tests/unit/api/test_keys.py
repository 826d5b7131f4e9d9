"""Fingerprints and new keys."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from groundwork.errors import Invalid
from nova.api.compute.keypairs.keys import SSH, X509, fingerprint_of, make_key


def ssh_text(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode()
    )


@pytest.mark.parametrize(
    "text",
    [
        ssh_text(ed25519.Ed25519PrivateKey.generate()),
        ssh_text(ec.generate_private_key(ec.SECP256R1())),
        make_key(SSH, "u").public_key,
    ],
    ids=["ed25519", "ecdsa", "rsa"],
)
@pytest.mark.parametrize("comment", ["", " me@there", "\n", " two words \n"])
def test_fingerprint_depends_on_the_key_alone(text: str, comment: str) -> None:
    bare = " ".join(text.split()[:2])
    found = fingerprint_of(f"{bare}{comment}", SSH)
    assert found == fingerprint_of(bare, SSH)
    assert len(found) == 47


def test_keys_of_other_types_are_taken_when_their_blob_says_the_same() -> None:
    name = b"ssh-future"
    blob = len(name).to_bytes(4, "big") + name + b"\0\0\0\1x"
    text = f"ssh-future {base64.b64encode(blob).decode()} me"
    expected = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    assert fingerprint_of(text, SSH).replace(":", "") == expected
    with pytest.raises(Invalid):
        fingerprint_of(text.replace("ssh-future ", "ssh-other "), SSH)


@pytest.mark.parametrize(
    "text", ["", " ", "ssh-rsa", "ssh-rsa !", "rubbish", "ssh-ed25519 AAAA", "größe größe", "a\nb"]
)
def test_rubbish_is_no_key(text: str) -> None:
    with pytest.raises(Invalid):
        fingerprint_of(text, SSH)
    with pytest.raises(Invalid):
        fingerprint_of(text, X509)


@pytest.mark.parametrize("user_id", ["joe", "u" * 255, "größe"])
def test_certificate_names_the_user(user_id: str) -> None:
    made = make_key(X509, user_id)
    certificate = x509.load_pem_x509_certificate(made.public_key.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    principal = names.get_values_for_type(x509.OtherName)[0]
    assert principal.type_id.dotted_string == "1.3.6.1.4.1.311.20.2.3"
    assert principal.value.endswith(f"{user_id}@localhost".encode())
    digest = certificate.fingerprint(hashes.SHA1())
    assert fingerprint_of(made.public_key, X509) == ":".join(f"{byte:02x}" for byte in digest)


def test_new_keys_differ() -> None:
    assert make_key(SSH, "u") != make_key(SSH, "u")
