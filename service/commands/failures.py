"""A command's last words: one sentence with its remedy, never a traceback."""

import sys
from typing import NoReturn

from pydantic import ValidationError

from service.adapters.data_dir import DataDirInUseError
from service.adapters.embedded import EmbeddedStoreError
from service.adapters.generators import UnusableGenerators
from service.adapters.jwks import UnusableJwks
from service.adapters.keks import UnusableKekFile
from service.adapters.metrics_page import MetricsCannotListen
from service.adapters.notary import UnusableSigningKey
from service.adapters.postgres.database import UnknownSchema
from service.adapters.tls_files import UnusableTlsFiles
from service.domain.errors import NoSigningKey, StorageUnavailable
from service.observed import MetricsRefused, TracesMissing
from service.rpc.server import CannotListen
from service.usecases.keys import WrongKeks
from service.usecases.replay import ErasuresForgotten
from service.variables import UnusableSettings, problems_of
from service.wiring import PlaintextRefused

_SENTENCES: dict[type[Exception], str] = {
    UnknownSchema: "The database has another schema than this server; run `python -m service migrate` of this version.",
    StorageUnavailable: "The database or the object store does not answer; check its address and that it runs.",
    NoSigningKey: "ME_IMAGES_SIGNING_KEY_FILE is not set: without it no certificate can be told from a forgery.",
    CannotListen: "ME_IMAGES_ADDRESS is taken by another process, or is not an address of this machine.",
    MetricsCannotListen: "ME_IMAGES_METRICS_ADDRESS is taken by another process, or is not an address of this machine.",
    MetricsRefused: "Metrics are told on loopback only; ME_IMAGES_METRICS_ALLOW_REMOTE=true allows another address.",
    TracesMissing: "ME_IMAGES_TRACES needs OpenTelemetry, which is not installed: pip install 'me-images[otel]'.",
    PlaintextRefused: "Without TLS (ME_IMAGES_TLS_CERT_FILE) the server listens on loopback only, unless"
    " ME_IMAGES_ALLOW_PLAINTEXT=true or --allow-plaintext allows more.",
}
_OWN_WORDS = (
    EmbeddedStoreError,
    DataDirInUseError,
    UnusableKekFile,
    WrongKeks,
    ErasuresForgotten,
    UnusableGenerators,
    UnusableSigningKey,
    UnusableTlsFiles,
    UnusableJwks,
)
KNOWN: tuple[type[Exception], ...] = (*_SENTENCES, *_OWN_WORDS, ValidationError, UnusableSettings)


def end_with(error: Exception) -> NoReturn:
    """Say what is wrong and end with status 2 for settings, 1 for anything else."""
    if isinstance(error, ValidationError | UnusableSettings):
        problems = error.problems if isinstance(error, UnusableSettings) else problems_of(error)
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        sys.stderr.write("The README lists all settings.\n")
        sys.exit(2)
    sys.stderr.write(f"{_SENTENCES.get(type(error), str(error))}\n")
    sys.exit(1)
