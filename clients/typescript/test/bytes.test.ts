import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { DownloadMeImageResponseSchema, ReleaseReferencesResponseSchema } from "../src/index.js";
import { Kind, MeImageService, ReferenceService, Rendition, Slot } from "../src/index.js";
import { all, digest, Fake, promised, refused } from "./fake.js";

type DownloadPart = NonNullable<MessageInitShape<typeof DownloadMeImageResponseSchema>["part"]>;
type ReleasePart = NonNullable<MessageInitShape<typeof ReleaseReferencesResponseSchema>["part"]>;

const ONE = new Uint8Array(1000).fill(1);
const TWO = new Uint8Array(500).fill(2);
const WHICH = { userId: "ada", meImageId: "m" };
const WHAT = { userId: "ada", generator: "openai/gpt-image-2", purpose: "a test" };

function header(...pieces: Uint8Array[]): DownloadPart {
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  return { case: "header", value: { sizeBytes, sha256: digest(...pieces) } };
}

function chunk(value: Uint8Array) {
  return { case: "chunk", value } as const;
}

function downloading(...parts: DownloadPart[]): Promise<Fake> {
  return Fake.start((router) => {
    router.rpc(MeImageService.method.downloadMeImage, async function* () {
      for (const part of parts) {
        yield { part };
      }
    });
  });
}

test("a download is whole and verified", async () => {
  await using fake = await downloading(header(ONE, TWO), chunk(ONE), chunk(TWO));
  const content = await fake.client.download({ ...WHICH, rendition: Rendition.PNG_1024 });
  assert.equal(digest(content), digest(ONE, TWO));
});

test("a download that is not what was announced fails", async () => {
  const broken: DownloadPart[][] = [
    [header(ONE), chunk(ONE.map(() => 9))],
    [header(ONE), chunk(ONE), chunk(TWO)],
    [header(ONE, TWO), chunk(ONE)],
    [chunk(ONE)],
    [header(ONE), header(ONE), chunk(ONE)],
    [],
  ];
  for (const parts of broken) {
    await using fake = await downloading(...parts);
    await assert.rejects(fake.client.download(WHICH), { name: "MeImageError", code: Code.DataLoss });
  }
});

test("a connection that breaks amid the bytes is unavailable", async () => {
  for (const how of ["reset", "end"] as const) {
    await using fake = await Fake.start((router) => {
      router.rpc(MeImageService.method.downloadMeImage, async function* () {
        yield { part: header(ONE, TWO) };
        yield { part: chunk(ONE) };
        await new Promise((resolve) => setTimeout(resolve, 20)); // What was sent has to arrive before.
        fake.cut(how);
      });
      router.rpc(ReferenceService.method.releaseReferences, async function* () {
        yield* [RELEASE, image(0), chunk(ONE)].map((part) => ({ part }));
        await new Promise((resolve) => setTimeout(resolve, 20));
        fake.cut(how);
      });
    });
    await assert.rejects(fake.client.download(WHICH), { name: "MeImageError", code: Code.Unavailable });
    await assert.rejects(fake.client.release(WHAT), { name: "MeImageError", code: Code.Unavailable });
  }
});

const IMAGES = [ONE, TWO].map((content, index) => ({
  meImageId: `m-${index}`,
  contentType: "image/png",
  sizeBytes: content.byteLength,
  sha256: digest(content),
  width: 4,
  height: 3,
}));
const RELEASE: ReleasePart = {
  case: "release",
  value: { releaseId: "r", generator: "openai/gpt-image-2", images: IMAGES, ledgerSequence: 7, ledgerHash: "aa" },
};
const END: ReleasePart = { case: "end", value: {} };

function image(index: number): ReleasePart {
  return { case: "image", value: IMAGES[index] ?? {} };
}

const WHOLE = [RELEASE, image(0), chunk(ONE.subarray(0, 10)), chunk(ONE.subarray(10)), image(1), chunk(TWO), END];

function releasing(...parts: ReleasePart[]): Promise<Fake> {
  return Fake.start((router) => {
    router.rpc(ReferenceService.method.releaseReferences, async function* () {
      for (const part of parts) {
        yield { part };
      }
    });
  });
}

test("a release is whole and verified", async () => {
  await using fake = await releasing(...WHOLE);
  const { images, ...release } = await fake.client.release(WHAT);
  assert.deepEqual(release, { releaseId: "r", generator: "openai/gpt-image-2", ledgerSequence: 7, ledgerHash: "aa" });
  const found = images.map(({ content, ...rest }) => [rest, digest(content)]);
  assert.deepEqual(found, IMAGES.map(({ sizeBytes: _, ...rest }) => [rest, rest.sha256]));
});

test("a release that is not whole fails", async () => {
  const wrong = chunk(TWO.map(() => 9));
  const broken: ReleasePart[][] = [
    WHOLE.slice(0, -1),
    WHOLE.slice(0, -2),
    WHOLE.slice(0, 4),
    [RELEASE, END],
    [RELEASE, image(0), chunk(ONE), END],
    [RELEASE, image(0), chunk(ONE), image(1), wrong, END],
    [RELEASE, image(0), chunk(ONE), chunk(TWO), image(1), chunk(TWO), END],
    [RELEASE, image(1), chunk(TWO), image(0), chunk(ONE), END],
    [RELEASE, image(0), chunk(ONE), image(1), chunk(TWO), image(1), chunk(TWO), END],
    [image(0)],
    [{ case: "validation", value: {} }],
    [],
  ];
  for (const parts of broken) {
    await using fake = await releasing(...parts);
    await assert.rejects(fake.client.release(WHAT), { name: "MeImageError", code: Code.DataLoss });
  }
});

test("a release comes image by image", async () => {
  await using fake = await releasing(...WHOLE);
  const { release, images } = await fake.client.releaseStream(WHAT);
  assert.equal(release.releaseId, "r");
  const seen: [string, string][] = [];
  for await (const { image, chunks } of images) {
    seen.push([image.meImageId, digest(...(await all(chunks)))]);
  }
  assert.deepEqual(seen, [["m-0", digest(ONE)], ["m-1", digest(TWO)]]);
});

test("what the reader of a release skips is verified all the same", async () => {
  await using fake = await releasing(RELEASE, image(0), chunk(ONE), image(1), chunk(TWO.map(() => 9)), END);
  const { images } = await fake.client.releaseStream(WHAT);
  const seen: string[] = [];
  const reading = async () => {
    for await (const { image } of images) {
      seen.push(image.meImageId);
    }
  };
  await assert.rejects(reading(), { code: Code.DataLoss });
  assert.deepEqual(seen, ["m-0", "m-1"]);
});

test("a broken image fails where its last chunk is read", async () => {
  await using fake = await releasing(RELEASE, image(0), chunk(ONE.map(() => 9)), image(1), chunk(TWO), END);
  const { images } = await fake.client.releaseStream(WHAT);
  for await (const { chunks } of images) {
    await assert.rejects(all(chunks), { code: Code.DataLoss });
    break;
  }
});

test("a reader that stops ends the call", async () => {
  const ended = promised();
  await using fake = await Fake.start((router) => {
    router.rpc(ReferenceService.method.releaseReferences, async function* (_, context) {
      context.signal.addEventListener("abort", () => ended.resolve());
      yield { part: RELEASE };
      yield { part: image(0) };
      await ended.promise;
    });
  });
  const { images } = await fake.client.releaseStream(WHAT);
  for await (const _ of images) {
    break;
  }
  await ended.promise;
});

test("a refused release names each refusal", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(ReferenceService.method.releaseReferences, async function* () {
      yield* [];
      throw refused(Code.FailedPrecondition, "CONSENT_NOT_GIVEN", { refusals: [["m-1", "CONSENT_NOT_GIVEN"]] });
    });
  });
  const refusal = { reason: "CONSENT_NOT_GIVEN", refusals: [{ subject: "m-1", reason: "CONSENT_NOT_GIVEN" }] };
  await assert.rejects(fake.client.release(WHAT), refusal);
  await assert.rejects(fake.client.releaseStream(WHAT), refusal);
});

test("a validation asks for what a release would, and no bytes", async () => {
  const asked: unknown[] = [];
  await using fake = await Fake.start((router) => {
    router.rpc(ReferenceService.method.releaseReferences, async function* (request) {
      asked.push([request.validateOnly, request.meImageIds, request.slots, request.byKind?.kinds, request.requestId]);
      yield { part: { case: "validation", value: { refusals: [{ subject: "m", reason: "SLOT_EMPTY" }] } } as const };
    });
  });
  const validation = await fake.client.validateRelease({ ...WHAT, meImageIds: ["m"], slots: [Slot.FACE_REF] });
  assert.deepEqual(validation.refusals.map(({ subject, reason }) => [subject, reason]), [["m", "SLOT_EMPTY"]]);
  await assert.rejects(fake.client.release({ ...WHAT, byKind: { kinds: [Kind.FACE] }, requestId: "id" }), { code: Code.DataLoss });
  assert.deepEqual(asked, [
    [true, ["m"], [Slot.FACE_REF], undefined, ""],
    [false, [], [], [Kind.FACE], "id"],
  ]);
});
