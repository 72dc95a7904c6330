import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDsqlLocal } from "dsql-local";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { sharedPostgres } from "../../../../test/support/postgres.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import type { SqlSinkInput } from "../sinks/dsql/options.ts";
import { SINKS } from "../sinks/registry.ts";
import { startCuttingProxy } from "./cutting-proxy.fixture.ts";
import type { SinkKit } from "./sink-kit.ts";
import type { SqlPlace } from "./sql-sink-kit.fixture.ts";
import { sqlSinkKit } from "./sql-sink-kit.fixture.ts";
import { testSink } from "./test-sink.ts";

// The list of cases is made from the sinks' capabilities, so the servers are there before the tests are.
const postgres = await sharedPostgres();
const cluster = await startDsqlLocal({ tls: "off" });
const folder = await mkdtemp(join(tmpdir(), "millrace-kit-"));

async function placeOf(kind: SqlPlace["kind"], url: string): Promise<SqlPlace> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  await client.query("SET timezone = 'UTC'");
  const input: SqlSinkInput = {
    host: hostname,
    port: Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password) || "any",
    database: decodeURIComponent(pathname.slice(1)),
    useIamAuth: false,
    tls: { mode: "disable", ca: null, cert: null, key: null },
  };
  return { kind, input, client, proxy: await startCuttingProxy(hostname, Number(port)) };
}

const places = [await placeOf("postgres", postgres.url), await placeOf("dsql", cluster.url)];

afterAll(async () => {
  for (const { client, proxy } of places) {
    await client.end();
    await proxy.close();
  }
  await cluster.stop();
  await postgres.release();
  await rm(folder, { recursive: true });
});

/** What a table's lines add up to. */
async function readLines(table: TargetTable): Promise<readonly Row[]> {
  const path = join(folder, "lines", `${table.schema}.${table.name}.jsonl`);
  const rows = new Map<string, Row>();
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    if (line === "") continue;
    const { key, after } = JSON.parse(line) as { key?: string; after?: Record<string, Value> };
    if (key === undefined || after === undefined) continue;
    const row = table.columns.map(({ name, logical }): Value => {
      const value = after[name] ?? null;
      const isBytes = logical.kind === "bytes" && typeof value === "string";
      return isBytes ? new Uint8Array(Buffer.from(value.slice(2), "hex")) : value;
    });
    rows.set(key, row);
  }
  return [...rows.values()];
}

const kits: Readonly<Record<string, SinkKit>> = {
  ...Object.fromEntries(places.map((place) => [place.kind, sqlSinkKit(place)])),
  jsonl: {
    makeSink: (context) =>
      SINKS.jsonl({ path: join(folder, "lines"), statePath: join(folder, "state") }, context),
    readTable: readLines,
  },
};

describe.each(Object.entries(kits))("the sink %s", (_name, kit) => {
  it.each(testSink(kit).map((each) => [each.name, each] as const))("%s", async (_, conformance) => {
    await expect(conformance.run()).resolves.toBeUndefined();
  });
});
