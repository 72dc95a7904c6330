import { describe, expect, it } from "vitest";
import { DescribedTables } from "./described-tables.ts";

const text = (value: string): Buffer =>
  Buffer.concat([Buffer.of(value.length), Buffer.from(value), Buffer.of(0)]);

/** A table map event: `db.t…` of two columns of type INT. */
function mapOf(number: number) {
  const head = Buffer.alloc(8);
  head.writeUIntLE(number, 0, 6);
  const columns = Buffer.of(2, 3, 3, 0, 0);
  const buffer = Buffer.concat([head, text("db"), text(`t${number}`), columns]);
  const event = { timestampSeconds: 0, serverId: 1, eventBytes: 0, endsAt: 0, flags: 0 };
  return { ...event, type: 19, buffer, bodyStart: 0, bodyEnd: buffer.length };
}

function described(limits: { mostTables: number; mostBytes: number }) {
  const tables = { version: 1, planOf: () => null };
  return { tables, all: new DescribedTables(tables, "mysql", limits) };
}

describe("the tables that a log describes", () => {
  it.each([
    { mostTables: 4, mostBytes: 1_000_000 },
    { mostTables: 1_000_000, mostBytes: 100 },
  ])("are forgotten, the oldest first, within %o", (limits) => {
    const { all } = described(limits);
    for (let number = 1; number <= 100; number += 1) {
      all.describe(mapOf(number));
      expect(all.of(number).name).toBe(`db.t${number}`);
      expect(all.size).toBeLessThanOrEqual(4);
    }
    expect(() => all.of(1)).toThrow("not described");
  });

  it("are remembered as long as the statement is read that described them", () => {
    const { all } = described({ mostTables: 2, mostBytes: 1_000_000 });
    all.describe(mapOf(1));
    all.of(1);
    for (const number of [1, 2, 3, 4]) all.describe(mapOf(number));
    for (const number of [1, 2, 3, 4, 1]) expect(all.of(number).name).toBe(`db.t${number}`);
  });

  it("are looked at again once something else is known of them", () => {
    const { tables, all } = described({ mostTables: 2, mostBytes: 1_000_000 });
    all.describe(mapOf(1));
    expect(all.of(1).plan).toBeNull();
    const changed = Object.assign(tables, { version: 2, planOf: () => ({ misfit: "db.t1" }) });
    expect(all.of(1).plan).toEqual({ misfit: "db.t1" });
    expect(changed.version).toBe(2);
  });
});
