import { setTimeout as sleep } from "node:timers/promises";
import { MeImageError, typed } from "./errors.js";

/** How long to wait before trying again: doubling from the first to the longest, each shortened by chance by up to a half. */
export interface Backoff {
  /** Milliseconds before the second attempt. */
  readonly firstMs: number;
  /** Milliseconds that no wait exceeds. */
  readonly longestMs: number;
  /** Milliseconds without a word after which a watch is made again; the server says every 20 s that it is there. Left out: 60,000. */
  readonly silenceMs?: number | undefined;
}

/** What all SDKs of the service wait. */
export const DEFAULT_BACKOFF: Backoff = { firstMs: 200, longestMs: 5_000 };

/** How often a call is attempted, at most. */
export const MAX_ATTEMPTS = 4;

/** Milliseconds that a busy server may keep a client away, at most. */
const LONGEST_HINT_MS = 300_000;

/**
 * Wait before another attempt, and for as long as a busy server asked to.
 *
 * @param failures - how many attempts have failed, at least 1
 * @param retryAfterMs - how long the server asked to be left alone
 * @throws MeImageError with `Code.Canceled` where the signal is aborted
 */
export async function wait(backoff: Backoff, failures: number, retryAfterMs: number, signal?: AbortSignal): Promise<void> {
  const full = Math.min(backoff.firstMs * 2 ** (failures - 1), backoff.longestMs);
  // On top, as all who were sent away were told the same.
  const hint = Math.min(retryAfterMs, LONGEST_HINT_MS);
  try {
    await sleep(hint + full * (1 - Math.random() / 2), undefined, signal && { signal });
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

  /** Whether it leaves so many milliseconds. */
  allows(ms: number): boolean {
    return performance.now() + ms <= this.#end;
  }
}

/**
 * Attempt something up to {@link MAX_ATTEMPTS} times, as long as it fails in a way that another attempt may mend, and a busy server
 * does not ask for a longer wait than the deadline leaves.
 *
 * @param mendable - whether another attempt may mend an error
 */
export async function attempts<T>(
  attempt: () => Promise<T>,
  mendable: (error: MeImageError) => boolean,
  backoff: Backoff,
  deadline: Deadline,
  signal?: AbortSignal,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (thrown) {
      const mends = thrown instanceof MeImageError && mendable(thrown) && deadline.allows(thrown.retryAfterMs);
      if (failures === MAX_ATTEMPTS || signal?.aborted || !mends) {
        throw thrown;
      }
      await wait(backoff, failures, thrown.retryAfterMs, signal);
    }
  }
}
