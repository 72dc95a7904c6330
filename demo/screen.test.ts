import { describe, expect, it } from "vitest";
import {
  PipelineInTests,
  tableStatus,
} from "../packages/millrace/src/server/served-pipeline.fixture.ts";
import { jsonScreen, terminalScreen } from "./screen.ts";

/** What a terminal of so many columns is sent. */
function shown(
  columns: number,
  status: ConstructorParameters<typeof PipelineInTests>[1],
): string[] {
  const written: string[] = [];
  const screen = terminalScreen(
    (text) => void written.push(text),
    () => columns,
  );
  screen.show(new PipelineInTests("shop", status), 123_456);
  return written.join("").trimEnd().split("\n");
}

describe("the demo's screen", () => {
  it("tells what is paused and what is stopped, and draws no bar of what nobody knows the size of", () => {
    const unknown = { state: "INIT_SYNC", loadedPercent: null, rowsLoaded: 0 } as const;
    const [, loading, paused, stopped] = shown(80, {
      tables: [
        tableStatus("a", unknown),
        tableStatus("b", { ...unknown, paused: { atMs: 0 } }),
        tableStatus("c", { ...unknown, stopped: { code: "MR_X", message: "m", atMs: 0 } }),
      ],
    });
    expect(loading).toMatch(/^ {2}public\.a +INIT_SYNC {12,}0 rows/);
    expect(paused).toMatch(/^ {2}public\.b +paused /);
    expect(stopped).toMatch(/^ {2}public\.c +stopped /);
  });

  it("tells it in JSON as well", () => {
    const written: string[] = [];
    const screen = jsonScreen((text) => void written.push(text));
    const tables = [
      tableStatus("a"),
      tableStatus("b", { paused: { atMs: 5 } }),
      tableStatus("c", { stopped: { code: "MR_X", message: "m", atMs: 7 } }),
    ];
    screen.show(new PipelineInTests("shop", { tables }), 0);
    const [shown_ = ""] = written;
    const told = JSON.parse(shown_) as { readonly tables: readonly object[] };
    expect(told.tables).toEqual([
      expect.not.objectContaining({ paused: expect.anything() }),
      expect.objectContaining({ id: "public.b", paused: { atMs: 5 } }),
      expect.objectContaining({ id: "public.c", stopped: { code: "MR_X", message: "m", atMs: 7 } }),
    ]);
  });

  it("fits 80 columns, whatever happens", () => {
    const tables = ["customers", "order_lines", "orders", "products"].map((name) =>
      tableStatus(name, { state: "INIT_SYNC", rowsLoaded: 9_999_999, changes: 9_999_999 }),
    );
    const lines = shown(80, {
      state: "retrying",
      tables,
      lagMs: 123_456,
      bufferBytes: 64 * 2 ** 20,
      bufferLimitBytes: 64 * 2 ** 20,
      retrying: {
        code: "MR_SINK_LOST_CONNECTION",
        message: `MR_SINK_LOST_CONNECTION: ${"x".repeat(200)}`,
        remedy: "Wait.",
        sinceMs: 0,
        attempts: 3,
        nextTryMs: 0,
      },
    });
    expect(lines).toHaveLength(6);
    expect(lines[5]).toMatch(/9,999,999 changes$/);
    expect(lines[0]).toMatch(/changes at the shop$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(80);
  });
});
