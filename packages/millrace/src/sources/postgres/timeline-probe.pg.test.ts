import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openWalsender } from "./log.ts";
import { TimelineProbe } from "./timeline-probe.ts";

let postgres: SharedPostgres;
let started: string;
beforeAll(async () => {
  postgres = await sharedPostgres();
  const [row] = await postgres.query("SELECT pg_postmaster_start_time()::text AS started");
  started = String(row?.["started"]);
});
afterAll(() => postgres.release());

/** A probe, and how many sessions it has opened. */
function probing() {
  const { host, port, user, password, database } = postgres;
  const server = { host, port, user, password, database };
  let opened = 0;
  const probe = new TimelineProbe(() => {
    opened++;
    return openWalsender({ ...CONNECTION_DEFAULTS, ...server });
  });
  return { probe, opened: () => opened };
}

describe("a probe of the timeline", () => {
  it("answers chunks that begin at once, all by one session", async () => {
    const { probe, opened } = probing();
    const asked = await Promise.all([1, 2, 3].map(() => probe.timelineOf(started)));
    expect([...asked, await probe.timelineOf(started)]).toEqual([1, 1, 1, 1]);
    expect(opened()).toBe(1);
    await probe.close();
  });

  it("refuses another server than the one that is asked about, and finds that one again", async () => {
    const { probe, opened } = probing();
    await expect(probe.timelineOf("yesterday")).rejects.toMatchObject({
      code: "MR_SOURCE_STANDBY",
    });
    expect(await probe.timelineOf(started)).toBe(1);
    expect(opened()).toBe(2);
    await probe.close();
  });

  it("asks by another session once its own was ended by the server", async () => {
    const { probe, opened } = probing();
    await probe.timelineOf(started);
    const ended =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender' AND datname = $1";
    await postgres.query(ended, [postgres.database]);
    await expect
      .poll(() => probe.timelineOf(started).catch(() => null), { timeout: 60_000 })
      .toBe(1);
    expect(opened()).toBe(2);
    await probe.close();
  });
});
