"""Erasing a user, for good: one transaction destroys the key and leaves a tombstone with a signed certificate.

From its commit on nothing can be opened, released or added. Upkeep removes the sealed objects after it. An erasure is
acknowledged once its certificate lies in the bucket, too: from there it is done again on a restored database.
"""

from contextlib import suppress

from pydantic import TypeAdapter, ValidationError

from service.domain.callers import Caller
from service.domain.erasure import ErasureCertificate, Holdings, erasure_document, erasure_key, read_document
from service.domain.errors import NoSigningKey
from service.domain.events import Event, UserErased
from service.domain.model import UserId
from service.ports.administration import ErasableUser
from service.ports.outside import ObjectMissing
from service.ports.sealing import SealBroken, WrappedKey
from service.ports.transaction import Transaction
from service.usecases.world import World

_CERTIFICATE = TypeAdapter(ErasureCertificate)


async def erase_user(world: World, caller: Caller, user_id: UserId) -> ErasureCertificate:
    """Erase a user, known or not; of one who is erased, return the certificate.

    Raises NoSigningKey, before anything is destroyed.
    """
    earlier = await filed_certificate(world, erasure_key(user_id))
    async with world.store.transaction(user_id) as tx:
        user = await tx.erasable_user(user_id)
        text, is_filed = user.certificate, user.is_filed
        if text is None:
            certificate = earlier or _certified(world, caller, user_id, user)
            text = await _entomb(world, tx, caller, certificate)
    if not is_filed:
        await file_certificate(world, user_id, text)
    return _CERTIFICATE.validate_json(text)


async def erase_again(world: World, caller: Caller, certificate: ErasureCertificate) -> bool:
    """Erase whom a genuine certificate says, leaving it on the tombstone; False for who is erased already."""
    user_id, _ = read_document(certificate.document)
    async with world.store.transaction(user_id) as tx:
        is_erased = (await tx.erasable_user(user_id)).certificate is not None
        if not is_erased:
            await _entomb(world, tx, caller, certificate)
        await tx.certificate_filed(user_id, world.clock.now())
    return not is_erased


async def file_certificate(world: World, user_id: UserId, text: str) -> None:
    """Put the certificate of an erased user into the bucket."""
    await world.objects.put(erasure_key(user_id), text.encode())
    async with world.store.transaction(user_id) as tx:
        await tx.certificate_filed(user_id, world.clock.now())


async def filed_certificate(world: World, key: str) -> ErasureCertificate | None:
    """Return a certificate of the bucket; None where there is none, or none of ours, or one of somebody else."""
    try:
        text = await world.objects.get(key)
        certificate = _CERTIFICATE.validate_json(text)
        user_id, _ = read_document(certificate.document)
    except (ObjectMissing, ValidationError, ValueError):
        return None
    is_genuine = world.notary is not None and world.notary.is_genuine(certificate)
    return certificate if is_genuine and erasure_key(user_id) == key else None


def _certified(world: World, caller: Caller, user_id: UserId, user: ErasableUser) -> ErasureCertificate:
    if world.notary is None:
        raise NoSigningKey
    held = Holdings(
        is_known=user.wrapped_key is not None,
        me_images=user.me_images,
        media=user.media,
        ledger_entries=user.ledger_entries,
        ledger_head=user.ledger_head,
        key_epoch=_epoch(world, user.wrapped_key),
    )
    return world.notary.certify(erasure_document(user_id, world.clock.now(), str(caller), held))


def _epoch(world: World, wrapped: WrappedKey | None) -> int | None:
    """A key that cannot be read is destroyed like any other."""
    with suppress(SealBroken):
        return None if wrapped is None else world.vault.epoch_of(wrapped)
    return None


async def _entomb(world: World, tx: Transaction, caller: Caller, certificate: ErasureCertificate) -> str:
    text = _CERTIFICATE.dump_json(certificate, indent=2).decode()
    user_id, erased_at = read_document(certificate.document)
    revision = await tx.erase_user(user_id, erased_at, text)
    told = Event(world.ids.new_id(), user_id, revision, world.clock.now(), str(caller), None, UserErased())
    await tx.add_events(user_id, [told])
    return text
