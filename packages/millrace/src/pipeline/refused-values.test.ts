import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import type { LogicalType } from "../model/logical-type.ts";
import type { Column } from "../model/table.ts";
import type { Value } from "../model/value.ts";
import { refusalOf } from "./letter.ts";
import { columnOf, itemOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";

const typed = (name: string, type: LogicalType): Column => ({ ...columnOf(name, null), type });
const table = tableOf(
  shapeOf([
    columnOf("id", null),
    typed("d", { kind: "date" }),
    typed("ts", { kind: "timestamptz", precision: 0 }),
    typed("t", { kind: "time", precision: 0 }),
    columnOf("v", null),
    typed("j", { kind: "jsonb" }),
  ]),
);
const refused = (sqlState: string) =>
  new MillraceError("MR_SINK_ROW_REFUSED", `writing: no (SQLSTATE ${sqlState})`, {
    facts: { sqlState },
  });
const said = (row: Readonly<Record<string, Value>>, sqlState = "22008") => {
  const whole = { id: "a", d: null, ts: null, t: null, v: null, j: null, ...row };
  const { reason, column, code } = refusalOf(
    refused(sqlState),
    itemOf(table, "put", Object.values(whole), 4),
  );
  expect(code).toBe("MR_SINK_ROW_REFUSED");
  return `${column}: ${reason}`;
};

describe("why a sink has refused a row", () => {
  it.each([
    [{ d: "2026-02-00" }, 'd: column "d" has a date with a zero part', "zero-dates: as-null"],
    [
      { d: "2026-00-01", ts: "0000-00-00 00:00:00+00" },
      'd: columns "d", "ts" have a date with a zero part',
      "zero-dates: as-null",
    ],
    [{ t: "-00:00:01" }, 't: column "t" has a time', "time-as-interval.enabled: true"],
    [{ t: "24:00:01" }, 't: column "t" has a time', "time-as-interval.enabled: true"],
    [{ v: "SECRET\u0000" }, 'v: column "v" has U+0000', "take it out at the source"],
    [{ j: String.raw`{"a":"\\\u0000"}` }, 'j: column "j" has U+0000', "take it out"],
  ])("is told by column, with what helps and no value: %j", (row, what, help) => {
    const text = said(row);
    expect(text.startsWith(what)).toBe(true);
    expect(text).toContain(help);
    expect(text).toMatch(/\(SQLSTATE 22008\)$/);
    expect(text).not.toContain("SECRET");
  });

  it("is the sink's own words where nothing is found, or where it was not about data", () => {
    const plain = { d: "2026-02-03", t: "23:59:59", v: "0000-00-00", j: String.raw`"\\u0000"` };
    expect(said(plain)).toBe("null: writing: no (SQLSTATE 22008)");
    expect(said({ d: "2026-02-00" }, "23514")).toBe("null: writing: no (SQLSTATE 23514)");
  });
});
