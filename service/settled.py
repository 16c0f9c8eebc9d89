"""What each part gets of the settings."""

from datetime import timedelta

from service.adapters.jwks import FileKeys, KeySource, UnusableJwks
from service.adapters.jwks_url import UrlKeys
from service.adapters.objects import BucketAddress
from service.adapters.tls_files import TlsFiles
from service.config import Settings
from service.rpc.bounds import Bounds
from service.rpc.rates import Rate
from service.rpc.transfers import Transfers
from service.usecases.sweeps import Retention
from service.usecases.world import Policy

MIB = 1024 * 1024


def bounds(settings: Settings) -> Bounds:
    """Return how much callers may have at once, or in a time."""
    calls, transfers = settings.calls_per_second, settings.transfers_per_second
    return Bounds(
        transfers=Transfers(settings.transfer_mib * MIB, settings.transfer_line_mib * MIB),
        calls=settings.max_calls,
        watchers=settings.max_watchers,
        watchers_each=settings.max_watchers_per_caller,
        call_rate=None if calls is None else Rate(calls, settings.calls_burst),
        transfer_rate=None if transfers is None else Rate(transfers, settings.transfers_burst),
    )


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return where the certificates are; None where the server speaks plaintext."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return TlsFiles(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)


def key_source(settings: Settings) -> KeySource:
    """Return where the issuer's keys are. Raises UnusableJwks."""
    if settings.jwks_url is not None:
        return UrlKeys(settings.jwks_url, settings.jwks_ca_file)
    if settings.jwks_file is None:
        raise UnusableJwks("ME_IMAGES_JWKS_FILE is not set")
    return FileKeys(settings.jwks_file)


def bucket_address(settings: Settings) -> BucketAddress:
    """Return where the objects are."""
    return BucketAddress(
        endpoint=settings.s3_endpoint,
        bucket=settings.s3_bucket,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        region=settings.s3_region,
        secure=settings.s3_secure,
    )


def policy(settings: Settings) -> Policy:
    """Return what the operator decides."""
    return Policy(
        max_me_images=settings.max_me_images,
        purge_after=timedelta(days=settings.purge_days),
        event_retention=timedelta(days=settings.event_days),
    )


def retention(settings: Settings) -> Retention:
    """Return how long upkeep keeps things."""
    return Retention(
        pending_media=timedelta(minutes=settings.pending_media_minutes),
        unclaimed_media=timedelta(hours=settings.unclaimed_media_hours),
        requests=timedelta(hours=settings.request_hours),
    )
