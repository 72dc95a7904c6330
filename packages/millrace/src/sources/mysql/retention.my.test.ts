import { describe, expect, it } from "vitest";
import { mysqlFlavors, startMysql } from "../../../../../test/support/mysql.ts";
import { openConnection } from "./connection.ts";
import { readLogEnd } from "./log-end.ts";
import { bytesBetween, PurgeAge, readLogFiles, readPurgeAge, readRetention } from "./retention.ts";
import { configOf } from "./told-events.fixture.ts";

/** Asked for each time. */
const AGE = { read: readPurgeAge };

describe.each(mysqlFlavors)("what %s keeps of its log", (flavor) => {
  it("is told from a place on, over several files, until that is purged", async () => {
    await using server = await startMysql(flavor);
    const client = await openConnection(configOf(server));
    try {
      const from = await readLogEnd(client);
      expect(await readRetention(client, from, AGE)).toMatchObject({ retainedBytes: 0 });
      await server.query("CREATE TABLE test.t (id INT PRIMARY KEY)");
      const sameFile = await readLogEnd(client);
      await server.query("FLUSH BINARY LOGS; INSERT INTO test.t VALUES (1); FLUSH BINARY LOGS");
      const to = await readLogEnd(client);

      const files = await readLogFiles(client);
      expect(files.map(({ file }) => file).slice(-3)).toEqual([from.file, from.file + 1, to.file]);
      expect(bytesBetween(files, from, sameFile)).toBe(sameFile.at - from.at);
      expect(bytesBetween(files, to, from)).toBe(0);
      const sum = files.slice(-3).reduce((bytes, each) => bytes + each.bytes, 0);
      const kept = await readRetention(client, from, AGE);
      expect(kept?.retainedBytes).toBe(sum - from.at);
      expect(bytesBetween(files, from, to)).toBe(kept?.retainedBytes);
      expect(Math.abs((kept?.timeMs ?? 0) - Date.now())).toBeLessThan(60_000);

      // MariaDB keeps a file until the engine needs it no more, which it says a moment later.
      const afterPurge = async () => {
        await server.query(`PURGE BINARY LOGS TO '${(await server.binlogEnd()).file}'`);
        return readRetention(client, from, AGE);
      };
      await expect.poll(afterPurge, { timeout: 60_000 }).toBe(null);
      expect(bytesBetween(await readLogFiles(client), from, to)).toBe(null);
    } finally {
      client.destroy();
    }
  });

  it("goes by its age, where it has a bound", async () => {
    await using server = await startMysql(flavor);
    const client = await openConnection(configOf(server));
    try {
      await server.query("SET GLOBAL binlog_expire_logs_seconds = 7200");
      expect(await readPurgeAge(client)).toBe(7_200);
      const from = await readLogEnd(client);
      expect(await readRetention(client, from, AGE)).toMatchObject({ expireSeconds: 7_200 });
      await server.query("SET GLOBAL binlog_expire_logs_seconds = 0");
      expect(await readPurgeAge(client)).toBe(null);
      expect(await readRetention(client, from, AGE)).not.toHaveProperty("expireSeconds");
      let nowMs = 0;
      const age = new PurgeAge({ monotonic: () => nowMs });
      expect(await age.read(client)).toBe(null);
      await server.query("SET GLOBAL binlog_expire_logs_seconds = 600");
      expect(await age.read(client)).toBe(null);
      nowMs += 60_000;
      expect(await age.read(client)).toBe(600);
    } finally {
      client.destroy();
    }
  });
});
