"""Port ObjectStore: one bucket of any S3-compatible store through the minio SDK, off the event loop.

Every put is a single request of known length: the SDK's multipart path counts a 200 with an error body as success.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Self, TypeVar

import certifi
import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from service.domain.errors import StorageUnavailable
from service.ports.outside import ObjectMissing
from service.ports.tracing import UNTRACED, Traces

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
RETRIES = 2
SINGLE_PUT_BYTES = 16 * 1024 * 1024
"""The SDK's part size, above the largest object, so that nothing is ever sent in parts."""

_MISSING = frozenset({"NoSuchKey", "NoSuchObject"})
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where the bucket is and how to reach it; ``endpoint`` is host:port."""

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    secure: bool = True


class S3Objects:
    """Port ObjectStore."""

    def __init__(self, client: Minio, bucket: str, threads: ThreadPoolExecutor, traces: Traces) -> None:
        self._client = client
        self._bucket = bucket
        self._threads = threads
        self._probing = ThreadPoolExecutor(1, thread_name_prefix="objects-probe")  # no line of photos before it
        self._traces = traces

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, address: BucketAddress, *, connections: int, traces: Traces = UNTRACED
    ) -> AsyncIterator[Self]:
        """Make a client with ``connections`` threads, each with a connection of its own. Opens none yet."""
        http = urllib3.PoolManager(
            maxsize=connections + 1,  # and one for the probe
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=urllib3.Retry(total=RETRIES, backoff_factor=0.1, status_forcelist=[500, 502, 503, 504]),
            cert_reqs="CERT_REQUIRED",
            ca_certs=certifi.where(),
        )
        client = Minio(
            address.endpoint,
            access_key=address.access_key,
            secret_key=address.secret_key,
            secure=address.secure,
            region=address.region,
            http_client=http,
        )
        threads = ThreadPoolExecutor(connections, thread_name_prefix="objects")
        objects = cls(client, address.bucket, threads, traces)
        try:
            yield objects
        finally:
            objects._probing.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)
            http.clear()

    async def put(self, key: str, sealed: bytes) -> None:
        """See ObjectStore."""

        def put() -> None:
            self._client.put_object(self._bucket, key, io.BytesIO(sealed), len(sealed), part_size=SINGLE_PUT_BYTES)

        await self._run("put", put)

    async def get(self, key: str) -> bytes:
        """See ObjectStore."""

        def get() -> bytes:
            response = self._client.get_object(self._bucket, key)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

        return await self._run("get", get)

    async def remove(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        doomed = [DeleteObject(key) for key in keys]

        def remove() -> None:
            if list(self._client.remove_objects(self._bucket, doomed)):
                raise StorageUnavailable

        await self._run("remove", remove)

    async def keys(self, prefix: str, after: str, limit: int) -> list[str]:
        """See ObjectStore."""

        def keys() -> list[str]:
            found = self._client.list_objects(self._bucket, prefix, recursive=True, start_after=after or None)
            return [str(each.object_name) for each in islice(found, limit)]

        return await self._run("list", keys)

    async def ping(self) -> None:
        """See ObjectStore."""

        def ping() -> None:
            if not self._client.bucket_exists(self._bucket):
                raise StorageUnavailable

        await self._run("ping", ping, self._probing)

    async def make_bucket(self) -> None:
        """Create the bucket unless it exists."""

        def make() -> None:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

        await self._run("make bucket", make)

    async def _run(self, name: str, work: Callable[[], _Result], threads: ThreadPoolExecutor | None = None) -> _Result:
        try:
            with self._traces.work(f"S3 {name}"):
                return await asyncio.get_running_loop().run_in_executor(threads or self._threads, work)
        except S3Error as error:
            if error.code in _MISSING:
                raise ObjectMissing from error
            raise StorageUnavailable from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StorageUnavailable from error
