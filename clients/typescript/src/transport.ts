import type { DescMethod } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { Backoff } from "./backoff.js";
import { attempts, Deadline } from "./backoff.js";
import type { MeImageError } from "./errors.js";
import { isBusy, isUnavailable, typed } from "./errors.js";

/** A bearer token, or a function that is asked for one before every attempt of every call. */
export type TokenProvider = string | (() => string | Promise<string>);

/** Milliseconds that a call may take where the caller says nothing, with all of its attempts. */
export const UNARY_TIMEOUT_MS = 30_000;
/** The same for calls that carry bytes. */
export const BYTES_TIMEOUT_MS = 120_000;
const NO_TIMEOUT = 0;

/** What a header can carry. Node would put the token into the text of its error. */
const TOKEN = /^[\x21-\x7e]+$/;

/** Wrap a transport: every call carries the token and has a deadline, reads are retried, errors are typed. */
export function dressed(bare: Transport, token: TokenProvider, backoff: Backoff): Transport {
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const deadline = new Deadline(timeoutMs ?? UNARY_TIMEOUT_MS);
      const attempt = async () => {
        const headers = await authorized(header, token);
        try {
          return await bare.unary(method, signal, deadline.leftMs, headers, input, contextValues);
        } catch (thrown) {
          throw typed(thrown, signal);
        }
      };
      const again = (error: MeImageError) => isRead(method) && (isUnavailable(error) || isBusy(error));
      return attempts(attempt, again, backoff, deadline, signal);
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const headers = await authorized(header, token);
      const limit = timeoutMs ?? (method.name === "WatchMeImages" ? NO_TIMEOUT : BYTES_TIMEOUT_MS);
      try {
        const response = await bare.stream(method, signal, limit, headers, input, contextValues);
        return { ...response, message: typedMessages(response.message, signal) };
      } catch (thrown) {
        throw typed(thrown, signal);
      }
    },
  };
}

function isRead(method: DescMethod): boolean {
  return /^(Get|List)/.test(method.name);
}

async function authorized(header: HeadersInit | undefined, token: TokenProvider): Promise<Headers> {
  const value = typeof token === "string" ? token : await token();
  if (!TOKEN.test(value)) {
    throw new TypeError("the token is empty or holds characters that no token has");
  }
  const headers = new Headers(header);
  headers.set("authorization", `Bearer ${value}`);
  return headers;
}

/** The messages of a stream, with typed errors. */
function typedMessages<T>(messages: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  // The transport lets go of a cancelled call, and of its timer, which keeps the process alive, only when it is read once more.
  const letGo = () => void toTheEnd(iterator);
  signal?.addEventListener("abort", letGo, { once: true });
  const next = async () => {
    try {
      const result = await iterator.next();
      if (result.done === true) {
        signal?.removeEventListener("abort", letGo);
      }
      return result;
    } catch (thrown) {
      signal?.removeEventListener("abort", letGo);
      throw typed(thrown, signal);
    }
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function toTheEnd(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    while ((await iterator.next()).done !== true);
  } catch {
    // Cancelled, as was asked for.
  }
}
