"""The ceiling of unary calls, a process of its own: asyncio grpcio on uvloop, one query, a ready answer, nothing else.

The query takes one row, or ten, of the same table on the same database, over as many connections as the service has,
which are not reset between calls either. The answer is the very message that the service gives, serialised anew for
each call. No token, no log, no limits, no seals.
"""

import asyncio
import os
import sys
from uuid import UUID

import asyncpg
import grpc
import uvloop
from meimage.v1 import me_image_service_pb2 as pb
from meimage.v1.me_image_service_pb2_grpc import MeImageServiceServicer, add_MeImageServiceServicer_to_server

from tests.bench.helper import answer, questions

CONNECTIONS = 10
_ROW = "SELECT * FROM me_images WHERE user_id = $1 AND me_image_id = $2"
_ROWS = "SELECT * FROM me_images WHERE user_id = $1 ORDER BY created_at DESC, me_image_id DESC LIMIT $2"


class _Connection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        return ""


class _Echo(MeImageServiceServicer):
    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", one: bytes, ten: bytes) -> None:
        self._pool = pool
        self._one = pb.GetMeImageResponse.FromString(one)
        self._ten = pb.ListMeImagesResponse.FromString(ten)

    async def GetMeImage(self, request: pb.GetMeImageRequest, _context: object) -> pb.GetMeImageResponse:
        await self._pool.fetchrow(_ROW, request.user_id, UUID(request.me_image_id))
        return self._one

    async def ListMeImages(self, request: pb.ListMeImagesRequest, _context: object) -> pb.ListMeImagesResponse:
        rows = await self._pool.fetch(_ROWS, request.user_id, request.page_size)
        if len(rows) != len(self._ten.me_images):
            raise ValueError("a list of ten is of ten rows")
        return self._ten


async def main() -> None:
    """Take both answers as hexadecimal text, tell the port, and serve until standard input ends."""
    first = next(questions())
    pool = await asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, connection_class=_Connection
    )
    server = grpc.aio.server()
    echo = _Echo(pool, bytes.fromhex(first["one"]), bytes.fromhex(first["ten"]))
    add_MeImageServiceServicer_to_server(echo, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    answer(port=port)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)
    await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
