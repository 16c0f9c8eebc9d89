import type { Client } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import type { Backoff } from "./backoff.js";
import { DEFAULT_BACKOFF } from "./backoff.js";
import type { Connection, TlsOptions } from "./connection.js";
import { open } from "./connection.js";
import type { DownloadOptions } from "./download.js";
import { download } from "./download.js";
import type { UploadMeImageResponse } from "./gen/meimage/v1/me_image_service_pb.js";
import { MeImageService } from "./gen/meimage/v1/me_image_service_pb.js";
import type { ReleaseValidation } from "./gen/meimage/v1/reference_service_pb.js";
import { ReferenceService } from "./gen/meimage/v1/reference_service_pb.js";
import type { VerifiedLedger, VerifyLedgerOptions } from "./ledger.js";
import { verifyLedger } from "./ledger.js";
import type { ReleaseOptions, ReleaseStream, ReleasedReferences } from "./release.js";
import { release, releaseStream, validateRelease } from "./release.js";
import type { Source } from "./source.js";
import type { TokenProvider } from "./transport.js";
import { dressed } from "./transport.js";
import type { UploadOptions } from "./upload.js";
import { upload } from "./upload.js";
import type { Watched, WatchOptions } from "./watch.js";
import { watch } from "./watch.js";

/** What a connection takes beside the address. */
export interface ConnectOptions {
  /** The bearer token, or a function that is asked for one before every call. */
  readonly token: TokenProvider;
  /** How the server proves who it is; `false` for plaintext. Left out: by the certificates that Node or Bun trusts. */
  readonly tls?: TlsOptions | false | undefined;
  /** Allow plaintext to other hosts than this one, for example where a mesh encrypts. Left out: refused. */
  readonly allowPlaintext?: boolean | undefined;
  /** How long to wait before another attempt. Left out: 200 ms, doubling up to 5 s. */
  readonly backoff?: Backoff | undefined;
}

/**
 * Make a client of a server. The connection is opened with the first call.
 *
 * @param address - `host:port`
 * @throws TypeError where the address is none; Error where it should be plaintext to a host that is not this one
 */
export function connect(address: string, options: ConnectOptions): MeImageClient {
  const connection = open(address, options.tls ?? {}, options.allowPlaintext ?? false);
  return new MeImageClient(connection, options.token, options.backoff ?? DEFAULT_BACKOFF);
}

/**
 * A client of MeImageService and ReferenceService.
 *
 * Every call throws {@link MeImageError} where the server refuses it or cannot be reached. Reads are attempted up to four
 * times where the server is unavailable or busy, uploads too; other changes are never repeated by themselves: give them a `requestId` and call again.
 */
export class MeImageClient {
  /**
   * The stubs of MeImageService, with the token, deadlines and typed errors. A stream of them that is not read to its end
   * lives until its `signal` is aborted or its deadline passes.
   */
  readonly pool: Client<typeof MeImageService>;
  /** The stubs of ReferenceService, likewise. */
  readonly references: Client<typeof ReferenceService>;
  readonly #connection: Connection;
  readonly #backoff: Backoff;

  /** Use {@link connect}. */
  constructor(connection: Connection, token: TokenProvider, backoff: Backoff) {
    const transport = dressed(connection.transport, token, backoff);
    this.pool = createClient(MeImageService, transport);
    this.references = createClient(ReferenceService, transport);
    this.#connection = connection;
    this.#backoff = backoff;
  }

  /**
   * Store a photo of at most 10 MiB, and with `newMeImage` create a me-image of it.
   *
   * It is read whole first, then sent up to four times where the server is unavailable or busy or the connection breaks: the server knows it by its
   * `requestId` and stores it once.
   *
   * @throws MeImageError, with the reason `IMAGE_TOO_LARGE` before anything is sent; what the source throws where it cannot be read
   */
  upload(source: Source, options: UploadOptions): Promise<UploadMeImageResponse> {
    return upload(this.pool, source, options, this.#backoff);
  }

  /**
   * Return the bytes of a me-image: the original, or a rendition.
   *
   * @throws MeImageError, with the code `Code.DataLoss` where not exactly the bytes come that the server announced
   */
  download(options: DownloadOptions): Promise<Uint8Array> {
    return download(this.pool, options);
  }

  /**
   * Release references to a generator and return them whole, each verified by its SHA-256.
   *
   * @throws MeImageError, where references are refused with `refusals`; with the code `Code.DataLoss` where not all of it came
   */
  release(options: ReleaseOptions): Promise<ReleasedReferences> {
    return release(this.references, options);
  }

  /**
   * Release references to a generator and return them as they come, each verified by its SHA-256 after its last byte.
   *
   * @throws MeImageError, as {@link release}; what goes wrong later, `images` and `chunks` throw
   */
  releaseStream(options: ReleaseOptions): Promise<ReleaseStream> {
    return releaseStream(this.references, options);
  }

  /**
   * Tell what a release would refuse and why: no bytes come and the ledger gets no entry.
   *
   * @throws MeImageError
   */
  validateRelease(options: ReleaseOptions): Promise<ReleaseValidation> {
    return validateRelease(this.references, options);
  }

  /**
   * Tell what happens, until the loop is left or the signal aborted.
   *
   * A lost connection is made again, as often as it takes, and goes on where it broke; no event is told twice in a row of a thousand.
   *
   * @throws MeImageError, where the server refuses the watch; with the reason `RESUME_TOKEN_EXPIRED`, list everything and watch from now
   */
  watch(options: WatchOptions = {}): AsyncGenerator<Watched, void, undefined> {
    return watch(this.pool, options, this.#backoff);
  }

  /**
   * Read a person's whole ledger and recompute its chain.
   *
   * @throws LedgerBroken, where it does not hold together; MeImageError
   */
  verifyLedger(options: VerifyLedgerOptions): Promise<VerifiedLedger> {
    return verifyLedger(this.pool, options);
  }

  /** Close the connection and end all calls; a later call opens it again. */
  close(): void {
    this.#connection.close();
  }

  /** The same, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }
}
