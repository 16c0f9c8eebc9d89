import type { MeImageClient, MeImageEvent } from "../src/index.js";

const EVENT_MS = 60_000;

/** A watch in the background; its queue ends with what ended it. */
export class Watching {
  readonly #queue: MeImageEvent[] = [];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(client: MeImageClient, userId: string, resumeToken: string | undefined) {
    this.#running = this.#run(client, userId, resumeToken);
  }

  async #run(client: MeImageClient, userId: string, resumeToken: string | undefined): Promise<void> {
    try {
      for await (const { event } of client.watch({ userId, resumeToken, signal: this.#stop.signal })) {
        this.#queue.push(event);
        this.#wake();
      }
    } catch (thrown) {
      this.#failure = thrown;
      this.#wake();
    }
  }

  /** The next event. Throws what ended the watch, or after a minute of waiting. */
  async next(): Promise<MeImageEvent> {
    const signal = AbortSignal.timeout(EVENT_MS);
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        return event;
      }
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** End it. Throws where events are left. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    if (this.#queue.length > 0) {
      throw new Error("events were left");
    }
  }
}
