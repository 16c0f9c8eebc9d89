import { createHash } from "node:crypto";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { LedgerEntry, ReleaseRecord } from "./gen/meimage/v1/ledger_pb.js";
import { LedgerKind } from "./gen/meimage/v1/ledger_pb.js";
import { Rendition } from "./gen/meimage/v1/me_image_pb.js";
import type { MeImageService } from "./gen/meimage/v1/me_image_service_pb.js";
import type { CallOptions } from "./options.js";
import { given } from "./options.js";

/** `previousHash` of the first entry, and the head of a ledger without entries. */
export const FIRST_HASH = "0".repeat(64);
const RULE = "meimage/ledger/1";
const PAGE_SIZE = 200;

/** What a ledger that holds together is. */
export interface VerifiedLedger {
  /** How many entries it has. */
  readonly entries: number;
  /** The `hash` of the last one; of a ledger without entries {@link FIRST_HASH}. */
  readonly headHash: string;
}

/** A ledger does not hold together: somebody changed, added or removed an entry. */
export class LedgerBroken extends Error {
  override readonly name = "LedgerBroken";
  /** The `sequence` at which it breaks. */
  readonly sequence: number;

  /** Make an error; {@link verifyEntries} does. */
  constructor(sequence: number, why: string) {
    super(`the ledger is broken at ${sequence}: ${why}`);
    this.sequence = sequence;
  }
}

/** What a verification of the ledger takes. */
export interface VerifyLedgerOptions extends CallOptions {
  /** The person whose ledger it is. */
  readonly userId: string;
}

/** Verify a person's ledger; see MeImageClient.verifyLedger. */
export async function verifyLedger(pool: Client<typeof MeImageService>, options: VerifyLedgerOptions): Promise<VerifiedLedger> {
  const { userId } = options;
  const entries: LedgerEntry[] = [];
  let pageToken = "";
  do {
    const page = await pool.listLedgerEntries({ userId, pageSize: PAGE_SIZE, pageToken }, given(options));
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return verifyEntries(userId, entries.reverse());
}

/**
 * Recompute the chain of a whole ledger by the rule of ledger.proto, version 1.
 *
 * @param userId - the person whose ledger it should be
 * @param entries - all entries, the first one first
 * @throws LedgerBroken at the first entry that is not what the rule says
 */
export function verifyEntries(userId: string, entries: Iterable<LedgerEntry>): VerifiedLedger {
  let head: VerifiedLedger = { entries: 0, headHash: FIRST_HASH };
  for (const entry of entries) {
    const sequence = head.entries + 1;
    if (entry.sequence !== sequence) {
      throw new LedgerBroken(sequence, "the entry of this sequence is missing");
    }
    if (entry.userId !== userId) {
      throw new LedgerBroken(sequence, "it is somebody else's");
    }
    if (entry.previousHash !== head.headHash) {
      throw new LedgerBroken(sequence, "its previous hash is not that of the entry before");
    }
    if (entry.hash !== hashOf(entry)) {
      throw new LedgerBroken(sequence, "its hash is not that of its content");
    }
    head = { entries: sequence, headHash: entry.hash };
  }
  return head;
}

/**
 * The hash that the rule gives an entry, whatever hash it has: 64 lower-case hexadecimal digits.
 *
 * @throws LedgerBroken where the entry holds what the rule does not know
 */
export function hashOf(entry: LedgerEntry): string {
  const parts = [
    RULE,
    Buffer.from(entry.previousHash, "hex"),
    entry.userId,
    String(entry.sequence),
    nameOf(entry, LedgerKind, entry.kind),
    String(microseconds(entry, entry.time)),
    entry.caller,
    entry.meImageId,
    ...released(entry, entry.release),
  ];
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part, "utf8") : part;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    hash.update(length).update(bytes);
  }
  return hash.digest("hex");
}

function released(entry: LedgerEntry, record: ReleaseRecord | undefined): string[] {
  if ((entry.kind === LedgerKind.REFERENCES_RELEASED) !== (record !== undefined)) {
    throw new LedgerBroken(entry.sequence, "a release, and nothing else, says what was released");
  }
  if (record === undefined) {
    return [];
  }
  const images = record.images.flatMap(({ meImageId, rendition, sha256 }) => {
    // "png-square-1024", as objects are named.
    const name = nameOf(entry, Rendition, rendition).toLowerCase().replaceAll("_", "-");
    return [meImageId, name, sha256];
  });
  return [record.releaseId, record.generator, record.purpose, ...images];
}

function nameOf(entry: LedgerEntry, names: Record<number, string>, value: number): string {
  const name = names[value];
  if (name === undefined || value === 0) {
    throw new LedgerBroken(entry.sequence, "it holds a value that this version does not know");
  }
  return name;
}

function microseconds(entry: LedgerEntry, time: Timestamp | undefined): bigint {
  if (time === undefined || time.nanos % 1_000 !== 0) {
    throw new LedgerBroken(entry.sequence, "its time is not in whole microseconds");
  }
  return time.seconds * 1_000_000n + BigInt(time.nanos / 1_000);
}
