import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { MeImageError } from "./errors.js";

/** What a stream announced of the bytes to come. */
export interface Announced {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Checks bytes, as they come, against what was announced of them. */
export class Verification {
  readonly #announced: Announced;
  readonly #hash: Hash = createHash("sha256");
  #sizeBytes = 0;

  constructor(announced: Announced) {
    this.#announced = announced;
  }

  /** Count the next bytes. */
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#sizeBytes += chunk.byteLength;
  }

  /** Throw where not exactly the announced bytes came. */
  end(): void {
    if (this.#sizeBytes !== this.#announced.sizeBytes || this.#hash.digest("hex") !== this.#announced.sha256) {
      throw brokenStream("the bytes that came are not those that the server announced");
    }
  }
}

/** The error of a stream that breaks the order that the contract gives it, or ends before its end. */
export function brokenStream(what: string): MeImageError {
  return new MeImageError(`the stream is not whole: ${what}`, Code.DataLoss);
}

/** SHA-256 in lower-case hexadecimal digits. */
export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Return many pieces as one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.byteLength, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  return whole;
}
