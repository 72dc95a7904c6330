import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../support/postgres.ts";
import { beginAudit, beginWitness, witnessedLines } from "./audit.ts";
import { makeAuditedTarget, type AuditedTarget } from "./audited-target.ts";
import { buildSource } from "./database.ts";
import {
  appliedVersions,
  beginVersions,
  chunkReads,
  unexplained,
  witnessedVersions,
} from "./load-audit.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { insertRange } from "./sample-table.ts";
import { sampleTables } from "./schema.ts";
import { openSession } from "./sql-session.ts";
import { targetKinds } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

const audited = [
  { name: "k_int8", column: "k", rows: 4000 },
  { name: "k_skewed", column: "id", rows: 500 },
].map(({ name, column, rows }) => {
  const table = sampleTables.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`No table ${name}`);
  return { table: { ...table, initialRows: 0 }, column, rows };
});
const tables = audited.map(({ table }) => table);

/** Around what makes rows and changes durable, while there is much to load, and at the end of it. */
const failpoints = [
  "lane.after-commit=kill@12:INIT_SYNC",
  "chunk.batch-sent=kill@4:INIT_SYNC",
  "sink.before-commit=kill@15:INIT_SYNC",
  "chunk.finished=kill@2:INIT_SYNC",
  "reader.batch-entered=kill@3:INIT_SYNC",
  "sink.after-commit=kill@1:HANDOVER",
  "sink.before-commit=kill@1:HANDOVER",
  "frontier.written=kill@1",
];

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 12);

describe.each(targetKinds)("with compaction off, while tables are loaded into %s", (kind) => {
  let source: PostgresServer;
  let target: AuditedTarget;
  let folder: string;

  beforeAll(async () => {
    source = await startPostgres({ settings: { log_statement: "all" } });
    target = await makeAuditedTarget(kind);
    folder = await mkdtemp(join(tmpdir(), "millrace-load-audit-"));
    await buildSource(source.url, tables);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await target.release();
    await source.stop();
  });

  it(`every change of the log is applied once, beside rows that chunks read, over ${failpoints.length} kills (seed ${seed})`, async () => {
    const [atSource, atTarget] = await Promise.all([
      openSession(source.url),
      openSession(target.url),
    ]);
    await beginVersions(atSource, audited);
    const name = `load_audit_${kind}`;
    const path = join(folder, "audit.yaml");
    const write = (slot: string): Promise<string> =>
      writePipelineFile({
        path,
        name,
        sourceUrl: source.url,
        tables: String.raw`public.\.*`,
        source: { "slot.name": slot },
        sink: { ...target.sink, "compaction.enabled": false, "batch-size": 50 },
        pipeline: { parallelism: 3 },
      });
    // The empty tables are made at the target, to be watched from their first row on.
    const args = ["run", await write("before"), "--json", "--listen", "off"];
    await runToEnd([...args, "--until-caught-up"]);
    await atSource.query("SELECT pg_drop_replication_slot('before')");
    for (const state of ["state", "lane", "owner"])
      await atTarget.query(`DELETE FROM millrace.${state}`);
    await beginAudit(atTarget, audited);
    for (const { table, rows } of audited) await atSource.query(insertRange(table, 1, rows));
    // Its slot first, then the witness's, then the first change.
    await write("watched");
    const born = await new MillraceProcess(args, "source.prepared=kill").wait();
    expect(born.signal).toBe("SIGKILL");
    await beginWitness(atSource, "witness");

    const numbers = new Numbers();
    const writers = new AbortController();
    const session = (n: number): ReturnType<typeof writeSession> =>
      writeSession({
        url: source.url,
        tables,
        numbers,
        dice: new Dice(seed * 10 + n),
        transactions: 100_000,
        largeRows: 100,
        pauseMs: 60,
        signal: writers.signal,
      });
    const written = Promise.all([session(1), session(2)]);
    written.catch(() => undefined); // looked at once the kills are over
    for (const failpoint of failpoints) {
      const armed = new MillraceProcess(args, failpoint);
      // A hand-over may be over before a commit falls into it: then the process is killed wherever it is by then.
      const mayMiss = failpoint.endsWith(":HANDOVER");
      const ending = await armed
        .wait(mayMiss ? 8_000 : 120_000)
        .catch(() => ({ signal: mayMiss ? "SIGKILL" : null }));
      const said = ending.signal === "SIGKILL" ? "" : armed.tail();
      expect([failpoint, ending.signal, said]).toEqual([failpoint, "SIGKILL", ""]);
    }
    writers.abort();
    await written;
    await runToEnd([...args, "--until-caught-up"]);

    const lines = await witnessedLines(atSource, "witness");
    const log = await source.log();
    for (const one of audited) {
      const witnessed = witnessedVersions(lines, one);
      const reads = chunkReads(log, one);
      expect([one.table.name, witnessed.size > 50, reads.length > 5]).toEqual([
        one.table.name,
        true,
        true,
      ]);
      const applied = await appliedVersions(atTarget, one);
      expect([one.table.name, unexplained(witnessed, applied, reads).slice(0, 5)]).toEqual([
        one.table.name,
        [],
      ]);
    }
    await Promise.all([atSource.end(), atTarget.end()]);
  });
});
