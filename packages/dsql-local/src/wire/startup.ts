/** The first messages of a connection, which have no type byte. */
import { cstring, int32, readCString } from "./messages.ts";

/** What a client may open a connection with. */
export type Opening =
  | { readonly kind: "startup"; readonly parameters: ReadonlyMap<string, string> }
  | { readonly kind: "ssl" }
  | { readonly kind: "gss" }
  | { readonly kind: "cancel" }
  | { readonly kind: "bad"; readonly reason: string };

const PROTOCOL_3 = 196608;
const SSL_CODE = 80877103;
const GSS_CODE = 80877104;
const CANCEL_CODE = 80877102;
const MAX_STARTUP_BYTES = 10_000;

/** Takes an opening packet from the front of `buffer`; undefined while it is not whole. */
export function takeOpening(buffer: Buffer): { opening: Opening; usedBytes: number } | undefined {
  if (buffer.length < 8) return undefined;
  const lengthBytes = buffer.readInt32BE(0);
  if (lengthBytes < 8 || lengthBytes > MAX_STARTUP_BYTES) {
    return { opening: { kind: "bad", reason: "invalid length of startup packet" }, usedBytes: 0 };
  }
  if (buffer.length < lengthBytes) return undefined;
  return {
    opening: readOpening(buffer.subarray(0, lengthBytes)),
    usedBytes: lengthBytes,
  };
}

function readOpening(packet: Buffer): Opening {
  const code = packet.readInt32BE(4);
  if (code === SSL_CODE) return { kind: "ssl" };
  if (code === GSS_CODE) return { kind: "gss" };
  if (code === CANCEL_CODE) return { kind: "cancel" };
  if (code >>> 16 !== PROTOCOL_3 >>> 16) {
    const version = `${code >>> 16}.${code & 0xffff}`;
    return {
      kind: "bad",
      reason: `unsupported frontend protocol ${version}: server supports 3.0 to 3.0`,
    };
  }
  return { kind: "startup", parameters: readParameters(packet) };
}

function readParameters(packet: Buffer): Map<string, string> {
  const parameters = new Map<string, string>();
  let at = 8;
  while (at < packet.length && packet[at] !== 0) {
    const [name, afterName] = readCString(packet, at);
    const [value, next] = readCString(packet, afterName);
    parameters.set(name, value);
    at = next;
  }
  return parameters;
}

/** The startup packet that the proxy sends to the PostgreSQL behind it. */
export function startupPacket(parameters: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [int32(PROTOCOL_3)];
  for (const [name, value] of parameters) parts.push(cstring(name), cstring(value));
  parts.push(Buffer.from([0]));
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** The request for TLS. */
export const sslRequest: Buffer = Buffer.concat([int32(8), int32(SSL_CODE)]);
