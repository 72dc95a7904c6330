import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../support/postgres.ts";
import { sharedPostgres } from "../support/postgres.ts";
import {
  appliedHistory,
  beginAudit,
  beginWitness,
  compareHistories,
  witnessedHistories,
} from "./audit.ts";
import { buildSource } from "./database.ts";
import { makeAuditedTarget, type AuditedTarget } from "./audited-target.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { sampleTables } from "./schema.ts";
import { openSession } from "./sql-session.ts";
import { targetKinds } from "./targets.ts";
import { Numbers, writeSession } from "./writer.ts";

const audited = [
  { name: "k_int8", column: "k" },
  { name: "k_skewed", column: "id" },
  { name: "s_toast", column: "id" },
  { name: "s_keyless", column: "n" },
].map(({ name, column }) => {
  const table = sampleTables.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`No table ${name}`);
  return { table, column };
});
const tables = audited.map(({ table }) => table);

/** Around everything that makes changes durable, and around what tells the source that it may forget them. */
const failpoints = [
  "lane.before-commit=kill@3",
  "sink.before-commit=kill@20",
  "lane.after-commit=kill@15",
  "sink.after-commit=kill@30",
  "reader.batch-entered=kill@8",
  "frontier.written=kill@1",
  "frontier.acknowledged=kill@1",
  "lane.after-commit=kill@40",
];

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 11);

describe.each(targetKinds)("with compaction off, into %s", (kind) => {
  let source: SharedPostgres;
  let target: AuditedTarget;
  let folder: string;

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), makeAuditedTarget(kind)]);
    folder = await mkdtemp(join(tmpdir(), "millrace-audit-"));
    await buildSource(source.url, tables);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await target.release();
    await source.release();
  });

  it(`no change of SYNC is applied twice or left out, over ${failpoints.length} kills (seed ${seed})`, async () => {
    const file = await writePipelineFile({
      path: join(folder, "audit.yaml"),
      name: `audit_${source.database}`,
      sourceUrl: source.url,
      tables: String.raw`public.\.*`,
      sink: { ...target.sink, "compaction.enabled": false, "batch-size": 50 },
      pipeline: { parallelism: 3 },
    });
    const args = ["run", file, "--json", "--listen", "off"];
    await runToEnd([...args, "--until-caught-up"]);
    const [atSource, atTarget] = await Promise.all([
      openSession(source.url),
      openSession(target.url),
    ]);
    await beginAudit(atTarget, audited);
    const slot = `witness_${source.database}`;
    await beginWitness(atSource, slot);
    const numbers = new Numbers();
    const write = (round: number, session: number): ReturnType<typeof writeSession> =>
      writeSession({
        url: source.url,
        tables,
        numbers,
        dice: new Dice(seed + round * 10 + session),
        transactions: 60,
        largeRows: 3000,
        pauseMs: 3,
      });
    for (const [round, failpoint] of failpoints.entries()) {
      const armed = new MillraceProcess(args, failpoint);
      await Promise.all([write(round, 1), write(round, 2)]);
      const ending = await armed.wait(60_000).catch(() => ({ code: null, signal: null }));
      expect([failpoint, ending.signal]).toEqual([failpoint, "SIGKILL"]);
    }
    await runToEnd([...args, "--until-caught-up"]);
    const witnessed = await witnessedHistories(atSource, slot, audited);
    for (const one of audited) {
      const seen = witnessed.get(one.table.name) ?? new Map<string, string>();
      const applied = await appliedHistory(atTarget, one);
      expect([one.table.name, seen.size > 100]).toEqual([one.table.name, true]);
      expect([one.table.name, compareHistories(seen, applied).slice(0, 10)]).toEqual([
        one.table.name,
        [],
      ]);
    }
    await Promise.all([atSource.end(), atTarget.end()]);
  });
});
