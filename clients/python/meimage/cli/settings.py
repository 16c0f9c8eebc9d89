"""Which server, which person, which tokens: from options, the environment, or the file that `make run` writes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import meimage
from meimage.cli.failures import Wrong
from meimage.connection import is_loopback

DEV_ENV = Path(".data") / "dev.env"


@dataclass(frozen=True)
class Options:
    """What the command line says; None where it says nothing."""

    address: str | None
    user_id: str | None
    ca: Path | None
    allow_plaintext: bool


@dataclass(frozen=True)
class Settings:
    """Where to call, and as whom."""

    options: Options
    variables: Mapping[str, str]

    @property
    def user_id(self) -> str:
        """The person whose photos the command is about."""
        return self.options.user_id or self._needed("ME_IMAGES_USER_ID", "--user")

    def connect(self, *, as_service: bool = False) -> meimage.Client:
        """Return a client with the person's token, or the service's. Raises Wrong."""
        address = self.options.address or self._needed("ME_IMAGES_ADDRESS", "--address")
        token = self._needed("ME_IMAGES_SERVICE_TOKEN" if as_service else "ME_IMAGES_USER_TOKEN", None)
        ca = self.options.ca or self.variables.get("ME_IMAGES_CA_FILE")
        plain = ca is None and (is_loopback(address) or self.options.allow_plaintext)
        tls = None if plain else meimage.Tls(ca=Path(ca).read_bytes() if ca else None)
        return meimage.connect(address, token, tls=tls, allow_plaintext=self.options.allow_plaintext)

    def _needed(self, name: str, option: str | None) -> str:
        value = self.variables.get(name)
        if value:
            return value
        ways = "set it" + (f", pass {option}," if option else "")
        raise Wrong(f"{name} is not set: {ways} or start `make run` and come back to its folder.")


def read_settings(options: Options) -> Settings:
    """Return the settings.

    The file of `make run` counts only where neither an option nor the environment names a server: its tokens are for
    its own server and are sent to no other.
    """
    file = None if options.address or os.environ.get("ME_IMAGES_ADDRESS") else _find()
    variables = os.environ if file is None else os.environ | _read(file)
    return Settings(options, variables)


def _find() -> Path | None:
    here = Path.cwd()
    return next((folder / DEV_ENV for folder in (here, *here.parents) if (folder / DEV_ENV).is_file()), None)


def _read(file: Path) -> dict[str, str]:
    lines = file.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
