import { describe, expect, it } from "vitest";
import type { Logger } from "../model/ports.ts";
import { tableId } from "../model/table.ts";
import { logEvent } from "./event-log.ts";

describe("a notice in the log", () => {
  it("is a warning where something has happened, and none where it says how a table is", () => {
    const said: string[] = [];
    const say = (level: string) => (message: string) => void said.push(`${level}: ${message}`);
    const log: Logger = {
      debug: say("debug"),
      info: say("info"),
      warn: say("warn"),
      error: say("error"),
    };
    const table = tableId("public", "bag");
    logEvent(log, { type: "notice", table, message: "partitions came" });
    logEvent(log, { type: "notice", table, message: "it has no key", level: "info" });
    expect(said).toEqual(["warn: partitions came", "info: it has no key"]);
  });
});
