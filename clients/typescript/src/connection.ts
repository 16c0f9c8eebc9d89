import { isIP, isIPv4 } from "node:net";
import type { SecureClientSessionOptions } from "node:http2";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

/** Milliseconds of silence after which the other side is asked whether it is there, and within which it has to answer. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 5_000;
/** How large an answer may be: a page of fifty thumbnails is far below. */
const MAX_RECEIVED_BYTES = 8 * 1024 * 1024;

/** How the server proves who it is, and if need be the client. */
export interface TlsOptions {
  /** Certificates, in PEM, of those who vouch for the server. Left out: those that Node or Bun trusts. */
  readonly ca?: string | Uint8Array | undefined;
  /** The client's certificate, in PEM. */
  readonly cert?: string | Uint8Array | undefined;
  /** The key of the client's certificate, in PEM. */
  readonly key?: string | Uint8Array | undefined;
  /** The name that the server's certificate has to carry. Left out: the host of the address. */
  readonly serverName?: string | undefined;
}

/** A connection, opened when it is first needed, and again when it was lost. */
export interface Connection {
  readonly transport: Transport;
  close(): void;
}

/**
 * Prepare a connection.
 *
 * @throws TypeError where the address is no `host:port`; Error where it should be plaintext to a host that is not this one
 */
export function open(address: string, tls: TlsOptions | false, allowPlaintext: boolean): Connection {
  const host = hostOf(address);
  if (tls === false && !allowPlaintext && !isLoopback(host)) {
    throw new Error(`plaintext to ${host} would show photos and tokens to whoever listens: use TLS, or set allowPlaintext`);
  }
  const baseUrl = `${tls === false ? "http" : "https"}://${address}`;
  const pings = { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS };
  const sessionManager = new Http2SessionManager(baseUrl, pings, tls === false ? {} : secure(tls));
  const transport = createGrpcTransport({ baseUrl, sessionManager, readMaxBytes: MAX_RECEIVED_BYTES });
  return { transport, close: () => sessionManager.abort() };
}

/** Whether a host is this one by its name or number, so that nobody can listen between. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function hostOf(address: string): string {
  const found = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(address)?.groups;
  const host = found?.["v6"] ?? found?.["name"];
  if (host === undefined || (found?.["v6"] !== undefined && isIP(host) !== 6)) {
    throw new TypeError(`an address is host:port or [IPv6]:port, for example "me-images.example:443"`);
  }
  return host;
}

function secure({ ca, cert, key, serverName }: TlsOptions): SecureClientSessionOptions {
  return {
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

function pem(text: string | Uint8Array): string {
  return typeof text === "string" ? text : Buffer.from(text).toString("utf8");
}
