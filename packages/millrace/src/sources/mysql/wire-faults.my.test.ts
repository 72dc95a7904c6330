import { describe, expect, it } from "vitest";
import {
  type FaultProxy,
  startFaultProxy,
  type Fault,
} from "../../../../../test/support/fault-proxy.ts";
import {
  type MysqlDatabase,
  mysqlFlavors,
  sharedMysql,
  type SharedMysql,
} from "../../../../../test/support/mysql.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Change } from "../../model/change.ts";
import { Skimmed } from "../../model/value.ts";
import { openMysqlLog, type MysqlLogOptions } from "./log.ts";
import { itemsShape, itemsSql, logOptions, startOf } from "./logged-items.fixture.ts";
import { comparePositions, type LogPosition, logPosition, positionText } from "./position.ts";

/** What is told of a change, and where: nothing may come twice, or elsewhere. */
function told({ op, position, movedFrom, before, after }: Change): string {
  const places = [movedFrom, position].map((at) =>
    at === null ? "-" : positionText(logPosition(at)),
  );
  const row = (after ?? before ?? []).map((value) =>
    value instanceof Skimmed ? value.bytes : typeof value === "string" ? value.length : value,
  );
  return `${op} ${places.join(" ")} ${row.join(",")}`;
}

/** Reads on from `at` until `end`, or until the connection breaks; gives where it stands then. */
async function readOn(
  options: MysqlLogOptions,
  at: LogPosition,
  end: LogPosition,
  found: string[],
): Promise<LogPosition> {
  let place = at;
  try {
    const log = await openMysqlLog(options, at);
    try {
      while (comparePositions(place, end) < 0) {
        const { items, position } = await log.next();
        found.push(...items.filter((item) => item.kind === "change").map(told));
        place = logPosition(position);
      }
    } finally {
      await log.close();
    }
  } catch (error) {
    // What befalls a connection is nobody's fault: it is tried again, as the pipeline does.
    if (!(error instanceof MillraceError) || error.class !== "transient") throw error;
  }
  return place;
}

/** Rows of all sizes, transactions of many rows, compressed ones, other tables and another file. */
async function write(server: SharedMysql): Promise<void> {
  const compress = server.flavor === "mysql" ? "SET binlog_transaction_compression = ON;" : "";
  const numbers = (count: number): string =>
    `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
  await server.query(
    `${itemsSql}; INSERT INTO items ${numbers(900)} SELECT i, REPEAT('x', i), 1 FROM n;
     INSERT INTO items VALUES (5001, REPEAT('y', 400000), 1), (5002, REPEAT('z', 4500000), 1);
     FLUSH BINARY LOGS; UPDATE items SET n = 2 WHERE id <= 300; UPDATE items SET id = id + 10000 WHERE id <= 40;
     INSERT INTO others ${numbers(500)} SELECT i FROM n; ${compress}
     UPDATE items SET v = CONCAT(v, 'w') WHERE id BETWEEN 100 AND 500; DELETE FROM items WHERE id BETWEEN 300 AND 600;
     BEGIN; UPDATE items SET n = 4; INSERT INTO items VALUES (6000, 'last', 1); COMMIT`,
  );
}

/** Faults at places that a seed says; each befalls one connection. */
function armNext(proxy: FaultProxy, round: number, mostBytes: number): void {
  const faults: readonly Fault[] = [
    { kind: "cut" },
    { kind: "half-close", direction: "down" },
    { kind: "cut" },
    { kind: "black-hole", direction: "down" },
    { kind: "throttle", bytesPerSecond: 20_000_000 },
    { kind: "cut" },
    { kind: "half-close", direction: "up" },
  ];
  const fault = faults[round % faults.length] ?? { kind: "cut" };
  // Multiples of an odd number are anywhere, within the handshake too.
  const count = 1 + ((round * 7_368_787) % mostBytes);
  proxy.arm({ fault, trigger: { at: "bytes", direction: "down", count } });
}

/** Reads all of it once more, over connections of which each has its fault; gives the count of them. */
async function readThrough(
  options: MysqlLogOptions,
  proxy: FaultProxy,
  [from, end]: readonly [LogPosition, LogPosition],
  firstRound: number,
): Promise<{ readonly found: string[]; readonly rounds: number }> {
  const found: string[] = [];
  let rounds = 0;
  for (let at = from; comparePositions(at, end) < 0; rounds += 1) {
    if (rounds > 100) throw new Error(`stays at ${positionText(at)}`);
    const round = firstRound + rounds;
    armNext(proxy, round, [3_000, 60_000, 900_000][round % 3] ?? 1);
    at = await readOn(options, at, end, found);
  }
  return { found, rounds };
}

function optionsThrough(server: MysqlDatabase, { host, port }: FaultProxy): MysqlLogOptions {
  const options = logOptions({ ...server, host, port }, itemsShape(server));
  const timeouts = { connectTimeoutMs: 1_000, readTimeoutMs: 1_000 };
  const connection = { ...options.connection, ...timeouts };
  return { ...options, connection, heartbeatMs: 100, silenceTimeoutMs: 600 };
}

/** Connections with a fault each; MILLRACE_TEST_WIRE_FAULTS has more of them. */
const ROUNDS = Number(process.env["MILLRACE_TEST_WIRE_FAULTS"] ?? 14);

describe.each(mysqlFlavors)("the log of %s over a bad network", (flavor) => {
  it(
    "is told once, each row of it, wherever the connection breaks, hangs or drags",
    { timeout: 60_000 + ROUNDS * 3_000 },
    async () => {
      await using server = await sharedMysql(flavor);
      await server.query("DO 0");
      const from = await startOf(server);
      await write(server);
      const end = await startOf(server);
      const whole: string[] = [];
      const at = await readOn(logOptions(server, itemsShape(server)), from, end, whole);
      // Others write to the shared server.
      expect(comparePositions(at, end)).toBeGreaterThanOrEqual(0);
      expect(new Set(whole).size).toBe(whole.length);
      const proxy = await startFaultProxy(server);
      const options = optionsThrough(server, proxy);
      for (let round = 0; round < ROUNDS;) {
        const { found, rounds } = await readThrough(options, proxy, [from, end], round);
        expect(found).toEqual(whole);
        round += rounds;
      }
      await proxy.close();
    },
  );
});
