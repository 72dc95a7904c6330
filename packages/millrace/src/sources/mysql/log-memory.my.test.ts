import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import {
  type MysqlFlavor,
  mysqlFlavors,
  type MysqlServer,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import { itemsSql, startOf } from "./logged-items.fixture.ts";
import type { LogPosition } from "./position.ts";

/** As the whole program may have (test/e2e/memory.e2e.test.ts). */
const MOST_RESIDENT_MIB = 300;
/** MILLRACE_TEST_TRANSACTION_ROWS of them show that a transaction is not held; a few, that all of it is read. */
const ROWS = Number(process.env["MILLRACE_TEST_TRANSACTION_ROWS"] ?? 20_000);
const READER = fileURLToPath(new URL("log-memory.fixture.ts", import.meta.url));

const COMPRESSED: Readonly<Record<MysqlFlavor, string>> = {
  mysql: "SET SESSION binlog_transaction_compression = ON",
  mariadb: "SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10",
};

/** One transaction of so many rows. */
async function write(server: MysqlServer, setting: string): Promise<void> {
  const many = Math.ceil(ROWS / 1_000);
  await server.query(
    `${setting}; SET SESSION cte_max_recursion_depth = 100000000; DROP TABLE IF EXISTS items, others; ${itemsSql};
     INSERT INTO items WITH RECURSIVE a AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM a WHERE i < ${many - 1}),
       b AS (SELECT 1 AS j UNION ALL SELECT j + 1 FROM b WHERE j < 1000)
     SELECT i * 1000 + j, CONCAT('row ', SHA2(i * 1000 + j, 256)), 7 FROM a JOIN b`.replace(
      server.flavor === "mariadb" ? "cte_max_recursion_depth" : "",
      server.flavor === "mariadb" ? "max_recursive_iterations" : "",
    ),
  );
}

async function read(server: MysqlServer, from: LogPosition): Promise<Record<string, number>> {
  const { host, port, user, password, database } = server;
  const asked = {
    server: { host, port, user, password, database },
    from,
    end: await startOf(server),
  };
  const args = ["--conditions=source", READER, JSON.stringify(asked)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Record<string, number>;
}

describe.each(mysqlFlavors)("one large transaction of %s", (flavor) => {
  it("is read within bounded memory, compressed and not", { timeout: 60_000 + ROWS }, async () => {
    await using server = await startMysql(flavor, {
      storage: ROWS > 1_000_000 ? "disk" : "auto",
      settings: { max_binlog_size: "1G", binlog_cache_size: "1M" },
    });
    for (const setting of ["DO 0", COMPRESSED[flavor]]) {
      const from = await startOf(server);
      await write(server, setting);
      const { rows, sum, peakMib } = await read(server, from);
      const written = Math.ceil(ROWS / 1_000) * 1_000;
      expect([rows, sum]).toEqual([written, (written * (written + 1)) / 2]);
      process.stdout.write(
        `${flavor}, ${rows} rows, ${setting}: resident at most ${peakMib} MiB\n`,
      );
      expect(peakMib).toBeLessThan(MOST_RESIDENT_MIB);
    }
  });
});
