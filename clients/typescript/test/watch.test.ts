import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectOptions, WatchMeImagesResponseSchema } from "../src/index.js";
import { MeImageService } from "../src/index.js";
import { Fake, promised, refused } from "./fake.js";

type Message = MessageInitShape<typeof WatchMeImagesResponseSchema>;

function event(number: number, resumeToken = `after-${number}`): Message {
  return { part: { case: "event", value: { eventId: `e-${number}` } }, resumeToken };
}

function checkpoint(resumeToken: string): Message {
  return { part: { case: "checkpoint", value: {} }, resumeToken };
}

/** A server whose watches are, one after the other, what the functions give; the last one again and again. */
async function watched(...watches: ((fake: Fake) => AsyncGenerator<Message>)[]) {
  return patientlyWatched({}, ...watches);
}

async function patientlyWatched(options: Partial<ConnectOptions>, ...watches: ((fake: Fake) => AsyncGenerator<Message>)[]) {
  const asked: [string, string][] = [];
  const fake: Fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.watchMeImages, async function* ({ userId, resumeToken }) {
      asked.push([userId, resumeToken]);
      const watch = watches[Math.min(asked.length, watches.length) - 1];
      assert.ok(watch);
      yield* watch(fake);
    });
  }, options);
  return { fake, asked };
}

async function first(fake: Fake, count: number, resumeToken?: string): Promise<string[]> {
  const seen: string[] = [];
  for await (const { event, resumeToken: next } of fake.client.watch({ userId: "ada", resumeToken })) {
    seen.push(`${event.eventId} ${next}`);
    if (seen.length === count) {
      break;
    }
  }
  return seen;
}

test("a watch goes on where its connection broke, and tells nothing twice", async () => {
  const { fake: started, asked } = await watched(
    async function* (fake) {
      yield event(1);
      yield event(2);
      yield checkpoint("later");
      await new Promise((resolve) => setTimeout(resolve, 20)); // What was sent has to arrive before the connection breaks.
      fake.cut();
    },
    async function* () {
      throw new ConnectError("restarting", Code.Unavailable);
    },
    async function* () {
      yield event(2);
      yield event(3);
    },
    async function* () {
      yield event(3);
      yield event(4);
      await promised().promise;
    },
  );
  await using fake = started;
  assert.deepEqual(await first(fake, 4, "start"), ["e-1 after-1", "e-2 after-2", "e-3 after-3", "e-4 after-4"]);
  assert.deepEqual(asked, [["ada", "start"], ["ada", "later"], ["ada", "later"], ["ada", "after-3"]]);
});

test("an event that came a thousand events ago is forgotten", async () => {
  const { fake: started } = await watched(async function* () {
    for (let number = 1; number <= 1001; number++) {
      yield event(number);
    }
    yield event(2);
    yield event(1);
    await promised().promise;
  });
  await using fake = started;
  assert.equal((await first(fake, 1002)).at(-1), "e-1 after-1");
});

test("a refused watch fails", async () => {
  for (const [code, reason] of [
    [Code.InvalidArgument, "INVALID_RESUME_TOKEN"],
    [Code.OutOfRange, "RESUME_TOKEN_EXPIRED"],
    [Code.DeadlineExceeded, "TOO_SLOW"],
    [Code.Internal, "INTERNAL"],
  ] as const) {
    const { fake: started, asked } = await watched(async function* () {
      yield event(1);
      throw refused(code, reason);
    });
    await using fake = started;
    await assert.rejects(first(fake, 2), { name: "MeImageError", code, reason });
    assert.equal(asked.length, 1);
  }
});

test("a watch whose token expires asks for another, and is refused without", async () => {
  const expired = new ConnectError("expired", Code.Unauthenticated);
  const { fake: started, asked } = await watched(
    async function* () {
      yield event(1);
      throw expired;
    },
    async function* () {
      yield event(2);
      throw expired;
    },
    async function* () {
      throw expired;
    },
  );
  await using fake = started;
  await assert.rejects(first(fake, 3, "start"), { code: Code.Unauthenticated });
  assert.deepEqual(asked, [["ada", "start"], ["ada", "after-1"], ["ada", "after-2"]]);
});

test("a watch that something between reset goes on", async () => {
  const { fake: started, asked } = await watched(
    async function* () {
      yield event(1);
      throw new ConnectError("stream reset", Code.Internal);
    },
    async function* () {
      yield event(2);
    },
  );
  await using fake = started;
  assert.equal((await first(fake, 2)).length, 2);
  assert.equal(asked.length, 2);
});

const SILENCE_MS = 100;
const SOON = { backoff: { firstMs: 1, longestMs: 4, silenceMs: SILENCE_MS } };

test("a watch that falls silent goes on", async () => {
  const { fake: started, asked } = await patientlyWatched(
    SOON,
    async function* () {
      yield event(1);
      await promised().promise;
    },
    async function* () {
      await promised().promise;
    },
    async function* () {
      yield event(2);
      await promised().promise;
    },
  );
  await using fake = started;
  assert.deepEqual(await first(fake, 2, "start"), ["e-1 after-1", "e-2 after-2"]);
  assert.deepEqual(asked, [["ada", "start"], ["ada", "after-1"], ["ada", "after-1"]]);
});

test("whoever reads a watch may take their time", async () => {
  const { fake: started, asked } = await patientlyWatched(SOON, async function* () {
    yield event(1);
    yield event(2);
    await promised().promise;
  });
  await using fake = started;
  for await (const { event } of fake.client.watch({ userId: "ada" })) {
    if (event.eventId === "e-2") {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 2 * SILENCE_MS));
  }
  assert.equal(asked.length, 1);
});

test("a watch that is left ends at the server", async () => {
  const ended = promised();
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.watchMeImages, async function* (_, context) {
      context.signal.addEventListener("abort", () => ended.resolve());
      yield event(1);
      await ended.promise;
    });
  });
  assert.equal((await first(fake, 1)).length, 1);
  await ended.promise;
});

test("an aborted watch ends without an error, whatever it does", async () => {
  const open = await watched(async function* () {
    yield event(1);
    await promised().promise;
  });
  const away = await watched(async function* () {
    throw new ConnectError("away", Code.Unavailable);
  });
  for (const { fake: started } of [open, away]) {
    await using fake = started;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    for await (const { event } of fake.client.watch({ signal: controller.signal })) {
      assert.equal(event.eventId, "e-1");
    }
  }
  for await (const _ of open.fake.client.watch({ signal: AbortSignal.abort() })) {
    assert.fail("it was aborted before");
  }
});
