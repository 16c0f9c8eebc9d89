"""The two servers that unary calls compare: the service, and the bare one that gives the same answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from meimage.v1 import me_image_service_pb2 as pb

from tests.bench.helper import helping
from tests.bench.load import Loaded, Loader, Shape, Target, WrongAnswersError
from tests.bench.photos import varied
from tests.bench.processes import ProcessTree
from tests.bench.stage import Server, Somebody, Stage
from tests.people import bearer, face, person
from tests.pictures import jpeg

ENTRIES = 10
GET, LIST = "/meimage.v1.MeImageService/GetMeImage", "/meimage.v1.MeImageService/ListMeImages"


@dataclass(frozen=True)
class Run:
    """Load on one side: what the client saw, CPU microseconds of the server for each call, and how busy both were.

    ``server_share`` and ``client_share`` are of one core.
    """

    loaded: Loaded
    cpu: float
    server_share: float
    client_share: float


@dataclass
class Side:
    """One server, the call that it gets and the only right answer; ``made`` counts the calls."""

    target: Target
    answer: bytes
    tree: ProcessTree
    made: int = 0

    async def check(self) -> None:
        """Make the call once as a client does. Raises WrongAnswersError, or the call's own error."""
        async with grpc.aio.insecure_channel(self.target.address) as channel:
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(self.target.method)
            given = await call(self.target.request, metadata=bearer(self.target.token))
        self.made += 1
        if given != self.answer:
            raise WrongAnswersError(self.target.method)

    async def run(self, loader: Loader, shape: Shape) -> Run:
        """Load it. Raises WrongAnswersError unless every answer was right."""
        before = self.tree.cpu_seconds()
        loaded = await loader.load(self.target, shape)
        used = self.tree.cpu_seconds() - before
        self.made += shape.calls
        seconds = shape.calls / loaded.calls_per_second
        return Run(loaded, used / shape.calls * 1e6, used / seconds, loaded.client_cpu / seconds)


@dataclass(frozen=True)
class Sides:
    """Both, ready to be loaded."""

    service: Side
    bare: Side
    server: Server

    async def check(self) -> None:
        """Check both, and that the service's log tells of every call made so far and of no error."""
        await self.service.check()
        await self.bare.check()
        told = self.server.answered(self.service.target.method)
        if told != {grpc.StatusCode.OK.name: self.service.made}:
            raise WrongAnswersError(f"of {self.service.made} calls the log tells {told}")


@asynccontextmanager
async def sides(stage: Stage, method: str) -> AsyncIterator[Sides]:
    """Run both, with a user of ten me-images, while the context is open."""
    someone = stage.somebody()
    async with stage.server("calls") as server, helping("tests.bench.echo", **stage.ceiling_settings()) as echo:
        async with grpc.aio.insecure_channel(server.address) as channel:
            one, ten = await _ten_me_images(channel, someone)
        port = (await echo.ask(one=one.SerializeToString().hex(), ten=ten.SerializeToString().hex()))["port"]
        get = pb.GetMeImageRequest(user_id=someone.user_id, me_image_id=one.me_image.me_image_id)
        list_ten = pb.ListMeImagesRequest(user_id=someone.user_id, page_size=ENTRIES)
        request, response = (get, one) if method == GET else (list_ten, ten)
        answer = response.SerializeToString()
        ours = Target(server.address, method, someone.token, request.SerializeToString(), len(answer))
        theirs = Target(f"127.0.0.1:{port:.0f}", method, someone.token, ours.request, len(answer))
        both = Sides(Side(ours, answer, server.tree, made=1), Side(theirs, answer, ProcessTree(echo.pid)), server)
        await both.check()
        yield both


async def _ten_me_images(
    channel: grpc.aio.Channel, someone: Somebody
) -> tuple[pb.GetMeImageResponse, pb.ListMeImagesResponse]:
    """Make them; return one of them and the list, as the service gives them."""
    me, photo = person(channel, someone.token, someone.user_id), jpeg(640, 480)
    for number in range(ENTRIES):
        label = f"at the lake, picture {number}"
        await me.upload(varied(photo), face(label, "summer", "outdoors", "glasses"), filename=f"IMG_{number:04}.jpg")
    page = await me.page(pb.ListMeImagesRequest(page_size=ENTRIES))
    one = await me.get(page.me_images[-1].me_image_id)
    return pb.GetMeImageResponse(me_image=one), page
