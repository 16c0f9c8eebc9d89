"""AdminService: decode, call one use case, encode."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

from meimage.v1 import admin_service_pb2 as pb
from meimage.v1.admin_service_pb2_grpc import AdminServiceServicer

from service.domain.model import UserId
from service.rpc.budget import ByteBudget
from service.rpc.calls import current_caller
from service.rpc.convert import timestamp
from service.rpc.enums import FLAW_NUMBERS
from service.usecases.erase import erase_user
from service.usecases.export import export_user
from service.usecases.status import get_status
from service.usecases.verify import Break, Verified, verify_ledger
from service.usecases.world import World


class Administration(AdminServiceServicer):
    """The side of those who answer for the service; ``version`` is the software's."""

    def __init__(self, world: World, transfers: ByteBudget, version: str) -> None:
        self._world = world
        self._transfers = transfers
        self._version = version

    async def VerifyLedger(
        self, request: pb.VerifyLedgerRequest, context: object
    ) -> AsyncIterator[pb.VerifyLedgerResponse]:
        user_id = UserId(request.user_id) if request.user_id else None
        async with aclosing(verify_ledger(self._world, user_id)) as verifying:
            async for found in verifying:
                yield _verify_message(found)

    async def ExportUser(self, request: pb.ExportUserRequest, context: object) -> AsyncIterator[pb.ExportUserResponse]:
        hold = partial(self._transfers.hold, caller=str(current_caller()), is_under_way=True)
        exporting = export_user(self._world, current_caller(), UserId(request.user_id), hold)
        async with aclosing(exporting) as parts:
            async for part in parts:
                if isinstance(part, bytes):
                    yield pb.ExportUserResponse(chunk=part)
                else:
                    yield pb.ExportUserResponse(end=pb.ExportEnd(size_bytes=part.size_bytes, sha256=part.sha256))

    async def EraseUser(self, request: pb.EraseUserRequest, context: object) -> pb.EraseUserResponse:
        erased = await erase_user(self._world, current_caller(), UserId(request.user_id))
        certificate = pb.ErasureCertificate(
            document=erased.document, signature=erased.signature, public_key=erased.public_key
        )
        return pb.EraseUserResponse(certificate=certificate)

    async def GetStatus(self, request: pb.GetStatusRequest, context: object) -> pb.GetStatusResponse:
        status = await get_status(self._world)
        backlog = status.backlog
        return pb.GetStatusResponse(
            version=self._version,
            schema_version=backlog.schema_version,
            time=timestamp(status.at),
            key_epochs=[pb.KeyEpoch(epoch=epoch, users=users) for epoch, users in status.key_epochs.items()],
            backlog=pb.UpkeepBacklog(
                condemned_media=backlog.condemned_media,
                unfinished_renditions=backlog.unfinished_renditions,
                due_me_images=backlog.due_me_images,
                erased_with_media=backlog.erased_with_media,
                certificates_to_file=backlog.certificates_to_file,
            ),
            events=backlog.events,
        )


def _verify_message(found: Break | Verified) -> pb.VerifyLedgerResponse:
    if isinstance(found, Break):
        broken = pb.LedgerBreak(user_id=found.user_id, sequence=found.sequence, flaw=FLAW_NUMBERS[found.flaw])
        return pb.VerifyLedgerResponse(broken=broken)
    if found.is_end:
        end = pb.VerifyLedgerEnd(users=found.users, entries=found.entries, broken=found.broken)
        return pb.VerifyLedgerResponse(end=end)
    return pb.VerifyLedgerResponse(progress=pb.VerifyLedgerProgress(users=found.users, entries=found.entries))
