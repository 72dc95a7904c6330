/** Giving a slot up: only our own, at the source that it was looked at. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { POSTGRES_SOURCE_DEFAULTS } from "./options.ts";
import { PostgresSource } from "./source.ts";

let server: SharedPostgres;
let source: PostgresSource;
let slot: string;

beforeAll(async () => {
  server = await sharedPostgres();
  slot = `go_${server.database}`;
  const { host: hostname, port, user: username, password, database } = server;
  source = new PostgresSource(
    {
      ...POSTGRES_SOURCE_DEFAULTS,
      hostname,
      port,
      username,
      password,
      database,
      matches: () => true,
      tablesText: "public.t",
      slotName: slot,
      publicationName: slot,
    },
    { pipeline: "go", clock: systemClock, random: Math.random, log: silentLogger },
  );
});
afterAll(async () => {
  await source.close();
  await server.release();
});
afterEach(async () => {
  await server.query(
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
    [slot],
  );
});

const make = (plugin: string) =>
  server.query("SELECT pg_create_logical_replication_slot($1, $2)", [slot, plugin]);
const count = async () =>
  (await server.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", [slot])).length;

describe("a slot that is to be given up", () => {
  it("is dropped where it is ours, at the source that the pipeline knows; one that is gone is fine", async () => {
    await make("pgoutput");
    const identity = await source.identity();
    await source.letGo(identity);
    expect(await count()).toBe(0);
    await source.letGo(identity);
  });

  it("stays where the connection leads to another cluster or database now", async () => {
    await make("pgoutput");
    const [row] = await server.query(
      "SELECT system_identifier::text AS s FROM pg_control_system()",
    );
    const others = [
      { system: "7000000000000000000", database: server.database },
      { system: String(row?.["s"]), database: "another" },
    ];
    for (const other of others)
      await expect(source.letGo(other)).rejects.toMatchObject({ code: "MR_SOURCE_IDENTITY" });
    expect(await count()).toBe(1);
  });

  it("stays where somebody else made it", async () => {
    await make("test_decoding");
    await expect(source.letGo(await source.identity())).rejects.toMatchObject({
      code: "MR_SOURCE_SLOT_FOREIGN",
    });
    expect(await count()).toBe(1);
  });
});
