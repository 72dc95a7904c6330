// npm install --save-dev vitest pg dsql-local && npx vitest run
import { randomUUID } from "node:crypto";
import { startDsqlLocal, type DsqlLocal } from "dsql-local";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openPool, placeOrder, schema } from "./orders.ts";

let cluster: DsqlLocal;
let pool: Pool;

// A cluster of its own for each file takes a third of a second.
beforeAll(async () => {
  cluster = await startDsqlLocal({ tls: "off" });
  pool = openPool(cluster.url);
});
afterAll(async () => {
  await pool.end();
  await cluster.stop();
});

// Emptying it takes milliseconds; faults, limits and the clock are as at the start too.
beforeEach(async () => {
  await cluster.control.reset();
  for (const statement of schema) await pool.query(statement);
  await pool.query("INSERT INTO stock VALUES ('tea', 10)");
});

const order = (pieces: number) => ({ id: randomUUID(), item: "tea", pieces });

async function left(): Promise<number | undefined> {
  const { rows } = await pool.query<{ pieces: number }>("SELECT pieces FROM stock");
  return rows[0]?.pieces;
}

describe("an order", () => {
  it("takes from the stock, and no more than there is", async () => {
    await placeOrder(pool, order(7));
    await expect(placeOrder(pool, order(7))).rejects.toThrow("not enough of tea");
    expect(await left()).toBe(3);
  });

  it("that commits first wins, and nobody waits", async () => {
    const other = await pool.connect();
    await other.query("BEGIN");
    await other.query("UPDATE stock SET pieces = pieces - 1");
    await placeOrder(pool, order(2));
    await expect(other.query("COMMIT")).rejects.toMatchObject({ code: "40001" });
    other.release();
    expect(await left()).toBe(8);
  });

  it("outlives conflicts that come from nowhere", async () => {
    cluster.control.inject({ kind: "conflict", code: "OC001", times: 3 });
    await placeOrder(pool, order(1));
    expect(await left()).toBe(9);
  });

  it("counts once where COMMIT was applied and its answer got lost", async () => {
    cluster.control.inject({ kind: "cut", when: "after" });
    await placeOrder(pool, order(1));
    expect(await left()).toBe(9);
  });
});

describe("what PostgreSQL would let through", () => {
  it("is refused as Aurora DSQL refuses it", async () => {
    await expect(pool.query("TRUNCATE stock")).rejects.toMatchObject({ code: "0A000" });
    await expect(
      pool.query("INSERT INTO stock SELECT n::text, 0 FROM generate_series(1, 3001) AS n"),
    ).rejects.toMatchObject({ code: "54000", message: "transaction row limit exceeded" });
  });
});
