import { expect, it } from "vitest";
import { tableStatus } from "../server/served-pipeline.fixture.ts";
import { tableAnswer, tablesText } from "./remote-commands.ts";

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
