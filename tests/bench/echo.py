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

from tests.bench.helper import answer, questions

CONNECTIONS = 10
SERVICE = "meimage.v1.MeImageService"
_ROW = "SELECT * FROM me_images WHERE user_id = $1 AND me_image_id = $2"
_ROWS = "SELECT * FROM me_images WHERE user_id = $1 ORDER BY created_at DESC, me_image_id DESC LIMIT $2"


class _Connection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        return ""


def _handlers(
    pool: "asyncpg.Pool[asyncpg.Record]", one: pb.GetMeImageResponse, ten: pb.ListMeImagesResponse
) -> grpc.GenericRpcHandler:
    async def get(request: pb.GetMeImageRequest, _context: object) -> pb.GetMeImageResponse:
        await pool.fetchrow(_ROW, request.user_id, UUID(request.me_image_id))
        return one

    async def list_ten(request: pb.ListMeImagesRequest, _context: object) -> pb.ListMeImagesResponse:
        rows = await pool.fetch(_ROWS, request.user_id, request.page_size)
        if len(rows) != len(ten.me_images):
            raise ValueError("a list of ten is of ten rows")
        return ten

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "GetMeImage": grpc.unary_unary_rpc_method_handler(
                get, pb.GetMeImageRequest.FromString, pb.GetMeImageResponse.SerializeToString
            ),
            "ListMeImages": grpc.unary_unary_rpc_method_handler(
                list_ten, pb.ListMeImagesRequest.FromString, pb.ListMeImagesResponse.SerializeToString
            ),
        },
    )


async def main() -> None:
    """Take both answers as hexadecimal text, tell the port, and serve until standard input ends."""
    answers = next(questions())
    one = pb.GetMeImageResponse.FromString(bytes.fromhex(answers["one"]))
    ten = pb.ListMeImagesResponse.FromString(bytes.fromhex(answers["ten"]))
    pool = await asyncpg.create_pool(
        os.environ["BENCH_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, connection_class=_Connection
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_handlers(pool, one, ten),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    answer(port=port)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)
    await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
