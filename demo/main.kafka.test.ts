import { exec } from "node:child_process";
import { expect, it } from "vitest";
import { runDemo, verdictOf } from "./demo-process.fixture.ts";

it.each(["postgres", "mysql", "dynamodb"])(
  "runs examples/%s-to-kafka.yaml on embedded servers with one command, to topics with the keys of the tables",
  { timeout: 240_000 },
  async (source) => {
    expect(await verdictOf(["--source", source, "--sink", "kafka"])).toEqual([
      0,
      [expect.stringContaining("EQUAL") as string],
    ]);
  },
);

it("says how to look into a topic, by a command that shows it", { timeout: 240_000 }, async () => {
  const shown = Promise.withResolvers<string>();
  await runDemo(["--sink", "kafka", "--listen", "off"], (line, end) => {
    const { look } = JSON.parse(line) as { readonly look?: string };
    if (look === undefined) return;
    exec(`${look} --max-messages 5`, (_, stdout) => {
      shown.resolve(stdout);
      end();
    });
  });
  const messages = (await shown.promise).trim().split("\n");
  expect(messages).toHaveLength(5);
  // A deleted order has a message without value.
  for (const message of messages.filter((each) => each !== "null"))
    expect(JSON.parse(message)).toMatchObject({ source: { table: "orders" } });
});
