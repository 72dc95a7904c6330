import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../../../../../test/support/postgres.ts";
import { sharedPostgres } from "../../../../../test/support/postgres.ts";
import type { TargetTable } from "../../model/table.ts";
import { BIGINT, TEXT, commitOf, postgresSink, shapeOf } from "./sql-sink.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

let postgres: SharedPostgres;
const sinks: SqlSink[] = [];

beforeAll(async () => {
  postgres = await sharedPostgres();
});
afterAll(() => postgres.release());
afterEach(async () => {
  await Promise.all(sinks.splice(0).map((sink) => sink.close()));
  await postgres.query(
    "DROP SCHEMA IF EXISTS millrace CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
  );
});

async function openSink(): Promise<SqlSink> {
  const sink = postgresSink(postgres);
  sinks.push(sink);
  await sink.open();
  return sink;
}

async function withTable(sink: SqlSink, name = "orders"): Promise<TargetTable> {
  const table = sink.mapTable(shapeOf(name, { id: BIGINT, note: TEXT }), {
    schema: "public",
    name,
  });
  await sink.checkTable(table, "if-missing");
  return table;
}

describe("takeover", () => {
  it("makes lane rows with a first fence and no state", async () => {
    const sink = await openSink();
    const takeover = await sink.takeOver({ pipeline: "p", task: "0", lanes: 2 });
    expect(takeover).toEqual({
      fence: 1,
      lanes: [
        { lane: 0, fence: 1, seq: 0 },
        { lane: 1, fence: 1, seq: 0 },
      ],
      state: new Map(),
      deadLetters: [],
    });
  });

  it("raises the fence over all lanes and gives back the state that the task before has left", async () => {
    const first = await openSink();
    const { fence } = await first.takeOver({ pipeline: "p", task: "0", lanes: 2 });
    await first.commit(commitOf(fence, 0, [], [{ key: "frontier/log", value: { lsn: "0/1" } }]));
    const second = await openSink();
    const takeover = await second.takeOver({ pipeline: "p", task: "0", lanes: 1 });
    expect(takeover.fence).toBe(2);
    expect(takeover.lanes).toEqual([
      { lane: 0, fence: 2, seq: 1 },
      { lane: 1, fence: 2, seq: 0 },
    ]);
    expect(takeover.state).toEqual(new Map([["frontier/log", { lsn: "0/1" }]]));
  });
});

describe("commit", () => {
  it("writes rows, deletes rows and keeps state in one transaction", async () => {
    const sink = await openSink();
    const table = await withTable(sink);
    const { fence } = await sink.takeOver({ pipeline: "p", task: "0", lanes: 1 });
    const rows = [
      ["1", 'a "quoted" \\ text'],
      ["2", null],
      ["3", ""],
    ];
    await sink.commit(commitOf(fence, 0, [{ kind: "upsert", table, rows }]));
    await sink.commit(
      commitOf(fence, 1, [
        { kind: "upsert", table, rows: [["2", "NULL"]] },
        {
          kind: "delete",
          table,
          keys: [
            ["3", null],
            ["9", null],
          ],
        },
      ]),
    );
    expect(await postgres.query("SELECT id::text, note FROM orders ORDER BY id")).toEqual([
      { id: "1", note: 'a "quoted" \\ text' },
      { id: "2", note: "NULL" },
    ]);
    expect(await sink.readLanes()).toEqual([{ lane: 0, fence, seq: 2 }]);
  });

  it("of a task with an old fence writes nothing", async () => {
    const zombie = await openSink();
    const table = await withTable(zombie);
    const { fence } = await zombie.takeOver({ pipeline: "p", task: "0", lanes: 1 });
    const owner = await openSink();
    await owner.takeOver({ pipeline: "p", task: "0", lanes: 1 });
    const late = zombie.commit(
      commitOf(fence, 0, [{ kind: "upsert", table, rows: [["1", "late"]] }]),
    );
    await expect(late).rejects.toMatchObject({
      code: "MR_SINK_LANE_MOVED",
      class: "unknown-outcome",
    });
    expect(await postgres.query("SELECT * FROM orders")).toEqual([]);
  });

  it("with a seq that the lane row has passed writes nothing", async () => {
    const sink = await openSink();
    const table = await withTable(sink);
    const { fence } = await sink.takeOver({ pipeline: "p", task: "0", lanes: 1 });
    const commit = commitOf(fence, 0, [{ kind: "upsert", table, rows: [["1", "once"]] }]);
    await sink.commit(commit);
    await postgres.query("DELETE FROM orders");
    await expect(sink.commit(commit)).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
    expect(await postgres.query("SELECT * FROM orders")).toEqual([]);
  });
});
