import { expect, it } from "vitest";
import { verdictOf } from "./demo-process.fixture.ts";

it(
  "runs examples/mysql-to-dsql.yaml on embedded servers with one command, to equal tables",
  { timeout: 240_000 },
  async () => {
    expect(await verdictOf(["--source", "mysql"])).toEqual([
      0,
      [expect.stringContaining("EQUAL") as string],
    ]);
  },
);
