import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { MeImageError, MeImageService } from "../src/index.js";
import { Fake, refused } from "./fake.js";

const GET = { userId: "ada", meImageId: "m" };
const PHOTO = new Uint8Array(10);

interface Delay {
  readonly seconds: number;
  readonly nanos?: number;
}

/** A server that sends callers away with one delay after the other, and then answers; and when it was asked. */
async function busy(...delays: (Delay | undefined)[]) {
  const asked: number[] = [];
  const admit = () => {
    const count = asked.push(performance.now());
    if (count <= delays.length) {
      const retryAfter = delays[count - 1];
      throw refused(Code.ResourceExhausted, "OVERLOADED", retryAfter && { retryAfter });
    }
  };
  const fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, () => (admit(), {}));
    router.rpc(MeImageService.method.deleteMeImage, () => (admit(), {}));
    router.rpc(MeImageService.method.uploadMeImage, async (messages) => {
      for await (const _ of messages);
      admit();
      return {};
    });
    router.rpc(MeImageService.method.watchMeImages, async function* () {
      admit();
      yield { part: { case: "event", value: { eventId: "e-1" } }, resumeToken: "there" };
    });
  });
  return { fake, asked };
}

/** The milliseconds from each time to the next; timers may be early by one. */
function waits(times: number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]! + 1);
}

async function failure(call: Promise<unknown>): Promise<MeImageError> {
  const thrown = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof MeImageError, String(thrown));
  return thrown;
}

async function firstOf(fake: Fake): Promise<string> {
  for await (const { event } of fake.client.watch({ userId: "ada" })) {
    return event.eventId;
  }
  return "nothing";
}

test("what may be repeated waits for as long as a busy server asks", async () => {
  for (const call of [
    (fake: Fake) => fake.client.pool.getMeImage(GET),
    (fake: Fake) => fake.client.upload(PHOTO, { userId: "ada" }),
    firstOf,
  ]) {
    const { fake: started, asked } = await busy({ seconds: 0, nanos: 60_000_000 }, { seconds: 0, nanos: 40_000_000 });
    await using fake = started;
    await call(fake);
    const [first, second, ...more] = waits(asked);
    assert.ok(first !== undefined && first >= 60 && second !== undefined && second >= 40, `waited for ${first}, ${second} ms`);
    assert.equal(more.length, 0);
  }
});

test("a change is left to its caller, who hears when to come back", async () => {
  const { fake: started, asked } = await busy({ seconds: 3, nanos: 500_000_000 });
  await using fake = started;
  const error = await failure(fake.client.pool.deleteMeImage(GET));
  assert.deepEqual([error.reason, error.retryAfterMs, asked.length], ["OVERLOADED", 3_500, 1]);
});

test("no call waits for longer than it may take", async () => {
  const { fake: started, asked } = await busy({ seconds: 31 }, { seconds: 6 }, { seconds: 121 });
  await using fake = started;
  assert.equal((await failure(fake.client.pool.getMeImage(GET))).retryAfterMs, 31_000);
  assert.equal((await failure(fake.client.pool.getMeImage(GET, { timeoutMs: 5_000 }))).retryAfterMs, 6_000);
  assert.equal((await failure(fake.client.upload(PHOTO, { userId: "ada" }))).retryAfterMs, 121_000);
  assert.equal(asked.length, 3);
});

test("a server that does not say when is not asked again", async () => {
  for (const said of [undefined, { seconds: 0 }, { seconds: -5 }]) {
    const { fake: started, asked } = await busy(said);
    await using fake = started;
    assert.equal((await failure(fake.client.pool.getMeImage(GET))).retryAfterMs, 0);
    assert.equal(asked.length, 1);
  }
});

test("a watch that is sent away for years is not back at once, and ends when it is aborted", async () => {
  const { fake: started, asked } = await busy({ seconds: 1e9 });
  await using fake = started;
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  for await (const _ of fake.client.watch({ userId: "ada", signal: controller.signal })) {
    assert.fail("it was told something");
  }
  assert.equal(asked.length, 1);
});
