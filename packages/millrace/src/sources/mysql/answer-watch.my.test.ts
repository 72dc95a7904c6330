import { describe, expect, it } from "vitest";
import { startFaultProxy } from "../../../../../test/support/fault-proxy.ts";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { openConnection } from "./connection.ts";
import { streamRows } from "./snapshot-rows.ts";
import { configOf } from "./told-events.fixture.ts";

describe.each(mysqlFlavors)("an answer of %s that takes longer than the read timeout", (flavor) => {
  // Long enough for a new session on a machine that others fill: whether the server is at work is asked through one.
  const timeouts = { readTimeoutMs: 700, connectTimeoutMs: 3_000 };

  it("is waited for as long as the server works on it", async () => {
    await using server = await sharedMysql(flavor);
    const session = await openConnection({ ...configOf(server), ...timeouts });
    try {
      expect(await session.query("SELECT SLEEP(1.6), ?", ["done"])).toEqual([["0", "done"]]);
    } finally {
      session.destroy();
    }
  });

  it("is given up where the server does not know of the question", async () => {
    await using server = await sharedMysql(flavor);
    const proxy = await startFaultProxy(server);
    const config = { ...configOf(server), ...timeouts, host: proxy.host, port: proxy.port };
    const session = await openConnection(config);
    try {
      const stall = proxy.arm({
        fault: { kind: "stall" },
        trigger: { at: "bytes", direction: "up", count: 1 },
        times: 1,
      });
      await expect(session.query("SELECT 1")).rejects.toMatchObject({
        code: "MR_SOURCE_LOST_CONNECTION",
        message: expect.stringContaining("that the server works on") as string,
      });
      stall.disarm();
    } finally {
      session.destroy();
      await proxy.close();
    }
  });

  it("is given up where rows stop coming, and their session is cut", async () => {
    await using server = await sharedMysql(flavor);
    const proxy = await startFaultProxy(server);
    const config = { ...configOf(server), ...timeouts, host: proxy.host, port: proxy.port };
    const session = await openConnection(config);
    const many = "SELECT REPEAT('x', 1000) FROM information_schema.COLUMNS LIMIT 1500";
    const stall = proxy.arm({
      fault: { kind: "stall" },
      trigger: { at: "bytes", direction: "down", count: 100_000 },
      times: 1,
    });
    let rows = 0;
    const take = (): boolean => {
      rows += 1;
      return false;
    };
    const reading = async (): Promise<void> => {
      for await (const _rows of streamRows(session, many, { take, doing: "reading" })) continue;
    };
    try {
      await expect(reading()).rejects.toMatchObject({
        code: "MR_SOURCE_LOST_CONNECTION",
        message: expect.stringContaining("has not sent anything") as string,
      });
      expect(rows).toBeGreaterThan(0);
      await expect(session.query("SELECT 1")).rejects.toMatchObject({
        code: "MR_SOURCE_LOST_CONNECTION",
      });
    } finally {
      stall.disarm();
      await proxy.close();
    }
  });
});
