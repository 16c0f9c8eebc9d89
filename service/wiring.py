"""The composition root: everything is built here, once, in the order of its dependencies."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from service.adapters.certificates import X509Reader
from service.adapters.chores import BackgroundChores
from service.adapters.generators import read_generators
from service.adapters.issuer_keys import IssuerKeys
from service.adapters.keks import ReadAgain, read_keks
from service.adapters.kept_objects import KeptObjects
from service.adapters.metrics_parts import Parts
from service.adapters.notary import read_notary
from service.adapters.objects import S3Objects
from service.adapters.pictures import PicturePool
from service.adapters.pictures_process import DecoderLimits
from service.adapters.postgres.bell import PostgresBell
from service.adapters.postgres.database import APPLICATION_NAME, Database
from service.adapters.postgres.migrate import require_known_schema
from service.adapters.postgres.pulse import Pulse
from service.adapters.postgres.standing import Standing
from service.adapters.postgres.statements import traced
from service.adapters.postgres.store import PostgresStore
from service.adapters.system import RandomIds, SystemClock, chance, installed_version
from service.adapters.tls_files import WatchedTls
from service.adapters.tokens import JwtVerifier, Trust
from service.adapters.vault import KeyVault
from service.config import Settings
from service.observed import open_metrics, open_traces
from service.ports.observing import Observing
from service.ports.tracing import UNTRACED, Traces
from service.rpc.body import Pace
from service.rpc.health import Pingable
from service.rpc.proof import Proof
from service.rpc.server import Door, Running, serving
from service.settled import MIB, bounds, bucket_address, key_source, policy, retention, tls_files
from service.usecases.keys import require_keks
from service.usecases.replay import require_erasures
from service.usecases.world import World


class PlaintextRefused(Exception):
    """The address can be reached from other machines, and there is no TLS."""


@dataclass(frozen=True, slots=True)
class Built:
    """The world, the two parts of it that can be away, what is done beside calls, and what holds the decoders in.

    ``parts`` is what metrics are read from, ``traces`` what makes spans.
    """

    world: World
    store: PostgresStore
    objects: S3Objects
    chores: BackgroundChores
    sandbox: tuple[str, ...]
    parts: Parts
    traces: Traces


@asynccontextmanager
async def open_keys(
    settings: Settings, traces: Traces = UNTRACED, name: str = APPLICATION_NAME
) -> AsyncIterator[tuple[PostgresStore, KeyVault]]:
    """Open the database, under a ``name``, and a vault that knows every epoch that is in use there.

    Raises UnusableKekFile, WrongKeks, UnknownSchema, StorageUnavailable.
    """
    vault = KeyVault(read_keks(settings.kek_file), ReadAgain(settings.kek_file, time.monotonic))
    url = settings.database_url.get_secret_value()
    prepare = traced(traces) if settings.traces else None
    connections = settings.database_connections
    async with Database.connect(url, connections=connections, prepare=prepare, name=name) as database:
        await require_known_schema(database)
        store = PostgresStore(database)
        await require_keks(store, vault)
        yield store, vault


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[Built]:
    """Open everything that the use cases need.

    Raises:
        UnusableKekFile, WrongKeks, UnusableGenerators, UnusableSigningKey, UnknownSchema, StorageUnavailable,
            TracesMissing: the server cannot work with what it was given.
    """
    generators = read_generators(settings.generators_file)
    notary = read_notary(settings.signing_key_file) if settings.signing_key_file else None
    async with AsyncExitStack() as stack:
        traces = await stack.enter_async_context(open_traces(settings))
        store, vault = await stack.enter_async_context(open_keys(settings, traces))
        objects = await stack.enter_async_context(
            S3Objects.connect(bucket_address(settings), connections=settings.s3_connections, traces=traces)
        )
        bell = await stack.enter_async_context(PostgresBell.hung(settings.database_url.get_secret_value()))
        pictures = await stack.enter_async_context(
            PicturePool.open(workers=settings.decoders, limits=DecoderLimits(seconds=settings.decoder_seconds))
        )
        chores = await stack.enter_async_context(BackgroundChores.running())
        kept = KeptObjects(objects, settings.kept_objects_mib * MIB)
        world = World(
            clock=SystemClock(),
            ids=RandomIds(),
            vault=vault,
            store=store,
            objects=kept,
            pictures=pictures,
            bell=bell,
            chores=chores,
            generators=generators,
            notary=notary,
            policy=policy(settings),
        )
        parts = Parts(store.database, pictures, bell, kept)
        yield Built(world, store, objects, chores, pictures.sandbox, parts, traces)


@asynccontextmanager
async def open_served_world(settings: Settings) -> AsyncIterator[Built]:
    """Open everything, for callers: not where people are there again who were erased.

    Raises what ``open_world`` raises, and ErasuresForgotten.
    """
    async with open_world(settings) as built:
        await require_erasures(built.world)
        yield built


@asynccontextmanager
async def open_server(settings: Settings, built: Built, *, share_port: bool = False) -> AsyncIterator[Running]:
    """Answer calls while the block runs.

    Raises PlaintextRefused, CannotListen, UnusableJwks, UnusableTlsFiles, MetricsRefused, MetricsCannotListen.
    """
    clock = SystemClock()
    tls = None if (files := tls_files(settings)) is None else WatchedTls(files, clock)
    if not (tls or settings.is_loopback or settings.allow_plaintext):
        raise PlaintextRefused
    limits = bounds(settings)
    door = Door(
        address=settings.address,
        mtls_address=settings.mtls_address,
        tls=tls,
        pace=Pace(
            message=settings.body_timeout_seconds,
            call=settings.call_timeout_seconds,
            stream=settings.stream_timeout_seconds,
        ),
        bounds=limits,
        chance=chance,
        reflection=settings.reflection,
        share_port=share_port,
        version=installed_version(),
    )
    verifier = JwtVerifier(Trust(settings.token_issuer, settings.token_audience, {}), clock)
    async with IssuerKeys.followed(verifier, key_source(settings), time.monotonic) as tokens:
        proof = Proof(tokens, X509Reader(), settings.require_client_certificate)
        pulse = Pulse(built.parts.bell, built.store)
        needs: dict[str, Pingable] = {"database": pulse, "object store": built.objects, "token keys": tokens}
        standing = Standing(built.parts.database, clock, retention(settings), policy(settings))
        async with (
            open_metrics(settings, built.parts, limits.transfers.figures, standing) as calls,
            serving(door, built.world, proof, needs, Observing(time.monotonic, calls, built.traces)) as running,
        ):
            yield running
