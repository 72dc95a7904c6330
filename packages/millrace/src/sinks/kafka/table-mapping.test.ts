import { describe, expect, it } from "vitest";
import { tableId, type TableShape } from "../../model/table.ts";
import { mapToTopic } from "./table-mapping.ts";

describe("a table as messages tell it", () => {
  it("knows what its source calls a column that has another name", () => {
    const rest = { sourceType: "t", nullable: true, ordinal: null };
    const column = { ...rest, type: { kind: "jsonb" } as const };
    const shape: TableShape = {
      id: tableId("public", "t"),
      schema: "public",
      name: "t",
      identity: "1",
      columns: [
        { ...column, name: "order_id", sourceName: "id" },
        { ...column, name: "n" },
      ],
      key: [0],
    };
    const { columns } = mapToTopic(shape, { schema: "public", name: "t" });
    expect(columns.map(({ name, sourceName }) => [name, sourceName])).toEqual([
      ["order_id", "id"],
      ["n", undefined],
    ]);
  });
});
