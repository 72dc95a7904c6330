import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadPipeline, type Pipeline } from "millrace";
import { runDemo } from "./demo-process.fixture.ts";
import { postgresInTopics } from "./postgres-topics.ts";

it(
  "ends with the reason, and who it was, where another process takes its pipeline over",
  { timeout: 240_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-taken-"));
    const file = join(folder, "same.yaml");
    let servers: { readonly from: string; readonly to: string } | null = null;
    let other: Pipeline | null = null;
    const takeOver = async (): Promise<void> => {
      if (servers === null) throw new Error("no servers were named");
      await writeFile(file, await postgresInTopics(servers.from).example(servers.to));
      other = await loadPipeline(file);
      await other.start();
    };
    const { code, lines } = await runDemo(["--sink", "kafka", "--listen", "off"], (line) => {
      const told = JSON.parse(line.startsWith("{") ? line : "{}") as {
        from?: string;
        to?: string;
        message?: string;
      };
      if (told.from !== undefined && told.to !== undefined) {
        servers = { from: told.from, to: told.to };
        // Both are copied by whoever looks into them.
        expect(told.message).not.toMatch(/\.$/);
      }
      if (line.includes("Every table is in SYNC")) void takeOver();
    });
    const taken: Pipeline | null = other;
    await (taken as Pipeline | null)?.stop().catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
    expect([code, lines.at(-1)]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(`MR_FENCED: another process took over .*: process ${process.pid} on `),
      ) as string,
    ]);
    expect(lines.join("\n")).toContain("--create --topic");
  },
);
