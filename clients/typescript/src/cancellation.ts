/** Cancels one call: when the caller's signal does, or when whoever reads its stream stops reading. */
export class Cancellation {
  readonly #controller = new AbortController();
  readonly #callers: AbortSignal | undefined;
  readonly #follow = () => this.#controller.abort(this.#callers?.reason);

  constructor(callers?: AbortSignal) {
    this.#callers = callers;
    if (callers?.aborted) {
      this.#follow();
    }
    callers?.addEventListener("abort", this.#follow, { once: true });
  }

  /** What the call is given. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** End the call, if it has not ended, and let go of the caller's signal. */
  end(): void {
    this.#callers?.removeEventListener("abort", this.#follow);
    this.#controller.abort();
  }
}
