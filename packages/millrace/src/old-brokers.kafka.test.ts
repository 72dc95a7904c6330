/** Brokers of another time, real ones: those that are too old say so by what is to be done, and the oldest that are not do all. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OldKafka, startOldKafka } from "../../../test/support/old-kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { loadPipeline } from "./load-pipeline.ts";

let database: SharedPostgres;
beforeAll(async () => {
  database = await sharedPostgres();
  await database.query("CREATE TABLE item (id int PRIMARY KEY, note text)");
});
afterAll(() => database.release());

function files({ bootstrap }: OldKafka) {
  const { host, port, user: username, password, database: own } = database;
  const login = { port, username, password };
  const brokers = { type: "kafka", "properties.bootstrap.servers": bootstrap };
  const into = {
    source: { type: "postgres", hostname: host, ...login, tables: `${own}.public.item` },
    sink: { ...brokers, "topic.pattern": "old.{table}" },
    pipeline: { name: `${own}-into` },
  };
  const from = {
    source: { ...brokers, topic: "old.item" },
    sink: { type: "postgres", host, ...login, database: own },
    route: [{ "source-table": String.raw`public.\.*`, "sink-table": "public.copied" }],
    pipeline: { name: `${own}-from` },
  };
  return { into, from };
}

describe("a broker of Kafka 1.1", () => {
  let kafka: OldKafka;
  beforeAll(async () => {
    kafka = await startOldKafka("1.1");
  });
  afterAll(() => kafka[Symbol.asyncDispose]());

  it("is refused by what it does not speak and from which version on one does, at a start and before", async () => {
    const { into, from } = files(kafka);
    for (const [file, code] of [
      [into, "MR_SINK_REFUSED"],
      [from, "MR_SOURCE_REFUSED"],
    ] as const) {
      const expected = {
        code,
        remedy: expect.stringContaining("Kafka 3.0 or later") as string,
      };
      const found = await checkPipeline(file);
      expect(found.filter(({ severity }) => severity === "error")).toMatchObject([
        { ...expected, what: expect.stringMatching(/does not speak .*older/) as string },
      ]);
      const pipeline = await loadPipeline(file);
      await expect(pipeline.start()).rejects.toMatchObject({ ...expected, class: "config" });
      await pipeline.stop();
    }
  });
});

/** Another broker to fetch, and minutes: in the long form alone. */
const versions = process.env["MILLRACE_E2E_FULL"] === "1" ? (["3.0"] as const) : [];
for (const version of versions)
  it(
    `a broker of Kafka ${version} takes changes once and gives them back`,
    { timeout: 180_000 },
    async () => {
      await using kafka = await startOldKafka(version);
      const { into, from } = files(kafka);
      await database.query("INSERT INTO item SELECT i, 'loaded' FROM generate_series(1, 100) i");
      const [out, back] = [await loadPipeline(into), await loadPipeline(from)];
      try {
        await out.start();
        await out.caughtUp();
        await database.query(
          "UPDATE item SET note = 'changed' WHERE id % 3 = 0; DELETE FROM item WHERE id % 7 = 0; UPDATE item SET id = id + 1000 WHERE id % 11 = 0",
        );
        await out.caughtUp();
        await back.start();
        await back.caughtUp();
        const rows = (table: string) => database.query(`SELECT id, note FROM ${table} ORDER BY id`);
        const texts = (await rows("item")).map(({ id, note }) => ({ id: String(id), note }));
        expect(await rows("copied")).toEqual(texts);
      } finally {
        await back.stop();
        await out.stop();
      }
    },
  );
