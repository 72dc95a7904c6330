import { expect, it } from "vitest";
import { verdictOf } from "./demo-process.fixture.ts";

it.each(["postgres", "dynamodb"])(
  "runs examples/%s-to-kafka.yaml on embedded servers with one command, to topics with the keys of the tables",
  { timeout: 240_000 },
  async (source) => {
    expect(await verdictOf(["--source", source, "--sink", "kafka"])).toEqual([
      0,
      [expect.stringContaining("EQUAL") as string],
    ]);
  },
);
