import pg from "pg";
import { describe, expect, it } from "vitest";
import { startDsqlLocal } from "./index.ts";

/** The goals are 1.5 s and 100 ms (`bench dsql-local`); these are for machines that have much else to do. */
const MOST_START_MS = 30_000;
const MOST_RESET_MS = 10_000;

describe("the library", () => {
  it("comes up from the template that its first start made, and is empty again at once", async () => {
    await (await startDsqlLocal({ tls: "off" })).stop();
    const beganMs = performance.now();
    const cluster = await startDsqlLocal({ tls: "off" });
    try {
      expect(performance.now() - beganMs).toBeLessThan(MOST_START_MS);
      const client = new pg.Client({ connectionString: cluster.url });
      await client.connect();
      await client.query("create table t (id int primary key)");
      await client.query("insert into t values (1)");
      const fullMs = performance.now();
      await cluster.control.reset();
      expect(performance.now() - fullMs).toBeLessThan(MOST_RESET_MS);
      await expect(client.query("select * from t")).rejects.toMatchObject({ code: "42P01" });
      await client.end();
    } finally {
      await cluster.stop();
    }
  });
});
