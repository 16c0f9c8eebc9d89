import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Code } from "@connectrpc/connect";
import type { Source, UploadHeader, UploadMeImageRequest } from "../src/index.js";
import { Kind, MAX_PHOTO_BYTES, MeImageError, MeImageService } from "../src/index.js";
import { digest, Fake, refused } from "./fake.js";

const CHUNK = 256 * 1024;
const PHOTO = new Uint8Array(3 * CHUNK + 7).map((_, index) => index % 251);

interface Received {
  readonly header: UploadHeader;
  readonly sizes: number[];
  readonly sha256: string;
}

async function receive(messages: AsyncIterable<UploadMeImageRequest>): Promise<Received> {
  let header: UploadHeader | undefined;
  const chunks: Uint8Array[] = [];
  for await (const { part } of messages) {
    if (part.case === "header") {
      header = part.value;
    } else if (part.case === "chunk") {
      chunks.push(part.value);
    }
  }
  assert.ok(header);
  return { header, sizes: chunks.map((chunk) => chunk.byteLength), sha256: digest(...chunks) };
}

/** A server that takes uploads, and what it took. */
async function taking(before: (attempt: number) => void = () => undefined) {
  const received: Received[] = [];
  const fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.uploadMeImage, async (messages) => {
      received.push(await receive(messages));
      before(received.length);
      return { media: { mediaId: "media" } };
    });
  });
  return { fake, received };
}

async function folder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "meimage-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("a photo comes from wherever it is", async () => {
  const { fake: started, received } = await taking();
  await using fake = started;
  await using at = await folder();
  const path = join(at.path, "face.jpg");
  await writeFile(path, PHOTO);
  const pieces = async function* () {
    yield PHOTO.subarray(0, 100_000);
    yield PHOTO.subarray(100_000);
  };
  const sources: [Source, string][] = [
    [path, "face.jpg"],
    [pathToFileURL(path), "face.jpg"],
    [PHOTO, ""],
    [PHOTO.buffer, ""],
    [new Blob([PHOTO]), ""],
    [new File([PHOTO], "file.jpg"), "file.jpg"],
    [pieces(), ""],
    [Readable.from(pieces()), ""],
    [new Blob([PHOTO]).stream(), ""],
  ];
  for (const [source, filename] of sources) {
    const answer = await fake.client.upload(source, { userId: "ada" });
    assert.equal(answer.media?.mediaId, "media");
    const { header, sizes, sha256 } = received.at(-1) as Received;
    assert.equal(header.filename, filename);
    assert.deepEqual(sizes, [CHUNK, CHUNK, CHUNK, 7]);
    assert.equal(sha256, digest(PHOTO));
    assert.equal(header.sha256, digest(PHOTO));
    assert.equal(header.sizeBytes, PHOTO.byteLength);
    assert.match(header.requestId, /^[0-9a-f-]{36}$/);
  }
  assert.equal(new Set(received.map(({ header }) => header.requestId)).size, sources.length);
});

test("the header says what the caller says, and progress is told", async () => {
  const { fake: started, received } = await taking();
  await using fake = started;
  const told: [number, number][] = [];
  await fake.client.upload(PHOTO, {
    userId: "ada",
    filename: "a.jpg",
    requestId: "given",
    newMeImage: { kind: Kind.FACE, tags: ["one"] },
    progress: (sent, total) => told.push([sent, total]),
  });
  const header = received[0]?.header;
  assert.deepEqual([header?.userId, header?.filename, header?.requestId], ["ada", "a.jpg", "given"]);
  assert.deepEqual([header?.newMeImage?.kind, header?.newMeImage?.tags], [Kind.FACE, ["one"]]);
  const total = PHOTO.byteLength;
  assert.deepEqual(told, [[CHUNK, total], [2 * CHUNK, total], [3 * CHUNK, total], [total, total]]);
});

test("an upload is sent again under the same request id", async () => {
  const { fake: started, received } = await taking((attempt) => {
    if (attempt === 1) {
      throw refused(Code.Unavailable, "STORAGE_UNAVAILABLE");
    }
    if (attempt === 2) {
      started.cut();
    }
  });
  await using fake = started;
  await fake.client.upload(PHOTO, { userId: "ada" });
  assert.equal(received.length, 3);
  assert.equal(new Set(received.map(({ header }) => header.requestId)).size, 1);
});

test("an upload whose connection breaks in the middle is sent again", async () => {
  let attempts = 0;
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.uploadMeImage, async (messages) => {
      attempts++;
      for await (const { part } of messages) {
        if (part.case === "chunk" && attempts === 1) {
          fake.cut();
        }
      }
      return {};
    });
  });
  await fake.client.upload(new Uint8Array(8 * 1024 * 1024), { userId: "ada" });
  assert.equal(attempts, 2);
});

test("an upload is attempted four times, and once where it is refused", async () => {
  for (const [code, attempts] of [[Code.Unavailable, 4], [Code.InvalidArgument, 1]] as const) {
    const { fake: started, received } = await taking(() => {
      throw refused(code, "REASON");
    });
    await using fake = started;
    await assert.rejects(fake.client.upload(PHOTO, { userId: "ada" }), { code, reason: "REASON" });
    assert.equal(received.length, attempts);
  }
});

test("a refusal in the middle of sending reaches the caller", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.uploadMeImage, async (messages) => {
      for await (const { part } of messages) {
        if (part.case === "header") {
          throw refused(Code.ResourceExhausted, "QUOTA_EXCEEDED");
        }
      }
      return {};
    });
  });
  for (const source of [PHOTO, new Uint8Array(MAX_PHOTO_BYTES)]) {
    await assert.rejects(fake.client.upload(source, { userId: "ada" }), { reason: "QUOTA_EXCEEDED" });
  }
});

test("one byte too many is refused here, without a call", async () => {
  const { fake: started, received } = await taking();
  await using fake = started;
  let taken = 0;
  const endless = async function* () {
    for (;;) {
      taken++;
      yield new Uint8Array(1024 * 1024);
    }
  };
  const tooLarge = { code: Code.InvalidArgument, reason: "IMAGE_TOO_LARGE" };
  await assert.rejects(fake.client.upload(new Uint8Array(MAX_PHOTO_BYTES + 1), { userId: "ada" }), tooLarge);
  await assert.rejects(fake.client.upload(endless(), { userId: "ada" }), tooLarge);
  assert.equal(taken, 11);
  assert.equal(received.length, 0);
  await fake.client.upload(new Uint8Array(MAX_PHOTO_BYTES), { userId: "ada" });
});

test("what the progress function or the source throws reaches the caller as it is", async () => {
  const { fake: started } = await taking();
  await using fake = started;
  const enough = new Error("enough");
  const progress = () => {
    throw enough;
  };
  await assert.rejects(fake.client.upload(PHOTO, { userId: "ada", progress }), (thrown) => thrown === enough);
  await assert.rejects(fake.client.upload("/nowhere/face.jpg", { userId: "ada" }), { code: "ENOENT" });
});

test("an upload can be cancelled while it sends", async () => {
  const { fake: started } = await taking();
  await using fake = started;
  const controller = new AbortController();
  const progress = () => controller.abort();
  await assert.rejects(fake.client.upload(PHOTO, { userId: "ada", progress, signal: controller.signal }), (thrown) => {
    return thrown instanceof MeImageError && thrown.code === Code.Canceled;
  });
});
