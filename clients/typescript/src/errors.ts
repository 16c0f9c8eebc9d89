import { Code, ConnectError } from "@connectrpc/connect";
import type { Details, FieldViolation, RawDetail, Refusal } from "./details.js";
import { decodeDetails } from "./details.js";

const NO_DETAILS: Details = { reason: "", requestId: "", fieldViolations: [], refusals: [], retryAfterMs: 0 };

/** Why a call failed: thrown by everything that calls the server. No text in it holds a token, a label, a tag or bytes. */
export class MeImageError extends Error {
  override readonly name = "MeImageError";
  /** The gRPC status. A connection that cannot be made, or was lost, is `Code.Unavailable`. */
  readonly code: Code;
  /** The name of an ErrorReason without its prefix, for example `ME_IMAGE_NOT_FOUND`; empty where the server gave none. */
  readonly reason: string;
  /** What the server's operators find this call by; empty where the server did not answer. */
  readonly requestId: string;
  /** The fields that are missing or malformed, for the reason `INVALID_FIELDS`. */
  readonly fieldViolations: readonly FieldViolation[];
  /** Which references of a release are refused, and why. */
  readonly refusals: readonly Refusal[];
  /** Milliseconds that a busy server wants to be left alone for before it is asked again; 0 where it does not say. */
  readonly retryAfterMs: number;

  /** Make an error; servers and this library do. */
  constructor(message: string, code: Code, details: Partial<Details> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    const { reason, requestId, fieldViolations, refusals, retryAfterMs } = { ...NO_DETAILS, ...details };
    this.reason = reason;
    this.requestId = requestId;
    this.fieldViolations = fieldViolations;
    this.refusals = refusals;
    this.retryAfterMs = retryAfterMs;
  }

  /** The status in the spelling of gRPC, for example `NOT_FOUND`. */
  get codeName(): string {
    return this.code === Code.Canceled ? "CANCELLED" : Code[this.code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  }
}

/**
 * Return what a call threw as a MeImageError.
 *
 * @param thrown - whatever was thrown
 * @param signal - what the caller can cancel the call with; tells a cancelled call from a lost connection
 */
export function typed(thrown: unknown, signal?: AbortSignal): MeImageError {
  if (thrown instanceof MeImageError) {
    return thrown;
  }
  if (signal?.aborted) {
    return new MeImageError("the call was cancelled", Code.Canceled, {}, signal.reason);
  }
  const error = ConnectError.from(thrown, Code.Unknown);
  const details = decodeDetails(error.details.filter((detail): detail is RawDetail => "type" in detail));
  return new MeImageError(error.rawMessage, isLost(error) ? Code.Unavailable : error.code, details, error);
}

/** Whether a call may be made again as it was: the server cannot be reached, or the connection broke. */
export function isUnavailable(error: MeImageError): boolean {
  return error.code === Code.Unavailable;
}

/** Whether the server did nothing, and wants to be asked again later. */
export function isBusy(error: MeImageError): boolean {
  return error.retryAfterMs > 0;
}

/** Whether the connection broke beneath the call, which the transport reports by several codes. */
function isLost(error: ConnectError): boolean {
  if (error.code === Code.Canceled) {
    return true; // Nobody here asked for it, and our server cancels nothing: it went away.
  }
  if (error.metadata.has("grpc-status")) {
    return false; // The server said so itself.
  }
  if (error.code === Code.Aborted) {
    return true;
  }
  return nodeCodes(error.cause).length > 0;
}

/** The codes that Node and Bun give errors of sockets, TLS and HTTP/2. */
function nodeCodes(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) {
    return [];
  }
  const code = "code" in thrown && typeof thrown.code === "string" ? [thrown.code] : [];
  return [...code, ...nodeCodes(thrown.cause)];
}
