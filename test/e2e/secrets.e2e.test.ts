/**
 * Secrets and values of rows are in no output: marked values are sent through failures of source and sink, and everything
 * that the program says is searched for them (logs, reports, metrics, every answer over HTTP, the state at the sink).
 * Keys of parked rows stand in their letters, and nowhere else.
 * `MILLRACE_SECRETS=all` adds the sinks that `npm test` has no time for.
 */
import { afterEach, describe, expect, it } from "vitest";
import { MillraceProcess } from "./millrace-process.ts";
import {
  DATE,
  expectNoValues,
  MARK,
  NUMBER,
  type SaidFormat,
  saidWhile,
  textAround,
  UUID,
} from "./said.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";
import { targetKinds, type TargetKind } from "./targets.ts";

/** Of keys: they find a row, so that letters and the bounds of unfinished chunks have them. */
const KEY = "SCHLUESSEL";
const HASH_KEY = "PFEFFER-0123456789-abcdefghijklmnop";

const MORE = `transform:
  - source-table: public.hashed
    hash-columns: [v]
    hash-key: ${HASH_KEY}
`;

let pipeline: SmallPipeline;
afterEach(() => pipeline.release());

/** Everything that a run of the pipeline says while something goes wrong. */
const outputsOf = (
  work: (replayAll: () => Promise<void>) => Promise<void>,
  format: SaidFormat,
): Promise<string> =>
  saidWhile({ args: pipeline.args(), pipeline: pipeline.source.database, format }, (_, replayAll) =>
    work(replayAll),
  );

/** Every row of every state table, as text; letters apart. */
async function stateText(): Promise<{ readonly letters: string; readonly rest: string }> {
  const tables = await pipeline.atTarget(
    "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'millrace'",
  );
  const texts = new Map<string, string>();
  for (const { t } of tables)
    texts.set(
      String(t),
      JSON.stringify(await pipeline.atTarget(`SELECT s::text FROM millrace."${String(t)}" s`)),
    );
  const letters = texts.get("dead_letter") ?? "";
  texts.delete("dead_letter");
  return { letters, rest: [...texts.values()].join("\n") };
}

const TABLES = `
  CREATE TABLE bad (k text PRIMARY KEY, v text, n bigint, u uuid, d date, j jsonb, b bytea, a text[], r numeric);
  CREATE TABLE hashed (id int PRIMARY KEY, v text);
  CREATE TABLE keyless (v text, n bigint); ALTER TABLE keyless REPLICA IDENTITY FULL;`;

/** So many times 32 characters that no compression makes shorter. */
function noise(times: number): string {
  return `(SELECT string_agg(md5(g::text), '') FROM generate_series(1, ${times}) g)`;
}

/** DSQL takes a text of 1 MiB. */
const LONG = `'${MARK}' || ${noise(40_000)}`;

function row(key: string, text: string): string {
  return `(${key}, ${text}, ${NUMBER}, '${UUID}', '${DATE}', '{"x":"${MARK}"}', convert_to('${MARK}', 'UTF8'), ARRAY['${MARK}'], ${NUMBER}.${NUMBER})`;
}

/** What the target refuses of these rows; a table that is there already has the constraints. */
const REFUSALS: Readonly<
  Record<TargetKind, { readonly prepare: string; readonly rows: readonly string[] }>
> = {
  postgres: {
    prepare: `ALTER TABLE bad ADD CHECK (n < 1000), ADD UNIQUE (v); ALTER TABLE keyless ADD CHECK (n < 1000); ALTER TABLE hashed ADD CHECK (id < 1000)`,
    rows: [`INSERT INTO bad VALUES ${row(`'${KEY}-1'`, `'${MARK}'`)}`],
  },
  dsql: {
    prepare: "SELECT 1",
    rows: [
      `INSERT INTO bad VALUES ${row(`'${KEY}-1'`, LONG)}`,
      `INSERT INTO bad VALUES ${row(`'${KEY}-' || ${noise(40)}`, `'${MARK}'`)}`,
    ],
  },
};

const kinds = targetKinds.filter(
  (kind) => kind === "postgres" || process.env["MILLRACE_SECRETS"] === "all",
);

describe.for(kinds)("what is said while rows are refused by %s", (kind) => {
  it("holds no value of any row, and keys in letters only", { timeout: 240_000 }, async () => {
    pipeline = await smallPipeline(TABLES, kind);
    await pipeline.write({ more: MORE });
    await pipeline.caughtUp();
    const { prepare, rows } = REFUSALS[kind];
    await pipeline.atTarget(prepare);
    const said = await outputsOf(
      async (replayAll) => {
        for (const sql of rows) await pipeline.source.query(sql);
        await pipeline.source.query(
          `INSERT INTO keyless VALUES ('${MARK}', 5), (${kind === "dsql" ? LONG : `'${MARK}'`}, ${NUMBER})`,
        );
        await pipeline.source.query(`INSERT INTO hashed VALUES (1, '${MARK}')`);
        await expect
          .poll(
            async () =>
              (await pipeline.atTarget("SELECT count(*)::int AS n FROM millrace.dead_letter"))[0]?.[
                "n"
              ],
            { timeout: 150_000, interval: 500 },
          )
          .toBe(2);
        await replayAll();
      },
      kind === "dsql" ? "pretty" : "json",
    );
    expect(said).toMatch(/dead.letter/);
    // A row without a key cannot be read again.
    expect(said).toContain("MR_REPLAY_IMPOSSIBLE");
    expectNoValues("output", said);
    expect(textAround(said, HASH_KEY)).toBeNull();
    const { letters, rest } = await stateText();
    expectNoValues("letters", letters);
    expectNoValues("state", rest);
    expect(letters).toContain(KEY);
    expect(textAround(rest, KEY)).toBeNull();
    const lines = said
      .split("\n")
      .filter((line) => !/^api\/v1\/pipelines\/\w+\/dead-letters(?:\/\w+\/replay)? /.test(line));
    expect(textAround(lines.join("\n"), KEY)).toBeNull();
  });
});

describe("what is said while the source fails over a row", () => {
  it(
    "holds no value of it: a row filter that cannot be evaluated, in the load and in the log",
    { timeout: 240_000 },
    async () => {
      pipeline = await smallPipeline(
        "CREATE TABLE bad (k text PRIMARY KEY, v text); INSERT INTO bad VALUES ('a', 'fine')",
      );
      const { database } = pipeline.source;
      await pipeline.source.query(
        `ALTER TABLE bad REPLICA IDENTITY FULL; CREATE PUBLICATION ${database} FOR TABLE bad WHERE (parse_ident(v) IS NOT NULL) WITH (publish_via_partition_root, publish_generated_columns = stored)`,
      );
      await pipeline.write({ source: { "publication.create": "never" } });
      await pipeline.caughtUp();
      const inLog = await outputsOf(async () => {
        await pipeline.source.query(`INSERT INTO bad VALUES ('${KEY}', '1${MARK}')`);
        await new Promise((resolve) => setTimeout(resolve, 3_000));
      }, "json");
      expect(inLog).toMatch(/22023/);
      expectNoValues("log", inLog);
      expect(textAround(inLog, KEY)).toBeNull();
      const fresh = new MillraceProcess([
        ...pipeline.args("--until-caught-up"),
        "--log-level",
        "debug",
      ]);
      await pipeline.atTarget("DROP SCHEMA millrace CASCADE; DROP TABLE bad");
      await fresh.wait();
      expectNoValues("load", fresh.output.join("\n"));
    },
  );
});
