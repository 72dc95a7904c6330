import { expect, it } from "vitest";
import { RowHasher } from "./row-hasher.ts";
import type { SideColumn } from "./side.ts";

it("asks with no more values at once than a server takes, and about every row", async () => {
  const sent: number[] = [];
  const asked: number[] = [];
  const reader = {
    dialect: "dsql" as const,
    query: (_sql: string, parameters: readonly string[]) => {
      sent.push(parameters.reduce((sum, text) => sum + text.length, 0));
      const rows = (parameters[0] ?? "").split(",").length;
      asked.push(rows);
      return Promise.resolve(Array.from({ length: rows }, () => ["hash", "key"]));
    },
  };
  const column = (name: string): SideColumn => ({
    name,
    sqlType: "text",
    text: () => name,
    parse: null,
  });
  const columns = [column("id"), column("v")];
  const hasher = new RowHasher(reader, columns, columns.slice(0, 1));
  const rows = Array.from({ length: 400 }, (_, id) => [id, "x".repeat(id === 7 ? 2e6 : 13_000)]);
  expect(await hasher.hash(rows)).toHaveLength(400);
  expect(asked.reduce((sum, count) => sum + count, 0)).toBe(400);
  const large = sent.filter((length) => length > 1_100_000);
  expect(large).toEqual([expect.closeTo(2e6, -2)]);
  expect(await hasher.hash([])).toEqual([]);
});
