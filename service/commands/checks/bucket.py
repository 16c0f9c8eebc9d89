"""The bucket: whether we may do there what a server does, and whether nobody else may read it."""

from service.adapters.objects import S3Objects
from service.adapters.probed_bucket import NO_ANSWER, stranger, tried
from service.commands.checks.findings import Finding, ok, problem, skew, warning
from service.config import Settings
from service.domain.erasure import ERASURES
from service.domain.errors import StorageUnavailable
from service.domain.model import MediaId
from service.domain.objects import PREFIX, object_key
from service.ports.outside import Clock, Ids
from service.settled import bucket_address

PROBE = "doctor"
"""The variant of the probe: no media has it, and an audit would tell of one that stayed."""

_CONTENT = b"a probe of the doctor, which removes it"
_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"})


async def check_bucket(settings: Settings, clock: Clock, ids: Ids) -> list[Finding]:
    """Put an object, do all with it, and remove it in any case."""
    key = object_key(MediaId(ids.new_id()), PROBE)
    async with S3Objects.connect(bucket_address(settings), connections=1) as bucket:
        if absent := await _absent(bucket, settings):
            return [absent]
        found, seen = list[Finding](), list[Finding]()
        try:
            if word := await tried(bucket.put(key, _CONTENT)):
                found.append(_refused("put objects", "s3:PutObject", word))
            else:
                found += await _used(bucket, key)
                seen = await _as_stranger(settings, clock, key)
        finally:
            if left := await tried(bucket.remove([key])):
                found.append(_refused("remove objects", "s3:DeleteObject", left, f"; if it is there, remove {key}"))
    if not found:
        found.append(ok(f"bucket: objects can be put, read, listed and removed in {settings.s3_bucket}"))
    return [*found, *seen]


async def _absent(bucket: S3Objects, settings: Settings) -> Finding | None:
    """A list tells why it is refused; a look at the bucket itself has no room for words."""
    word = await tried(bucket.keys(PREFIX, "", 1))
    if word == NO_ANSWER:
        return problem(
            "the object store does not answer",
            "Check ME_IMAGES_S3_ENDPOINT (host:port) and ME_IMAGES_S3_SECURE, and that it runs there.",
        )
    if word == "NoSuchBucket":
        return problem(
            f"there is no bucket {settings.s3_bucket}",
            "Run `python -m service migrate`, which makes it, or set ME_IMAGES_S3_BUCKET.",
        )
    return _refused("list objects", "s3:ListBucket", word) if word else None


async def _used(bucket: S3Objects, key: str) -> list[Finding]:
    found = []
    folder = key.removesuffix(PROBE)
    if word := await tried(bucket.get(key)):
        found.append(_refused("read objects", "s3:GetObject", word))
    elif await bucket.get(key) != _CONTENT:
        found.append(problem("an object came back changed", "Find what lies between the server and the store."))
    if word := await tried(bucket.keys(folder, "", 2)):
        found.append(_refused("list objects", "s3:ListBucket", word))
    elif await bucket.keys(folder, "", 2) != [key]:
        found.append(problem("the list of objects lacks one", "Use a store whose lists are consistent."))
    if word := await tried(bucket.keys(ERASURES, "", 1)):
        found.append(_refused("list certificates", f"s3:ListBucket for {ERASURES}", word))
    return found


async def _as_stranger(settings: Settings, clock: Clock, key: str) -> list[Finding]:
    before = clock.now()
    try:
        got = await stranger(bucket_address(settings), key)
    except StorageUnavailable:
        return [warning("whether strangers can read the bucket is not known", "Run it again.")]
    ours = before + (clock.now() - before) / 2
    found = [ok("bucket: nobody reads it without credentials")]
    if got.is_served:
        remedy = (
            "Take the public policy, or the anonymous identity, from it. What lies there is sealed, and no business"
        )
        found = [problem("the bucket can be read without credentials", f"{remedy} of strangers all the same.")]
    if got.now is not None:
        found.append(skew("the object store", (got.now - ours).total_seconds()))
    return found


def _refused(what: str, permission: str, word: str, more: str = "") -> Finding:
    if word in _CREDENTIALS:
        remedy = "Check ME_IMAGES_S3_ACCESS_KEY, ME_IMAGES_S3_SECRET_KEY, ME_IMAGES_S3_REGION, and the clock"
    elif word == NO_ANSWER:
        remedy = f"See that the store runs, and that {permission} is allowed for this access key"
    else:
        remedy = f"Allow {permission} for this access key"
    return problem(f"the object store does not let us {what}: {word}", f"{remedy}{more}.")
