import { connect, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Row } from "../../model/value.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";

const COUNT = 300;
const rowsOf = (note: string): Row[] =>
  Array.from({ length: COUNT }, (_, i) => [String(i), `${note} ${i}`]);

/** How many rows the server's log says were changed in which way. */
type Logged = Readonly<Record<"INSERT" | "UPDATE" | "DELETE", number>>;

const REPLACED: Logged = { INSERT: COUNT, UPDATE: 0, DELETE: COUNT };
const UPDATED: Logged = { INSERT: 0, UPDATE: COUNT, DELETE: 0 };

describe("a large batch of rows that PostgreSQL has already", () => {
  let server: SinkServer;
  let number = 0;

  beforeAll(async () => {
    const postgres = SINK_SERVERS.find(({ name }) => name === "postgres");
    if (postgres === undefined) throw new Error("no server");
    server = await postgres.start();
  });
  afterAll(() => server.stop());

  /** Loads a fresh table, does something to it, writes all rows again, and tells how they were written. */
  async function rewrite(between: (table: string) => readonly string[] = () => []) {
    const name = `known_${++number}`;
    const sink = server.sink();
    await sink.open();
    const shape = shapeOf(name, { id: BIGINT, note: TEXT });
    const table = sink.mapTable(shape, { schema: "public", name });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    const first = { kind: "upsert", table, rows: rowsOf("old"), fresh: true } as const;
    await send(sink, commitOf(fence, 0, [first]));
    for (const sql of between(name)) await server.query(sql);
    const slot = `seen_${name}_${Date.now()}`;
    await server.query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [slot]);
    try {
      const again = { kind: "upsert", table, rows: rowsOf("new") } as const;
      await send(sink, commitOf(fence, 1, [again]));
      const written = await server.query(
        "SELECT data FROM pg_logical_slot_get_changes($1,NULL,NULL)",
        [slot],
      );
      const count = (kind: string): number =>
        written.filter(({ data }) => data?.startsWith(`table public.${name}: ${kind}`)).length;
      const logged = { INSERT: count("INSERT"), UPDATE: count("UPDATE"), DELETE: count("DELETE") };
      expect(await sink.readLanes()).toEqual([{ lane: 0, fence, seq: 2 }]);
      const rows = await server.query(`SELECT id, note FROM ${name} ORDER BY id`);
      expect(rows).toEqual(rowsOf("new").map(([id, note]) => ({ id, note })));
      return { name, logged };
    } finally {
      await server.query("SELECT pg_drop_replication_slot($1)", [slot]);
      await sink.close();
    }
  }

  it("replaces them", async () => {
    expect((await rewrite()).logged).toEqual(REPLACED);
  });

  it("writes those that are gone after all", async () => {
    const { logged } = await rewrite((name) => [`DELETE FROM ${name} WHERE id < 100`]);
    expect(logged).toEqual({ INSERT: COUNT, UPDATE: 0, DELETE: COUNT - 100 });
  });

  it("updates them where rows of another table would go with them", async () => {
    const { name, logged } = await rewrite((table) => [
      `CREATE TABLE child_of_${table} (parent bigint REFERENCES ${table} ON DELETE CASCADE)`,
      `INSERT INTO child_of_${table} SELECT id FROM ${table}`,
    ]);
    expect(logged).toEqual(UPDATED);
    const children = await server.query(`SELECT count(*) FROM child_of_${name}`);
    expect(children).toEqual([{ count: String(COUNT) }]);
  });

  it("updates them where the target has columns of its own", async () => {
    const { name, logged } = await rewrite((table) => [
      `ALTER TABLE ${table} ADD COLUMN own text`,
      `UPDATE ${table} SET own = 'kept'`,
    ]);
    expect(logged).toEqual(UPDATED);
    const kept = await server.query(`SELECT count(*) FROM ${name} WHERE own = 'kept'`);
    expect(kept).toEqual([{ count: String(COUNT) }]);
  });

  it.each<[string, (table: string) => readonly string[]]>([
    ["another index", (table) => [`CREATE INDEX ON ${table} (note)`]],
    [
      "a trigger",
      (table) => [
        `CREATE TRIGGER t BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
      ],
    ],
    ["a policy", (table) => [`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`]],
    ["heirs", (table) => [`CREATE TABLE heir_of_${table} () INHERITS (${table})`]],
  ])("updates them where the target has %s", async (_, between) => {
    expect((await rewrite(between)).logged).toEqual(UPDATED);
  });

  it("updates them where the database publishes its tables", async () => {
    const { logged } = await rewrite((table) => [`CREATE PUBLICATION of_${table}`]);
    await server.query(`DROP PUBLICATION of_known_${number}`);
    expect(logged).toEqual(UPDATED);
  });

  it("writes all rows where something in between cuts connections over COPY", async () => {
    const cuts = createServer((client) => {
      const behind = connect(server.port, server.host);
      for (const socket of [client, behind]) socket.on("error", () => {});
      client.on("data", (chunk) => {
        if (chunk.includes("COPY ")) client.destroy();
        else behind.write(chunk);
      });
      client.on("close", () => behind.destroy());
      behind.on("data", (chunk) => client.write(chunk));
    });
    await new Promise<void>((resolve) => cuts.listen(0, "127.0.0.1", resolve));
    const address = cuts.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const sink = server.sink({ host: "127.0.0.1", port });
    await sink.open();
    const name = `known_${++number}`;
    const shape = shapeOf(name, { id: BIGINT, note: TEXT });
    const table = sink.mapTable(shape, { schema: "public", name });
    await sink.checkTable(table, "if-missing");
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    const batch = commitOf(fence, 0, [{ kind: "upsert", table, rows: rowsOf("x"), fresh: true }]);
    for (let attempt = 0; attempt < 3; attempt++)
      await expect(send(sink, batch)).rejects.toMatchObject({ class: "unknown-outcome" });
    await send(sink, batch);
    expect(await server.query(`SELECT count(*) FROM ${name}`)).toEqual([{ count: String(COUNT) }]);
    await sink.close();
    cuts.close();
  });

  it.each<[string, string, (table: string) => readonly string[]]>([
    ["may not delete", "SELECT, INSERT, UPDATE", () => []],
    [
      "is under a policy, which COPY refuses",
      "ALL",
      (table) => [
        `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
        `CREATE POLICY all_of_${table} ON ${table} USING (true) WITH CHECK (true)`,
      ],
    ],
  ])("writes all rows where its role %s", async (_, rights, besides) => {
    const [name, role] = [`known_${++number}`, `writer_${number}_${Date.now()}`];
    const owner = server.sink();
    await owner.open();
    const shape = shapeOf(name, { id: BIGINT, note: TEXT });
    const table = owner.mapTable(shape, { schema: "public", name });
    await owner.checkTable(table, "if-missing");
    await server.query(`CREATE ROLE ${role} LOGIN PASSWORD 'any'`);
    await server.query(`GRANT ALL ON SCHEMA millrace TO ${role}`);
    await server.query(`GRANT ALL ON ALL TABLES IN SCHEMA millrace TO ${role}`);
    await server.query(`GRANT ${rights} ON ${name} TO ${role}`);
    for (const sql of besides(name)) await server.query(sql);
    const sink = server.sink({ username: role, password: "any" });
    await sink.open();
    const { fence } = await sink.takeOver({ pipeline: name, task: "0", lanes: 1 });
    const first = { kind: "upsert", table, rows: rowsOf("old"), fresh: true } as const;
    await send(sink, commitOf(fence, 0, [first]));
    await send(sink, commitOf(fence, 1, [{ kind: "upsert", table, rows: rowsOf("new") }]));
    await send(sink, commitOf(fence, 2, [{ kind: "upsert", table, rows: rowsOf("last") }]));
    const rows = await server.query(`SELECT id, note FROM ${name} ORDER BY id`);
    expect(rows).toEqual(rowsOf("last").map(([id, note]) => ({ id, note })));
    await Promise.all([owner.close(), sink.close()]);
    await server.query(`DROP OWNED BY ${role}`);
    await server.query(`DROP ROLE ${role}`);
  });
});
