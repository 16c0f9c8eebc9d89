import { createHash } from "node:crypto";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { ConnectRouter } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ConnectOptions, MeImageClient } from "../src/index.js";
import { connect } from "../src/index.js";

/** A server that answers as a test says, on a free port, and a client of it that does not wait long between attempts. */
export class Fake implements AsyncDisposable {
  readonly client: MeImageClient;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly server: http2.Http2Server | http2.Http2SecureServer,
    readonly address: string,
    options: Partial<ConnectOptions>,
  ) {
    this.client = connect(address, { token: "t", tls: false, backoff: { firstMs: 1, longestMs: 4 }, ...options });
    server.on("connection", (socket: Socket) => this.#sockets.add(socket));
  }

  static async start(
    routes: (router: ConnectRouter) => void,
    options: Partial<ConnectOptions> = {},
    tls?: http2.SecureServerOptions,
  ): Promise<Fake> {
    const handler = connectNodeAdapter({ routes });
    const server = tls === undefined ? http2.createServer(handler) : http2.createSecureServer(tls, handler);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Fake(server, `127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  }

  /** Break all connections: by a reset, or by an end, as that of a killed server looks. */
  cut(how: "reset" | "end" = "reset"): void {
    this.#sockets.forEach((socket) => (how === "reset" ? socket.resetAndDestroy() : socket.destroy()));
    this.#sockets.clear();
  }

  /** Be away: break all connections and take no new ones. */
  async leave(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut("end");
    await closed;
  }

  /** Take connections at the same address again. */
  async comeBack(): Promise<void> {
    const [host, port] = this.address.split(":");
    await new Promise<void>((resolve) => this.server.listen(Number(port), host, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.leave();
  }
}

/** What a refusal carries beside its code and reason. */
export interface Also {
  readonly requestId?: string;
  readonly fields?: readonly (readonly [string, string])[];
  readonly refusals?: readonly (readonly [string, string])[];
  readonly retryAfter?: { readonly seconds: number; readonly nanos?: number };
}

/** A refusal with the details that the service gives. */
export function refused(code: Code, reason: string, also: Also = {}): ConnectError {
  const error = new ConnectError("no", code);
  const pairs = (violations: readonly (readonly [string, string])[]) =>
    message(...violations.map(([first, second]) => [1, message([1, text(first)], [2, text(second)])] as const));
  const metadata = message([1, text("request_id")], [2, text(also.requestId ?? "")]);
  error.details = [
    { type: "google.rpc.Unheard", value: new Uint8Array([255]) },
    { type: "google.rpc.ErrorInfo", value: message([1, text(reason)], [2, text("meimage")], [3, metadata]) },
    { type: "google.rpc.BadRequest", value: pairs(also.fields ?? []) },
    { type: "google.rpc.PreconditionFailure", value: pairs((also.refusals ?? []).map(([subject, why]) => [why, subject])) },
  ];
  if (also.retryAfter !== undefined) {
    const delay = new BinaryWriter().tag(1, WireType.Varint).int64(BigInt(also.retryAfter.seconds));
    delay.tag(2, WireType.Varint).int32(also.retryAfter.nanos ?? 0);
    error.details.push({ type: "google.rpc.RetryInfo", value: message([1, delay.finish()]) });
  }
  return error;
}

function message(...fields: (readonly [number, Uint8Array])[]): Uint8Array {
  const writer = new BinaryWriter();
  fields.forEach(([number, value]) => writer.tag(number, WireType.LengthDelimited).bytes(value));
  return writer.finish();
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The SHA-256 of bytes, found on another way than the client does. */
export function digest(...pieces: Uint8Array[]): string {
  return createHash("sha256").update(Buffer.concat(pieces)).digest("hex");
}

/** All that an iterable gives. */
export async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of iterable) {
    found.push(each);
  }
  return found;
}

/** Something that a test waits for. */
export function promised<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
