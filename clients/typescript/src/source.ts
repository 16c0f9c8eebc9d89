import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { Code } from "@connectrpc/connect";
import { joined } from "./bytes.js";
import { MeImageError } from "./errors.js";

/** How many bytes a photo may have: 10 MiB, as the service has it. */
export const MAX_PHOTO_BYTES = 10 * 1024 * 1024;

/**
 * Where the bytes of an upload come from: the path or `file:` URL of a file, the bytes, a `Blob` or `File`, or a stream of bytes, which
 * Node's and the web's readable streams are.
 */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array>;

/** The bytes of a photo, and the name that its source has. */
export interface Photo {
  readonly content: Uint8Array;
  readonly filename: string;
}

/**
 * Read a photo whole.
 *
 * @throws MeImageError with the reason `IMAGE_TOO_LARGE` as soon as there is one byte more than {@link MAX_PHOTO_BYTES}; what the source
 * throws where it cannot be read
 */
export async function read(source: Source, signal?: AbortSignal): Promise<Photo> {
  if (source instanceof Uint8Array) {
    return { content: limited(source), filename: "" };
  }
  if (source instanceof ArrayBuffer) {
    return { content: limited(new Uint8Array(source)), filename: "" };
  }
  if (source instanceof Blob) {
    // Bun's files give their path as their name.
    const name = "name" in source && typeof source.name === "string" ? basename(source.name) : "";
    return { content: await readAll(source.stream()), filename: name };
  }
  if (typeof source === "string" || source instanceof URL) {
    const path = typeof source === "string" ? source : fileURLToPath(source);
    const stream = createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) });
    return { content: await readAll(stream), filename: basename(path) };
  }
  return { content: await readAll(source), filename: "" };
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    size += piece.byteLength;
    if (size > MAX_PHOTO_BYTES) {
      throw tooLarge();
    }
    read.push(piece);
  }
  return joined(read);
}

function limited(content: Uint8Array): Uint8Array {
  if (content.byteLength > MAX_PHOTO_BYTES) {
    throw tooLarge();
  }
  return content;
}

function tooLarge(): MeImageError {
  const message = `a photo has at most ${MAX_PHOTO_BYTES} bytes; nothing was sent`;
  return new MeImageError(message, Code.InvalidArgument, { reason: "IMAGE_TOO_LARGE" });
}
