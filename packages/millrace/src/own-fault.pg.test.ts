import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { makeTable } from "../../dynamodb-local/src/testing/clients.ts";
import { type ItemsBetween, itemsBetween } from "./items-between.fixture.ts";
import { expectOwnFault, faultAt, mended } from "./own-fault.fixture.ts";
import { type TablesBetween, tablesBetween } from "./tables-between.fixture.ts";

/** Where the source, the pipeline and the sink come by, before and behind the COMMIT. */
const PLACES = [
  "snapshot.taken",
  "snapshot.chunk-batch",
  "chunk.planned",
  "chunk.batch-sent",
  "postgres-log.after-batch",
  "reader.batch-entered",
  "lane.before-commit",
  "lane.after-commit",
  "frontier.written",
  "sink.before-commit",
  "sink.commit-sent",
  "sink.after-commit",
] as const;

describe("a fault of our own code in a pipeline from PostgreSQL", () => {
  let between: TablesBetween;
  let folder: string;
  beforeAll(async () => {
    between = await tablesBetween();
    folder = await mkdtemp(join(tmpdir(), "millrace-own-fault-"));
  });
  afterEach(async () => {
    mended();
    await between.stop();
  });
  afterAll(async () => {
    await between.release();
    await rm(folder, { recursive: true });
  });

  /** A pipeline of its own for each, and a row that goes through all of it. */
  async function fileOf(place: string, more?: Readonly<Record<string, unknown>>): Promise<object> {
    const name = place.replaceAll(/\W/g, "_");
    await between.source.query(
      `CREATE TABLE ${name} (id int PRIMARY KEY, v text); INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`,
    );
    return between.file({
      tables: `public.${name}`,
      source: { "publication.name": name },
      pipeline: { name },
      ...(more === undefined ? {} : { more }),
    });
  }

  it.each(PLACES)("stops it as what it is, at %s, and a start goes on", async (place) => {
    const file = await fileOf(place);
    const table = place.replaceAll(/\W/g, "_");
    faultAt(place);
    await expectOwnFault(file);
    mended();
    const again = await between.run(file);
    await between.follow(
      again,
      `UPDATE ${table} SET v = v || 'c'; DELETE FROM ${table} WHERE id = 1`,
    );
    await between.expectSame(`SELECT id, v FROM ${table} ORDER BY id`);
  });

  it("stops it as what it is where the sink is lines in a file", async () => {
    const sink = { type: "jsonl", path: join(folder, "lines") };
    const file = await fileOf("jsonl.lines-written", { sink });
    faultAt("jsonl.lines-written");
    await expectOwnFault(file);
  });
});

describe("a fault of our own code in a pipeline from DynamoDB", () => {
  let between: ItemsBetween;
  beforeAll(async () => {
    between = await itemsBetween();
  });
  afterEach(mended);
  afterAll(() => between.release());

  it.each(["dynamodb-snapshot.page", "dynamodb-log.batch"])(
    "stops it as what it is, at %s",
    async (place) => {
      const table = place.replaceAll(/\W/g, "_");
      await makeTable(between.dynamodb, table);
      await between.dynamodb.putItem({ TableName: table, Item: { id: { S: "1" } } });
      faultAt(place);
      await expectOwnFault(between.file(table, { "dynamodb.table.whitelist": table }), () =>
        between.dynamodb.putItem({ TableName: table, Item: { id: { S: "2" } } }),
      );
    },
  );
});
