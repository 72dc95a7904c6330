import { describe, expect, it } from "vitest";
import { tableId, type TableId } from "../model/table.ts";
import type { TaskEvent } from "../pipeline/status.ts";
import { logEvent } from "./event-log.ts";
import { createLogger } from "./logger.ts";
import type { LoggerOptions } from "./logger.ts";

function loggerInto(options: Partial<LoggerOptions>) {
  const lines: string[] = [];
  const log = createLogger({
    format: "json",
    level: "info",
    color: false,
    now: () => 0,
    write: (line) => lines.push(line),
    ...options,
  });
  return { log, lines };
}

const parked = (table: TableId, attempts = 1): TaskEvent => ({
  type: "dead-letter",
  id: "0123",
  table,
  target: table,
  code: "MR_VALUE_DOES_NOT_FIT",
  reason: 'column "v": too long',
  column: "v",
  position: [1, 2, 0],
  op: "u",
  key: ["id"],
  attempts,
});

describe("the log", () => {
  it("writes one JSON object per line for machines", () => {
    const { log, lines } = loggerInto({ bound: { pipeline: "shop" } });
    log.warn("trying again", { attempt: 2 });
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      {
        level: "warn",
        time: "1970-01-01T00:00:00.000Z",
        pipeline: "shop",
        attempt: 2,
        message: "trying again",
      },
    ]);
    expect(lines[0]?.endsWith("\n")).toBe(true);
  });

  it("writes lines for people, with colours only where they are wanted", () => {
    const plain = loggerInto({ format: "pretty", bound: { pipeline: "shop" } });
    plain.log.error("it broke", { table: "public.a", reason: "two words" });
    expect(plain.lines).toEqual([
      '00:00:00.000 error it broke pipeline=shop table=public.a reason="two words"\n',
    ]);
    const coloured = loggerInto({ format: "pretty", color: true });
    coloured.log.info("well");
    expect(coloured.lines).toEqual(["00:00:00.000 \u001B[36minfo \u001B[0m well\n"]);
  });

  it.each(["json", "pretty"] as const)("leaves out what is below its level (%s)", (format) => {
    const { log, lines } = loggerInto({ format, level: "warn" });
    log.debug("a");
    log.info("b");
    expect(lines).toEqual([]);
    log.warn("c");
    expect(lines).toHaveLength(1);
  });

  it("says nothing when it is silent", () => {
    const { log, lines } = loggerInto({ level: "silent" });
    log.error("a");
    expect(lines).toEqual([]);
  });

  it("says of a parked row where and why, and names its key's columns", () => {
    const { log, lines } = loggerInto({ level: "warn" });
    logEvent(log, parked(tableId("public", "a")));
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      table: "public.a",
      code: "MR_VALUE_DOES_NOT_FIT",
      column: "v",
      position: [1, 2, 0],
      key: ["id"],
      letter: "0123",
    });
  });

  it("tells of a parked row once at its level for warnings, however often it is refused again", () => {
    const { log, lines } = loggerInto({ level: "warn" });
    for (const attempts of [1, 2, 3]) logEvent(log, parked(tableId("public", "a"), attempts));
    expect(lines).toHaveLength(1);
  });

  it("tells events by their weight", () => {
    const { log, lines } = loggerInto({ level: "debug" });
    const table = tableId("public", "a");
    const error = { code: "MR_BUG", message: "m", remedy: "r" };
    logEvent(log, { type: "state", state: "failed", error });
    logEvent(log, { type: "table", table, state: "SYNC" });
    logEvent(log, { type: "progress", table, rowsLoaded: 1, estimatedRows: null });
    logEvent(log, parked(table));
    logEvent(log, { type: "caught-up" });
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual([
      "error",
      "info",
      "debug",
      "warn",
      "info",
    ]);
  });
});
