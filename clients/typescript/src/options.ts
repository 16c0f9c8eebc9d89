import type { CallOptions as StubOptions } from "@connectrpc/connect";

/** What every call takes. */
export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that the call may take with all of its attempts; 0 for no limit. Left out: 30,000, for calls that carry bytes 120,000. */
  readonly timeoutMs?: number | undefined;
}

/** The same as the stubs take it: what is left out is not there. */
export function given({ signal, timeoutMs }: CallOptions): StubOptions {
  return { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}
