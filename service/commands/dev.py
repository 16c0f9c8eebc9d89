"""``dev``: the whole service on this machine, with its own Postgres and S3 store, and tokens to try it with."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from service.adapters.data_dir import DataDirClaim, claimed
from service.adapters.dev_identity import AUDIENCE, ISSUER, USER_ID, DevIdentity
from service.adapters.embedded import EmbeddedStores, embedded_stores
from service.adapters.keks import write_first_kek
from service.adapters.notary import write_signing_key
from service.adapters.postgres.migrate import migrate
from service.adapters.private_files import write_private
from service.adapters.system import SystemClock
from service.commands.listening import held_or_free
from service.commands.memory import keep_photo_pages
from service.commands.serve import stop_signal
from service.commands.upkept import upkept
from service.config import Settings
from service.variables import require_known_variables
from service.wiring import open_served_world, open_server

DATA_DIR = Path(".data")
HOST, PORT = "127.0.0.1", 50051


@dataclass(frozen=True, slots=True)
class Dev:
    """What a person needs to call the development server."""

    address: str
    user_token: str
    service_token: str
    data_dir: Path


async def dev() -> int:
    """Run until Ctrl-C or SIGTERM, then stop everything that was started."""
    require_known_variables()
    with claimed(DATA_DIR) as claim:
        async with stop_signal() as stop:
            sys.stdout.write("Starting PostgreSQL and the S3 store …\n")
            sys.stdout.flush()
            async with embedded_stores(DATA_DIR) as stores:
                with held_or_free(HOST, PORT) as port:
                    await _serve(stores, port, claim, stop)
    sys.stdout.write("Stopped.\n")
    return 0


async def _serve(stores: EmbeddedStores, port: int, claim: DataDirClaim, stop: asyncio.Event) -> None:
    identity = DevIdentity(DATA_DIR, SystemClock())
    settings = _settings(stores, identity, port)
    await migrate(stores.database_url)
    keep_photo_pages()
    async with (
        open_served_world(settings) as built,
        upkept(settings, built, stop),
        open_server(settings, built, share_port=True),
    ):
        address = f"{HOST}:{port}"
        claim.announce(address)
        _show(Dev(address, identity.user_token(), identity.service_token(), DATA_DIR))
        await stop.wait()
        sys.stdout.write("\nStopping; the data stays in .data/ …\n")


def _settings(stores: EmbeddedStores, identity: DevIdentity, port: int) -> Settings:
    kek_file = DATA_DIR / "kek"
    if not kek_file.exists():
        write_first_kek(kek_file)
    signing_key_file = DATA_DIR / "erasure-signing-key.pem"
    if not signing_key_file.exists():
        write_signing_key(signing_key_file)
    return Settings(
        address=f"{HOST}:{port}",
        reflection=True,
        database_url=SecretStr(stores.database_url),
        s3_endpoint=stores.s3_endpoint,
        s3_access_key=SecretStr(stores.s3_access_key),
        s3_secret_key=SecretStr(stores.s3_secret_key),
        s3_bucket=stores.s3_bucket,
        s3_secure=stores.s3_secure,
        kek_file=kek_file,
        signing_key_file=signing_key_file,
        jwks_file=identity.jwks_file,
        token_issuer=ISSUER,
        token_audience=AUDIENCE,
    )


def _show(dev: Dev) -> None:
    variables = {
        "ME_IMAGES_ADDRESS": dev.address,
        "ME_IMAGES_USER_ID": USER_ID,
        "ME_IMAGES_USER_TOKEN": dev.user_token,
        "ME_IMAGES_SERVICE_TOKEN": dev.service_token,
    }
    write_private(dev.data_dir / "dev.env", "".join(f"{name}={value}\n" for name, value in variables.items()))
    taken = "" if dev.address.endswith(f":{PORT}") else f"  (port {PORT} is taken by another program)"
    grpcurl = "" if shutil.which("grpcurl") else " (it is not installed here: https://github.com/fullstorydev/grpcurl)"
    sys.stdout.write(_BANNER.format(dev=dev, taken=taken, user=USER_ID, grpcurl=grpcurl))
    sys.stdout.flush()


_BANNER = """
me-images runs at {dev.address}{taken}. Ctrl-C stops it and everything it started.

User token ({user}):
{dev.user_token}

Service token (dev-service):
{dev.service_token}

Both, and the address, are in {dev.data_dir}/dev.env. To try it with grpcurl{grpcurl},
in another terminal and in this folder:

  . ./{dev.data_dir}/dev.env
  call() {{ grpcurl -plaintext -H "authorization: Bearer $ME_IMAGES_USER_TOKEN" "$@"; }}

  # upload me.jpg and make a me-image of it
  {{ printf '{{"header":{{"user_id":"%s","new_me_image":{{"kind":"KIND_FACE"}}}}}}\\n' "$ME_IMAGES_USER_ID"
    base64 < me.jpg | tr -d '\\n' | fold -w 349524 | sed 's/.*/{{"chunk":"&"}}/'
  }} | call -d @ "$ME_IMAGES_ADDRESS" meimage.v1.MeImageService/UploadMeImage

  # see it in the list
  call -d "{{\\"user_id\\":\\"$ME_IMAGES_USER_ID\\"}}" "$ME_IMAGES_ADDRESS" meimage.v1.MeImageService/ListMeImages

The log follows, a JSON object a line.

"""
