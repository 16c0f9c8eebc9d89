"""All settings, from ``ME_IMAGES_*`` variables, in one frozen object."""

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, PositiveInt, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ME_IMAGES_"

Span = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A time that ends."""


class Settings(BaseSettings):
    """What the server must be told; a field without default has to be set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    address: str = Field("127.0.0.1:50051", description="Where to listen, host:port. Port 0 takes a free one.")
    allow_plaintext: bool = Field(default=False, description="Listen without TLS on an address that is not loopback.")
    tls_cert_file: Path | None = Field(None, description="The server's certificate chain, PEM, its own first.")
    tls_key_file: Path | None = Field(
        None, validate_default=True, description="The private key of that certificate, PEM, RSA or EC."
    )
    tls_client_ca_file: Path | None = Field(None, description="CAs of callers' certificates, PEM; makes mTLS.")
    mtls_address: str | None = Field(None, description="Where certificates are asked for; unset: at the one address.")
    require_client_certificate: bool = Field(
        default=False, description="Releases and administration need a client certificate beside the token."
    )
    workers: PositiveInt = Field(1, description="Server processes that share the port.")
    metrics_address: str | None = Field(
        None, description="Where Prometheus reads, host:port; workers count the port up."
    )
    metrics_allow_remote: bool = Field(default=False, description="Tell metrics on an address that is not loopback.")
    traces: bool = Field(default=False, description="Send traces where OTEL_* variables say; needs me-images[otel].")
    reflection: bool = Field(default=False, description="Answer server reflection, which needs no token.")

    database_url: SecretStr = Field(description="PostgreSQL, as postgresql://user:password@host:port/name.")
    database_connections: PositiveInt = Field(10, description="Connections of each process.")

    s3_endpoint: str = Field(description="The object store, host:port.")
    s3_bucket: str = Field(
        "me-images", description="The one bucket; objects lie under me/, certificates under erasures/."
    )
    s3_access_key: SecretStr = Field(description="The object store's access key.")
    s3_secret_key: SecretStr = Field(description="The object store's secret key.")
    s3_region: str = Field("us-east-1", description="The region that requests are signed for.")
    s3_secure: bool = Field(default=True, description="Reach the object store over TLS.")
    s3_connections: PositiveInt = Field(16, description="Connections of each process to the object store.")

    kek_file: Path = Field(description="Key-encryption keys: a line `epoch base64-of-32-bytes` for each epoch.")

    signing_key_file: Path | None = Field(
        None, description="Ed25519 private key (PEM) that certifies erasures; unset: nobody can be erased."
    )

    jwks_url: str | None = Field(None, description="Where the token issuer tells its public keys, a JWKS; https.")
    jwks_file: Path | None = Field(
        None, validate_default=True, description="Those keys in a file; either this or the address is required."
    )
    jwks_ca_file: Path | None = Field(None, description="CAs that vouch for that address; unset: the usual ones.")
    token_issuer: str = Field(description="The `iss` that tokens must have.")
    token_audience: str = Field("me-images", description="The `aud` that tokens must have.")

    body_timeout_seconds: Span = Field(10, description="How long a caller may take between two messages.")
    call_timeout_seconds: Span = Field(30, description="How long a call without streams may take.")
    stream_timeout_seconds: Span = Field(120, description="How long an upload or a download may take.")
    transfer_mib: int = Field(
        64,
        ge=10,
        description="Photos in memory of each process, MiB; as much again for uploads that begin or are slow.",
    )
    transfer_line_mib: int = Field(
        640, ge=0, description="Photos that wait for room, MiB, half of them of one caller; more are refused."
    )
    kept_objects_mib: int = Field(
        32, ge=0, description="Sealed objects that each process keeps in memory, so that they need no fetching, MiB."
    )
    max_calls: PositiveInt = Field(4000, description="Calls that each process has at once; more are refused.")
    max_watchers: PositiveInt = Field(500, description="Watchers of each process; more are refused.")
    max_watchers_per_caller: PositiveInt = Field(100, description="Watchers of one caller at each process.")
    calls_per_second: Span | None = Field(
        None, description="Calls that one caller may make at each process; unset: any number."
    )
    calls_burst: PositiveInt = Field(100, description="How many of them at once.")
    transfers_per_second: Span | None = Field(
        None, description="Uploads, downloads and releases among them; unset: any number."
    )
    transfers_burst: PositiveInt = Field(20, description="How many of those at once.")

    generators_file: Path | None = Field(None, description="The registry of generators, TOML; unset: the packaged one.")

    decoders: PositiveInt = Field(2, description="Sandboxed decoder processes of each server process.")
    decoder_seconds: Span = Field(20, description="How long one photo may take to decode.")

    upkeep: bool = Field(default=True, description="Servers run upkeep, one at a time; false: only the command does.")
    upkeep_minutes: Span = Field(10, description="How long a server waits between two runs of upkeep.")
    pending_media_minutes: Span = Field(60, description="When upkeep removes half-written media.")
    unclaimed_media_hours: Span = Field(24, description="When upkeep removes media that no me-image uses.")
    request_hours: Span = Field(24, description="How long answers are kept for retries.")
    max_me_images: PositiveInt = Field(100, description="Me-images of a person, deleted ones included.")
    purge_days: Span = Field(30, description="When a deleted me-image is removed for good.")
    event_days: Span = Field(30, description="How long events are kept for watchers who were away.")

    @field_validator("address", "mtls_address", "metrics_address")
    @classmethod
    def _is_host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if not host or not port.isdecimal() or int(port) > 65535:
                raise ValueError("host:port is needed")
        return value

    @field_validator("tls_key_file")
    @classmethod
    def _is_half_of_a_pair(cls, value: Path | None, others: ValidationInfo) -> Path | None:
        if (value is None) is not (others.data.get("tls_cert_file") is None):
            raise ValueError("it and ME_IMAGES_TLS_CERT_FILE are set together")
        return value

    @field_validator("tls_client_ca_file")
    @classmethod
    def _has_a_certificate(cls, value: Path | None, others: ValidationInfo) -> Path | None:
        if value is not None and others.data.get("tls_cert_file") is None:
            raise ValueError("it needs ME_IMAGES_TLS_CERT_FILE")
        return value

    @field_validator("mtls_address", "require_client_certificate")
    @classmethod
    def _has_client_cas(cls, value: str | bool | None, others: ValidationInfo) -> str | bool | None:
        if value and others.data.get("tls_client_ca_file") is None:
            raise ValueError("it needs ME_IMAGES_TLS_CLIENT_CA_FILE")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _is_safe_address(cls, value: str | None) -> str | None:
        """Plain http is for this machine alone: whoever changes the keys on their way makes tokens."""
        if value is not None:
            try:
                url = urlsplit(value)
                is_whole = bool(url.hostname) and url.port != 0
            except ValueError:  # its text holds what was set
                raise ValueError("https://host/path is needed") from None
            if not is_whole or url.username is not None or url.fragment:
                raise ValueError("https://host/path is needed")
            if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
                raise ValueError("https is needed, or http on loopback")
        return value

    @field_validator("jwks_file")
    @classmethod
    def _is_the_one_source(cls, value: Path | None, others: ValidationInfo) -> Path | None:
        if "jwks_url" in others.data and (value is None) is (others.data["jwks_url"] is None):
            raise ValueError("either it or ME_IMAGES_JWKS_URL is needed")
        return value

    @property
    def host(self) -> str:
        """The host of ``address``, without the brackets of IPv6."""
        return split_address(self.address)[0]

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return split_address(self.address)[1]

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach ``address``."""
        return is_loopback(self.host)


def split_address(address: str) -> tuple[str, int]:
    """Return the host of host:port, without the brackets of IPv6, and the port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
