import { Code } from "@connectrpc/connect";
import { Cancellation } from "./cancellation.js";
import { MeImageError } from "./errors.js";

/** Milliseconds that a watch may be silent for: three times what the server leaves between two signs of life. */
export const LONGEST_SILENCE_MS = 60_000;

/**
 * Ends a call that hears nothing for too long.
 *
 * What answers the pings of the connection need not be what answers the call: a proxy, a server that is stuck.
 */
export class Silence {
  readonly #call: Cancellation;
  readonly #longestMs: number;
  #timer: NodeJS.Timeout | undefined;
  #broken = false;

  /** @param signal - ends the call, too */
  constructor(signal: AbortSignal, longestMs: number) {
    this.#call = new Cancellation(signal);
    this.#longestMs = longestMs;
    this.listen();
  }

  /** What the call is given. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }

  /** What happened where the call ended because of silence: the server is away. */
  get error(): MeImageError | undefined {
    return this.#broken ? new MeImageError(`nothing was heard for ${this.#longestMs} ms`, Code.Unavailable) : undefined;
  }

  /** Begin to count. */
  listen(): void {
    this.#timer = setTimeout(() => {
      this.#broken = true;
      this.#call.end();
    }, this.#longestMs);
  }

  /** Stop counting: something was heard, and whoever reads it may take their time. */
  heard(): void {
    clearTimeout(this.#timer);
  }

  /** End the call, if it has not ended. */
  end(): void {
    this.heard();
    this.#call.end();
  }
}
