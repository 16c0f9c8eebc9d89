"""The ceilings of uploads and downloads, one process and one thread: pyvips and the minio SDK, and nothing between.

Questions: ``store`` decodes a photo, makes its thumbnail and puts its bytes; ``read`` gets an object whole; ``open``
gets sets of objects and opens their seals. ``cpu`` in seconds of this process, ``seconds`` by the clock.
"""

import io
import json
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pyvips
import urllib3
from minio import Minio

from service.adapters.keks import read_keks
from service.adapters.vault import KeyVault
from service.domain.model import MediaId, UserId
from service.domain.objects import object_key
from service.ports.sealing import Purpose, SealContext, WrappedKey
from tests.bench.helper import answer, questions
from tests.bench.photos import varied

_PART_SIZE = 16 * 1024 * 1024
"""Above every photo: one request each, as the service sends them."""


def main() -> None:
    """Answer questions until standard input ends."""
    pyvips.cache_set_max(0)
    bucket = os.environ["BENCH_S3_BUCKET"]
    client = Minio(
        os.environ["BENCH_S3_ENDPOINT"],
        access_key=os.environ["BENCH_S3_ACCESS_KEY"],
        secret_key=os.environ["BENCH_S3_SECRET_KEY"],
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(maxsize=1),
    )
    for question in questions():
        count = int(question["count"])
        if question["do"] == "store":
            _store(client, bucket, Path(question["photo"]), count)
        elif question["do"] == "open":
            _open(client, bucket, Path(question["kek_file"]), json.loads(question["sets"]), count)
        else:
            _read(client, bucket, question["key"], count)


def _store(client: Minio, bucket: str, photo: Path, count: int) -> None:
    photos = [varied(photo.read_bytes()) for _ in range(count)]
    cpu, started = time.process_time(), time.perf_counter()
    for content in photos:
        pyvips.Image.thumbnail_buffer(content, 320).webpsave_buffer(Q=80, keep="none")
        client.put_object(bucket, f"bench/{uuid.uuid4()}", io.BytesIO(content), len(content), part_size=_PART_SIZE)
    answer(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu)


def _read(client: Minio, bucket: str, key: str, count: int) -> None:
    size = 0
    cpu, started = time.process_time(), time.perf_counter()
    for _ in range(count):
        size += len(_object(client, bucket, key))
    answer(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, bytes=size)


def _open(
    client: Minio, bucket: str, kek_file: Path, sets: Sequence[tuple[str, str, list[list[str]]]], count: int
) -> None:
    """Go through sets, ``count`` of them: a user, the wrapped key in hexadecimal, media and variant of each object."""
    vault, size = KeyVault(read_keks(kek_file)), 0
    cpu, started = time.process_time(), time.perf_counter()
    for number in range(count):
        name, wrapped, objects = sets[number % len(sets)]
        user_id = UserId(name)
        key = vault.unwrap(user_id, WrappedKey(bytes.fromhex(wrapped)))
        for text, variant in objects:
            media_id = MediaId(uuid.UUID(text))
            sealed = _object(client, bucket, object_key(media_id, variant))
            size += len(vault.open(key, SealContext(Purpose.OBJECT, user_id, media_id, variant), sealed))
    answer(seconds=time.perf_counter() - started, cpu=time.process_time() - cpu, bytes=size)


def _object(client: Minio, bucket: str, key: str) -> bytes:
    response = client.get_object(bucket, key)
    try:
        return response.read()
    finally:
        response.close()
        response.release_conn()


if __name__ == "__main__":
    main()
