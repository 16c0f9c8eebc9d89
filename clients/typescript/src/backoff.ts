import { setTimeout as sleep } from "node:timers/promises";
import { typed } from "./errors.js";

/** How long to wait before trying again: doubling from the first to the longest, each shortened by chance by up to a half. */
export interface Backoff {
  /** Milliseconds before the second attempt. */
  readonly firstMs: number;
  /** Milliseconds that no wait exceeds. */
  readonly longestMs: number;
}

/** What all SDKs of the service wait. */
export const DEFAULT_BACKOFF: Backoff = { firstMs: 200, longestMs: 5_000 };

/** How often a call is attempted, at most. */
export const MAX_ATTEMPTS = 4;

/**
 * Wait before another attempt.
 *
 * @param failures - how many attempts have failed, at least 1
 * @throws MeImageError with `Code.Canceled` where the signal is aborted
 */
export async function wait(backoff: Backoff, failures: number, signal?: AbortSignal): Promise<void> {
  const full = Math.min(backoff.firstMs * 2 ** (failures - 1), backoff.longestMs);
  try {
    await sleep(full * (1 - Math.random() / 2), undefined, signal && { signal });
  } catch (thrown) {
    throw typed(thrown, signal);
  }
}

/** The time that a call may take with all of its attempts. */
export class Deadline {
  readonly #end: number;

  /** @param timeoutMs - milliseconds from now; 0 for no limit */
  constructor(timeoutMs: number) {
    this.#end = timeoutMs > 0 ? performance.now() + timeoutMs : Infinity;
  }

  /** Milliseconds that are left, at least 1; 0 where there is no limit. */
  get leftMs(): number {
    return this.#end === Infinity ? 0 : Math.max(1, Math.ceil(this.#end - performance.now()));
  }
}

/**
 * Attempt something up to {@link MAX_ATTEMPTS} times, as long as it fails in a way that another attempt may mend.
 *
 * @param mendable - whether that is so of what was thrown
 */
export async function attempts<T>(
  attempt: () => Promise<T>,
  mendable: (thrown: unknown) => boolean,
  backoff: Backoff,
  signal?: AbortSignal,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (thrown) {
      if (failures === MAX_ATTEMPTS || signal?.aborted || !mendable(thrown)) {
        throw thrown;
      }
      await wait(backoff, failures, signal);
    }
  }
}
