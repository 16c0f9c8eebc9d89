"""Those who answer for the service: what a test needs to call AdminService."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meimage.v1 import admin_service_pb2 as pb
from meimage.v1.admin_service_pb2_grpc import AdminServiceStub

from tests.conftest import Served
from tests.people import Metadata, bearer
from tests.tokens import Issuer

if TYPE_CHECKING:
    from meimage.v1.admin_service_pb2_grpc import AdminServiceAsyncStub

SCOPES = ("me_images.admin", "me_images.on_behalf")


@dataclass(frozen=True)
class Verification:
    """What a verification said: where ledgers break, and its end."""

    breaks: tuple[tuple[str, int, str], ...]
    end: pb.VerifyLedgerEnd


@dataclass(frozen=True)
class Office:
    """A backend of those who answer for the service."""

    token: str
    stub: "AdminServiceAsyncStub"

    @property
    def metadata(self) -> Metadata:
        """What every call carries."""
        return bearer(self.token)

    async def verify(self, user_id: str = "") -> Verification:
        """Verify a ledger, or all of them."""
        request = pb.VerifyLedgerRequest(user_id=user_id)
        parts = [part async for part in self.stub.VerifyLedger(request, metadata=self.metadata)]
        assert [part.WhichOneof("part") == "end" for part in parts] == [False] * (len(parts) - 1) + [True]
        broken = [part.broken for part in parts if part.HasField("broken")]
        breaks = [
            (each.user_id, each.sequence, pb.LedgerFlaw.Name(each.flaw)[len("LEDGER_FLAW_") :]) for each in broken
        ]
        return Verification(tuple(breaks), parts[-1].end)

    async def export(self, user_id: str) -> bytes:
        """Export somebody; fails where the archive is not what its end says."""
        request = pb.ExportUserRequest(user_id=user_id)
        parts = [part async for part in self.stub.ExportUser(request, metadata=self.metadata)]
        archive = b"".join(part.chunk for part in parts[:-1])
        assert all(0 < len(part.chunk) <= 256 * 1024 for part in parts[:-1])
        end = parts[-1].end
        assert (len(archive), hashlib.sha256(archive).hexdigest()) == (end.size_bytes, end.sha256)
        return archive

    async def erase(self, user_id: str) -> pb.ErasureCertificate:
        """Erase somebody."""
        request = pb.EraseUserRequest(user_id=user_id)
        return (await self.stub.EraseUser(request, metadata=self.metadata)).certificate

    async def status(self) -> pb.GetStatusResponse:
        """Ask how things stand."""
        return await self.stub.GetStatus(pb.GetStatusRequest(), metadata=self.metadata)


def office(served: Served, issuer: Issuer) -> Office:
    """Return a backend that may do everything here."""
    return Office(issuer.service(*SCOPES, name="privacy"), AdminServiceStub(served.channel))
