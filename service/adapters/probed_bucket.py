"""Trying a bucket out: what our credentials may do there, what nobody's may, and what time it is there."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import certifi
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.response import BaseHTTPResponse

from service.adapters.objects import CONNECT_SECONDS, READ_SECONDS, BucketAddress
from service.domain.errors import StorageUnavailable
from service.ports.outside import ObjectMissing

NO_ANSWER = "no answer"
_HALF_A_SECOND = timedelta(seconds=0.5)
"""HTTP tells whole seconds, and means any time within them."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """What somebody without credentials got: the object or not, and the store's time, on half a second, if told."""

    is_served: bool
    now: datetime | None


async def tried(work: Awaitable[object]) -> str:
    """Return the store's word for why it does not work; empty where it does."""
    try:
        await work
    except ObjectMissing:
        return "NoSuchKey"
    except StorageUnavailable as error:
        cause = error.__cause__
        code = (cause.code or "") if isinstance(cause, S3Error) else ""
        return code if code.isalnum() else NO_ANSWER
    return ""


async def stranger(address: BucketAddress, key: str) -> Stranger:
    """Ask for an object as somebody without credentials does. Raises StorageUnavailable."""
    return await asyncio.to_thread(_ask, address, key)


def _ask(address: BucketAddress, key: str) -> Stranger:
    http = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        retries=False,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
    )
    client = Minio(address.endpoint, secure=address.secure, region=address.region, http_client=http)
    try:
        response = client.get_object(address.bucket, key)
    except S3Error as refused:
        return Stranger(is_served=False, now=_time(refused.response))
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StorageUnavailable from error
    else:
        response.close()
        return Stranger(is_served=True, now=_time(response))
    finally:
        http.clear()


def _time(response: BaseHTTPResponse) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]) + _HALF_A_SECOND
    except (KeyError, TypeError, ValueError):
        return None
