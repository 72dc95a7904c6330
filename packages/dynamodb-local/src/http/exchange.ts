/** One HTTP request and its answer, without what is in them. */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { crc32 } from "node:zlib";

/** As much as the service takes. */
const MAX_BODY_BYTES = 16 * 1_048_576;

/** A request that was read whole. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** An answer. */
export interface Outgoing {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly requestId: string;
}

/** Reads a request; undefined where it is too large. */
export async function readIncoming(request: IncomingMessage): Promise<Incoming | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  const { method = "GET", url = "/", headers } = request;
  return { method, path: url.replace(/\?.*$/, ""), headers, body: Buffer.concat(chunks) };
}

/** Sends an answer, with the checksum and the time that SDKs look at: signers set their clock by it. */
export function send(
  response: ServerResponse,
  { status, contentType, body, requestId }: Outgoing,
  nowMs: number,
): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    "content-type": contentType,
    "content-length": bytes.length,
    date: new Date(nowMs).toUTCString(),
    "x-amzn-requestid": requestId,
    "x-amz-crc32": String(crc32(bytes)),
  });
  response.end(bytes);
}

/** Fifty-two characters, as the service's. */
export function newRequestId(): string {
  return randomBytes(39).toString("base64").toUpperCase().replace(/[+/]/g, "0");
}
