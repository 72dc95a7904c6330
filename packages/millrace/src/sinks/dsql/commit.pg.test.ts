import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Write } from "../../model/sink.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { UNCHANGED } from "../../model/value.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

describe.each(SINK_SERVERS)("a commit on $name", ({ start }) => {
  let server: SinkServer;
  let sink: SqlSink;
  let pipelines = 0;

  beforeAll(async () => {
    server = await start();
    sink = server.sink();
    await sink.open();
  });
  afterAll(() => server.stop());

  /** A fresh table and a fresh pipeline; answers a function that commits writes one after the other. */
  async function begin(shape: TableShape) {
    // A sink is one process to its task, and takes over no other one's (I5).
    await sink.close();
    sink = server.sink();
    await sink.open();
    const table = sink.mapTable(shape, { schema: "public", name: `${shape.name}_${++pipelines}` });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: `p${pipelines}`, task: "0", lanes: 1 });
    let seq = 0;
    const commit = async (...writes: readonly Write[]) => {
      const result = await send(sink, commitOf(fence, seq, writes));
      if (result.outcome === "done") seq += 1;
      return result;
    };
    const rows = (columns = "*") =>
      server.query(`SELECT ${columns} FROM ${table.name} ORDER BY 1, 2`);
    return { table, commit, rows, fence };
  }

  const orders = shapeOf("orders", { id: BIGINT, note: TEXT, more: TEXT });
  const pairs = shapeOf("pairs", { a: BIGINT, b: TEXT, v: TEXT }, 2);

  it("inserts new rows, overwrites known ones, and deletes by key", async () => {
    const { table, commit, rows } = await begin(orders);
    await commit({
      kind: "upsert",
      table,
      rows: [
        ["1", "a", null],
        ["2", "b", null],
        ["3", "c", null],
      ],
    });
    await commit(
      { kind: "upsert", table, rows: [["2", null, 'NULL, "x" \\']] },
      {
        kind: "delete",
        table,
        keys: [
          ["3", UNCHANGED, UNCHANGED],
          ["9", UNCHANGED, UNCHANGED],
        ],
      },
    );
    expect(await rows()).toEqual([
      { id: "1", note: "a", more: null },
      { id: "2", note: null, more: 'NULL, "x" \\' },
    ]);
  });

  it("replaces rows that were thought to be fresh and are there all the same", async () => {
    const first = await begin(orders);
    const fresh = { kind: "upsert", table: first.table, fresh: true } as const;
    await first.commit({ ...fresh, rows: [["1", "a", null]] });
    await first.commit(
      { ...fresh, rows: [["2", "b", null]] },
      {
        ...fresh,
        rows: [
          ["1", "anew", null],
          ["3", "c", null],
        ],
      },
    );
    await first.commit({ ...fresh, rows: [["2", "once more", null]] });
    expect(await first.rows("id, note")).toEqual([
      { id: "1", note: "anew" },
      { id: "2", note: "once more" },
      { id: "3", note: "c" },
    ]);
    expect((await sink.readLanes())[0]?.seq).toBe(3);
  });

  it("keeps the order of its writes: a key may be deleted and come back", async () => {
    const { table, commit, rows } = await begin(orders);
    await commit(
      { kind: "upsert", table, rows: [["1", "old", null]] },
      { kind: "delete", table, keys: [["1", null, null]] },
      { kind: "upsert", table, rows: [["1", "new", null]] },
    );
    expect(await rows()).toEqual([{ id: "1", note: "new", more: null }]);
  });

  it("finds rows of a key of several columns", async () => {
    const { table, commit, rows } = await begin(pairs);
    const all: Row[] = [
      ["1", "x", "1x"],
      ["1", "y", "1y"],
      ["2", "x", "2x"],
    ];
    await commit({ kind: "upsert", table, rows: all });
    await commit({
      kind: "delete",
      table,
      keys: [
        ["1", "y", null],
        ["2", "y", null],
      ],
    });
    await commit({ kind: "upsert", table, rows: [["2", "x", "again"]] });
    expect(await rows()).toEqual([
      { a: "1", b: "x", v: "1x" },
      { a: "2", b: "x", v: "again" },
    ]);
  });

  it("updates only the columns that changed (I9)", async () => {
    const { table, commit, rows } = await begin(orders);
    await commit({
      kind: "upsert",
      table,
      rows: [
        ["1", "a", "long"],
        ["2", "b", "longer"],
      ],
    });
    const changed: Row[] = [
      ["1", "A", UNCHANGED],
      ["2", null, UNCHANGED],
    ];
    const result = await commit({ kind: "update", table, columns: [1], rows: changed });
    expect(result).toEqual({ outcome: "done", deletedSome: 0 });
    expect(await rows()).toEqual([
      { id: "1", note: "A", more: "long" },
      { id: "2", note: null, more: "longer" },
    ]);
  });

  it("names rows that an update does not find, and writes nothing then", async () => {
    const { table, commit, rows, fence } = await begin(pairs);
    await commit({ kind: "upsert", table, rows: [["1", "x", "kept"]] });
    const result = await commit(
      { kind: "upsert", table, rows: [["5", "x", "not written"]] },
      {
        kind: "update",
        table,
        columns: [2],
        rows: [
          ["7", "x", "v"],
          ["1", "x", "v"],
          ["8", "x", "v"],
        ],
      },
    );
    expect(result).toEqual({
      outcome: "missing",
      rows: [
        { write: 1, row: 0 },
        { write: 1, row: 2 },
      ],
    });
    expect(await rows()).toEqual([{ a: "1", b: "x", v: "kept" }]);
    expect(await sink.readLanes()).toEqual([{ lane: 0, fence, seq: 1 }]);
  });

  it("moves a row to another key, with the columns that the log left out", async () => {
    const { table, commit, rows } = await begin(orders);
    await commit({ kind: "upsert", table, rows: [["1", "a", "long"]] });
    await commit({
      kind: "move",
      table,
      from: ["1", UNCHANGED, UNCHANGED],
      row: ["2", "b", UNCHANGED],
    });
    expect(await rows()).toEqual([{ id: "2", note: "b", more: "long" }]);
    await commit({
      kind: "move",
      table,
      from: ["2", UNCHANGED, UNCHANGED],
      row: ["3", "c", "whole"],
    });
    expect(await rows()).toEqual([{ id: "3", note: "c", more: "whole" }]);
  });

  it("says that a row to be moved is missing where its columns cannot be copied", async () => {
    const { table, commit, rows } = await begin(orders);
    const move: Write = {
      kind: "move",
      table,
      from: ["1", UNCHANGED, UNCHANGED],
      row: ["2", "b", UNCHANGED],
    };
    expect(await commit(move)).toEqual({ outcome: "missing", rows: [{ write: 0, row: 0 }] });
    expect(await rows()).toEqual([]);
  });

  it("keeps equal rows of a table without key apart, and deletes one at a time", async () => {
    const { table, commit, rows } = await begin({
      ...shapeOf("loose", { n: BIGINT, j: { kind: "json" } }),
      key: [],
    });
    expect(table).toMatchObject({ keyless: true, key: [0] });
    const equal: Row[] = [
      ["k1", "1", null],
      ["k2", "1", null],
      ["k3", "1", '{"a" : 1}'],
    ];
    await commit({ kind: "insert", table, rows: equal });
    expect(await commit({ kind: "delete-equal", table, row: ["any", "1", null] })).toMatchObject({
      outcome: "done",
    });
    await commit({ kind: "delete-equal", table, row: ["any", "1", '{"a" : 1}'] });
    expect(await rows("n, j::text")).toEqual([{ n: "1", j: null }]);
    const gone = await commit({ kind: "delete-equal", table, row: ["any", "2", null] });
    expect(gone).toEqual({ outcome: "missing", rows: [{ write: 0, row: 0 }] });
  });

  it("deletes some rows and says how many, until none are left", async () => {
    const { table, commit } = await begin(pairs);
    await commit({
      kind: "upsert",
      table,
      rows: [
        ["1", "x", null],
        ["1", "y", null],
        ["2", "x", null],
      ],
    });
    const some: Write = { kind: "delete-some", table, maxRows: 2 };
    expect([await commit(some), await commit(some), await commit(some)]).toEqual([
      { outcome: "done", deletedSome: 2 },
      { outcome: "done", deletedSome: 1 },
      { outcome: "done", deletedSome: 0 },
    ]);
  });

  it("refuses a row that the target cannot hold, names the write but no value, and writes nothing", async () => {
    const { table, commit, rows } = await begin(orders);
    const bad = commit(
      { kind: "upsert", table, rows: [["1", "good", null]] },
      { kind: "upsert", table, rows: [["99999999999999999999", "secret", null]] },
    );
    await expect(bad).rejects.toMatchObject({
      code: "MR_SINK_ROW_REFUSED",
      class: "row",
      facts: { write: 1 },
    });
    await bad.catch((error: unknown) => expect(String(error)).not.toMatch(/99999|secret/));
    expect(await rows()).toEqual([]);
    await commit({ kind: "upsert", table, rows: [["2", "after", null]] });
    expect(await rows()).toHaveLength(1);
  });

  it("keeps state and dead letters with the data, and forgets what is superseded", async () => {
    const { table } = await begin(orders);
    const task = { pipeline: `p${pipelines}`, task: "0", lanes: 1 };
    const { fence } = await sink.takeOver(task);
    const longKey = "k".repeat(2560); // no index of DSQL takes it
    const letter = (id: string, key: string) => ({
      id,
      table: table.id,
      target: table.id,
      key,
      keyColumns: { id: key },
      op: "u",
      position: [1, 2],
      code: "MR_SINK_ROW_REFUSED",
      reason: "too long",
      column: null,
      attempts: 1,
      parkedAtMs: 7,
      triedAtMs: 7,
    });
    const state = [
      { key: "a", value: { n: 1 } },
      { key: "b", value: "b" },
    ];
    await send(sink, {
      ...commitOf(fence, 0, [], state),
      deadLetters: [letter("1", longKey), letter("2", "k2")],
    });
    const superseded = [{ target: table.id, key: longKey }];
    await send(sink, {
      ...commitOf(
        fence,
        1,
        [],
        [
          { key: "a", value: null },
          { key: "c", value: [] },
        ],
      ),
      superseded,
    });
    const next = await sink.takeOver(task);
    expect(next.state).toEqual(
      new Map<string, unknown>([
        ["b", "b"],
        ["c", []],
      ]),
    );
    expect(next.deadLetters).toEqual([letter("2", "k2")]);
  });

  it("cuts a write that is longer than a message into several statements", async () => {
    const { table, commit, rows } = await begin(orders);
    const long = "\\".repeat(900_000);
    const wide: Row[] = Array.from({ length: 7 }, (_, i) => [String(i), long, null]);
    await commit({ kind: "upsert", table, rows: wide });
    expect(await rows("id, length(note) AS length")).toEqual(
      wide.map(([id]) => ({ id, length: "900000" })),
    );
  });

  it("takes as many rows as the profile says, lane row and state included", async () => {
    const { table, commit, rows } = await begin(orders);
    const most = server.profile.maxRowsPerCommit - 2;
    const many: Row[] = Array.from({ length: most }, (_, i) => [String(i), null, null]);
    await commit({ kind: "upsert", table, rows: many });
    expect(await rows("count(*), 0")).toMatchObject([{ count: String(most) }]);
  });
});
