/** Everything that a run says (logs, reports, metrics, every answer over HTTP) while something goes wrong, and marks that must not be in it. */
import { expect } from "vitest";
import { findFreePort } from "../support/free-port.ts";
import { MillraceProcess } from "./millrace-process.ts";

/** What values hold that must not be seen, however it is spelled. */
export const MARK = "GEHEIM";
export const NUMBER = "918273645";
export const UUID = "dead4711-feed-4711-beef-face4711cafe";
export const DATE = "4711-11-11";
const VALUES = [
  MARK,
  NUMBER,
  UUID,
  DATE,
  Buffer.from(MARK).toString("hex"),
  Buffer.from(MARK).toString("base64"),
];

/** How the log is written. */
export type SaidFormat = "json" | "pretty";

/** What is run, and how it speaks. */
export interface Speaker {
  /** Of `millrace run`, with `--json` and without a listener. */
  readonly args: readonly string[];
  /** The pipeline's name. */
  readonly pipeline: string;
  readonly format: SaidFormat;
}

/** All that it says while `work` goes on; `work` is not begun where it ends by itself. It may have all dead letters replayed. */
export async function saidWhile(
  { args, pipeline, format }: Speaker,
  work: (run: MillraceProcess, replayAll: () => Promise<void>) => Promise<void>,
): Promise<string> {
  const port = await findFreePort();
  const unwanted = format === "pretty" ? ["off", "--listen", "--json"] : ["off", "--listen"];
  const words = args.filter((word) => !unwanted.includes(word));
  const loud = ["--log-level", "debug", "--log-format", format, "--listen", `127.0.0.1:${port}`];
  const run = new MillraceProcess([...words, ...loud]);
  const said: string[] = [];
  const streams: Promise<string>[] = [];
  try {
    if (format === "json") await run.running;
    else
      await expect
        .poll(() => answer(port, "health/ready"), { timeout: 60_000 })
        .toContain('"ready":true');
    if (run.isRunning) {
      streams.push(...["api/v1/events", "dashboard/live"].map((path) => followed(port, path)));
      await work(run, async () => void said.push(...(await replayed(port, pipeline))));
    }
    if (run.isRunning) said.push(...(await answers(run, port, pipeline)));
  } catch (error) {
    throw new Error(run.tail(), { cause: error });
  } finally {
    await run.stop();
  }
  return [...run.output, ...said, ...(await Promise.all(streams))].join("\n");
}

/** What every path answers; a listener that does not answer has said nothing that could be searched, nor has one that has ended meanwhile. */
async function answers(run: MillraceProcess, port: number, pipeline: string): Promise<string[]> {
  const ours = ["", "/tables", "/dead-letters"].map(
    (path) => `api/v1/pipelines/${pipeline}${path}`,
  );
  const paths = ["", "metrics", "health/ready", "api/v1/pipelines", "api/v1/openapi.json", ...ours];
  let said: string[] = [];
  // Between two of its runs a pipeline answers that it is not running.
  const odd = async () => {
    said = await Promise.all(paths.map((path) => answer(port, path)));
    return said.filter((text) => run.isRunning && !/^\S* (?:200|503) /.test(text));
  };
  await expect.poll(odd, { timeout: 60_000 }).toEqual([]);
  return said;
}

/** What it answers to a replay of each dead letter. */
async function replayed(port: number, pipeline: string): Promise<string[]> {
  const path = `api/v1/pipelines/${pipeline}/dead-letters`;
  const listed = await answer(port, path);
  const ids = new Set([...listed.matchAll(/"id":"(\w+)"/g)].map(([, id]) => id));
  expect(ids.size).toBeGreaterThan(0);
  return Promise.all([...ids].map((id) => answer(port, `${path}/${id}/replay`, "POST")));
}

/** Everything of a stream, until the process ends it. */
async function followed(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/${path}`);
  let text = `${path} ${response.status} `;
  try {
    for await (const part of response.body ?? []) text += Buffer.from(part).toString();
  } catch {
    // a process that was ended cuts it off
  }
  return text;
}

async function answer(port: number, path: string, method = "GET"): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
      method,
      signal: AbortSignal.timeout(10_000),
    });
    return `${path} ${response.status} ${await response.text()}`;
  } catch {
    return `${path} did not answer`;
  }
}

/** None of the marks stands in it. */
export function expectNoValues(what: string, text: string): void {
  for (const value of VALUES)
    expect([what, value, textAround(text, value)]).toEqual([what, value, null]);
}

/** The place where it stands, for the one who has to mend it. */
export function textAround(text: string, value: string): string | null {
  const at = text.toLowerCase().indexOf(value.toLowerCase());
  return at === -1 ? null : text.slice(Math.max(0, at - 300), at + 100);
}
