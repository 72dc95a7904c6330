import { expect, it } from "vitest";
import { runDemo, verdictOf } from "./demo-process.fixture.ts";

it(
  "runs examples/dynamodb-to-dsql.yaml on embedded servers with one command, to equal tables",
  { timeout: 240_000 },
  async () => {
    expect(await verdictOf(["--source", "dynamodb"])).toEqual([
      0,
      [expect.stringContaining("EQUAL") as string],
    ]);
  },
);

it(
  "ends with the reason and without a verdict where a table was paused meanwhile, and tells so in JSON",
  { timeout: 240_000 },
  async () => {
    let url = "";
    const pause = async (): Promise<void> => {
      const at = `${url}/api/v1/pipelines/shop-items/tables/public.orders/pause`;
      await fetch(at, { method: "POST" });
    };
    const { code, lines } = await runDemo(
      ["--source", "dynamodb", "--for", "5", "--listen", "127.0.0.1:0"],
      (line) => {
        url = /Dashboard: (http:\/\/[^ "/]+)/.exec(line)?.[1] ?? url;
        if (line.includes("Every table is in SYNC")) void pause();
      },
    );
    expect([code, lines.at(-1)]).toEqual([1, expect.stringContaining("Nothing was verified: ")]);
    expect(lines.join("\n")).toMatch(/"id":"public.orders","state":"\w+","paused":\{"atMs":\d+\}/);
    expect(lines.filter((line) => /^\s+at /.test(line))).toEqual([]);
  },
);

it(
  "ends as it was asked to where it is told to end before anything runs",
  { timeout: 240_000 },
  async () => {
    const { code, lines } = await runDemo(
      ["--source", "dynamodb", "--listen", "off"],
      (line, end) => {
        if (line.includes("The shop has")) end();
      },
    );
    expect([code, lines.at(-1)]).toEqual([0, expect.stringContaining("The pipeline has stopped")]);
  },
);
