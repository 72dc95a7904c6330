import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type MysqlFlavor,
  mysqlFlavors,
  type MysqlServer,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import { testRuns, timeFor } from "../../../../../test/support/test-runs.ts";
import { ScriptedBytes } from "../../bytes/scripted-bytes.fixture.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { systemClock } from "../../model/ports.ts";
import type { TableShape } from "../../model/table.ts";
import { Skimmed } from "../../model/value.ts";
import { dumped, eventBytes } from "./event-packets.fixture.ts";
import { EventReader } from "./event-reader.ts";
import { EventType } from "./event-types.ts";
import { eventsOf } from "./log-probe.ts";
import { fixedTables } from "./fixed-tables.fixture.ts";
import { itemsShape, itemsSql } from "./logged-items.fixture.ts";
import { boundary } from "./position.ts";
import { MysqlLog } from "./replication-log.ts";
import { planRow } from "./row-plan.ts";
import { ServerError } from "./server-error.ts";
import { TransactionAssembler } from "./transaction-assembler.ts";

const MAGIC_BYTES = 4;
const HEADER_BYTES = 19;
const CHECKSUM_BYTES = 4;

/** A log as its file has it: the events, each with its checksum. */
async function recorded(server: MysqlServer): Promise<Buffer[]> {
  const { file } = await server.binlogEnd();
  await server.query(itemsSql);
  await server.query(
    `INSERT INTO items VALUES (1, REPEAT('a', 200), 1), (2, NULL, 2), (3, 'ü', 3);
     UPDATE items SET n = n + 1 WHERE id < 3; SET SESSION binlog_row_image = 'MINIMAL';
     UPDATE items SET v = 'w' WHERE id = 3; UPDATE items SET id = 9 WHERE id = 1; BEGIN; DELETE FROM items WHERE id = 2;
     INSERT INTO others VALUES (4); INSERT INTO items VALUES (5, REPEAT('e', 3000), 5); COMMIT;
     ALTER TABLE others ADD x INT; FLUSH LOGS`,
  );
  const name = (await readdir(server.dataDir)).find((each) => each === file) ?? "";
  const bytes = await readFile(join(server.dataDir, name));
  const events: Buffer[] = [];
  for (let at = MAGIC_BYTES; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 9);
    events.push(bytes.subarray(at, at + length));
    at += length;
  }
  return events;
}

/** The rotation that a dump begins with: the file's number is 1. */
const START = eventBytes(
  EventType.ROTATE,
  Buffer.concat([Buffer.from([MAGIC_BYTES, 0, 0, 0, 0, 0, 0, 0]), Buffer.from("binlog.000001")]),
);

/** What a server sends for a dump from an offset: the events behind it, and the file's first before them. */
function streamOf(events: readonly Buffer[], from: number): Buffer {
  const [format = Buffer.alloc(0)] = events;
  const rest = events.filter((event) => event !== format && event.readUInt32LE(13) > from);
  return Buffer.concat([START, format, ...rest].map((event) => dumped(event)));
}

interface ReadOptions {
  readonly flavor: MysqlFlavor;
  readonly shape: TableShape;
  /** As the server has them, whatever becomes of them on the way: a look ahead reads them again. */
  readonly events: readonly Buffer[];
}

interface Read {
  readonly rows: string[];
  readonly error: unknown;
}

/** All that a log gives whose server sends these bytes and ends then. */
async function readAll(bytes: Buffer, { flavor, shape, events }: ReadOptions): Promise<Read> {
  const reader = new EventReader(new ScriptedBytes(bytes, [1_000, 7, 65_000]));
  const from = boundary({ file: 1, at: MAGIC_BYTES, era: 1, n: 1, hash: 0 });
  const limits = { maxValueBytes: 1_000, maxRowBytes: 10_000 };
  const tables = fixedTables((map) =>
    map.table === shape.name ? planRow(map, shape, { zeroDatesAreNull: false }) : null,
  );
  const assembler = new TransactionAssembler({ reader, from, tables, flavor, limits });
  const log = new MysqlLog({
    clock: systemClock,
    reader,
    assembler,
    serverId: 7,
    readFile: () => Promise.reject(new Error("no other file")),
    eventsAt: ({ at }) =>
      eventsOf(new EventReader(new ScriptedBytes(streamOf(events, at), [65_000]))),
    preparedBefore: () => Promise.resolve(null),
    batchBytes: 100,
    heldBytes: 250,
    silenceTimeoutMs: 60_000,
  });
  const rows: string[] = [];
  try {
    for (;;)
      for (const item of (await log.next()).items)
        if (item.kind === "change")
          rows.push(`${item.op} ${shown(item.before)} ${shown(item.after)}`);
  } catch (error) {
    return { rows, error };
  } finally {
    await log.close();
  }
}

const shown = (row: readonly unknown[] | null): string =>
  (row ?? [])
    .map((value) => (value instanceof Skimmed ? `-${value.bytes}` : String(value)))
    .join(",");

const settings: Readonly<Record<MysqlFlavor, Readonly<Record<string, string>>>> = {
  mysql: { binlog_transaction_compression: "ON" },
  mariadb: { log_bin_compress: "ON", log_bin_compress_min_len: "10" },
};

/** What is behind an error that is none of ours, nor the server's own words: a fault of the reader's. */
function faults(error: unknown): string[] {
  if (error === undefined || error instanceof ServerError) return [];
  if (!(error instanceof MillraceError)) return [String(error)];
  return error.code === "MR_BUG" ? [error.detail] : faults(error.cause);
}

const RUNS = testRuns(80);

/** What befalls bytes: others in the place of some, or between them, or none, or an end. */
interface Damage {
  /** As a share of the whole. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly how: "replace" | "insert" | "remove" | "cut";
}

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  how: fc.constantFrom("replace" as const, "insert" as const, "remove" as const, "cut" as const),
});

/** Bytes with something done to them; the same where `bytes` are what stood there. */
function damaged(bytes: Buffer, { at, bytes: others, how }: Damage): Buffer {
  const place = Math.floor(at * bytes.length);
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (how === "cut") return head;
  if (how === "insert") return Buffer.concat([head, others, tail]);
  if (how === "remove") return Buffer.concat([head, tail.subarray(others.length)]);
  return Buffer.concat([head, others, tail.subarray(others.length)]);
}

describe.each(mysqlFlavors)("the log of %s", (flavor) => {
  it(
    "gives the rows of its server or an error, and never others, whatever the network makes of it",
    { timeout: timeFor(120_000) },
    async () => {
      for (const compressed of [false, true]) {
        await using server = await startMysql(flavor, {
          settings: compressed ? settings[flavor] : {},
        });
        const events = await recorded(server);
        const options = { flavor, shape: itemsShape(server), events };
        const stream = streamOf(events, 0);
        const whole = await readAll(stream, options);
        expect(whole.rows).toHaveLength(9);
        expect(whole.error).toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
        await fc.assert(
          fc.asyncProperty(damage, async (harm) => {
            const { rows, error } = await readAll(damaged(stream, harm), options);
            expect(faults(error)).toEqual([]);
            expect(whole.rows.slice(0, rows.length)).toEqual(rows);
          }),
          { numRuns: RUNS },
        );
        // Without checksums nobody can tell what was meant; it ends all the same.
        const bodies = events.map((event) => event.subarray(0, -CHECKSUM_BYTES));
        await fc.assert(
          fc.asyncProperty(fc.nat(events.length - 1), damage, async (which, harm) => {
            const spoilt = bodies.map((event, index) => {
              const body = event.subarray(HEADER_BYTES);
              return eventBytes(event.readUInt8(4), index === which ? damaged(body, harm) : body, {
                endsAt: event.readUInt32LE(13),
              });
            });
            const bytes = Buffer.concat([dumped(START), ...spoilt.map((event) => dumped(event))]);
            const { error } = await readAll(bytes, options);
            expect(faults(error)).toEqual([]);
          }),
          { numRuns: RUNS },
        );
      }
    },
  );
});
