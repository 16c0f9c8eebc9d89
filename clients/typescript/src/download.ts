import type { Client } from "@connectrpc/connect";
import { brokenStream, joined, Verification } from "./bytes.js";
import { Cancellation } from "./cancellation.js";
import type { Rendition } from "./gen/meimage/v1/me_image_pb.js";
import type { MeImageService } from "./gen/meimage/v1/me_image_service_pb.js";
import type { CallOptions } from "./options.js";
import { given } from "./options.js";

/** What a download takes. */
export interface DownloadOptions extends CallOptions {
  /** The person whose photo it is. */
  readonly userId: string;
  /** UUID of the me-image. */
  readonly meImageId: string;
  /** Which rendition. Left out: the original, byte for byte. */
  readonly rendition?: Rendition | undefined;
}

/** Return the bytes of a me-image; see MeImageClient.download. */
export async function download(pool: Client<typeof MeImageService>, options: DownloadOptions): Promise<Uint8Array> {
  const { userId, meImageId, rendition, signal, timeoutMs } = options;
  const call = new Cancellation(signal);
  let verification: Verification | undefined;
  const chunks: Uint8Array[] = [];
  try {
    const request = { userId, meImageId, ...(rendition !== undefined && { rendition }) };
    for await (const { part } of pool.downloadMeImage(request, given({ signal: call.signal, timeoutMs }))) {
      if (part.case === "header" && verification === undefined) {
        verification = new Verification(part.value);
      } else if (part.case === "chunk" && verification !== undefined) {
        verification.update(part.value);
        chunks.push(part.value);
      } else {
        throw brokenStream("its header has to come first and once");
      }
    }
    if (verification === undefined) {
      throw brokenStream("it has no header");
    }
    verification.end();
    return joined(chunks);
  } finally {
    call.end();
  }
}
