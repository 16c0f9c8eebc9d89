"""The settings against each other, and the files that they name."""

import stat
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from service.adapters.certificates import X509Reader
from service.adapters.generators import UnusableGenerators, read_generators
from service.adapters.keks import UnusableKekFile, read_keks
from service.adapters.notary import UnusableSigningKey, read_notary
from service.adapters.tls_files import UnusableTlsFiles, read_tls
from service.commands.checks.findings import Finding, ok, problem, warning
from service.config import Settings, is_loopback, split_address
from service.ports.outside import Clock
from service.settled import tls_files

RENEW_BEFORE = timedelta(days=14)
_OPEN = stat.S_IRWXO | stat.S_IWGRP
"""Others may do anything, or the group may write: a group that reads is how Kubernetes hands files to a pod."""


def check_settings(settings: Settings) -> list[Finding]:
    """Look at what the settings say together."""
    said = len(settings.model_fields_set)
    found = [ok(f"settings: {said} of {len(type(settings).model_fields)} are set, and all are usable")]
    if not (settings.tls_cert_file or settings.is_loopback or settings.allow_plaintext):
        found.append(
            problem(
                "ME_IMAGES_ADDRESS can be reached from other machines, and there is no TLS",
                "Set ME_IMAGES_TLS_CERT_FILE and ME_IMAGES_TLS_KEY_FILE, or ME_IMAGES_ALLOW_PLAINTEXT=true where"
                " something else keeps the wire safe.",
            )
        )
    address = settings.metrics_address
    if address and not (is_loopback(split_address(address)[0]) or settings.metrics_allow_remote):
        found.append(
            problem(
                "ME_IMAGES_METRICS_ADDRESS can be reached from other machines",
                "Use a loopback address, or set ME_IMAGES_METRICS_ALLOW_REMOTE=true.",
            )
        )
    if settings.traces and find_spec("opentelemetry") is None:
        found.append(problem("ME_IMAGES_TRACES needs OpenTelemetry", "pip install 'me-images[otel]'"))
    return [*found, *_generators(settings)]


def check_files(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at certificates, keys, and who may read them."""
    found = [*_tls(settings, clock), *_kek_file(settings), *_signing_key(settings)]
    secrets = {
        "ME_IMAGES_KEK_FILE": settings.kek_file,
        "ME_IMAGES_SIGNING_KEY_FILE": settings.signing_key_file,
        "ME_IMAGES_TLS_KEY_FILE": settings.tls_key_file,
    }
    return [*found, *(_readable(name, path) for name, path in secrets.items() if path and _is_open(path))]


def _generators(settings: Settings) -> list[Finding]:
    try:
        generators = read_generators(settings.generators_file)
    except UnusableGenerators as error:
        return [problem(f"the registry of generators is unusable: {error}", "Correct ME_IMAGES_GENERATORS_FILE.")]
    return [ok(f"generators: {len(generators)} are known")]


def _tls(settings: Settings, clock: Clock) -> list[Finding]:
    files = tls_files(settings)
    if files is None:
        where = "on loopback" if settings.is_loopback else "because ME_IMAGES_ALLOW_PLAINTEXT says so"
        return [ok(f"TLS: none, {where}")] if settings.is_loopback or settings.allow_plaintext else []
    try:
        material = read_tls(files, clock)
    except UnusableTlsFiles as error:
        return [problem(str(error), "Put a certificate chain and its private key there, in PEM, the own one first.")]
    certificate = X509Reader().read(material.chain)
    left = timedelta(seconds=certificate.expires - clock.now().timestamp()) if certificate else timedelta()
    if left < RENEW_BEFORE:
        return [
            warning(
                f"TLS: the certificate in ME_IMAGES_TLS_CERT_FILE expires in {left.days} days",
                "Put a new one there; servers take it without a restart.",
            )
        ]
    return [ok(f"TLS: certificate and key fit, and last {left.days} days more")]


def _kek_file(settings: Settings) -> list[Finding]:
    try:
        epochs = sorted(read_keks(settings.kek_file))
    except UnusableKekFile as error:
        return [
            problem(
                f"ME_IMAGES_KEK_FILE: {error}",
                "Bring back the file that has the keys; only for a new installation, make one with"
                " `python -m service new-kek`.",
            )
        ]
    named = f"epoch{'s' if len(epochs) > 1 else ''} {', '.join(map(str, epochs))}"
    return [ok(f"KEK file: {named}; {epochs[-1]} wraps new keys")]


def _signing_key(settings: Settings) -> list[Finding]:
    if settings.signing_key_file is None:
        return [
            warning(
                "ME_IMAGES_SIGNING_KEY_FILE is not set: nobody can be erased",
                "openssl genpkey -algorithm ed25519 -out signing.pem, and name that file.",
            )
        ]
    try:
        read_notary(settings.signing_key_file)
    except UnusableSigningKey as error:
        remedy = "One Ed25519 private key in PEM has to be there, and behind it the public keys of earlier ones."
        return [problem(str(error).rstrip("."), remedy)]
    return [ok("signing key: certifies erasures")]


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OPEN)
    except OSError:
        return False  # that it cannot be read is told already


def _readable(name: str, path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    return warning(f"{name} is open to other users of this machine (mode {mode:04o})", "chmod 600 it, for its owner.")
