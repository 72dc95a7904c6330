import { startDsqlLocal } from "dsql-local";
import type { DsqlLocal } from "dsql-local";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { createSqlSink } from "./create-sql-sink.ts";
import { DSQL } from "./profile.ts";
import { BIGINT, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";
import type { SqlSink } from "./sql-sink.ts";

/** What only DSQL does: its limits, its conflicts, its catalogue that goes stale, its connections that end. */
describe("DSQL's own rules", () => {
  let cluster: DsqlLocal;
  let sink: SqlSink;
  let other: Client;
  let table: TargetTable;
  let fence: number;
  let number = 0;

  beforeAll(async () => {
    cluster = await startDsqlLocal({ tls: "off", connectionLifeMs: 2_000 });
  });
  afterAll(async () => {
    await cluster.stop();
  });
  beforeEach(async () => {
    const { host, port, database } = cluster;
    const input = {
      host,
      port,
      database,
      username: "admin",
      password: "x",
      useIamAuth: false,
      tls: { mode: "disable" },
    } as const;
    sink = createSqlSink(
      DSQL,
      { ...input, maxPoolSize: 4 },
      { clock: systemClock, random: Math.random, log: silentLogger },
    );
    await sink.open();
    number += 1;
    table = sink.mapTable(shapeOf("t", { id: BIGINT, v: TEXT }), {
      schema: "public",
      name: `t${number}`,
    });
    await sink.checkTable(table, "if-missing");
    ({ fence } = await sink.takeOver({ pipeline: `p${number}`, task: "0", lanes: 2 }));
    other = new Client({ host, port, user: "admin", password: "x", database });
    other.on("error", () => {});
    await other.connect();
    return async () => {
      await other.end();
      await sink.close();
    };
  });

  const rowsOf = (count: number): Row[] =>
    Array.from({ length: count }, (_, i) => [String(i), "v"]);

  it("a transaction of one row too many is too large, and one row less is not", async () => {
    const most = DSQL.maxRowsPerCommit - 2;
    await expect(
      send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: rowsOf(most + 1) }])),
    ).rejects.toMatchObject({
      code: "MR_SINK_TOO_LARGE",
      class: "too-large",
    });
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: rowsOf(most) }]));
    expect((await sink.readLanes())[0]?.seq).toBe(1);
  });

  it("a conflict found at COMMIT is a conflict, and nothing was written", async () => {
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: [["1", "first"]] }]));
    await other.query("BEGIN");
    await other.query(`UPDATE t${number} SET v = 'theirs' WHERE id = 1`);
    const late = commitOf(fence, 1, [
      {
        kind: "upsert",
        table,
        rows: [
          ["1", "ours"],
          ["2", "new"],
        ],
      },
    ]);
    const ours = sink.commit(late);
    await ours;
    await expect(other.query("COMMIT")).rejects.toMatchObject({ code: "40001" });
    expect((await other.query(`SELECT v FROM t${number} ORDER BY id`)).rows).toEqual([
      { v: "ours" },
      { v: "new" },
    ]);
  });

  it("a catalogue that changed behind us costs one more try", async () => {
    await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: [["1", "a"]] }]));
    await other.query(`ALTER TABLE t${number} ADD COLUMN extra text`);
    const commit = commitOf(fence, 1, [{ kind: "upsert", table, rows: [["1", "b"]] }]);
    await expect(sink.commit(commit)).rejects.toMatchObject({ code: "MR_SINK_CONFLICT" });
    await send(sink, commit);
    expect((await sink.readLanes())[0]?.seq).toBe(2);
  });

  it("connections that the server ends without a word are replaced", async () => {
    for (let seq = 0; seq < 6; seq++) {
      await send(
        sink,
        commitOf(fence, seq, [{ kind: "upsert", table, rows: [[String(seq), "v"]] }]),
      );
      await systemClock.sleep(500);
    }
    expect((await sink.readLanes())[0]?.seq).toBe(6);
  });
});
