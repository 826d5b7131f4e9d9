"""Reading and making keys: what the public half is, and what identifies it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from groundwork.columns import now
from groundwork.errors import Invalid

SSH = "ssh"
X509 = "x509"

# Smaller keys are refused by current SSH servers; larger ones take seconds to make.
_RSA_BITS = 2048
_CERTIFICATE_LIFE = timedelta(days=3650)
_COMMENT = "Generated-by-Nova"
# Windows finds the account of a client certificate by this name.
_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
# X.520 allows no longer common names.
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class MadeKey:
    """Both halves of a new key as text."""

    public_key: str
    private_key: str


def fingerprint_of(public_key: str, key_type: str) -> str:
    """Colon-separated hex: MD5 of an ssh key's blob, SHA-1 of an X.509 certificate.

    :raises Invalid: the text is no key of that type.
    """
    if key_type == X509:
        digest = _certificate(public_key).fingerprint(hashes.SHA1())
    else:
        digest = hashlib.md5(_ssh_blob(public_key), usedforsecurity=False).digest()
    return ":".join(f"{byte:02x}" for byte in digest)


def make_key(key_type: str, user_id: str) -> MadeKey:
    """A new RSA key: for ssh, or with a certificate by which ``user_id`` logs in to a Windows guest."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    if key_type == X509:
        return MadeKey(_own_certificate(key, user_id), private)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return MadeKey(f"{public.decode()} {_COMMENT}\n", private)


def _ssh_blob(public_key: str) -> bytes:
    """The key itself, without its name and comment."""
    text = public_key.strip()
    if "\n" in text or "\r" in text:
        raise Invalid("Keypair data is invalid: an ssh key is one line.")
    try:
        serialization.load_ssh_public_key(text.encode())
        return base64.b64decode(text.split(None, 2)[1])
    except UnsupportedAlgorithm as exc:
        # Key types newer than our library are told apart from rubbish by their own name inside of the blob.
        blob = _self_named_blob(text)
        if blob is None:
            raise Invalid("Keypair data is invalid: failed to read the key.") from exc
        return blob
    except (ValueError, IndexError, UnicodeEncodeError, binascii.Error) as exc:
        raise Invalid("Keypair data is invalid: failed to generate fingerprint") from exc


def _self_named_blob(text: str) -> bytes | None:
    """The blob, if it opens with the same key type as the line: ``<length><type>...`` (RFC 4253, 6.6)."""
    name, _, rest = text.partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
    except (IndexError, binascii.Error, ValueError):
        return None
    expected = len(name).to_bytes(4, "big") + name.encode("ascii", "replace")
    return blob if blob.startswith(expected) and len(blob) > len(expected) else None


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except (ValueError, UnsupportedAlgorithm, UnicodeEncodeError) as exc:
        raise Invalid("Keypair data is invalid: failed to read the X.509 certificate") from exc


def _own_certificate(key: rsa.RSAPrivateKey, user_id: str) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:_LONGEST_COMMON_NAME])])
    principal = x509.OtherName(_PRINCIPAL_NAME, _der_text(f"{user_id}@localhost"))
    since = now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + _CERTIFICATE_LIFE)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([principal]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _der_text(text: str) -> bytes:
    """A UTF8String in DER."""
    encoded = text.encode()
    return bytes([0x0C, *_der_length(len(encoded))]) + encoded


def _der_length(length: int) -> Iterator[int]:
    if length >= 0x80:
        digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
        yield 0x80 | len(digits)
        yield from digits
    else:
        yield length
