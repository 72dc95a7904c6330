/** SIGHUP to a process without a terminal: the file is read again, and what is wrong with it is said (docs/operations/running.md). */
import { afterAll, beforeAll, expect, it } from "vitest";
import { MillraceProcess } from "./millrace-process.ts";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";

let pipeline: SmallPipeline;
beforeAll(async () => {
  pipeline = await smallPipeline(
    "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1)",
  );
  await pipeline.write({ tables: "public.a" });
});
afterAll(() => pipeline.release());

it("has the file read again and leaves the process running", async () => {
  const run = new MillraceProcess(pipeline.args());
  const says = (text: string) => expect.poll(() => run.tail(), { timeout: 60_000 }).toContain(text);
  try {
    await run.running;
    await pipeline.write({ tables: "public.a", source: { port: 1 } });
    process.kill(run.pid, "SIGHUP");
    await says("MR_RELOAD_REFUSED: source.port differs");
    await pipeline.write({ tables: "public.[ab]" });
    process.kill(run.pid, "SIGHUP");
    await says("public.b is captured from now on");
    await pipeline.expectSoonSame("SELECT id FROM b");
  } finally {
    await run.stop();
  }
});
