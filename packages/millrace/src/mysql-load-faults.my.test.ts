/** A bad network while tables are loaded from MySQL under writes: chunks go on where they stood (I1, I7). */
import { expect, it } from "vitest";
import { type Fault, startFaultProxy } from "../../../test/support/fault-proxy.ts";
import { mysqlFlavors, startMysql } from "../../../test/support/mysql.ts";
import { drawnSeed } from "../../../test/support/test-runs.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";
import { soon } from "./tables-between.fixture.ts";

const ROWS = 3000;
const ITEMS = `CREATE TABLE items (id BIGINT PRIMARY KEY, v TEXT);
  INSERT INTO items WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 749) SELECT i, REPEAT('a', 200) FROM n;
  INSERT INTO items SELECT id + 750, v FROM items; INSERT INTO items SELECT id + 1500, v FROM items`;
const FAULTS: readonly Fault[] = [
  { kind: "cut" },
  { kind: "half-close", direction: "down" },
  { kind: "black-hole" },
  { kind: "black-hole", direction: "down" },
];
/** A session that reads chunks, one that asks the catalogue, and one that reads the log come by these. */
const BYTES = [2_000, 15_011, 40_013];
const LIMIT_MS = 240_000;

it.each(mysqlFlavors)(
  "a load from %s over a bad network, under writes, has every row once and as it is",
  async (flavor) => {
    await using server = await startMysql(flavor);
    await server.query(ITEMS);
    const between = await mysqlBetween(server);
    const proxy = await startFaultProxy(server);
    let isOver = false;
    const write = async (): Promise<void> => {
      await using session = await server.connect();
      for (let round = drawnSeed; !isOver; round += 1) {
        const id = (round * 7919) % ROWS;
        await session.query(`UPDATE items SET v = 'u${round}' WHERE id IN (${id}, ${id + 1})`);
        await session.query(`DELETE FROM items WHERE id = ${(id * 31) % ROWS}`);
        await session.query(`REPLACE INTO items VALUES (${ROWS + (round % 500)}, 'r${round}')`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    try {
      const pipeline = await between.run(
        between.file({
          hostname: proxy.host,
          port: proxy.port,
          "read.timeout": "2s",
          "scan.incremental.snapshot.chunk.size": 100,
          "scan.snapshot.max-rows-per-second": 300,
          "scan.snapshot.parallelism": 2,
        }),
      );
      const writer = write();
      const armed = FAULTS.flatMap((fault) =>
        BYTES.map((count) =>
          proxy.arm({ fault, trigger: { at: "bytes", direction: "down", count } }),
        ),
      );
      await Promise.all(armed.map((plan) => plan.wait(LIMIT_MS)));
      await soon(() => pipeline.status().tables[0]?.state === "SYNC", LIMIT_MS).finally(() => {
        isOver = true;
      });
      await writer;
      const { there, here } = await between.both(pipeline);
      expect(there).toEqual(here);
    } finally {
      isOver = true;
      await between.release();
      await proxy.close();
    }
  },
  LIMIT_MS,
);
