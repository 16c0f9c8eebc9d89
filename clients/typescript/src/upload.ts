import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Backoff } from "./backoff.js";
import { attempts, Deadline } from "./backoff.js";
import { sha256 } from "./bytes.js";
import type { MeImageError } from "./errors.js";
import { isBusy, isUnavailable, typed } from "./errors.js";
import type { NewMeImageSchema } from "./gen/meimage/v1/me_image_pb.js";
import type { MeImageService, UploadMeImageRequest, UploadMeImageResponse } from "./gen/meimage/v1/me_image_service_pb.js";
import { UploadMeImageRequestSchema } from "./gen/meimage/v1/me_image_service_pb.js";
import type { CallOptions } from "./options.js";
import { given } from "./options.js";
import type { Source } from "./source.js";
import { read } from "./source.js";
import { BYTES_TIMEOUT_MS } from "./transport.js";

/** How many bytes one message carries: 256 KiB is fastest. */
const CHUNK_BYTES = 256 * 1024;

/** What an upload takes beside its source. */
export interface UploadOptions extends CallOptions {
  /** The person whose photo this is. */
  readonly userId: string;
  /** A name for display. Left out: the name of the file, where the source has one. */
  readonly filename?: string | undefined;
  /** The me-image to create of the bytes, in the same transaction. Left out: only the media is stored. */
  readonly newMeImage?: MessageInitShape<typeof NewMeImageSchema> | undefined;
  /** UUID under which the server knows this upload, however often it is sent. Left out: one is made. */
  readonly requestId?: string | undefined;
  /** Told how many bytes were sent, of how many; begins again with every attempt. What it throws ends the upload and reaches the caller. */
  readonly progress?: ((sentBytes: number, totalBytes: number) => void) | undefined;
}

/** Store a photo; see MeImageClient.upload. */
export async function upload(
  pool: Client<typeof MeImageService>,
  source: Source,
  options: UploadOptions,
  backoff: Backoff,
): Promise<UploadMeImageResponse> {
  const { content, filename } = await read(source, options.signal);
  const header = create(UploadMeImageRequestSchema, {
    part: {
      case: "header",
      value: {
        userId: options.userId,
        filename: options.filename ?? filename,
        sha256: sha256(content),
        sizeBytes: content.byteLength,
        requestId: options.requestId ?? randomUUID(),
        ...(options.newMeImage && { newMeImage: options.newMeImage }),
      },
    },
  });
  const deadline = new Deadline(options.timeoutMs ?? BYTES_TIMEOUT_MS);
  const attempt = async () => {
    const sending = new Sending(header, content, options.progress);
    try {
      const { signal } = options;
      return await pool.uploadMeImage(sending.messages(), given({ signal, timeoutMs: deadline.leftMs }));
    } catch (thrown) {
      throw sending.failed ? sending.failure : typed(thrown, options.signal);
    }
  };
  const again = (error: MeImageError) => isUnavailable(error) || isBusy(error);
  return attempts(attempt, again, backoff, deadline, options.signal);
}

/** The messages of one attempt. */
class Sending {
  /** Whether the caller's progress function threw, and what: the transport would wrap it. */
  failed = false;
  failure: unknown;

  constructor(
    readonly header: UploadMeImageRequest,
    readonly content: Uint8Array,
    readonly progress: UploadOptions["progress"],
  ) {}

  async *messages(): AsyncGenerator<UploadMeImageRequest> {
    yield this.header;
    const total = this.content.byteLength;
    for (let start = 0; start < total; start += CHUNK_BYTES) {
      const value = this.content.subarray(start, start + CHUNK_BYTES);
      yield create(UploadMeImageRequestSchema, { part: { case: "chunk", value } });
      this.#tell(Math.min(start + CHUNK_BYTES, total), total);
    }
  }

  #tell(sent: number, total: number): void {
    try {
      this.progress?.(sent, total);
    } catch (thrown) {
      this.failed = true;
      this.failure = thrown;
      throw thrown;
    }
  }
}
