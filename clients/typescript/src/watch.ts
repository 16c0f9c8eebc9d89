import type { Client } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import type { Backoff } from "./backoff.js";
import { wait } from "./backoff.js";
import { Cancellation } from "./cancellation.js";
import type { MeImageError } from "./errors.js";
import { isBusy, isUnavailable, typed } from "./errors.js";
import type { MeImageEvent } from "./gen/meimage/v1/event_pb.js";
import type { MeImageService } from "./gen/meimage/v1/me_image_service_pb.js";
import { LONGEST_SILENCE_MS, Silence } from "./silence.js";

/** How many of the last events a watch remembers, to tell none of them twice. */
const REMEMBERED_EVENTS = 1_000;

/** What a watch takes. */
export interface WatchOptions {
  /** The person; left out: everybody, which needs the scope `me_images.watch`. */
  readonly userId?: string | undefined;
  /** Where to begin: a token of an earlier answer. Left out: now. */
  readonly resumeToken?: string | undefined;
  /** Ends the watch, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Something that happened, and where to go on after it. */
export interface Watched {
  /** What happened. */
  readonly event: MeImageEvent;
  /** What a later watch takes to go on after this event. */
  readonly resumeToken: string;
}

/** Tell what happens; see MeImageClient.watch. */
export async function* watch(
  pool: Client<typeof MeImageService>,
  options: WatchOptions,
  backoff: Backoff,
): AsyncGenerator<Watched, void, undefined> {
  const call = new Cancellation(options.signal);
  const known = new Known();
  let { resumeToken = "" } = options;
  let failures = 0;
  try {
    while (!call.signal.aborted) {
      let accepted = false;
      let retryAfterMs = 0;
      const silence = new Silence(call.signal, backoff.silenceMs ?? LONGEST_SILENCE_MS);
      try {
        const request = { userId: options.userId ?? "", resumeToken };
        for await (const message of pool.watchMeImages(request, { signal: silence.signal, timeoutMs: 0 })) {
          silence.heard();
          accepted = true;
          failures = 0;
          ({ resumeToken } = message);
          if (message.part.case === "event" && known.isNew(message.part.value.eventId)) {
            yield { event: message.part.value, resumeToken };
          }
          silence.listen();
        }
      } catch (thrown) {
        const error = silence.error ?? typed(thrown, call.signal);
        // A token that was good and has expired since: the next call asks for another, and is refused without.
        const expired = accepted && error.code === Code.Unauthenticated;
        if (!mends(error) && !expired) {
          throw error;
        }
        ({ retryAfterMs } = error);
      } finally {
        silence.end();
      }
      failures++;
      await wait(backoff, failures, retryAfterMs, call.signal);
    }
  } catch (thrown) {
    if (!call.signal.aborted) {
      throw thrown;
    }
  } finally {
    call.end();
  }
}

/** Whether a new call may go on where this one ended: the server was busy, the connection lost, or reset by something between. */
function mends(error: MeImageError): boolean {
  return isUnavailable(error) || isBusy(error) || (error.code === Code.Internal && error.reason === "");
}

/** The ids of the last events. */
class Known {
  readonly #ids = new Set<string>();

  /** Remember an event; false where it was remembered already. */
  isNew(id: string): boolean {
    if (this.#ids.has(id)) {
      return false;
    }
    this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= REMEMBERED_EVENTS) {
        break;
      }
      this.#ids.delete(oldest);
    }
    return true;
  }
}
