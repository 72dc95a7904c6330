import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** The shop on servers of its own, as `npm start` opens it: the file of `examples/` is what is run. */
function openShop(...args: readonly string[]): Promise<{ code: number; lines: string[] }> {
  const small = ["--for", "1", "--rows", "300", "--rate", "100", "--listen", "off", "--json"];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--conditions=source", MAIN, ...args, ...small],
      { timeout: 110_000 },
      (error, stdout, stderr) =>
        resolve({
          code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1,
          lines: [...stdout.trimEnd().split("\n"), ...stderr.trimEnd().split("\n")],
        }),
    );
  });
}

it("runs examples/mysql-to-dsql.yaml on embedded servers with one command, to equal tables", async () => {
  const { code, lines } = await openShop("--source", "mysql");
  expect([code, lines.filter((line) => line.includes('"equal":true'))]).toEqual([
    0,
    [expect.stringContaining("EQUAL") as string],
  ]);
}, 120_000);
