import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SharedPostgres } from "../support/postgres.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { buildSource } from "./database.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { Dice } from "./random.ts";
import { sampleTables } from "./schema.ts";
import { openSession, textRows } from "./sql-session.ts";
import { Numbers, writeSession } from "./writer.ts";

const tables = sampleTables.filter(({ name }) => name === "k_int8");

interface Line {
  readonly op: string;
  readonly key: string;
  readonly after?: Readonly<Record<string, string | null>>;
}

describe("lines of changes", () => {
  let source: SharedPostgres;
  let folder: string;
  beforeAll(async () => {
    source = await sharedPostgres();
    folder = await mkdtemp(join(tmpdir(), "millrace-jsonl-"));
    await buildSource(source.url, tables);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await source.release();
  });

  it("add up to the source's rows, also when the process dies between lines and state", async () => {
    const file = await writePipelineFile({
      path: join(folder, "lines.yaml"),
      name: `lines_${source.database}`,
      sourceUrl: source.url,
      tables: "public.k_int8",
      sink: { type: "jsonl", path: join(folder, "lines") },
    });
    const args = ["run", file, "--json", "--listen", "off"];
    const numbers = new Numbers();
    for (const nth of [1, 4]) {
      const run = new MillraceProcess(args, `jsonl.lines-written=kill@${nth}`);
      const written = writeSession({
        url: source.url,
        tables,
        numbers,
        dice: new Dice(nth),
        transactions: 80,
        largeRows: 500,
        pauseMs: 3,
      });
      expect((await run.wait()).signal).toBe("SIGKILL");
      await written;
    }
    await runToEnd([...args, "--until-caught-up"]);
    const session = await openSession(source.url);
    const rows = await textRows(session, "SELECT k, txt, int4, n FROM k_int8");
    await session.end();
    expect(await addUp(join(folder, "lines", "public.k_int8.jsonl"))).toEqual(
      rows.map((row) => JSON.stringify(row)).toSorted(),
    );
  });
});

/** What remains when the lines are applied in their order. */
async function addUp(path: string): Promise<readonly string[]> {
  const rows = new Map<string, string>();
  for (const text of (await readFile(path, "utf8")).split("\n")) {
    if (text === "") continue;
    const { op, key, after } = JSON.parse(text) as Line;
    if (op === "d") rows.delete(key);
    else if (after !== undefined) {
      rows.set(key, JSON.stringify([after["k"], after["txt"], after["int4"], after["n"]]));
    }
  }
  return [...rows.values()].toSorted();
}
