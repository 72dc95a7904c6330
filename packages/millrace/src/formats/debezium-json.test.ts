import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UNCHANGED } from "../model/value.ts";
import { MysqlSourceBlock } from "../sources/mysql/source-block.ts";
import { PostgresSourceBlock } from "../sources/postgres/source-block.ts";
import type { SourceBlock } from "../model/source-block.ts";
import type { TargetChangeEvent, TargetMark } from "../model/sink.ts";
import { createFormat } from "./create-format.ts";
import { column, customers, event, table } from "./event.fixture.ts";
import { DEFAULT_FORMAT, type FormatOptions } from "./format.ts";
import { MessageList, type ReadMessage } from "./messages.fixture.ts";

const POSTGRES = new PostgresSourceBlock(
  { serverName: "dbserver1", version: "3.1.3.Final" },
  "postgres",
);

interface Envelope {
  readonly schema?: unknown;
  readonly payload: Record<string, unknown> & { readonly source: Record<string, unknown> };
}

function golden(name: string): Envelope {
  const url = new URL(`golden/debezium-${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as Envelope;
}

async function written(
  made: TargetChangeEvent | TargetMark,
  {
    block = POSTGRES,
    nowMs = 1,
    ...options
  }: Partial<FormatOptions> & { block?: SourceBlock; nowMs?: number } = {},
): Promise<readonly ReadMessage[]> {
  const names = { serverName: block.serverName, version: "1" };
  const format = createFormat({ ...DEFAULT_FORMAT, ...options }, { names, block });
  const encoder = await format.encoder(made.table, "topic");
  const output = new MessageList();
  if ("op" in made) encoder.change(made, nowMs, output);
  else encoder.mark(made, nowMs, output);
  return output.messages;
}

function parsed(message: ReadMessage | undefined): Record<string, unknown> {
  return JSON.parse(message?.value ?? "null") as Record<string, unknown>;
}

describe("debezium-json beside messages that Debezium wrote", () => {
  it("is an update of PostgreSQL, schema and payload, field by field and in its order", async () => {
    const target = customers("inventory", false);
    const [message] = await written(
      event(target, {
        op: "u",
        before: ["1006", "Liam", "Han", "liam2@example.com"],
        after: ["1006", "Liam", "Han", "liam3@example.com"],
        position: [34_389_280, 34_389_336, 3],
        transaction: { id: "779@0/20CC0A0", commitTimeMs: 1_766_925_059_528.75 },
      }),
      { includeSchema: true, nowMs: 1_766_925_059_873 },
    );
    const recorded = golden("postgresql-update");
    // A column's default is not known here, and the time of writing has no parts of milliseconds.
    const expected = JSON.stringify(recorded)
      .replaceAll('"default":0,', "")
      .replace('"ts_us":1766925059873428', '"ts_us":1766925059873000')
      .replace(/"ts_ns":176692505987\d*/, '"ts_ns":1766925059873000000')
      .replace(/"ts_ns":17669250595287\d*/, '"ts_ns":1766925059528750000');
    expect(message?.value).toBe(expected);
    expect(JSON.parse(message?.key ?? "")).toEqual({
      schema: {
        type: "struct",
        fields: [{ type: "int32", optional: false, field: "id" }],
        optional: false,
        name: "dbserver1.inventory.customers.Key",
      },
      payload: { id: 1006 },
    });
  });

  it("is an insert of MySQL", async () => {
    const server = { connector: "mysql", logName: "binlog", serverId: 1 } as const;
    const names = { serverName: "dbserver1", version: "3.2.1.Final" };
    const [message] = await written(
      event(customers("mydb", true), {
        after: ["230", "John230", "Doe230", "john.doe230@example.com"],
        position: [{ file: 3, at: 168_709, era: 1, n: 1, hash: 0 }, 1, 3],
        transaction: { id: "3:168709", commitTimeMs: 1_755_598_922_000 },
      }),
      {
        block: new MysqlSourceBlock(names, () => server),
        includeSchema: true,
        nowMs: 1_755_598_922_571,
      },
    );
    const { schema, payload } = golden("mysql-create");
    expect(parsed(message)).toEqual({
      schema,
      payload: {
        ...payload,
        source: { ...payload.source, thread: null },
        ts_us: 1_755_598_922_571_000,
        ts_ns: 1_755_598_922_571_000_000,
      },
    });
  });

  it("is an insert of MariaDB", async () => {
    const server = { connector: "mariadb", logName: "mysql-bin", serverId: 1 } as const;
    const names = { serverName: "mariadb_server", version: "2.7.3.Final" };
    const target = table("connect_test_db", "source_table", [
      column("id", { kind: "int", bits: 32 }, { nullable: false }),
      column("name", { kind: "text", maxChars: 20 }),
    ]);
    const [message] = await written(
      event(target, {
        after: ["1", "test1"],
        position: [{ file: 3, at: 588, era: 1, n: 1, hash: 0, gtid: "1-1-7201" }, 1, 3],
        transaction: { id: "1-1-7201@3:588", commitTimeMs: 1_756_279_375_000 },
      }),
      { block: new MysqlSourceBlock(names, () => server), nowMs: 1_756_279_375_309 },
    );
    const { payload } = golden("mariadb-create");
    expect(parsed(message)).toEqual({
      ...payload,
      ts_us: 1_756_279_375_309_000,
      ts_ns: 1_756_279_375_309_000_000,
    });
  });
});

describe("debezium-json", () => {
  const target = customers("public", false);
  const row = ["1", "Anne", "Kretchmar", "annek@noanswer.org"] as const;

  it("tells a loaded row as a read of an incremental snapshot, at the time that it is written", async () => {
    const [message] = await written(event(target, { op: "r", after: row }), { nowMs: 5 });
    expect(parsed(message)).toMatchObject({
      op: "r",
      before: null,
      source: { snapshot: "incremental", ts_ms: 5, lsn: null, txId: null, sequence: null },
    });
  });

  it("follows a delete with a tombstone, and says only what the log has of the old row", async () => {
    const gone = event(target, { op: "d", before: ["1", UNCHANGED, UNCHANGED, UNCHANGED] });
    const [message, tombstone, ...rest] = await written(gone);
    expect(parsed(message)).toMatchObject({ op: "d", before: { id: 1 }, after: null });
    expect(Object.keys(parsed(message)["before"] ?? {})).toEqual(["id"]);
    expect(tombstone).toMatchObject({ key: '{"id":1}', value: null });
    expect(rest).toEqual([]);
    expect(await written(gone, { tombstones: false })).toHaveLength(1);
  });

  it("fills what a schema demands and the log has not", async () => {
    const gone = event(target, { op: "d", before: ["1", UNCHANGED, UNCHANGED, UNCHANGED] });
    const [message] = await written(gone, { includeSchema: true });
    const { payload } = parsed(message) as { payload: unknown };
    expect(payload).toMatchObject({
      before: { id: 1, first_name: "", last_name: "", email: "" },
    });
  });

  it("fills it with what is read as the field means: a number, a moment, a point", async () => {
    const filled = table("public", "filled", [
      column("id", { kind: "int", bits: 64 }, { nullable: false }),
      column("n", { kind: "decimal", precision: 5, scale: 2 }, { nullable: false }),
      column("m", { kind: "decimal", precision: null, scale: null }, { nullable: false }),
      column("tz", { kind: "timestamptz", precision: 6 }, { nullable: false }),
      column("iv", { kind: "interval" }, { nullable: false }),
    ]);
    const before = ["1", UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED] as const;
    const [message] = await written(event(filled, { op: "d", before }), { includeSchema: true });
    expect((parsed(message) as { payload: unknown }).payload).toMatchObject({
      before: {
        id: 1,
        n: "AA==",
        m: { scale: 0, value: "AA==" },
        tz: "1970-01-01T00:00:00Z",
        iv: "P0Y0M0DT0H0M0S",
      },
    });
  });

  it("tells a key change as a delete and a create that name one another", async () => {
    const old = ["1", UNCHANGED, UNCHANGED, UNCHANGED] as const;
    const moved = ["2", ...row.slice(1)];
    const [gone, tombstone] = await written(
      event(target, { op: "d", before: old, counterpart: moved }),
    );
    expect(gone?.headers).toEqual({ "__debezium.newkey": '{"id":2}' });
    expect(tombstone).toMatchObject({ key: '{"id":1}', value: null });
    expect(tombstone?.headers).toEqual(gone?.headers);
    const [made, ...rest] = await written(
      event(target, { op: "u", before: old, after: moved, counterpart: old }),
    );
    expect(made).toMatchObject({ key: '{"id":2}', headers: { "__debezium.oldkey": '{"id":1}' } });
    expect(parsed(made)).toMatchObject({ op: "c", before: null, after: { id: 2 } });
    expect(rest).toEqual([]);
    // Kafka Connect writes headers without schema, whatever the keys have.
    const keyed = event(target, { op: "d", before: old, counterpart: moved });
    const [withSchema] = await written(keyed, { includeSchema: true });
    expect(withSchema?.headers).toEqual(gone?.headers);
  });

  it("has a word for a value that nobody has", async () => {
    const wide = table("public", "wide", [
      column("id", { kind: "int", bits: 64 }, { nullable: false }),
      column("t", { kind: "text", maxChars: null }),
      column("b", { kind: "bytes", maxBytes: null }),
      column("n", { kind: "decimal", precision: null, scale: null }),
      column("a", { kind: "other", name: "text[]" }, { sourceType: "text[]" }),
    ]);
    const after = ["1", UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED] as const;
    const [message] = await written(event(wide, { op: "u", after }));
    const word = "__debezium_unavailable_value";
    expect(parsed(message)["after"]).toEqual({
      id: 1,
      t: word,
      b: Buffer.from(word).toString("base64"),
      n: null,
      a: [word],
    });
  });

  it("tells a TRUNCATE without key, and the end of a generation by headers", async () => {
    const mark = {
      table: target,
      source: target.id,
      position: [16, 8, 0],
      transaction: { id: "5@0/10", commitTimeMs: 7 },
      generation: null,
    } as const;
    const [message, ...rest] = await written({ ...mark, kind: "truncate" });
    expect(message).toMatchObject({ key: null, row: null });
    expect(parsed(message)).toMatchObject({
      before: null,
      after: null,
      op: "t",
      source: { lsn: 8, txId: 5, ts_ms: 7 },
    });
    expect(rest).toEqual([]);
    const [end] = await written({ ...mark, kind: "generation-end", generation: 99 });
    expect(end).toMatchObject({
      key: null,
      value: null,
      headers: { "__millrace.generation-end": "99", "__millrace.table": "public.customers" },
    });
  });

  it("has no key where the table has none, and not the one that was made for it", async () => {
    const keyless = table(
      "public",
      "events",
      [column("_millrace_key", { kind: "text", maxChars: null }), column("what", { kind: "uuid" })],
      { keyless: true },
    );
    const [message, ...rest] = await written(
      event(keyless, { op: "d", before: [UNCHANGED, "00112233-4455-6677-8899-aabbccddeeff"] }),
    );
    expect(message?.key).toBeNull();
    expect(parsed(message)["before"]).toEqual({ what: "00112233-4455-6677-8899-aabbccddeeff" });
    expect(rest).toEqual([]);
  });

  it("carries the headers that the file asks for", async () => {
    const customHeaders = [{ name: "origin", value: "shop" }];
    const [message] = await written(event(target, { after: row }), {
      tableIdHeaders: true,
      customHeaders,
    });
    expect(message?.headers).toEqual({
      namespace: "",
      schemaName: "public",
      tableName: "customers",
      origin: "shop",
    });
  });

  it("refuses a row by the name of the column that has no form", async () => {
    const wide = table("public", "wide", [
      column("id", { kind: "int", bits: 64 }, { nullable: false }),
      column("n", { kind: "decimal", precision: 9, scale: 2 }),
    ]);
    const refused = written(event(wide, { after: ["1", "NaN"] }));
    await expect(refused).rejects.toMatchObject({
      code: "MR_VALUE_DOES_NOT_FIT",
      class: "row",
      facts: { column: "n" },
    });
    await expect(refused).rejects.not.toThrow(/NaN/);
  });
});

describe("keys", () => {
  const two = table(
    "public",
    "pairs",
    [
      column("a", { kind: "int", bits: 64 }, { nullable: false }),
      column("b", { kind: "text", maxChars: null }, { nullable: false }),
    ],
    { key: [1, 0] },
  );
  const made = event(two, { after: ["7", 'x,"y'] });

  it.each([
    ["json", false, '{"b":"x,\\"y","a":7}'],
    ["json", true, '{"TableId":"public.pairs","b":"x,\\"y","a":7}'],
    ["csv", false, '"x,""y",7'],
    ["csv", true, 'public.pairs,"x,""y",7'],
    ["string", false, '["x,\\"y","7"]'],
  ] as const)("are in key order as %s (table named: %s)", async (key, keyWithTable, expected) => {
    const [message] = await written(made, { key, keyWithTable });
    expect(message?.key).toBe(expected);
  });

  it("name their table in topics that several tables share, and in no other", async () => {
    const parts = { names: { serverName: "s", version: "1" }, block: POSTGRES };
    const isShared = (topic: string) => topic === "shared";
    const format = createFormat(DEFAULT_FORMAT, { ...parts, isShared });
    const keys = await Promise.all(
      ["shared", "own"].map(async (topic) => {
        const output = new MessageList();
        (await format.encoder(two, topic)).change(made, 1, output);
        return output.messages[0]?.key;
      }),
    );
    expect(keys).toEqual(['{"TableId":"public.pairs","b":"x,\\"y","a":7}', '{"b":"x,\\"y","a":7}']);
  });

  it("are the value itself where there is one column", async () => {
    const [message] = await written(event(customers("s", false), { after: ["5", "", "", ""] }), {
      key: "string",
    });
    expect(message?.key).toBe("5");
  });
});
