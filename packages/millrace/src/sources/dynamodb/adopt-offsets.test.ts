import { describe, expect, it } from "vitest";
import { offsetsOfText } from "./adopt-offsets.ts";

const finished = {
  version: "1.0",
  table_name: "orders",
  init_sync_state: "FINISHED",
  init_sync_start: 1_557_387_726_273,
  init_sync_end: 1_557_387_799_000,
  init_sync_count: 42,
  src_shard_id: "shardId-1",
  src_shard_sequence_no: "1",
};
const running = {
  version: "1.0",
  table_name: "lines",
  init_sync_state: "RUNNING",
  init_sync_start: 5,
  init_sync_count: 7,
  exclusive_start_key: '{"id":{"s":"v1"},"n":{"n":"1.5"}}',
};

describe("offsets of Trustpilot's connector", () => {
  const expected = [
    {
      table: "orders",
      initSync: "FINISHED",
      startMs: 1_557_387_726_273,
      endMs: 1_557_387_799_000,
      count: 42,
      startKey: null,
    },
    {
      table: "lines",
      initSync: "RUNNING",
      startMs: 5,
      endMs: null,
      count: 7,
      startKey: { id: { S: "v1" }, n: { N: "1.5" } },
    },
  ];

  it("are read as Connect's REST answers them", () => {
    const offsets = [finished, running].map((offset) => ({
      partition: { table_name: offset.table_name },
      offset,
    }));
    expect(offsetsOfText(JSON.stringify({ offsets }), null)).toEqual(expected);
    expect(offsetsOfText(JSON.stringify(offsets), "any")).toEqual(expected);
  });

  it("are read from lines of the topic, of which the last one of a table counts", () => {
    const line = (connector: string, table: string, offset: object | null) =>
      `["${connector}",{"table_name":"${table}"}]\t${JSON.stringify(offset)}`;
    const text = [
      line("dynamo", "orders", { ...finished, init_sync_count: 1 }),
      line("dynamo", "gone", finished),
      line("dynamo", "lines", running),
      `["other",{"server":"db"}]\t{"lsn":1}`,
      line("dynamo", "gone", null),
      line("dynamo", "orders", finished),
      "",
    ].join("\n");
    expect(offsetsOfText(text, "dynamo")).toEqual(expected);
    expect(offsetsOfText(text, "none")).toEqual([]);
  });

  it("of two connectors with one table are refused until one is named", () => {
    const lines = ["a", "b"].map(
      (name) => `["${name}",{"table_name":"orders"}]\t${JSON.stringify(finished)}`,
    );
    expect(() => offsetsOfText(lines.join("\n"), null)).toThrow('"a" and "b" both have offsets');
    expect(offsetsOfText(lines.join("\n"), "b")).toHaveLength(1);
  });

  it.each([
    ["no lines of it", "no key, tab and value"],
    ['{"offsets":1}', 'no list of "offsets"'],
    ['[{"partition":{"table_name":"t"}}]', "without partition and offset"],
    ['[{"partition":{"table_name":"t"},"offset":{}}]', "does not tell how its INIT_SYNC stands"],
    [
      `[{"partition":{"table_name":"t"},"offset":${JSON.stringify({ ...running, exclusive_start_key: '{"id":{"b":"x"}}' })}}]`,
      "is no key",
    ],
  ])("that are none are refused: %#", (text, why) => {
    expect(() => offsetsOfText(text, null)).toThrow(why);
  });
});
