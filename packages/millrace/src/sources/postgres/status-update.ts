import { postgresTime } from "./pgoutput-messages.ts";

const STATUS_BYTES = 34;
const STATUS_TAG = 0x72; // r

/** What a standby tells the server. LSNs are those up to which everything was received, and is durable at the sink. */
export interface Status {
  readonly receivedLsn: number;
  readonly durableLsn: number;
  readonly timeMs: number;
  /** Asks for an answer, to learn that the server is still there. */
  readonly wantsReply: boolean;
}

/**
 * The body of a standby status update. The server frees its log by "flushed", and only what is durable at the sink
 * is told as that (I4).
 */
export function statusUpdate(status: Status): Uint8Array {
  const body = Buffer.allocUnsafe(STATUS_BYTES);
  body[0] = STATUS_TAG;
  body.writeBigUInt64BE(BigInt(Math.max(status.receivedLsn, status.durableLsn)), 1);
  body.writeBigUInt64BE(BigInt(status.durableLsn), 9);
  body.writeBigUInt64BE(BigInt(status.durableLsn), 17);
  body.writeBigInt64BE(postgresTime(status.timeMs), 25);
  body[33] = status.wantsReply ? 1 : 0;
  return body;
}
