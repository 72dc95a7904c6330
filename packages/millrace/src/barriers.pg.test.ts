/** Barriers on a real target: what each leaves there is what its table's document says, wherever it was broken off. */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { setFailpointHandler } from "./model/failpoint.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import type { TableId, TableShape } from "./model/table.ts";
import { Barriers } from "./pipeline/barriers.ts";
import { Committer } from "./pipeline/committer.ts";
import { DeadLetterBook } from "./pipeline/dead-letter-book.ts";
import { Generations } from "./pipeline/generations.ts";
import { deafObserver } from "./pipeline/observer.ts";
import { documentOf, plainRouter, shapeOf, reachOf } from "./pipeline/pipeline-parts.fixture.ts";
import { compileRoutes, targetsOf } from "./pipeline/routes.ts";
import { loadState } from "./pipeline/state-documents.ts";
import { TableRuntime } from "./pipeline/table-runtime.ts";
import { createSqlSink } from "./sinks/dsql/create-sql-sink.ts";
import { POSTGRES } from "./sinks/dsql/profile.ts";
import type { SqlSink } from "./sinks/dsql/sql-sink.ts";
import { soon, tablesBetween } from "./tables-between.fixture.ts";

const INTEGER = { kind: "int", bits: 32 } as const;
const TEXT = { kind: "text", maxChars: null } as const;

/** A column by its attnum: the same one under another type, or another one under the same name. */
const column = (name: string, ordinal: number, type: typeof INTEGER | typeof TEXT) => ({
  name,
  type,
  sourceType: type.kind,
  nullable: ordinal > 1,
  ordinal,
});
const id = column("id", 1, INTEGER);
const [asInteger, asText] = [column("a", 2, INTEGER), column("a", 2, TEXT)];

let server: SharedPostgres;
let made = 0;
const sinks: SqlSink[] = [];

beforeAll(async () => {
  server = await sharedPostgres();
});
afterEach(() => setFailpointHandler(null));
afterAll(async () => {
  await Promise.all(sinks.map((sink) => sink.close()));
  await server.release();
});

/** What a start finds of the pipeline: its one table as its document says, and an intent that was left open, which it finishes. */
async function start(pipeline: string, first: TableShape) {
  const { host, port, user: username, password, database } = server;
  const tls = { mode: "disable" } as const;
  const address = { host, port, username, password, database, useIamAuth: false, tls };
  const ports = { clock: systemClock, random: Math.random, log: silentLogger };
  const sink = createSqlSink(POSTGRES, address, ports);
  sinks.push(sink);
  await sink.open();
  const takeover = await sink.takeOver({ pipeline, task: "0", lanes: 1 });
  const { tables, intent } = loadState(takeover.state);
  const document = tables.get(first.id) ?? documentOf(first);
  const targets = targetsOf(document.targetShape, plainRouter, sink);
  const table = new TableRuntime(document, targets, (shape, to, unlogged) =>
    compileRoutes(shape, to, plainRouter, unlogged),
  );
  const work = { sink, clock: systemClock, random: Math.random, observer: deafObserver };
  const { signal } = new AbortController();
  const committer = new Committer({ ...work, signal }, takeover.fence, takeover.lanes);
  const book = new DeadLetterBook({ policy: "park", maxPerTable: 1, maxShare: 1 }, []);
  const generations = new Generations({
    ...work,
    source: {},
    committer,
    book,
    sourcesOf: () => 1,
    elsewhere,
  });
  const barriers = new Barriers({
    ...work,
    source: { positionText: String, comparePositions: () => 0 },
    router: plainRouter,
    settings: { schemaChangeBehavior: "evolve", dropTables: false, fullLoad: true },
    committer,
    book,
    lanes: 1,
    tables: new Map([[table.id, table]]),
    generations,
    reach: reachOf(1),
    reached: () => undefined,
    acknowledged: () => null,
    unseen: () => [],
    goneRows: () => "swept",
    currentShape: () => Promise.resolve(null),
  });
  if (intent !== null) await barriers.finish(intent);
  for (const { target } of table.targets) await sink.checkTable(target, "if-missing");
  return { barriers, table };
}

/** Columns of the target, without what barriers have put away. */
async function columnsOf(table: TableRuntime): Promise<string[]> {
  const rows = await server.query(
    `SELECT attname || ' ' || format_type(atttypid, atttypmod) AS text FROM pg_attribute
     WHERE attrelid = 'copy.${table.shape.name}'::regclass AND attnum > 0 AND NOT attisdropped
       AND attname NOT LIKE '\\_dropped%' ORDER BY attname`,
  );
  return rows.map((row) => String(row["text"]));
}

const elsewhere = () => Promise.resolve(new Set<TableId>());

function pipelineOf(...columns: (typeof id)[]): { name: string; shape: TableShape } {
  const name = `barriers_${(made += 1)}`;
  return { name, shape: { ...shapeOf(columns), name } };
}

it("shapes of the catalogue that are adopted at one place of the log are each made true", async () => {
  const { name, shape } = pipelineOf(id, asInteger);
  const { barriers, table } = await start(name, shape);
  const adopt = (...columns: (typeof id)[]) => barriers.adopt(table, { ...shape, columns }, 7);
  await adopt(id, asText);
  await adopt(id);
  await adopt(id, column("a", 3, INTEGER));
  expect(await columnsOf(table)).toEqual(["a integer", "id integer"]);
  await adopt(id, column("a", 3, TEXT));
  expect(await columnsOf(table)).toEqual(["a text", "id integer"]);
});

it.each(["barrier.intent", "barrier.acted", "barrier.done"])(
  "a barrier that dies at %s is finished by the next start, also behind another one at its place",
  async (place) => {
    const { name, shape } = pipelineOf(id, asInteger);
    const { barriers, table } = await start(name, shape);
    const dies = (to: (typeof id)[]) => {
      setFailpointHandler((reached) => {
        if (reached === place) throw new Error("killed");
      });
      return expect(barriers.adopt(table, { ...shape, columns: to }, 7)).rejects.toThrow("killed");
    };
    await barriers.adopt(table, { ...shape, columns: [id, asText] }, 7);
    await dies([id, asInteger]);
    setFailpointHandler(null);
    const next = await start(name, shape);
    expect(next.table.shape.columns.map(({ sourceType }) => sourceType)).toEqual(["int", "int"]);
    expect(await columnsOf(table)).toEqual(["a integer", "id integer"]);
    await next.barriers.adopt(next.table, { ...shape, columns: [id, asText] }, 7);
    expect(await columnsOf(table)).toEqual(["a text", "id integer"]);
  },
);

it("a barrier whose table leaves the file before it is done is finished all the same, and the table comes back", async () => {
  const between = await tablesBetween();
  try {
    await between.source.query(
      `CREATE TABLE other (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, a int);
       INSERT INTO t VALUES (1, 1)`,
    );
    const first = await between.run();
    await first.caughtUp();
    let reached = false;
    setFailpointHandler((place) => {
      if (place !== "barrier.acted") return;
      reached = true;
      throw new Error("killed");
    });
    await between.source.query("ALTER TABLE t ALTER a TYPE text; INSERT INTO t VALUES (2, 'two')");
    await soon(() => reached);
    await between.stop();
    setFailpointHandler(null);
    const without = await between.run(between.file({ tables: "public.other" }));
    await without.caughtUp();
    await between.stop();
    const back = await between.run();
    await back.caughtUp();
    const rows = "SELECT id, a FROM t ORDER BY id";
    expect(await between.target.query(rows)).toEqual(await between.source.query(rows));
  } finally {
    await between.release();
  }
});
