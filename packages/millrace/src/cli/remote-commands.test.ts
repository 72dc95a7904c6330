import { expect, it } from "vitest";
import { tableStatus, taskStatus } from "../server/served-pipeline.fixture.ts";
import { PIPELINE, statusText, tableAnswer, tablesText } from "./remote-commands.ts";

it("answers what becomes of a table that is resumed as it stands", () => {
  expect(tableAnswer("resume", "INIT_SYNC")).toBe("goes on: it is being loaded (INIT_SYNC)");
  expect(tableAnswer("resume", "SYNC")).toBe("is not paused; it is in SYNC");
});

it("shows no count of rows of a table that is paused: its load is let go of, and its target may have any", () => {
  const paused = tableStatus("orders", {
    state: "INIT_SYNC",
    paused: { atMs: 7 },
    rowsLoaded: 0,
    loadedPercent: null,
  });
  const [, ...rows] = tablesText([{ ...paused, targets: [...paused.targets], notices: [] }], false)
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(rows[0]).toEqual(["public.orders", "PAUSED", "-", "-", "3", "0", "public.orders"]);
});

it("says of topics how many messages are to be read, and where most of them stand", () => {
  const channels = Array.from({ length: 12 }, (_, i) => ({
    id: `orders-${i}/log`,
    kind: "log" as const,
    frontier: null,
    lagMessages: i === 11 ? null : i * 100,
  }));
  const text = statusText(PIPELINE.parse(taskStatus("shop", { channels })), 0);
  expect(text).toContain(
    "  messages  5,500 to read in 11 partitions: orders-10 1,000, orders-9 900, orders-8 800, orders-7 700, orders-6 600, orders-5 500, orders-4 400, orders-3 300, 2 more; not known of orders-11\n",
  );
  const done = channels.slice(0, 2).map((channel) => ({ ...channel, lagMessages: 0 }));
  expect(statusText(PIPELINE.parse(taskStatus("shop", { channels: done })), 0)).toContain(
    "  messages  0 to read in 2 partitions\n",
  );
  const one = [{ ...channels[0], id: "a-0/log", lagMessages: 1 }];
  const said = (all: object[]) =>
    statusText(PIPELINE.parse(taskStatus("shop", { channels: all as typeof channels })), 0);
  expect(said(one)).toContain("  messages  1 to read in 1 partition: a-0 1\n");
  expect(said([channels[11] ?? {}])).toContain("  messages  not known of orders-11\n");
  expect(statusText(PIPELINE.parse(taskStatus("shop")), 0)).not.toContain("messages");
});

it("says that what is behind is what has stopped, where the lag is not known for that", () => {
  const why = "orders-1 has stopped: MR_SINK_SCHEMA: no column";
  const wait = { what: "pipeline", reason: "share-failed", table: null, why, sinceMs: 1 } as const;
  const status = taskStatus("shop", {
    lagMs: null,
    lagBytes: null,
    progressAgeMs: 53_700,
    waits: [wait],
  });
  expect(statusText(PIPELINE.parse(status), 0)).toContain(
    "  lag       not known, as 1 share has stopped; last progress of all 53.7 s ago\n",
  );
});

it("counts no table as in SYNC that has stopped, and offers no resync of what a share has brought", () => {
  const stopped = { code: "MR_SINK_SCHEMA", message: "share orders-1: no column", atMs: 7 };
  const tables = [tableStatus("orders", { stopped }), tableStatus("items")];
  const error = { code: "MR_SINK_SCHEMA", message: "no column", remedy: "Mend it." };
  const ofShare = statusText(PIPELINE.parse(taskStatus("shop", { tables, error })), 0);
  expect(ofShare).toMatch(/ {2}tables {4}1 of 2 in SYNC\n {2}stopped {3}public\.orders: share/);
  expect(ofShare).not.toContain("resync");
  const ofTable = statusText(PIPELINE.parse(taskStatus("shop", { tables })), 0);
  expect(ofTable).toContain("then millrace resync it");
});
