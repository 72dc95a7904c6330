import { startDsqlLocal } from "dsql-local";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { sharedPostgres } from "../../../../test/support/postgres.ts";
import type { Sink } from "../model/sink.ts";
import type { TableShape } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import { SINKS } from "../sinks/registry.ts";
import { TYPE_SAMPLES } from "../testkit/sample-values.ts";
import { kitContext, SinkTask } from "../testkit/sink-kit.ts";
import { createRouter, defaultTargetOf } from "../transform/router.ts";
import type { VerifyTable } from "./table-pair.ts";
import { readerOver } from "./table-reader.ts";
import type { VerifyResult } from "./verify-tables.ts";
import { verifyTables } from "./verify-tables.ts";

const asItIs = (error: unknown): unknown => error;

const postgres = await sharedPostgres();
const targets = {
  postgres: await postgres.createDatabase("target"),
  dsql: "",
};
const cluster = await startDsqlLocal({ tls: "off" });
targets.dsql = cluster.url;
afterAll(async () => {
  await cluster.stop();
  await postgres.release();
});

const shape: TableShape = {
  id: tableId("public", "typed"),
  schema: "public",
  name: "typed",
  identity: "typed",
  key: [0],
  columns: [
    {
      name: "id",
      type: { kind: "int", bits: 64 },
      sourceType: "bigint",
      nullable: false,
      ordinal: 1,
    },
    ...TYPE_SAMPLES.map(({ column, type, sourceType }, index) => ({
      name: column,
      type,
      sourceType,
      nullable: true,
      ordinal: index + 2,
    })),
  ],
};

const longest = Math.max(...TYPE_SAMPLES.map(({ values }) => values.length));
const rows: readonly Row[] = Array.from({ length: longest + 1 }, (_, index) => [
  String(index),
  ...TYPE_SAMPLES.map(({ values }) => values[index] ?? null),
]);

const parameter = (value: Value): unknown =>
  value instanceof Uint8Array ? Buffer.from(value) : value;

function sinkFor(kind: "postgres" | "dsql"): Sink {
  const url = new URL(targets[kind]);
  return SINKS[kind](
    {
      host: url.hostname,
      port: Number(url.port),
      database: decodeURIComponent(url.pathname.slice(1)),
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password) || "any",
      useIamAuth: false,
      tls: { mode: "disable", ca: null, cert: null, key: null },
    },
    kitContext("verify"),
  );
}

describe.each(["postgres", "dsql"] as const)("what the sink %s has written", (kind) => {
  it("is found equal to the source for every type, and different when one value is", async () => {
    const sink = sinkFor(kind);
    const source = new pg.Client({ connectionString: postgres.url });
    const target = new pg.Client({ connectionString: targets[kind] });
    await Promise.all([sink.open(), source.connect(), target.connect()]);
    const columns = shape.columns.map(({ name, sourceType }) => `${name} ${sourceType}`).join(", ");
    await source.query(
      `DROP TABLE IF EXISTS typed; CREATE TABLE typed (${columns}, PRIMARY KEY (id))`,
    );
    const values = shape.columns.map((_, index) => `$${index + 1}`).join(", ");
    for (const row of rows) {
      await source.query(`INSERT INTO typed VALUES (${values})`, row.map(parameter));
    }
    const [plan] = createRouter({
      routes: [],
      routeMode: "ALL_MATCH",
      defaultTarget: defaultTargetOf("postgres"),
    }).plan(shape);
    if (plan === undefined) throw new Error("no plan");
    const task = await SinkTask.take(sink, "verify");
    const table: VerifyTable = {
      source: shape,
      plan,
      target: sink.mapTable(plan.shape, plan.target),
    };
    await sink.checkTable(table.target, "if-missing");
    await task.commit([{ kind: "upsert", table: table.target, rows }], {
      state: [{ key: "frontier", value: 1 }],
    });
    const verify = (): Promise<VerifyResult> =>
      verifyTables({
        source: readerOver(source, "postgres", asItIs),
        target: readerOver(target, kind, asItIs),
        tables: [table],
        settle: null,
        maxRowsNamed: 100,
      });
    const equal = await verify();
    expect(equal.tables[0]?.rows).toEqual([]);
    expect(equal).toMatchObject({ equal: true, tables: [{ sourceRows: rows.length }] });
    for (const { column } of TYPE_SAMPLES) {
      await source.query(`UPDATE typed SET ${column} = NULL WHERE id = 0`);
    }
    const different = await verify();
    expect(different.tables[0]?.rows).toEqual([
      { kind: "different", key: { id: "0" }, columns: TYPE_SAMPLES.map(({ column }) => column) },
    ]);
    await Promise.all([sink.close(), source.end(), target.end()]);
  });
});
