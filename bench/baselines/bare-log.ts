// A replication slot, read from its start; it shares no code with the engine.
import { BareSession } from "./bare-session.ts";

/** The slot, and the publication that `pgoutput` asks for. */
export interface BareSlot {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
}

/** What is told: where the server is at the least, and messages of `pgoutput`, whose first byte is their kind. */
export interface BareLogReader {
  readonly reached: (lsn: bigint) => void;
  readonly message?: (kind: string, body: Buffer) => void;
}

/** Of a message of the log: where it stands, how far the server is, when it was sent. */
const LOG_HEAD_BYTES = 25;
const EVERYTHING = Number.MAX_SAFE_INTEGER;
/** Enough for what stands at the beginning of any message. */
const BEGINNING_BYTES = 64;

/** Reads for as long as the process lives; resolves once the server sends. */
export async function readBareLog(
  { url, slot, publication }: BareSlot,
  { reached, message }: BareLogReader,
): Promise<void> {
  const most = message === undefined ? BEGINNING_BYTES : EVERYTHING;
  const session = await BareSession.open(url, true, most);
  const sends = Promise.withResolvers<void>();
  session.onMessage = (tag, body) => {
    if (tag === "W") return sends.resolve();
    if (tag !== "d") return;
    const kind = String.fromCharCode(body[0] ?? 0);
    if (kind === "w") {
      const told = String.fromCharCode(body[LOG_HEAD_BYTES] ?? 0);
      // Of a commit: flags, the place of its record, the end of that.
      if (told === "C") reached(body.readBigUInt64BE(LOG_HEAD_BYTES + 10));
      message?.(told, body.subarray(LOG_HEAD_BYTES + 1));
    } else if (kind === "k") {
      reached(body.readBigUInt64BE(1));
      if (body[17] === 1) session.send("d", statusUpdate());
    }
  };
  session.query(
    `START_REPLICATION SLOT "${slot}" LOGICAL 0/0 (proto_version '1', publication_names '${publication}')`,
  );
  await sends.promise;
}

/** "Still there": nothing is acknowledged by it. */
function statusUpdate(): Buffer {
  const update = Buffer.alloc(34);
  update.write("r");
  return update;
}
