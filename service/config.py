"""All settings, from ``ME_IMAGES_*`` variables, in one frozen object."""

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "ME_IMAGES_"

Span = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A time that ends."""


class Settings(BaseSettings):
    """What the server must be told; a field without default has to be set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    address: str = Field("127.0.0.1:50051", description="Where to listen, host:port. Port 0 takes a free one.")
    allow_plaintext: bool = Field(default=False, description="Listen without TLS on an address that is not loopback.")
    workers: PositiveInt = Field(1, description="Server processes that share the port.")
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

    jwks_file: Path = Field(description="Public keys of the token issuer, a JWKS.")
    token_issuer: str = Field(description="The `iss` that tokens must have.")
    token_audience: str = Field("me-images", description="The `aud` that tokens must have.")

    body_timeout_seconds: Span = Field(10, description="How long a caller may take between two messages.")
    call_timeout_seconds: Span = Field(30, description="How long a call without streams may take.")
    stream_timeout_seconds: Span = Field(120, description="How long an upload or a download may take.")
    transfer_mib: int = Field(64, ge=10, description="Photos in memory of each process, MiB; more transfers wait.")

    generators_file: Path | None = Field(None, description="The registry of generators, TOML; unset: the packaged one.")

    decoders: PositiveInt = Field(2, description="Sandboxed decoder processes of each server process.")
    decoder_seconds: Span = Field(20, description="How long one photo may take to decode.")

    pending_media_minutes: Span = Field(60, description="When upkeep removes half-written media.")
    unclaimed_media_hours: Span = Field(24, description="When upkeep removes media that no me-image uses.")
    request_hours: Span = Field(24, description="How long answers are kept for retries.")
    max_me_images: PositiveInt = Field(100, description="Me-images of a person, deleted ones included.")
    purge_days: Span = Field(30, description="When a deleted me-image is removed for good.")
    event_days: Span = Field(30, description="How long events are kept for watchers who were away.")

    @field_validator("address")
    @classmethod
    def _is_host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError("host:port is needed")
        return value

    @property
    def host(self) -> str:
        """The host of ``address``, without the brackets of IPv6."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return int(self.address.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach ``address``."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def settings_table() -> str:
    """Return all settings as a Markdown table, as the README shows it."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else _shown(field.default)
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default is None:
        return "unset"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
