import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { readShapes } from "./catalogue.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { dropPublication, preparePublication, readPublication } from "./publication.ts";

const NAME = `pub "odd" name`;
const QUOTED = `"pub ""odd"" name"`;

describe.each([18, 13] as const)("the publication of PostgreSQL %i", (version) => {
  let server: SharedPostgres;
  let admin: PostgresConnection;
  beforeAll(async () => {
    server = await sharedPostgres(version);
    const { host, port, user, password, database } = server;
    admin = await openConnection({ ...CONNECTION_DEFAULTS, host, port, user, password, database });
    await admin.client.query(
      `CREATE SCHEMA s; CREATE TABLE s.a (id int PRIMARY KEY); CREATE TABLE s."B c" (id int PRIMARY KEY);
       CREATE TABLE s.keyless (id int); CREATE TABLE s.deferred (id int PRIMARY KEY DEFERRABLE)`,
    );
  });
  afterAll(async () => {
    await admin.close();
    await server.release();
  });
  beforeEach(() => dropPublication(admin.client, NAME));

  const shapes = (...names: string[]): Promise<TableShape[]> =>
    readShapes(admin.client, { matches: (schema, name) => schema === "s" && names.includes(name) });
  const prepare = async (names: string[], more: { viaRoot?: boolean; manage?: boolean } = {}) =>
    preparePublication(admin.client, {
      publicationName: NAME,
      tables: await shapes(...names),
      viaRoot: true,
      manage: true,
      ...more,
    });
  const members = async (): Promise<string[] | undefined> =>
    (await readPublication(admin.client, NAME))?.tables.map((member) => member.name).toSorted();

  it("is made by several who come at once, as if one had come after the other", async () => {
    const tables = await shapes("a", "B c");
    const { host, port, user, password, database } = server;
    const config = { ...CONNECTION_DEFAULTS, host, port, user, password, database };
    const others = await Promise.all([1, 2, 3].map(() => openConnection(config)));
    const request = { publicationName: NAME, tables, viaRoot: true, manage: true };
    try {
      for (let round = 0; round < 5; round++) {
        await dropPublication(admin.client, NAME);
        if (round % 2 === 1) await prepare(["a"]);
        await Promise.all(others.map(({ client }) => preparePublication(client, request)));
        expect(await members()).toEqual(['s."B c"', "s.a"]);
      }
    } finally {
      for (const other of others) await other.close();
    }
  });

  it("is made for exactly the captured tables, and kept in step as they come and go", async () => {
    expect(await prepare(["a"])).toEqual({ created: true, joined: [tableId("s", "a")] });
    expect(await members()).toEqual(["s.a"]);
    expect(await prepare(["a"])).toEqual({ created: false, joined: [] });
    expect(await prepare(["a", "B c"])).toEqual({ created: false, joined: [tableId("s", "B c")] });
    expect(await members()).toEqual(['s."B c"', "s.a"]);
    expect(await prepare(["B c"])).toEqual({ created: false, joined: [] });
    expect(await members()).toEqual(['s."B c"']);
    expect(await readPublication(admin.client, NAME)).toMatchObject({
      puballtables: false,
      pubinsert: true,
      pubupdate: true,
      pubdelete: true,
      pubtruncate: true,
      pubviaroot: true,
      ...(version === 18 ? { pubgencols: "s" } : {}),
    });
  });

  it("that lets only some operations through is mended", async () => {
    await admin.client.query(
      `CREATE PUBLICATION ${QUOTED} FOR TABLE s.a WITH (publish = 'insert')`,
    );
    expect(await prepare(["a"])).toEqual({ created: false, joined: [] });
    expect(await readPublication(admin.client, NAME)).toMatchObject({
      pubupdate: true,
      pubviaroot: true,
    });
  });

  it("for all tables is taken as it is", async () => {
    await admin.client.query(
      `CREATE PUBLICATION ${QUOTED} FOR ALL TABLES WITH (publish_via_partition_root)`,
    );
    expect(await prepare(["a", "B c"], { manage: false })).toEqual({ created: false, joined: [] });
  });

  it("of the user keeps its row filters, column lists and schemas, where the version has them", async () => {
    const restricted = version === 18 ? "s.a (id) WHERE (id > 0)" : "s.a";
    await admin.client.query(
      `CREATE PUBLICATION ${QUOTED} FOR TABLE ${restricted} WITH (publish_via_partition_root)`,
    );
    expect(await prepare(["B c"])).toEqual({ created: false, joined: [tableId("s", "B c")] });
    expect(await members()).toEqual(version === 18 ? ['s."B c"', "s.a"] : ['s."B c"']);
    await dropPublication(admin.client, NAME);
    const whole = version === 18 ? "TABLES IN SCHEMA s" : "ALL TABLES";
    await admin.client.query(
      `CREATE PUBLICATION ${QUOTED} FOR ${whole} WITH (publish_via_partition_root)`,
    );
    expect(await prepare(["a", "B c"])).toEqual({ created: false, joined: [] });
  });

  it("never takes in a table whose UPDATE and DELETE the server would then refuse", async () => {
    await prepare(["a"]);
    for (const name of ["keyless", "deferred"]) {
      await expect(prepare(["a", name])).rejects.toThrow(
        `ALTER TABLE "s"."${name}" REPLICA IDENTITY FULL`,
      );
    }
    expect(await members()).toEqual(["s.a"]);
    await server.query("INSERT INTO s.keyless VALUES (1)");
    await server.query("UPDATE s.keyless SET id = 2");
    await server.query("ALTER TABLE s.keyless REPLICA IDENTITY FULL");
    expect((await prepare(["a", "keyless"])).joined).toEqual([tableId("s", "keyless")]);
    await server.query("UPDATE s.keyless SET id = 3");
    await server.query("ALTER PUBLICATION " + QUOTED + " DROP TABLE s.keyless");
    await server.query("ALTER TABLE s.keyless REPLICA IDENTITY DEFAULT");
  });

  it("that the user keeps is looked at, never changed, and what lacks is said as SQL", async () => {
    await expect(prepare(["a"], { manage: false })).rejects.toThrow(
      `MR_SOURCE_REFUSED: preparing publication pub "odd" name: it is kept by you (unmanaged). An administrator runs, ` +
        `in this database: CREATE PUBLICATION ${QUOTED} FOR TABLE "s"."a" WITH (publish = `,
    );
    await prepare(["a"]);
    await expect(prepare(["a", "B c"], { manage: false })).rejects.toThrow(
      `ALTER PUBLICATION ${QUOTED} ADD TABLE "s"."B c";`,
    );
    expect(await prepare([], { manage: false })).toEqual({ created: false, joined: [] });
    expect(await members()).toEqual(["s.a"]);
  });

  it("that a role may not make is said as SQL for the administrator", async () => {
    const role = `role_${server.database}`;
    const { host, port, database } = server;
    await server.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA s TO ${role}`,
    );
    const weak = await openConnection({
      ...CONNECTION_DEFAULTS,
      host,
      port,
      user: role,
      password: "secret",
      database,
    });
    const request = {
      publicationName: NAME,
      tables: await shapes("a"),
      viaRoot: true,
      manage: true,
    };
    await expect(preparePublication(weak.client, request)).rejects.toThrow(
      new RegExp(`MR_SOURCE_REFUSED.*CREATE PUBLICATION ${QUOTED} FOR TABLE "s"."a" WITH`),
    );
    await weak.close();
    await server.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
});
