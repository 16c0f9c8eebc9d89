import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** The domain of every google.rpc.ErrorInfo of this service. */
export const ERROR_DOMAIN = "meimage";

/** A field of the request that the server refused. */
export interface FieldViolation {
  /** The path of the field, for example `new_me_image.kind`. */
  readonly field: string;
  /** What is wrong with it. */
  readonly description: string;
}

/** A reference that a release would not hand out. */
export interface Refusal {
  /** The id of the me-image as it was asked for, or the name of the slot. */
  readonly subject: string;
  /** The name of an ErrorReason without its prefix, for example `CONSENT_NOT_GIVEN`. */
  readonly reason: string;
}

/** What the details of an error say. */
export interface Details {
  readonly reason: string;
  readonly requestId: string;
  readonly fieldViolations: readonly FieldViolation[];
  readonly refusals: readonly Refusal[];
  readonly retryAfterMs: number;
}

/** A detail as it came: the name of its message, and its bytes. */
export interface RawDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

/**
 * Decode google.rpc.ErrorInfo, BadRequest, PreconditionFailure and RetryInfo; other details, and ones that cannot be read, are left out.
 *
 * The four are read by field number, so that nobody needs stubs of them, which another package may have registered too.
 */
export function decodeDetails(raw: readonly RawDetail[]): Details {
  const found = {
    reason: "",
    requestId: "",
    fieldViolations: [] as FieldViolation[],
    refusals: [] as Refusal[],
    retryAfterMs: 0,
  };
  for (const { type, value } of raw) {
    try {
      if (type === "google.rpc.ErrorInfo") {
        Object.assign(found, errorInfo(fieldsOf(value)));
      } else if (type === "google.rpc.BadRequest") {
        found.fieldViolations.push(...all(fieldsOf(value), 1).map(fieldViolation));
      } else if (type === "google.rpc.PreconditionFailure") {
        found.refusals.push(...all(fieldsOf(value), 1).map(refusal));
      } else if (type === "google.rpc.RetryInfo") {
        found.retryAfterMs = Math.max(0, milliseconds(fieldsOf(value).get(1)?.at(-1)));
      }
    } catch {
      // The code and the message of the error are worth more than a complaint about its details.
    }
  }
  return found;
}

type Fields = Map<number, Uint8Array[]>;

function errorInfo(info: Fields): { reason: string; requestId: string } | undefined {
  if (text(info, 2) !== ERROR_DOMAIN) {
    return undefined;
  }
  const metadata = new Map(all(info, 3).map((entry) => [text(entry, 1), text(entry, 2)]));
  return { reason: text(info, 1), requestId: metadata.get("request_id") ?? "" };
}

function fieldViolation(violation: Fields): FieldViolation {
  return { field: text(violation, 1), description: text(violation, 2) };
}

function refusal(violation: Fields): Refusal {
  return { reason: text(violation, 1), subject: text(violation, 2) };
}

/** A google.protobuf.Duration. */
function milliseconds(duration: Uint8Array = new Uint8Array()): number {
  const reader = new BinaryReader(duration);
  let total = 0;
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType === WireType.Varint && number === 1) {
      total += Number(reader.int64()) * 1_000;
    } else if (wireType === WireType.Varint && number === 2) {
      total += reader.int32() / 1_000_000;
    } else {
      reader.skip(wireType, number);
    }
  }
  return total;
}

function all(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map(fieldsOf);
}

function text(fields: Fields, number: number): string {
  return new TextDecoder().decode(fields.get(number)?.at(-1));
}

function fieldsOf(message: Uint8Array): Fields {
  const fields: Fields = new Map();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) {
      fields.set(number, [...(fields.get(number) ?? []), reader.bytes()]);
    } else {
      reader.skip(wireType, number);
    }
  }
  return fields;
}
