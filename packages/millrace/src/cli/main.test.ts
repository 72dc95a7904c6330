import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GOOD_FILE } from "../config/pipeline-file.fixture.ts";
import { Metrics } from "../observe/metrics.ts";
import { startServer } from "../server/listener.ts";
import type { Server } from "../server/listener.ts";
import { PipelineInTests, tableStatus } from "../server/served-pipeline.fixture.ts";
import { VERSION } from "../version.ts";
import { cli } from "./cli.fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-cli-"));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
afterAll(() => rmSync(folder, { recursive: true }));

/** A port where nothing listens: it was free a moment ago, and is in nobody's hands. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("millrace", () => {
  it("tells its version", async () => {
    expect(await cli(["--version"])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
    expect(await cli(["version"])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
    expect(JSON.parse((await cli(["version", "--json"])).stdout)).toEqual({
      version: VERSION,
      node: process.version,
    });
  });

  it("ends though something still waits", async () => {
    const held = { NODE_OPTIONS: "--import=data:text/javascript,setInterval(()=>{},2e9)" };
    expect(await cli(["--version"], held)).toMatchObject({ code: 0, stdout: `${VERSION}\n` });
  });

  it("explains an error", async () => {
    const { code, stdout } = await cli(["errors", "mr_fenced"]);
    expect([code, stdout.split("\n")[0]]).toEqual([0, "MR_FENCED"]);
    expect(stdout).toContain("  To do: ");
  });

  it("lists all errors as one document", async () => {
    const { stdout } = await cli(["errors", "--json"]);
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: "MR_BUG", class: "bug" })]),
    );
  });

  it("names the nearest error for a code that is not there, and exits with 2", async () => {
    expect(await cli(["errors", "MR_FENCD"])).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "MR_USAGE: there is no error MR_FENCD; did you mean MR_FENCED?\n  Read the detail, then `millrace --help` or the reference.\n",
    });
  });

  it.each([
    ["no file", ["run"], "error: missing required argument 'file'"],
    [
      "an unknown command",
      ["runn", "x.yaml"],
      "error: unknown command 'runn'\n(Did you mean run?)",
    ],
    [
      "an unknown option",
      ["validate", "x.yaml", "--conect"],
      "error: unknown option '--conect'\n(Did you mean --connect?)",
    ],
    [
      "a log level that is none",
      ["run", "x.yaml", "--log-level", "loud"],
      "error: option '--log-level <level>' argument 'loud' is invalid.",
    ],
    [
      "an address that is none",
      ["run", "x.yaml", "--listen", "8083"],
      "MR_USAGE: --listen 8083 is not an address; write ADDR:PORT such as 127.0.0.1:8083, or off",
    ],
    [
      "a URL that is none",
      ["status", "--url", "localhost"],
      "MR_USAGE: --url localhost is not an address; write one such as http://127.0.0.1:8083",
    ],
  ])("exits with 2 for %s", async (_name, args, message) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  it("exits with 2 for failpoints that cannot be read", async () => {
    expect(await cli(["version"], { MILLRACE_FAILPOINTS: "lane" })).toEqual({
      code: 2,
      stdout: "",
      stderr: 'MILLRACE_FAILPOINTS: cannot read "lane"\n',
    });
  });
});

describe("millrace validate", () => {
  it("says that a file is valid, with its notices", async () => {
    const path = file("good.yaml", `${GOOD_FILE}  execution.runtime-mode: STREAMING\n`);
    const { code, stdout } = await cli(["validate", path], { PGPASSWORD: "x" });
    expect(code).toBe(0);
    expect(stdout).toContain("(notice)\n");
    expect(stdout).toMatch(
      /good\.yaml: pipeline shop is valid, \d+ notices?; no server was asked: .*\n$/,
    );
  });

  it("says everything that is wrong in all files, and exits with 2", async () => {
    const bad = file("bad.yaml", GOOD_FILE.replace("type: dsql", "type: dslq"));
    const missing = join(folder, "missing.yaml");
    const { code, stdout } = await cli(["validate", bad, missing], { PGPASSWORD: "x" });
    expect([code, stdout]).toEqual([
      2,
      `${bad}:8:9: sink.type: "dslq" is not a sink that this version has. Did you mean dsql?\n${bad}: 1 problem\n` +
        `${missing}: there is no such file. Give the path of a pipeline file.\n${missing}: 1 problem\n`,
    ]);
  });

  it("answers with one document", async () => {
    const bad = file(
      "bad2.yaml",
      GOOD_FILE.replace("  name: shop\n", "  name: shop\n  parallelism: x\n"),
    );
    const { code, stdout } = await cli(["validate", bad, "--json"], { PGPASSWORD: "x" });
    expect([code, JSON.parse(stdout)]).toEqual([
      2,
      {
        files: [
          {
            file: bad,
            pipeline: null,
            valid: false,
            notices: [],
            problems: [
              {
                place: { file: bad, line: 12, column: 16 },
                path: "pipeline.parallelism",
                wrong: '"x" is not a whole number',
                remedy: "Write a whole number from 1 to 64, e.g. parallelism: 4",
              },
            ],
          },
        ],
      },
    ]);
  });
});

describe("millrace run, before anything is touched", () => {
  it("exits with 2 and all problems of all files", async () => {
    const first = file("first.yaml", GOOD_FILE.replace("hostname:", "hostnme:"));
    const second = file("second.yaml", "source: [");
    const { code, stdout, stderr } = await cli(["run", first, second, "--listen", "off"], {
      PGPASSWORD: "x",
    });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(
      `${first}:3:3: source.hostnme: is not an option that is known. Did you mean hostname?\n`,
    );
    expect(stderr).toContain(`${second}:1:10: is not YAML: `);
  });

  it("refuses two pipelines of one name", async () => {
    const first = file("a.yaml", GOOD_FILE);
    const second = file("b.yaml", GOOD_FILE);
    const { code, stderr } = await cli(["run", first, second, "--listen", "off"], {
      PGPASSWORD: "x",
    });
    expect([code, stderr]).toEqual([
      2,
      `${second}:11:9: pipeline.name: "shop" is the name of ${first} too. Give every pipeline a name of its own.\nMR_CONFIG_INVALID: 1 problem; nothing was touched.\n`,
    ]);
  });

  it("exits with 2 where nothing answers at the source", async () => {
    const port = await closedPort();
    const path = file(
      "closed.yaml",
      GOOD_FILE.replace("hostname: db.internal", `hostname: 127.0.0.1\n  port: ${port}`),
    );
    const { code, stderr } = await cli(["run", path, "--listen", "off"], { PGPASSWORD: "geheim" });
    expect(code).toBe(2);
    expect(stderr).toContain(
      `closed.yaml:4:9: source.port: nothing listens at 127.0.0.1:${port}. Nothing else could be checked. Start the server, or correct hostname and port.\n`,
    );
    expect(stderr).not.toContain("geheim");
  });

  it("exits with 2 where another process listens at its address", async () => {
    const taken = await startServer({
      pipelines: [],
      metrics: new Metrics(),
      version: VERSION,
      listen: { host: "127.0.0.1", port: 0 },
    });
    const { host } = new URL(taken.url);
    const { code, stderr } = await cli(["run", file("listen.yaml", GOOD_FILE), "--listen", host], {
      PGPASSWORD: "x",
    });
    await taken.close();
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(
        `MR_LISTEN: cannot listen at ${host}: another process listens there; perhaps this pipeline runs already (\`millrace status\`)\n`,
      ),
    ]);
  });

  it("tells failures as one JSON object per line where that is asked for", async () => {
    const { code, stdout } = await cli(["run", join(folder, "none.yaml"), "--json"]);
    expect([code, JSON.parse(stdout)]).toMatchObject([
      2,
      { error: { code: "MR_CONFIG_INVALID", problems: [{ wrong: "there is no such file" }] } },
    ]);
  });
});

describe("commands for a running process", () => {
  const shop = new PipelineInTests("shop", {
    tables: [
      tableStatus("orders"),
      tableStatus("items", {
        notices: ["it has no key"],
        state: "INIT_SYNC",
        loadedPercent: 40,
        rowsLoaded: 4000,
      }),
    ],
  });
  let server: Server;
  beforeAll(async () => {
    server = await startServer({
      pipelines: [shop],
      metrics: new Metrics(),
      version: VERSION,
      listen: { host: "127.0.0.1", port: 0 },
    });
  });
  afterAll(() => server.close());

  it("show its status for people", async () => {
    expect(await cli(["status", "--url", server.url])).toEqual({
      code: 0,
      stderr: "",
      stdout: `shop: running
  tables    1 of 2 in SYNC
  lag       120 ms, 4.0 KiB; last progress 20 ms ago
  log kept  1.0 MiB, without a limit
  memory    1.0 KiB of 64.0 KiB
`,
    });
  });

  it("show its status as one document", async () => {
    const { stdout } = await cli(["status", "--url", server.url, "--json"]);
    expect(JSON.parse(stdout)).toEqual({ pipelines: [JSON.parse(JSON.stringify(shop.status()))] });
  });

  it("show its tables", async () => {
    expect((await cli(["tables", "--url", server.url])).stdout)
      .toBe(`TABLE           STATE      LOADED  LOADED ROWS  CHANGES SINCE START  DEAD LETTERS  TARGETS
public.orders   SYNC       100 %   10           3                    0             public.orders
public.items *  INIT_SYNC  40 %    4,000        3                    0             public.items
(* there is something to know about it: millrace tables --verbose)
`);
    const { stdout } = await cli(["tables", "--verbose", "--url", server.url]);
    expect(stdout.split("\n").slice(2)).toEqual([
      "public.items   INIT_SYNC  40 %    4,000        3                    0             public.items",
      "public.items: it has no key",
      "",
    ]);
    expect(stdout).not.toContain("*");
  });

  it.each([
    ["pause", "paused"],
    ["resume", "running"],
    ["restart", "running"],
    ["stop", "stopped"],
  ])("%s it", async (action, state) => {
    expect(await cli([action, "--url", server.url])).toEqual({
      code: 0,
      stdout: `shop is ${state}\n`,
      stderr: "",
    });
    expect(shop.calls.at(-1)).toBe(action);
  });

  it("load a table again", async () => {
    const { code } = await cli(["resync", "public.orders", "--url", server.url]);
    expect([code, shop.calls.at(-1)]).toEqual([0, "resync public.orders"]);
  });

  it("exit with 2 for a table or a pipeline that is not there", async () => {
    const table = await cli(["resync", "public.nope", "--url", server.url]);
    expect([table.code, table.stderr]).toEqual([
      2,
      expect.stringContaining("MR_NOT_FOUND: pipeline shop has no table public.nope\n"),
    ]);
    const pipeline = await cli(["pause", "--pipeline", "nope", "--url", server.url]);
    expect([pipeline.code, pipeline.stderr]).toEqual([
      2,
      expect.stringContaining(
        "MR_NOT_FOUND: there is no pipeline nope in this process; it runs shop\n",
      ),
    ]);
  });

  it("say that nobody answers", async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    const { code, stderr } = await cli(["status", "--url", url]);
    expect([code, stderr]).toEqual([
      2,
      `MR_UNREACHABLE: nothing answers at ${url}\n  Start one with \`millrace run\`, or give its address with --url.\n`,
    ]);
  });
});
