import { expect, it } from "vitest";
import { createFormat } from "../../formats/create-format.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "../../formats/format.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { Partitioning } from "./options.ts";

function takesLines(
  given: Partial<FormatOptions>,
  partitioning: Partitioning = { kind: "hash-by-key" },
): boolean | undefined {
  const names = { serverName: "shop", version: "1" };
  const format = createFormat({ ...DEFAULT_FORMAT, ...given }, { names, block: null });
  const options = { ...sinkOptions("a:1", "x"), format, partitioning };
  const { takesLines: lines, takesPackets } = capabilitiesOf(options);
  expect(takesPackets).toBe(lines);
  return lines;
}

it("rows of a load come as lines where messages are written from their bytes, and not where their values are needed", () => {
  expect(takesLines({})).toBe(true);
  expect(takesLines({ value: "plain-json" })).toBe(true);
  expect(takesLines({}, { kind: "table" })).toBe(true);
  expect(takesLines({}, { kind: "columns", columns: ["id"] })).toBe(false);
  expect(takesLines({ value: "canal-json" })).toBe(false);
  expect(takesLines({ value: "avro" })).toBe(false);
  expect(takesLines({ key: "csv" })).toBe(false);
});

it("takes more short lines of a load at once than the file's default says of rows, unless the file says a number", () => {
  const options = sinkOptions("a:1", "x");
  expect(capabilitiesOf(options).linesPerCommit).toBe(9_000);
  expect(capabilitiesOf({ ...options, batchRowsAreGiven: true }).linesPerCommit).toBeUndefined();
});
