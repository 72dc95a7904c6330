import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const SMALL = ["--for", "1", "--rows", "100", "--rate", "50", "--listen", "off", "--json"];

it("runs examples/postgres-to-kafka.yaml on embedded servers with one command, to topics with the keys of the tables", async () => {
  const { promise, resolve } = Promise.withResolvers<{
    readonly code: number;
    readonly out: string;
  }>();
  execFile(
    process.execPath,
    ["--conditions=source", MAIN, "--sink", "kafka", ...SMALL],
    { timeout: 230_000 },
    (error, stdout, stderr) =>
      resolve({
        code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1,
        out: stdout + stderr,
      }),
  );
  const { code, out } = await promise;
  const equal = out.split("\n").filter((line) => line.includes('"equal":true,"rows"'));
  expect([code, equal]).toEqual([0, [expect.stringContaining("EQUAL") as string]]);
}, 240_000);
