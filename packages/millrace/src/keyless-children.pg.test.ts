import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

let between: TablesBetween;

beforeAll(async () => {
  between = await tablesBetween();
  await between.source.query(`CREATE TABLE parents (id int PRIMARY KEY, u text);
    CREATE TABLE children (parent int); ALTER TABLE children REPLICA IDENTITY FULL;
    INSERT INTO parents VALUES (1, 'a'); INSERT INTO children VALUES (1)`);
  await between.target.query(`CREATE TABLE parents (id int PRIMARY KEY, u text UNIQUE);
    CREATE TABLE children (parent int REFERENCES parents, _millrace_key text PRIMARY KEY)`);
});

afterEach(() => between.stop());
afterAll(() => between.release());

it("a table without key is loaded when rows of its parents that were put off are there", async () => {
  const pipeline = await between.run(between.file({ tables: "public.(parents|children)" }));
  const told = () =>
    ["public.parents", "public.children"].map((id) => {
      const { state, deadLetters } = tableOf(pipeline, id);
      return { state, deadLetters };
    });
  await pipeline.caughtUp();
  // Rows that the source has not: one is in the way of its parent, and the other holds that one.
  await between.target.query(`INSERT INTO parents VALUES (99, 'z');
    INSERT INTO children VALUES (99, 'foreign')`);
  await between.source.query("INSERT INTO parents VALUES (2, 'z')");
  await pipeline.caughtUp();
  await between.source.query("INSERT INTO children VALUES (2)");
  await pipeline.caughtUp();
  expect(told().map(({ deadLetters }) => deadLetters)).toEqual([1, 1]);

  await pipeline.resync("public.parents");
  await pipeline.resync("public.children");
  await soon(() => told().every(({ state }) => state === "SYNC"), 60_000);
  await pipeline.caughtUp();
  expect(told().map(({ deadLetters }) => deadLetters)).toEqual([0, 0]);
  expect(await between.target.query("SELECT id, u FROM parents ORDER BY 1")).toEqual([
    { id: 1, u: "a" },
    { id: 2, u: "z" },
  ]);
  expect(await between.target.query("SELECT parent FROM children ORDER BY 1")).toEqual([
    { parent: 1 },
    { parent: 2 },
  ]);
}, 120_000);

it("what is refused of a table without key that waits for its load is no dead letter: the load brings it", async () => {
  const { source, target } = between;
  const pipeline = await between.run(between.file({ tables: "public.(parents|children)" }));
  await pipeline.caughtUp();
  await target.query("INSERT INTO parents VALUES (98, 'y')");
  await source.query("INSERT INTO parents VALUES (3, 'y')");
  await pipeline.caughtUp();
  const parents = new pg.Client({ connectionString: source.url });
  await parents.connect();
  try {
    await parents.query("BEGIN; LOCK TABLE parents IN ACCESS EXCLUSIVE MODE");
    await pipeline.resync("public.parents");
    await pipeline.resync("public.children");
    await source.query("INSERT INTO children VALUES (3)");
    const letters = () => pipeline.deadLetters().filter(({ table }) => table === "public.children");
    await soon(() => letters().length === 1, 60_000);
    expect(letters()).toMatchObject([{ code: "MR_ROW_PUT_OFF" }]);
    expect(tableOf(pipeline, "public.children").deadLetters).toBe(0);
  } finally {
    await parents.end();
  }
  await pipeline.caughtUp();
  expect(pipeline.deadLetters()).toEqual([]);
  const rows = "SELECT parent FROM children ORDER BY 1";
  expect(await target.query(rows)).toEqual(await source.query(rows));
}, 120_000);
