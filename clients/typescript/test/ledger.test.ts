import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { JsonValue } from "@bufbuild/protobuf";
import { clone, create, fromJson } from "@bufbuild/protobuf";
import type { LedgerEntry, ListLedgerEntriesResponse } from "../src/index.js";
import {
  FIRST_HASH,
  hashOf,
  LedgerBroken,
  LedgerEntrySchema,
  LedgerKind,
  MeImageService,
  ReleaseRecordSchema,
  verifyEntries,
} from "../src/index.js";
import { Fake } from "./fake.js";

/** A ledger that the service's own rules made, newest first; tests/sdk/ledger_vector.py of the repository writes it. */
interface Vector {
  readonly user_id: string;
  readonly head_hash: string;
  readonly entries: JsonValue[];
}

const VECTOR = JSON.parse(readFileSync("test/ledger.json", "utf8")) as Vector;
const USER = VECTOR.user_id;
const ENTRIES = VECTOR.entries.map((entry) => fromJson(LedgerEntrySchema, entry)).reverse();
const HEAD = { entries: 6, headHash: VECTOR.head_hash };

function brokenAt(sequence: number) {
  return (thrown: unknown) => thrown instanceof LedgerBroken && thrown.sequence === sequence;
}

/** The ledger with one entry changed. */
function changed(sequence: number, change: (entry: LedgerEntry) => void): LedgerEntry[] {
  return ENTRIES.map((entry) => {
    const copy = clone(LedgerEntrySchema, entry);
    if (entry.sequence === sequence) {
      change(copy);
    }
    return copy;
  });
}

test("the vector of the service verifies", () => {
  assert.deepEqual(verifyEntries(USER, ENTRIES), HEAD);
  assert.deepEqual(verifyEntries(USER, []), { entries: 0, headHash: FIRST_HASH });
});

test("every change is found where it is", () => {
  const changes: [number, (entry: LedgerEntry) => void][] = [
    [1, (entry) => (entry.caller = "user:mallory")],
    [1, (entry) => (entry.meImageId = "")],
    [2, (entry) => (entry.kind = LedgerKind.REFERENCES_RESUMED)],
    [2, (entry) => (entry.kind = 99 as LedgerKind)],
    [2, (entry) => (entry.time = undefined)],
    [3, (entry) => entry.time && (entry.time.nanos += 1)],
    [3, (entry) => entry.time && (entry.time.nanos += 1000)],
    [3, (entry) => (entry.previousHash = FIRST_HASH)],
    [3, (entry) => (entry.hash = FIRST_HASH)],
    [3, (entry) => (entry.userId = "eve")],
    [1, (entry) => (entry.release = create(ReleaseRecordSchema))],
    [4, (entry) => (entry.release = undefined)],
    [4, (entry) => entry.release?.images.reverse()],
    [4, (entry) => entry.release && (entry.release.purpose = "another")],
    [4, (entry) => entry.release?.images.pop()],
    [4, (entry) => entry.release?.images.forEach((image) => (image.rendition = 0))],
    [4, (entry) => entry.release?.images.forEach((image) => (image.sha256 = FIRST_HASH))],
  ];
  for (const [sequence, change] of changes) {
    assert.throws(() => verifyEntries(USER, changed(sequence, change)), brokenAt(sequence));
  }
});

test("a change that is hashed anew breaks the entry after it", () => {
  const forged = changed(2, (entry) => {
    entry.caller = "user:mallory";
    entry.hash = hashOf(entry);
  });
  assert.throws(() => verifyEntries(USER, forged), brokenAt(3));
});

test("a gap, a repetition, another order and a missing beginning are found", () => {
  const [one, two, three] = ENTRIES as [LedgerEntry, LedgerEntry, LedgerEntry];
  assert.throws(() => verifyEntries(USER, [one, three]), brokenAt(2));
  assert.throws(() => verifyEntries(USER, [one, one]), brokenAt(2));
  assert.throws(() => verifyEntries(USER, [two, one]), brokenAt(1));
  assert.throws(() => verifyEntries(USER, ENTRIES.slice(1)), brokenAt(1));
  assert.throws(() => verifyEntries("eve", ENTRIES), brokenAt(1));
});

test("a ledger is read page by page and verified", async () => {
  const pages = [[...ENTRIES].reverse().slice(0, 3), [...ENTRIES].reverse().slice(3)];
  const asked: string[] = [];
  await using fake = await Fake.start((router) => {
    router.rpc(MeImageService.method.listLedgerEntries, ({ pageToken, pageSize }) => {
      assert.equal(pageSize, 200);
      asked.push(pageToken);
      const page: Partial<ListLedgerEntriesResponse> =
        pageToken === "" ? { entries: pages[0] ?? [], nextPageToken: "more" } : { entries: pages[1] ?? [] };
      return page as ListLedgerEntriesResponse;
    });
  });
  assert.deepEqual(await fake.client.verifyLedger({ userId: USER }), HEAD);
  assert.deepEqual(asked, ["", "more"]);
  await assert.rejects(fake.client.verifyLedger({ userId: "eve" }), brokenAt(1));
});
