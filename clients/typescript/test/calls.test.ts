import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { connect, MeImageError, MeImageService } from "../src/index.js";
import { Fake, refused } from "./fake.js";

const GET = { userId: "ada", meImageId: "m" };

async function failure(call: Promise<unknown>): Promise<MeImageError> {
  const thrown = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert.ok(thrown instanceof MeImageError, String(thrown));
  return thrown;
}

test("an error carries all that the server says", async () => {
  const also = {
    requestId: "r-1",
    fields: [["page_size", "1 to 200"]],
    refusals: [["m-1", "CONSENT_NOT_GIVEN"], ["SLOT_AVATAR", "SLOT_EMPTY"]],
  } as const;
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, () => {
      throw refused(Code.InvalidArgument, "INVALID_FIELDS", also);
    });
  });
  const error = await failure(fake.client.pool.getMeImage(GET));
  assert.equal(error.code, Code.InvalidArgument);
  assert.equal(error.codeName, "INVALID_ARGUMENT");
  assert.equal(error.reason, "INVALID_FIELDS");
  assert.equal(error.message, "no");
  assert.equal(error.requestId, "r-1");
  assert.deepEqual(error.fieldViolations, [{ field: "page_size", description: "1 to 200" }]);
  assert.deepEqual(error.refusals, [
    { subject: "m-1", reason: "CONSENT_NOT_GIVEN" },
    { subject: "SLOT_AVATAR", reason: "SLOT_EMPTY" },
  ]);
});

test("an error without details has its code and no reason", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, () => {
      throw new ConnectError("no", Code.NotFound);
    });
  });
  const error = await failure(fake.client.pool.getMeImage(GET));
  assert.deepEqual([error.codeName, error.reason, error.refusals], ["NOT_FOUND", "", []]);
});

test("a read that a server had not answered when it ended is made again", async () => {
  let calls = 0;
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, () => {
      if (calls++ === 0) {
        throw new ConnectError("", Code.Canceled);
      }
      return {};
    });
  });
  await fake.client.pool.getMeImage(GET);
  assert.equal(calls, 2);
});

test("a read is attempted four times where the server is unavailable", async () => {
  let calls = 0;
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, () => {
      calls++;
      throw refused(Code.Unavailable, "STORAGE_UNAVAILABLE");
    });
  });
  const error = await failure(fake.client.pool.getMeImage(GET));
  assert.equal(error.reason, "STORAGE_UNAVAILABLE");
  assert.equal(calls, 4);
});

test("a read that succeeds at last has succeeded, and asks for a token each time", async () => {
  const seen: (string | null)[] = [];
  let tokens = 0;
  const token = async () => `token-${++tokens}`;
  const start = Fake.start((router) => {
    router.rpc(MeImageService.method.listMeImages, (_, context) => {
      seen.push(context.requestHeader.get("authorization"));
      if (seen.length < 3) {
        throw new ConnectError("away", Code.Unavailable);
      }
      return { nextPageToken: "here" };
    });
  }, { token });
  await using fake = await start;
  assert.equal((await fake.client.pool.listMeImages({ userId: "ada" })).nextPageToken, "here");
  assert.deepEqual(seen, ["Bearer token-1", "Bearer token-2", "Bearer token-3"]);
});

test("what is no read, or no unavailability, is attempted once", async () => {
  let calls = 0;
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.deleteMeImage, () => {
      calls++;
      throw refused(Code.Unavailable, "STORAGE_UNAVAILABLE");
    });
    router.rpc(MeImageService.method.getMeImage, () => {
      calls++;
      throw refused(Code.ResourceExhausted, "OVERLOADED");
    });
  });
  assert.equal((await failure(fake.client.pool.deleteMeImage(GET))).codeName, "UNAVAILABLE");
  assert.equal((await failure(fake.client.pool.getMeImage(GET))).reason, "OVERLOADED");
  assert.equal(calls, 2);
});

test("a call finds a server that is back", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.deleteMeImage, () => ({}));
  });
  await fake.client.pool.deleteMeImage(GET);
  await fake.leave();
  for (let failures = 0; failures < 3; failures++) {
    assert.equal((await failure(fake.client.pool.deleteMeImage(GET))).codeName, "UNAVAILABLE");
  }
  await fake.comeBack();
  await fake.client.pool.deleteMeImage(GET);
});

test("the deadline holds for all attempts together", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, async (_, context) => {
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      return {};
    });
  });
  const error = await failure(fake.client.pool.getMeImage(GET, { timeoutMs: 50 }));
  assert.equal(error.codeName, "DEADLINE_EXCEEDED");
});

test("calls have a deadline where the caller says nothing", async () => {
  const seen: (number | undefined)[] = [];
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, (_, context) => {
      seen.push(context.timeoutMs());
      return {};
    });
    router.rpc(MeImageService.method.downloadMeImage, async function* (_, context) {
      seen.push(context.timeoutMs());
      throw refused(Code.NotFound, "ME_IMAGE_NOT_FOUND");
    });
  });
  await fake.client.pool.getMeImage(GET);
  await failure(fake.client.download(GET));
  assert.ok(seen[0] !== undefined && seen[0] > 29_000 && seen[0] <= 30_000);
  assert.ok(seen[1] !== undefined && seen[1] > 119_000 && seen[1] <= 120_000);
});

test("a cancelled call says so", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.getMeImage, async (_, context) => {
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      return {};
    });
  });
  const controller = new AbortController();
  const call = failure(fake.client.pool.getMeImage(GET, { signal: controller.signal }));
  controller.abort();
  assert.equal((await call).codeName, "CANCELLED");
});

test("a server that is not there is unavailable", async () => {
  const address = await Fake.start(() => undefined).then(async (fake) => {
    await fake[Symbol.asyncDispose]();
    return fake.address;
  });
  using client = connect(address, { token: "t", tls: false, backoff: { firstMs: 1, longestMs: 1 } });
  assert.equal((await failure(client.pool.getMeImage(GET))).codeName, "UNAVAILABLE");
});

test("a connection that breaks is unavailable, and the next call has another", async () => {
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.deleteMeImage, async () => {
      fake.cut();
      return {};
    });
    router.rpc(MeImageService.method.getMeImage, () => ({}));
  });
  assert.equal((await failure(fake.client.pool.deleteMeImage(GET))).codeName, "UNAVAILABLE");
  await fake.client.pool.getMeImage(GET);
});

test("a token that no header can carry is refused without showing it", async () => {
  await using fake = await Fake.start((router) => router.rpc(MeImageService.method.getMeImage, () => ({})), {
    token: "secret\n",
  });
  await assert.rejects(fake.client.pool.getMeImage(GET), (thrown) => {
    return thrown instanceof TypeError && !thrown.message.includes("secret");
  });
});

test("plaintext goes to this host alone, unless it is allowed", () => {
  for (const address of ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1"]) {
    connect(address, { token: "t", tls: false }).close();
  }
  for (const address of ["10.0.0.1:1", "me-images.example:1", "localhost.example:1", "127.0.0.1.example:1", "[::2]:1"]) {
    assert.throws(() => connect(address, { token: "t", tls: false }), /plaintext/);
    connect(address, { token: "t", tls: false, allowPlaintext: true }).close();
    connect(address, { token: "t" }).close();
  }
});

test("an address is host and port", () => {
  for (const address of ["", "localhost", ":1", "http://localhost:1", "user@localhost:1", "localhost:1/x", "[localhost]:1"]) {
    assert.throws(() => connect(address, { token: "t" }), TypeError);
  }
});
