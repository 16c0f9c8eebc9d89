import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { brokenStream, joined, Verification } from "./bytes.js";
import { Cancellation } from "./cancellation.js";
import type { Slot } from "./gen/meimage/v1/me_image_pb.js";
import type {
  KindSelectionSchema,
  ReferenceImage,
  ReferenceService,
  Release,
  ReleaseReferencesRequestSchema,
  ReleaseReferencesResponse,
  ReleaseValidation,
} from "./gen/meimage/v1/reference_service_pb.js";
import type { CallOptions } from "./options.js";
import { given } from "./options.js";

/** What a release takes: either `meImageIds` and `slots`, alone or together, or `byKind`. */
export interface ReleaseOptions extends CallOptions {
  /** The person whose photos these are. */
  readonly userId: string;
  /** UUIDs of me-images; they come first, in this order. */
  readonly meImageIds?: readonly string[] | undefined;
  /** Whoever holds these slots. */
  readonly slots?: readonly Slot[] | undefined;
  /** The best of what is opted in. */
  readonly byKind?: MessageInitShape<typeof KindSelectionSchema> | undefined;
  /** The generator that will see the bytes, as the registry names it. */
  readonly generator: string;
  /** What the person will read in the ledger: what the pictures are used for. */
  readonly purpose: string;
  /** UUID of this release: asked for again, it is the same one and has no second entry in the ledger. Left out: every call is a release. */
  readonly requestId?: string | undefined;
}

/** One image of a release, whole. */
export interface WholeImage {
  /** UUID of the me-image. */
  readonly meImageId: string;
  /** IANA media type of the bytes. */
  readonly contentType: string;
  /** SHA-256 of the bytes, which was verified; the ledger has the same. */
  readonly sha256: string;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** The bytes. */
  readonly content: Uint8Array;
}

/** A release, whole. */
export interface ReleasedReferences {
  /** UUID of the release, as the ledger has it. */
  readonly releaseId: string;
  /** The generator, as the registry names it. */
  readonly generator: string;
  /** The `sequence` of its ledger entry. */
  readonly ledgerSequence: number;
  /** The `hash` of its ledger entry. */
  readonly ledgerHash: string;
  /** The images, in their order. */
  readonly images: readonly WholeImage[];
}

/** One image of a release as it comes. */
export interface ImageStream {
  /** What it is. */
  readonly image: ReferenceImage;
  /**
   * Its bytes, once; throws after the last where they are not those of `image`. What is left unread is read, and verified,
   * before the next image.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A release as it comes. */
export interface ReleaseStream {
  /** What is released; the ledger says so already. */
  readonly release: Release;
  /** The images, once, each as it comes; throws where they are not whole. Stopping ends the call. */
  readonly images: AsyncIterable<ImageStream>;
}

type References = Client<typeof ReferenceService>;
type Part = ReleaseReferencesResponse["part"];
type Parts = AsyncIterator<ReleaseReferencesResponse>;

/** Release whole images; see MeImageClient.release. */
export async function release(references: References, options: ReleaseOptions): Promise<ReleasedReferences> {
  const stream = await releaseStream(references, options);
  const images: WholeImage[] = [];
  for await (const { image, chunks } of stream.images) {
    const pieces: Uint8Array[] = [];
    for await (const chunk of chunks) {
      pieces.push(chunk);
    }
    const { meImageId, contentType, sha256, width, height } = image;
    images.push({ meImageId, contentType, sha256, width, height, content: joined(pieces) });
  }
  const { releaseId, generator, ledgerSequence, ledgerHash } = stream.release;
  return { releaseId, generator, ledgerSequence, ledgerHash, images };
}

/** Release image by image; see MeImageClient.releaseStream. */
export async function releaseStream(references: References, options: ReleaseOptions): Promise<ReleaseStream> {
  const call = new Cancellation(options.signal);
  try {
    const parts = begin(references, options, false, call);
    const first = await next(parts);
    if (first?.case !== "release") {
      throw brokenStream("the release has to come first");
    }
    return { release: first.value, images: images(parts, first.value, call) };
  } catch (thrown) {
    call.end();
    throw thrown;
  }
}

/** Tell what a release would refuse; see MeImageClient.validateRelease. */
export async function validateRelease(references: References, options: ReleaseOptions): Promise<ReleaseValidation> {
  const call = new Cancellation(options.signal);
  try {
    const only = await next(begin(references, options, true, call));
    if (only?.case !== "validation") {
      throw brokenStream("it has no validation");
    }
    return only.value;
  } finally {
    call.end();
  }
}

function begin(references: References, options: ReleaseOptions, validateOnly: boolean, call: Cancellation): Parts {
  const { userId, meImageIds, slots, byKind, generator, purpose, requestId, timeoutMs } = options;
  const request: MessageInitShape<typeof ReleaseReferencesRequestSchema> = {
    userId,
    meImageIds: [...(meImageIds ?? [])],
    slots: [...(slots ?? [])],
    ...(byKind && { byKind }),
    generator,
    purpose,
    requestId: requestId ?? "",
    validateOnly,
  };
  return references.releaseReferences(request, given({ signal: call.signal, timeoutMs }))[Symbol.asyncIterator]();
}

async function next(parts: Parts): Promise<Part | undefined> {
  const result = await parts.next();
  return result.done === true ? undefined : result.value.part;
}

async function* images(parts: Parts, release: Release, call: Cancellation): AsyncGenerator<ImageStream> {
  try {
    let part = await next(parts);
    for (const announced of release.images) {
      if (part?.case !== "image" || part.value.sha256 !== announced.sha256) {
        throw brokenStream("an image is missing");
      }
      const body = new Body(part.value, parts);
      yield { image: part.value, chunks: body.chunks() };
      part = await body.rest();
    }
    if (part?.case !== "end") {
      throw brokenStream("its end is missing");
    }
    await next(parts); // The status of the call comes after its last message.
  } finally {
    call.end();
  }
}

/** The chunks of one image, read by the caller and, as far as the caller does not, before the next image. */
class Body {
  readonly #parts: Parts;
  readonly #verification: Verification;
  #ended = false;
  #following: Part | undefined;

  constructor(image: ReferenceImage, parts: Parts) {
    this.#verification = new Verification(image);
    this.#parts = parts;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.#read(); chunk !== undefined; chunk = await this.#read()) {
      yield chunk;
    }
  }

  /** Read what is left and return the part after it. */
  async rest(): Promise<Part | undefined> {
    while ((await this.#read()) !== undefined);
    return this.#following;
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (this.#ended) {
      return undefined;
    }
    const part = await next(this.#parts);
    if (part?.case === "chunk") {
      this.#verification.update(part.value);
      return part.value;
    }
    this.#ended = true;
    this.#following = part;
    if (part !== undefined) {
      this.#verification.end();
    }
    return undefined;
  }
}
