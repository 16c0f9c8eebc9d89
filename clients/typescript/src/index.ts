/**
 * The client of MeImageService: a person's own reference photos, handed to AI image generation only with that person's consent.
 *
 * @packageDocumentation
 */
export { Code } from "@connectrpc/connect";
export type { Backoff } from "./backoff.js";
export type { ConnectOptions } from "./client.js";
export { connect, MeImageClient } from "./client.js";
export type { Connection, TlsOptions } from "./connection.js";
export type { FieldViolation, Refusal } from "./details.js";
export type { DownloadOptions } from "./download.js";
export { MeImageError } from "./errors.js";
export * from "./gen/meimage/v1/error_reason_pb.js";
export * from "./gen/meimage/v1/event_pb.js";
export * from "./gen/meimage/v1/ledger_pb.js";
export * from "./gen/meimage/v1/me_image_pb.js";
export * from "./gen/meimage/v1/me_image_service_pb.js";
export * from "./gen/meimage/v1/reference_service_pb.js";
export type { VerifiedLedger, VerifyLedgerOptions } from "./ledger.js";
export { FIRST_HASH, hashOf, LedgerBroken, verifyEntries } from "./ledger.js";
export type { CallOptions } from "./options.js";
export type { ImageStream, ReleaseOptions, ReleaseStream, WholeImage, ReleasedReferences } from "./release.js";
export type { Source } from "./source.js";
export { MAX_PHOTO_BYTES } from "./source.js";
export type { TokenProvider } from "./transport.js";
export type { UploadOptions } from "./upload.js";
export type { Watched, WatchOptions } from "./watch.js";
