import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position } from "../../model/position.ts";
import type { DynamoStartup } from "./options.ts";
import { HOUR_MS, initSync, openReading, TABLE, TestTable } from "./source.fixture.ts";

/** A first start's log is begun, and nobody reads it. */
async function begun(table: TestTable, startup: DynamoStartup): Promise<Position> {
  const source = table.source({ options: { startup } });
  const [found] = await source.discover();
  const { start } = await source.prepare(found === undefined ? [] : [found.shape], null);
  await source.close();
  return start;
}

async function lossOf(work: Promise<unknown>): Promise<string> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof MillraceError)) throw new Error("nothing was lost", { cause: thrown });
  expect(thrown.code).toBe("MR_SOURCE_LOSS");
  return thrown.detail;
}

describe("a table's first start that loads nothing", () => {
  it("takes all that the stream has, what comes from now on, or what was written from a moment on", async () => {
    await using table = await TestTable.start();
    await table.put("old");
    table.control.shiftClock(20 * HOUR_MS);
    const timestampMs = table.control.nowMs();
    await table.put("young");
    table.control.shiftClock(HOUR_MS / 2);
    const modes = [
      { mode: "earliest-offset" },
      { mode: "timestamp", timestampMs },
      { mode: "latest-offset" },
    ] as const;
    const readings = [];
    for (const startup of modes)
      readings.push(await openReading(table.source({ options: { startup } })));
    await table.put("new");
    const seen = [];
    for (const reading of readings) {
      await reading.until((one) => one.seen.includes("c new"));
      seen.push(reading.seen);
    }
    expect(seen).toEqual([["c old", "c young", "c new"], ["c young", "c new"], ["c new"]]);
  });

  it.each(["earliest-offset", "timestamp", "latest-offset"] as const)(
    "what was wanted and is trimmed before anybody has read it is a loss: %s",
    async (mode) => {
      await using table = await TestTable.start();
      const timestampMs = table.control.nowMs() - 60_000;
      await table.put("wanted");
      if (mode !== "latest-offset") table.control.shiftClock(18 * HOUR_MS);
      const known = await begun(table, mode === "timestamp" ? { mode, timestampMs } : { mode });
      await table.put("young");
      table.control.shiftClock((mode === "latest-offset" ? 28 : 10) * HOUR_MS);
      await table.put("last");
      await expect(lossOf(openReading(table.source(), known))).resolves.toMatch(
        /was not read for (28|33) hours/,
      );
    },
  );

  it.each(["earliest-offset", "timestamp"] as const)(
    "what is trimmed behind records of long ago that were read is a loss: %s",
    async (mode) => {
      await using table = await TestTable.start();
      const timestampMs = table.control.nowMs() - 60_000;
      await table.put("read");
      table.control.rotate({ table: TABLE });
      await table.put("wanted");
      table.control.shiftClock(18 * HOUR_MS);
      const startup = mode === "timestamp" ? { mode, timestampMs } : { mode };
      const source = table.source({ options: { startup } });
      const reading = await openReading(source);
      await reading.count(1);
      expect(reading.seen).toEqual(["c read"]);
      await source.close();
      table.control.shiftClock(10 * HOUR_MS);
      await table.put("last");
      const again = openReading(table.source({ options: { startup } }), reading.position);
      await expect(lossOf(again)).resolves.toMatch(/was not read for 28 hours, and is safe for 24/);
    },
  );

  it("leaves out nothing because of an INIT_SYNC that has no rows", async () => {
    await using table = await TestTable.start();
    await table.put("wanted");
    table.control.shiftClock(20 * HOUR_MS);
    const source = table.source({ options: { startup: { mode: "earliest-offset" } } });
    const asPipelinesTell = initSync(table.control.nowMs());
    const reading = await openReading(source, null, { initSync: asPipelinesTell });
    await table.put("new");
    await reading.until(({ seen }) => seen.includes("c new"));
    expect(reading.seen).toEqual(["c wanted", "c new"]);
  });

  it("takes hours to read what is there, as long as nothing of it can be trimmed", async () => {
    await using table = await TestTable.start();
    await table.put("wanted");
    table.control.shiftClock(20 * HOUR_MS);
    const known = await begun(table, { mode: "earliest-offset" });
    table.control.shiftClock(HOUR_MS / 2);
    const reading = await openReading(table.source(), known);
    expect(await reading.count(1)).toEqual(["c wanted"]);
  });

  it("begins with the oldest record where a loss has it load the table", async () => {
    await using table = await TestTable.start();
    await table.put("before");
    table.control.shiftClock(HOUR_MS / 2);
    const source = table.source({ options: { startup: { mode: "latest-offset" } } });
    const [found] = await source.discover();
    const shapes = found === undefined ? [] : [found.shape];
    const { start } = await source.prepare(shapes, null, { recreate: true });
    const reading = await openReading(source, start);
    await table.put("after");
    await reading.until(({ seen }) => seen.includes("c after"));
    expect(reading.seen).toEqual(["c before", "c after"]);
  });

  it("timestamp: says that something may be missing where that is longer ago than streams keep, and only there", async () => {
    await using table = await TestTable.start();
    const gapAt = async (hoursAgo: number): Promise<string | undefined> => {
      const timestampMs = table.control.nowMs() - hoursAgo * HOUR_MS;
      const source = table.source({ options: { startup: { mode: "timestamp", timestampMs } } });
      await openReading(source);
      return source.waits().find(({ reason }) => reason === "gap")?.why;
    };
    expect(await gapAt(30)).toMatch(
      /changes .* missing at the sink: .* was to be read from .*Z on/,
    );
    expect(await gapAt(22)).toBeUndefined();
  });
});
