"""TLS for `make up HOST=name`: a local authority and a certificate signed by it.

Invariants: the authority is made once per state folder, so a phone trusts it once; the leaf is
made anew when the name changes or a month is left; keys are readable by their owner alone.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from recovery.engines.state import write_private

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)


def ensure_certificates(folder: Path, host: str, now: datetime) -> None:
    """Afterwards `ca.crt`, `leaf.crt` and `leaf.key` are there and fit the host."""
    if not (folder / "ca.key").exists():
        _make_authority(folder, now)
    if not _leaf_fits(folder / "leaf.crt", host, now):
        _make_leaf(folder, host, now)


def fingerprint(folder: Path) -> str:
    """The authority's SHA-256, to compare on the phone."""
    found = _read(folder / "ca.crt").fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(found[i : i + 2] for i in range(0, len(found), 2))


def uvicorn_options(folder: Path) -> list[str]:
    """What the web server needs to speak TLS."""
    return ["--ssl-certfile", str(folder / "leaf.crt"), "--ssl-keyfile", str(folder / "leaf.key")]


def _make_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tocsin local authority")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = _builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signed = builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())
    _write(folder / "ca.crt", signed)
    write_private(folder / "ca.key", _pem(key))


def _make_leaf(folder: Path, host: str, now: datetime) -> None:
    authority = _read(folder / "ca.crt")
    signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the local authority's key is not one of ours")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    builder = _builder(name, authority.subject, key.public_key(), now, LEAF_LIFE)
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    for extension in (x509.SubjectAlternativeName(_names(host)), server, issuer):
        builder = builder.add_extension(extension, critical=False)
    _write(folder / "leaf.crt", builder.sign(signer, hashes.SHA256()))
    write_private(folder / "leaf.key", _pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + life)


def _names(host: str) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = [x509.DNSName("localhost")]
    found.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    try:
        found.append(x509.IPAddress(ipaddress.ip_address(host)))
    except ValueError:
        found.append(x509.DNSName(host))
    return found


def _leaf_fits(path: Path, host: str, now: datetime) -> bool:
    if not path.exists() or not path.with_suffix(".key").exists():
        return False
    leaf = _read(path)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(_names(host)) <= set(names) and leaf.not_valid_after_utc > now + RENEW_BEFORE


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _write(path: Path, certificate: x509.Certificate) -> None:
    write_private(path, certificate.public_bytes(serialization.Encoding.PEM).decode())


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
