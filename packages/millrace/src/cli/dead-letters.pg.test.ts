import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../../../test/support/free-port.ts";
import { lettersBetween, settlePause, type LettersBetween } from "../letters-between.fixture.ts";
import { pipelineFileOf } from "../pipeline-between.fixture.ts";
import { cli, endLeftovers, startCli, type RunningCli } from "./cli.fixture.ts";

let between: LettersBetween;
let file: string;
let url: string;

beforeAll(async () => {
  between = await lettersBetween("postgres");
  file = pipelineFileOf(between.pipeline);
});
afterEach(async () => {
  endLeftovers();
  await between.source.query("TRUNCATE orders");
});
afterAll(() => between.release());

/** The pipeline in a process of its own, caught up. */
async function started(failpoints = ""): Promise<RunningCli> {
  const port = await findFreePort();
  url = `http://127.0.0.1:${port}`;
  const run = startCli(
    ["run", file, "--listen", `127.0.0.1:${port}`, "--json", "--log-level", "info"],
    failpoints === "" ? {} : { MILLRACE_FAILPOINTS: failpoints },
  );
  for (;;) {
    const ready = await fetch(`${url}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return run;
    if (run.child.exitCode !== null) throw new Error(JSON.stringify(await run.result));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const api = (path: string) =>
  `${url}/api/v1/pipelines/${String(between.pipeline.pipeline["name"])}${path}`;
const post = (path: string) => fetch(api(path), { method: "POST" }).then((answer) => answer.json());

interface Parked {
  readonly id: string;
  readonly keyColumns: { readonly id: string };
}

/** Until the process has dead letters of exactly these rows. */
async function parked(...rows: readonly string[]): Promise<readonly Parked[]> {
  for (;;) {
    const answer = await fetch(api("/dead-letters"));
    const { deadLetters = [] } = (await answer.json()) as { deadLetters?: Parked[] };
    const ids = deadLetters.map(({ keyColumns }) => keyColumns.id).sort();
    if (ids.join() === rows.join()) return deadLetters;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ended = async (run: RunningCli) => {
  run.child.kill("SIGTERM");
  return run.result;
};
const orders = () => between.at("SELECT id, total FROM orders ORDER BY orders.id");

describe("millrace dead-letters", { timeout: 120_000 }, () => {
  it("lists, shows, replays and discards in a running process, and lists without one", async () => {
    await between.source.query(
      "INSERT INTO orders VALUES (1, 5000, 'a secret'), (2, 6000, 'a secret'), (3, 3, 'x')",
    );
    const run = await started();
    await parked("1", "2");
    const list = await cli(["dead-letters", "list", "--url", url]);
    expect(list.stdout).toMatch(/^ID +TABLE +KEY +CODE +COLUMN +POSITION +TRIES +SINCE +REASON\n/);
    expect(list.stdout).toMatch(/\n\w{12} +public\.orders +id=1 +MR_SINK_ROW_REFUSED .* load +1 /);
    expect(list.stdout).not.toContain("secret");
    const [first] = await parked("1", "2");
    const show = await cli(["dead-letters", "show", first?.id ?? "", "--url", url]);
    expect(show.stdout).toContain("refused   1 times\n");

    const refused = await cli(["dead-letters", "replay", "--all", "--url", url]);
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/^(\w{12} of public\.orders: refused again: .*\n){2}$/),
    ]);
    await between.source.query("UPDATE orders SET total = 9, note = 'short' WHERE id = 1");
    const [left] = await parked("2");
    const discard = await cli([
      "dead-letters",
      "discard",
      left?.id.slice(0, 12) ?? "",
      "--url",
      url,
    ]);
    expect([discard.code, discard.stdout]).toEqual([
      0,
      expect.stringContaining("discarded; the row differs until it changes as a whole"),
    ]);
    expect(await orders()).toEqual([
      { id: "1", total: "9" },
      { id: "3", total: "3" },
    ]);
    await between.source.query("INSERT INTO orders VALUES (4, 7000, 'n')");
    await parked("4");
    const status = await cli(["status", "--url", url]);
    expect(status.stdout).toContain("dead letters of public.orders 1");
    const { stdout, stderr } = await ended(run);
    expect(stdout).toContain('"key":["id"]');
    expect(`${stdout}${stderr}`).not.toContain("secret");

    const offline = await cli(["dead-letters", "list", file, "--json"]);
    expect(JSON.parse(offline.stdout)).toMatchObject({
      deadLetters: [{ keyColumns: { id: "4" }, op: "c", code: "MR_SINK_ROW_REFUSED" }],
    });
    const unreachable = await cli(["dead-letters", "list", "--url", url]);
    expect(unreachable).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("name the pipeline's file"),
    });
  });

  it.each([
    ["nothing", ["replay"]],
    ["two ways at once", ["discard", "--all", "--table", "public.orders"]],
  ])("wants to be told which: %s", async (_name, args) => {
    const { code, stderr } = await cli(["dead-letters", ...args, "--url", "http://127.0.0.1:1"]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/say which dead letters[^]*`millrace dead-letters list` shows the ids/),
    ]);
  });

  it.each(["replay.rows-read", "replay.rows-sent", "letter.discarded"])(
    "loses nothing when the process is killed at %s",
    async (where) => {
      const settle = where.startsWith("letter") ? "discard" : "replay";
      await between.source.query("INSERT INTO orders VALUES (7, 5000, 'a'), (8, 8, 'b')");
      const run = await started(`${where}=kill`);
      const [letter] = await parked("7");
      await post("/pause");
      await settlePause(between);
      await between.source.query("UPDATE orders SET total = 70 WHERE id = 7");
      await post(`/dead-letters/${letter?.id}/${settle}`).catch(() => undefined);
      await run.result;
      expect(run.child.signalCode).toBe("SIGKILL");
      const again = await started();
      await post("/dead-letters/replay?all=true");
      await parked();
      expect(await orders()).toEqual([
        { id: "7", total: "70" },
        { id: "8", total: "8" },
      ]);
      await ended(again);
    },
  );
});
