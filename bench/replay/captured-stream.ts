// A stretch of a real replication stream, kept in memory and sent round and round: each round has later LSNs and
// transaction ids, as a server's would.
import { liveSource } from "./live-source.ts";
import type { TableShape } from "../../packages/millrace/src/model/table.ts";
import { startPostgres } from "../../test/support/postgres.ts";
import { insertRows, TABLE, updateRows, withClient } from "../workload.ts";

/** A stretch of a stream as it is on the wire, with what the catalogue said of its table. */
export interface Capture {
  /** CopyData messages, back to back. */
  readonly bytes: Buffer;
  /** Where each message begins in `bytes`. */
  readonly starts: readonly number[];
  readonly rows: number;
  readonly shape: TableShape;
}

/** What one stretch holds. */
export type Kind = "inserts" | "updates";

const SLOT = "captured";
const PUBLICATION = "captured";
/** CopyData's tag and length, then `w`, two LSNs and a time. */
const DATA_HEADER_BYTES = 5;
const XLOG_HEADER_BYTES = 25;
const INSERT = 0x49;
const UPDATE = 0x55;
const BEGIN = 0x42;
const COMMIT = 0x43;

interface Logged {
  readonly lsn: string;
  readonly data: Buffer;
}

/** Has a PostgreSQL 18 log `rows` inserts and as many updates, and takes down what it would send. */
export async function capture(rows: number): Promise<Readonly<Record<Kind, Capture>>> {
  await using postgres = await startPostgres();
  const url = await postgres.createDatabase("captured");
  const source = liveSource(postgres, "captured", SLOT, PUBLICATION);
  return await withClient(url, async (client) => {
    await client.query(TABLE);
    await client.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE items`);
    await client.query(`SELECT pg_create_logical_replication_slot('${SLOT}', 'pgoutput')`);
    const [found] = await source.discover();
    await source.close();
    if (found === undefined) throw new Error("the table is not there");
    const taken = async (write: Promise<void>): Promise<Capture> => {
      await write;
      const { rows: logged } = await client.query<Logged>(
        "SELECT lsn::text, data FROM pg_logical_slot_get_binary_changes($1, NULL, NULL, 'proto_version', '1', 'publication_names', $2)",
        [SLOT, PUBLICATION],
      );
      const seen = logged.filter(({ data }) => data[0] === INSERT || data[0] === UPDATE).length;
      if (seen !== rows) throw new Error(`the log holds ${seen} rows of ${rows}`);
      return { ...lay(logged), rows, shape: found.shape };
    };
    const inserts = await taken(insertRows(client, rows));
    return { inserts, updates: await taken(updateRows(client, rows)) };
  });
}

function lay(logged: readonly Logged[]): { bytes: Buffer; starts: number[] } {
  const starts: number[] = [];
  let at = 0;
  const messages = logged.map(({ lsn, data }) => {
    starts.push(at);
    const message = copyData(lsn, data);
    at += message.length;
    return message;
  });
  return { bytes: Buffer.concat(messages), starts };
}

function copyData(lsn: string, data: Buffer): Buffer {
  const message = Buffer.alloc(DATA_HEADER_BYTES + XLOG_HEADER_BYTES + data.length);
  const [high = "", low = ""] = lsn.split("/");
  message.write("d", 0, "latin1");
  message.writeInt32BE(message.length - 1, 1);
  message.write("w", DATA_HEADER_BYTES, "latin1");
  message.writeUInt32BE(Number.parseInt(high, 16), 6);
  message.writeUInt32BE(Number.parseInt(low, 16), 10);
  data.copy(message, DATA_HEADER_BYTES + XLOG_HEADER_BYTES);
  return message;
}

/** How far the log goes on from one round to the next, bytes; more than any stretch is long. */
const ROUND_BYTES = 2n ** 30n;
const TRANSACTIONS_PER_ROUND = 10_000;

/** Makes the next round of the stretch, in place. */
export function advance({ bytes, starts }: Capture): void {
  for (const start of starts) {
    const tagAt = start + DATA_HEADER_BYTES + XLOG_HEADER_BYTES;
    addLsn(bytes, start + 6);
    const tag = bytes[tagAt];
    if (tag === BEGIN) {
      addLsn(bytes, tagAt + 1);
      bytes.writeUInt32BE(bytes.readUInt32BE(tagAt + 17) + TRANSACTIONS_PER_ROUND, tagAt + 17);
    } else if (tag === COMMIT) {
      addLsn(bytes, tagAt + 2);
      addLsn(bytes, tagAt + 10);
    }
  }
}

function addLsn(bytes: Buffer, at: number): void {
  bytes.writeBigUInt64BE(bytes.readBigUInt64BE(at) + ROUND_BYTES, at);
}
