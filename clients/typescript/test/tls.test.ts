import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import type { TlsOptions } from "../src/index.js";
import { connect, MeImageService } from "../src/index.js";
import { Fake } from "./fake.js";

/** Where tests/sdk/certificates.py of the repository has put an authority, a server's certificate and a client's. */
const FOLDER = process.env["MEIMAGE_TEST_CERTIFICATES"];
const skip = FOLDER === undefined ? "MEIMAGE_TEST_CERTIFICATES is not set" : false;

function file(name: string): string {
  return readFileSync(`${FOLDER}/${name}`, "utf8");
}

async function get(fake: Fake, tls: TlsOptions | undefined): Promise<void> {
  using client = connect(fake.address, { token: "t", tls, backoff: { firstMs: 1, longestMs: 1 } });
  await client.pool.getMeImage({ userId: "ada", meImageId: "m" });
}

function serving(more: { ca?: string; requestCert?: boolean; rejectUnauthorized?: boolean } = {}): Promise<Fake> {
  const tls = { cert: file("server.pem"), key: file("server.key"), ...more };
  return Fake.start((router) => router.rpc(MeImageService.method.getMeImage, () => ({})), {}, tls);
}

test("a server is trusted that a given authority vouches for, under its name", { skip }, async () => {
  await using fake = await serving();
  const ca = file("ca.pem");
  await get(fake, { ca });
  await get(fake, { ca: new TextEncoder().encode(ca), serverName: "me-images.example" });
  const untrusted = { name: "MeImageError", code: Code.Unavailable };
  await assert.rejects(get(fake, undefined), untrusted);
  await assert.rejects(get(fake, { ca, serverName: "another.example" }), untrusted);
});

test("a client shows its certificate", { skip }, async () => {
  const ca = file("ca.pem");
  await using fake = await serving({ ca, requestCert: true, rejectUnauthorized: true });
  await get(fake, { ca, cert: file("client.pem"), key: file("client.key") });
  await assert.rejects(get(fake, { ca }), { name: "MeImageError", code: Code.Unavailable });
});

test("plaintext to a server of TLS, and TLS to one of plaintext, are unavailable", { skip }, async () => {
  await using fake = await serving();
  await using plain = await Fake.start(() => undefined);
  using client = connect(fake.address, { token: "t", tls: false, backoff: { firstMs: 1, longestMs: 1 } });
  await assert.rejects(client.pool.getMeImage({}), { name: "MeImageError", code: Code.Unavailable });
  await assert.rejects(get(plain, { ca: file("ca.pem") }), { name: "MeImageError", code: Code.Unavailable });
});
