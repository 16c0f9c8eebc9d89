import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { DescMessage, Message, MessageShape } from "@bufbuild/protobuf";
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import type { LedgerEntry, MeImageClient, ReleaseOptions, Source, UploadMeImageRequest } from "../src/index.js";
import {
  connect,
  LedgerBroken,
  MeImageEventSchema,
  MeImageService,
  NewMeImageSchema,
  ReferenceService,
  ReleaseReferencesRequestSchema,
  ReleaseValidationSchema,
  Rendition,
  UploadMeImageRequestSchema,
  UploadMeImageResponseSchema,
  verifyEntries,
} from "../src/index.js";
import type { Config, Result, Step } from "./step.js";
import { needed } from "./step.js";
import { Watching } from "./watching.js";

const STREAM_BYTES = 100_000;

/** The runner wants no more of an upload. */
class GaveUp extends Error {}

/** Executes steps through the SDK. */
export class Actions {
  readonly #config: Config;
  readonly #clients = new Map<string, MeImageClient>();
  readonly #watches = new Map<string, Watching>();

  constructor(config: Config) {
    this.#config = config;
  }

  /** Execute a step whose names were resolved. */
  execute(step: Step): Promise<Result> {
    const client = this.#client(step.as ?? "user", step.via);
    switch (step.do) {
      case "call":
        return call(client, step);
      case "upload":
        return this.#upload(client, step);
      case "send":
        return send(client, step);
      case "download":
        return download(client, step);
      case "validate":
        return client.validateRelease(releaseOptions(step)).then((answer) => plain(ReleaseValidationSchema, answer));
      case "release":
        return step.stream === true ? releaseStream(client, step) : release(client, step);
      case "watch":
        return this.#watch(client, step);
      case "events":
        return this.#events(step);
      case "unwatch":
        return this.#watching(step).stop().then(() => ({}));
      case "restart":
        return this.#restart();
      case "verify_ledger":
        return verdict(() => client.verifyLedger({ userId: needed(step.user_id) }));
      case "verify_entries":
        return verifyChanged(client, step);
      default:
        throw new Error(`nobody knows how to do ${step.do}`);
    }
  }

  /** End what is open. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#watches.values()].map((watch) => watch.stop()));
    this.#clients.forEach((client) => client.close());
  }

  #client(as: string, via: string | undefined): MeImageClient {
    const key = `${as} ${via ?? ""}`;
    const token = needed(this.#config.tokens[as]);
    const address = via === undefined ? this.#config.address : needed(this.#config.addresses[via]);
    const client = this.#clients.get(key) ?? connect(address, { token: as === "user" ? async () => token : token, tls: false });
    this.#clients.set(key, client);
    return client;
  }

  async #upload(client: MeImageClient, step: Step): Promise<Result> {
    const file = needed(step.file);
    let sent = 0;
    const progress = (done: number, total: number) => {
      sent = done;
      if (step.give_up_at !== undefined && done >= step.give_up_at * total) {
        throw new GaveUp();
      }
    };
    try {
      const answer = await client.upload(source(join(this.#config.folder, file), needed(step.source)), {
        userId: needed(step.user_id),
        filename: step.source === "path" ? undefined : file,
        requestId: step.request_id,
        newMeImage: step.new_me_image && fromJson(NewMeImageSchema, step.new_me_image),
        progress,
      });
      return { ...plain(UploadMeImageResponseSchema, answer), sent };
    } catch (thrown) {
      if (thrown instanceof GaveUp) {
        return { gave_up: true };
      }
      throw thrown;
    }
  }

  async #watch(client: MeImageClient, step: Step): Promise<Result> {
    this.#watches.set(needed(step.watch), new Watching(client, needed(step.user_id), step.resume_token));
    return {};
  }

  async #events(step: Step): Promise<Result> {
    const seen: Result[] = [];
    while (seen.length < needed(step.count)) {
      seen.push(plain(MeImageEventSchema, await this.#watching(step).next()));
    }
    return seen;
  }

  #watching(step: Step): Watching {
    return needed(this.#watches.get(needed(step.watch)));
  }

  async #restart(): Promise<Result> {
    const [program, ...words] = this.#config.restart;
    await promisify(execFile)(needed(program), words);
    return {};
  }
}

function plain<D extends DescMessage>(schema: D, message: MessageShape<D>): { [key: string]: Result } {
  return toJson(schema, message, { useProtoFieldName: true }) as { [key: string]: Result };
}

async function call(client: MeImageClient, step: Step): Promise<Result> {
  for (const [service, stubs] of [[MeImageService, client.pool], [ReferenceService, client.references]] as const) {
    const method = service.methods.find(({ name }) => name === step.rpc);
    if (method?.methodKind === "unary") {
      // Which method it is, only the scenario knows.
      const unary = stubs as unknown as Record<string, (request: Message) => Promise<Message>>;
      return plain(method.output, await needed(unary[method.localName])(fromJson(method.input, needed(step.request))));
    }
  }
  throw new Error(`there is no unary call ${step.rpc}`);
}

async function send(client: MeImageClient, step: Step): Promise<Result> {
  const ended = new AbortController();
  const messages = async function* (): AsyncGenerator<UploadMeImageRequest> {
    for (const message of needed(step.messages)) {
      if (typeof message["pause"] === "number") {
        await sleep(message["pause"] * 1_000, undefined, { signal: ended.signal, ref: false }).catch(() => undefined);
      } else if (typeof message["zeros"] === "number") {
        const value = new Uint8Array(message["zeros"]);
        yield create(UploadMeImageRequestSchema, { part: { case: "chunk", value } });
      } else {
        yield fromJson(UploadMeImageRequestSchema, message);
      }
    }
  };
  try {
    return plain(UploadMeImageResponseSchema, await client.pool.uploadMeImage(messages()));
  } finally {
    ended.abort();
  }
}

async function download(client: MeImageClient, step: Step): Promise<Result> {
  const content = await client.download({
    userId: needed(step.user_id),
    meImageId: needed(step.me_image_id),
    rendition: renditionNamed(needed(step.rendition)),
  });
  return { size_bytes: content.byteLength, sha256: digest([content]) };
}

function renditionNamed(name: string): Rendition {
  return Rendition[name.replace("RENDITION_", "") as keyof typeof Rendition];
}

function releaseOptions(step: Step): ReleaseOptions {
  const { $typeName: _, $unknown: __, validateOnly: ___, ...options } = fromJson(ReleaseReferencesRequestSchema, needed(step.request));
  return options;
}

async function release(client: MeImageClient, step: Step): Promise<Result> {
  const whole = await client.release(releaseOptions(step));
  const images = whole.images.map(({ content, ...image }) => imageResult(image, image.sha256, content.byteLength));
  return { ...releaseResult(whole), images };
}

async function releaseStream(client: MeImageClient, step: Step): Promise<Result> {
  const { release, images } = await client.releaseStream(releaseOptions(step));
  const found: Result[] = [];
  for await (const { image, chunks } of images) {
    const pieces: Uint8Array[] = [];
    for await (const chunk of chunks) {
      pieces.push(chunk);
    }
    found.push(imageResult(image, digest(pieces), Buffer.concat(pieces).byteLength));
  }
  return { ...releaseResult(release), images: found };
}

interface ReleaseHead {
  readonly releaseId: string;
  readonly generator: string;
  readonly ledgerSequence: number;
  readonly ledgerHash: string;
}

function releaseResult({ releaseId, generator, ledgerSequence, ledgerHash }: ReleaseHead) {
  return { release_id: releaseId, generator, ledger_sequence: ledgerSequence, ledger_hash: ledgerHash };
}

interface ImageHead {
  readonly meImageId: string;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
}

function imageResult({ meImageId, contentType, width, height }: ImageHead, sha256: string, sizeBytes: number): Result {
  return { me_image_id: meImageId, content_type: contentType, sha256, width, height, size_bytes: sizeBytes };
}

async function verifyChanged(client: MeImageClient, step: Step): Promise<Result> {
  const userId = needed(step.user_id);
  const entries: LedgerEntry[] = [];
  let pageToken = "";
  do {
    const page = await client.pool.listLedgerEntries({ userId, pageToken });
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const kept = entries.reverse().filter(({ sequence }) => sequence !== step.drop);
  const { change } = step;
  if (change !== undefined) {
    Object.assign(needed(kept.find(({ sequence }) => sequence === change.sequence)), { [change.field]: change.value });
  }
  return verdict(async () => verifyEntries(userId, kept));
}

async function verdict(verify: () => Promise<{ entries: number; headHash: string }>): Promise<Result> {
  try {
    const { entries, headHash } = await verify();
    return { entries, head_hash: headHash };
  } catch (thrown) {
    if (thrown instanceof LedgerBroken) {
      return { broken_at: thrown.sequence };
    }
    throw thrown;
  }
}

function source(path: string, kind: "path" | "bytes" | "stream"): Source {
  if (kind === "path") {
    return path;
  }
  const content = readFileSync(path);
  return kind === "bytes" ? content : streamed(content);
}

async function* streamed(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += STREAM_BYTES) {
    yield content.subarray(start, start + STREAM_BYTES);
  }
}

function digest(pieces: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  pieces.forEach((piece) => hash.update(piece));
  return hash.digest("hex");
}
