import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres } from "../../../../../test/support/postgres.ts";
import type { SharedPostgres } from "../../../../../test/support/postgres.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { createSqlSink } from "./create-sql-sink.ts";
import { POSTGRES } from "./profile.ts";
import type { SqlSink } from "./sql-sink.ts";

describe("two takeovers that have read the same fence on PostgreSQL", () => {
  let postgres: SharedPostgres;
  const sinks: SqlSink[] = [];

  beforeAll(async () => {
    postgres = await sharedPostgres();
    for (let i = 0; i < 3; i++) {
      const { host, port, user, password, database } = postgres;
      const input = { host, port, username: user, password, database };
      sinks.push(
        createSqlSink(POSTGRES, input, {
          clock: systemClock,
          random: Math.random,
          log: silentLogger,
        }),
      );
    }
    await Promise.all(sinks.map((sink) => sink.open()));
  });
  afterAll(async () => {
    await Promise.all(sinks.map((sink) => sink.close()));
    await postgres.release();
  });

  it("do not draw the same number: one of them begins again", async () => {
    const task = { pipeline: "race", task: "0", lanes: 2 };
    const [first, ...rivals] = sinks;
    expect((await first?.takeOver(task))?.fence).toBe(1);
    const holder = new Client({ connectionString: postgres.url });
    await holder.connect();
    await holder.query("BEGIN; SELECT * FROM millrace.lane FOR UPDATE");
    const both = Promise.allSettled(rivals.map((sink) => sink.takeOver(task)));
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    await expect.poll(() => postgres.query(waiting)).toHaveLength(2);
    await holder.query("ROLLBACK");
    await holder.end();
    const fences = (await both).map((one) => (one.status === "fulfilled" ? one.value.fence : -1));
    expect(fences.filter((fence) => fence > 0).length).toBeGreaterThan(0);
    expect(fences[0]).not.toBe(fences[1]);
    expect(await first?.readLanes()).toMatchObject([{ fence: 3 }, { fence: 3 }]);
    // The first one was superseded, and stays so (I5).
    await expect(first?.takeOver(task)).rejects.toMatchObject({ code: "MR_FENCED" });
  });
});
