import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import { PipelineInTests, tableStatus } from "../server/served-pipeline.fixture.ts";
import { writtenSurroundings } from "./cli.fixture.ts";
import { jsonDisplay, plainDisplay, terminalDisplay } from "./displays.ts";
import { bytesText, durationText, eventText, loadedText } from "./event-text.ts";

const table = tableId("public", "orders");
const event = { pipeline: "shop", atMs: 1000 } as const;

describe("a display", () => {
  it("writes one JSON object per line", () => {
    const { io, written } = writtenSurroundings({ isTerminal: false });
    jsonDisplay(io).show({ ...event, type: "table", table, state: "SYNC" });
    expect(written).toEqual([
      '{"pipeline":"shop","atMs":1000,"type":"table","table":"public.orders","state":"SYNC"}\n',
    ]);
  });

  it("writes plain lines into a pipe, and the progress of one table only now and then", () => {
    let now = 100_000;
    const { io, written } = writtenSurroundings({ isTerminal: false });
    const display = plainDisplay({ ...io, clock: { ...io.clock, monotonic: () => now } });
    const progress = (rowsLoaded: number) =>
      display.show({ ...event, type: "progress", table, rowsLoaded, estimatedRows: 5000 });
    display.show({ ...event, type: "table", table, state: "INIT_SYNC" });
    progress(1000);
    progress(2000);
    now += 6000;
    progress(3000);
    display.close([new PipelineInTests("shop")]);
    expect(written).toEqual([
      "shop: public.orders is in INIT_SYNC\n",
      "shop: public.orders: 1,000 of about 5,000 rows loaded\n",
      "shop: public.orders: 3,000 of about 5,000 rows loaded\n",
      "shop: running; 1 table, 10 rows loaded in all, 3 changes since this start, 0 dead letters\n",
    ]);
  });

  it.each([false, true])(
    "leaves to a log that tells each event all but the progress of loads: %s",
    (logTells) => {
      const { io, written } = writtenSurroundings({ isTerminal: false });
      const display = plainDisplay(io, { logTells });
      display.show({ ...event, type: "caught-up" });
      display.show({
        ...event,
        type: "progress",
        table: tableId("public", "orders"),
        rowsLoaded: 1_000,
        estimatedRows: 5_000,
      });
      expect(written).toEqual([
        ...(logTells ? [] : ["shop: caught up with the source\n"]),
        "shop: public.orders: 1,000 of about 5,000 rows loaded\n",
      ]);
    },
  );

  it("draws bars on a terminal and lets events scroll by above them", () => {
    const { io, written } = writtenSurroundings({ isTerminal: true, env: { NO_COLOR: "1" } });
    const display = terminalDisplay(io);
    const pipeline = new PipelineInTests("shop", {
      tables: [
        tableStatus("orders", {
          state: "INIT_SYNC",
          loadedPercent: 50,
          rowsLoaded: 5,
          estimatedRows: 10,
        }),
      ],
    });
    display.tick([pipeline]);
    display.show({ ...event, type: "caught-up" });
    const lines =
      "  ██████████░░░░░░░░░░  50 %  public.orders  5 of about 10 rows loaded\n" +
      "shop: running, 0 of 1 tables in SYNC, lag 120 ms / 4.0 KiB, memory 1.0 KiB of 64.0 KiB\n";
    expect(written).toEqual([lines, `\u001B[2A\u001B[0Jshop: caught up with the source\n${lines}`]);
  });

  it("draws no bar of a paused table: nothing is being loaded", () => {
    const { io, written } = writtenSurroundings({ isTerminal: true });
    const paused = { state: "INIT_SYNC", loadedPercent: null, paused: { atMs: 1 } } as const;
    const pipeline = new PipelineInTests("shop", { tables: [tableStatus("orders", paused)] });
    terminalDisplay(io).tick([pipeline]);
    expect(written.join("")).not.toContain("orders");
  });

  it("draws no bar where nobody knows how much there is to load", () => {
    const { io, written } = writtenSurroundings({ isTerminal: true, env: { NO_COLOR: "1" } });
    const unknown = { state: "INIT_SYNC", loadedPercent: null, estimatedRows: null } as const;
    const pipeline = new PipelineInTests("shop", { tables: [tableStatus("orders", unknown)] });
    terminalDisplay(io).tick([pipeline]);
    expect(written.join("")).toMatch(/^ +public\.orders  10 rows loaded\n/);
  });

  it("shows no more bars than fit", () => {
    const { io, written } = writtenSurroundings({ isTerminal: true });
    const tables = Array.from({ length: 20 }, (_, i) =>
      tableStatus(`t${i}`, { state: "INIT_SYNC" }),
    );
    terminalDisplay(io).tick([new PipelineInTests("shop", { tables })]);
    expect(written.join("").split("\n")).toHaveLength(15);
    expect(written.join("")).toContain("… and 8 more tables");
  });

  it("uses colours only on a terminal whose user did not say no", () => {
    for (const [isTerminal, env, colours] of [
      [true, {}, true],
      [true, { NO_COLOR: "1" }, false],
      [true, { TERM: "dumb" }, false],
      [false, {}, false],
    ] as const) {
      const { io, written } = writtenSurroundings({ isTerminal, env });
      terminalDisplay(io).show({ ...event, type: "caught-up" });
      expect(written.join("").includes("\u001B[2m")).toBe(colours);
    }
  });
});

describe("texts", () => {
  it("say every event in a line", () => {
    const error = { code: "MR_SOURCE_LOSS", message: "MR_SOURCE_LOSS: gone", remedy: "Resync." };
    const parked = {
      type: "dead-letter",
      id: "0123456789abcdef",
      table,
      target: table,
      code: "MR_KEY_NULL",
      reason: "its key is null",
      column: "id",
      position: null,
      op: "r",
      key: ["id"],
      attempts: 1,
    } as const;
    const events = [
      { type: "state", state: "failed", error },
      { type: "table", table, state: "INIT_SYNC", reason: "resync" },
      { type: "table", table, state: "INIT_SYNC", reason: "paused" },
      { type: "notice", table, message: "no key" },
      { type: "notice", message: "hello" },
      { type: "schema-change", table, change: "add column x", outcome: "applied" },
      {
        type: "retry",
        code: "MR_SINK_CONFLICT",
        attempt: 2,
        waitMs: 300,
        message: "conflict",
        remedy: "Wait.",
        sinceMs: 0,
      },
      { type: "recovered", code: "MR_SINK_CONFLICT", attempts: 2, lastedMs: 1500 },
      parked,
      { type: "dead-letter-settled", id: "0123456789abcdef", table, outcome: "replayed" },
    ] as const;
    expect(events.map((one) => eventText({ ...event, ...one }))).toEqual([
      "failed: MR_SOURCE_LOSS: gone. Resync.",
      "public.orders is in INIT_SYNC (resync)",
      "public.orders is paused",
      "public.orders: no key",
      "hello",
      "public.orders: add column x applied",
      "conflict; trying again, after 2 attempts, next in 0.3 s",
      "works again after 1.5 s and 2 failed attempts (MR_SINK_CONFLICT)",
      "public.orders: a row was parked as a dead letter: MR_KEY_NULL: its key is null",
      "public.orders: dead letter 0123456789ab: replayed",
    ]);
  });

  it("count and measure", () => {
    expect([loadedText(1200, null), loadedText(10, 5)]).toEqual([
      "1,200 rows loaded",
      "10 rows loaded",
    ]);
    expect([durationText(999), durationText(12_340), durationText(240_000)]).toEqual([
      "999 ms",
      "12.3 s",
      "4 min",
    ]);
    expect([bytesText(512), bytesText(3_565_158), bytesText(2 ** 42)]).toEqual([
      "512 B",
      "3.4 MiB",
      "4.0 TiB",
    ]);
  });
});
