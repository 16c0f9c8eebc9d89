"""The runner of the scenario in Python; see README.md."""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import meimage
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from meimage.ledger import all_entries
from meimage.sources import Source
from meimage.v1 import me_image_service_pb2 as rpc
from meimage.v1 import reference_service_pb2 as references
from meimage.v1.event_pb2 import MeImageEvent
from meimage.v1.me_image_pb2 import NewMeImage, Rendition
from meimage.v1.reference_service_pb2 import ReferenceImage, Release, ReleaseReferencesRequest

EVENT_SECONDS = 60.0
STREAM_BYTES = 100_000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Json = Any  # what json gives; the scenario is data
Step = dict[str, Json]


class GaveUp(Exception):
    """The runner wants no more of an upload."""


class Watch:
    """A watch in the background; the queue ends with what ended it."""

    def __init__(self, events: AsyncIterator[meimage.Watched]) -> None:
        self._events = events
        self.queue: asyncio.Queue[MeImageEvent | meimage.MeImageError] = asyncio.Queue()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            async for seen in self._events:
                self.queue.put_nowait(seen.event)
        except meimage.MeImageError as error:
            self.queue.put_nowait(error)

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class Runner:
    """Executes steps, each by the method of its name."""

    def __init__(self, config: Step, clients: AsyncExitStack) -> None:
        self._config = config
        self._names: dict[str, Json] = dict(config["names"])
        self._open = clients
        self._clients: dict[tuple[str, str], meimage.Client] = {}
        self._watches: dict[str, Watch] = {}

    async def run(self, step: Step, volatile: list[str]) -> Step:
        """Execute a step and return its line."""
        do: Callable[[Step], Awaitable[Json]] = getattr(self, f"do_{step['do']}")
        try:
            result = await do(self._named(step))
        except meimage.MeImageError as error:
            refusals = [[self._normal(each.subject, "", []), each.reason] for each in error.refusals]
            fields = [each.field for each in error.field_violations]
            return {
                "step": step["name"],
                "error": {"code": error.code.name, "reason": error.reason, "fields": fields, "refusals": refusals},
            }
        for name, path in step.get("save", {}).items():
            value = result
            for part in path.split("."):
                value = value[int(part) if part.isdecimal() else part]
            self._names[name] = value
        return {"step": step["name"], "result": self._normal(result, "", volatile)}

    def _named(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {key: inner if key in {"save", "expect"} else self._named(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._named(inner) for inner in value]
        return self._names[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    def _normal(self, value: Json, key: str, volatile: list[str]) -> Json:
        if isinstance(value, dict):
            return {name: self._normal(inner, name, volatile) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._normal(inner, key, volatile) for inner in value]
        if not isinstance(value, str):
            return value
        saved = next((name for name, other in self._names.items() if value == other and len(value) >= 16), None)
        if saved is not None:
            return f"${saved}"
        return "*" if key in volatile or _UUID.fullmatch(value) else value

    def _client(self, step: Step) -> meimage.Client:
        who, via = step.get("as", "user"), step.get("via", "")
        if (who, via) not in self._clients:
            token = self._config["tokens"][who]

            async def provide() -> str:
                return str(token)

            address = self._config["addresses"][via] if via else self._config["address"]
            client = meimage.connect(address, provide if who == "user" else token, tls=None)
            self._clients[who, via] = client
            self._open.push_async_callback(client.close)
        return self._clients[who, via]

    async def do_call(self, step: Step) -> Json:
        client, name = self._client(step), step["rpc"]
        stub, messages = (client.pool, rpc) if hasattr(client.pool, name) else (client.references, references)
        return _plain(await getattr(stub, name)(ParseDict(step["request"], getattr(messages, f"{name}Request")())))

    async def do_upload(self, step: Step) -> Json:
        until, sent = step.get("give_up_at", 2.0), [0]

        def progress(done: int, total: int) -> None:
            sent.append(done)
            if done >= until * total:
                raise GaveUp

        try:
            answer = await self._client(step).upload(
                _source(Path(self._config["folder"], step["file"]), step["source"]),
                user_id=step["user_id"],
                new_me_image=ParseDict(step["new_me_image"], NewMeImage()) if "new_me_image" in step else None,
                filename=None if step["source"] == "path" else step["file"],
                request_id=step.get("request_id"),
                progress=progress,
            )
        except GaveUp:
            return {"gave_up": True}
        return _plain(answer) | {"sent": sent[-1]}

    async def do_send(self, step: Step) -> Json:
        async def messages() -> AsyncIterator[rpc.UploadMeImageRequest]:
            for message in step["messages"]:
                if "pause" in message:
                    await asyncio.sleep(message["pause"])
                elif "zeros" in message:
                    yield rpc.UploadMeImageRequest(chunk=bytes(message["zeros"]))
                else:
                    yield ParseDict(message, rpc.UploadMeImageRequest())

        return _plain(await self._client(step).pool.UploadMeImage(messages()))

    async def do_download(self, step: Step) -> Json:
        rendition = Rendition.Value(step["rendition"])
        content = await self._client(step).download(step["user_id"], step["me_image_id"], rendition)
        return {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    async def do_validate(self, step: Step) -> Json:
        request = ParseDict(step["request"], ReleaseReferencesRequest())
        return _plain(await self._client(step).validate_release(request))

    async def do_release(self, step: Step) -> Json:
        request = ParseDict(step["request"], ReleaseReferencesRequest())
        if step.get("stream"):
            return await _from_parts(self._client(step), request)
        whole = await self._client(step).release(request)
        head = {name: getattr(whole, name) for name in _HEAD}
        images = [
            {name: getattr(image, name) for name in _IMAGE} | {"size_bytes": len(image.content)}
            for image in whole.images
        ]
        return head | {"images": images}

    async def do_watch(self, step: Step) -> Json:
        self._watches[step["watch"]] = Watch(
            self._client(step).watch(step["user_id"] or None, step.get("resume_token", ""))
        )
        return {}

    async def do_events(self, step: Step) -> Json:
        seen = []
        async with asyncio.timeout(EVENT_SECONDS):
            for _ in range(step["count"]):
                event = await self._watches[step["watch"]].queue.get()
                if isinstance(event, meimage.MeImageError):
                    raise event
                seen.append(_plain(event))
        return seen

    async def do_unwatch(self, step: Step) -> Json:
        watch = self._watches.pop(step["watch"])
        await watch.stop()
        if not watch.queue.empty():
            raise AssertionError("events were left")
        return {}

    async def do_restart(self, _: Step) -> Json:
        await asyncio.to_thread(subprocess.run, self._config["restart"], check=True)
        return {}

    async def do_verify_ledger(self, step: Step) -> Json:
        try:
            return vars(await self._client(step).verify_ledger(step["user_id"]))
        except meimage.LedgerBroken as broken:
            return {"broken_at": broken.sequence}

    async def do_verify_entries(self, step: Step) -> Json:
        entries = await all_entries(self._client(step).pool, step["user_id"])
        if change := step.get("change"):
            setattr(entries[change["sequence"] - 1], change["field"], change["value"])
        kept = [entry for entry in entries if entry.sequence != step.get("drop")]
        try:
            return vars(meimage.verify_entries(step["user_id"], kept))
        except meimage.LedgerBroken as broken:
            return {"broken_at": broken.sequence}

    async def stop(self) -> None:
        for watch in self._watches.values():
            await watch.stop()


_HEAD = ("release_id", "generator", "ledger_sequence", "ledger_hash")
_IMAGE = ("me_image_id", "content_type", "sha256", "width", "height")


async def _from_parts(client: meimage.Client, request: ReleaseReferencesRequest) -> Json:
    head: dict[str, Json] = {}
    images: list[tuple[ReferenceImage, bytearray]] = []
    async for part in client.release_stream(request):
        if isinstance(part, Release):
            head = {name: getattr(part, name) for name in _HEAD}
        elif isinstance(part, ReferenceImage):
            images.append((part, bytearray()))
        else:
            images[-1][1].extend(part)
    found = [
        {name: getattr(image, name) for name in _IMAGE}
        | {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        for image, content in images
    ]
    return head | {"images": found}


def _source(path: Path, kind: str) -> Source:
    sources: dict[str, Source] = {"path": path, "bytes": path.read_bytes(), "stream": _streamed(path.read_bytes())}
    return sources[kind]


async def _streamed(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), STREAM_BYTES):
        yield content[start : start + STREAM_BYTES]


def _plain(message: Message) -> dict[str, Json]:
    return MessageToDict(message, preserving_proto_field_name=True)


async def main(scenario: Step, config: Step) -> None:
    """Run all steps."""
    async with AsyncExitStack() as clients:
        runner = Runner(config, clients)
        for step in scenario["steps"]:
            sys.stdout.write(json.dumps(await runner.run(step, scenario["volatile"])) + "\n")
            sys.stdout.flush()
        await runner.stop()


if __name__ == "__main__":
    asyncio.run(main(*(json.loads(Path(name).read_text()) for name in sys.argv[1:])))
