import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../../test/support/postgres.ts";
import { envelope, pipelineFromTopics, send } from "../topics-between.fixture.ts";
import { cli, endLeftovers } from "./cli.fixture.ts";

let kafka: SharedKafka;
let target: SharedPostgres;
const folder = mkdtempSync(join(tmpdir(), "millrace-until-"));
beforeAll(async () => {
  [kafka, target] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
afterEach(endLeftovers);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await Promise.all([kafka.release(), target.release()]);
});

it("a run until all has caught up ends, and says why, where a share of it cannot", async () => {
  const topic = await kafka.createTopic("until", 2);
  const value = (id: number) => envelope("c", { after: { id } }, "until");
  await send(
    kafka,
    topic,
    [0, 1].map((partition) => ({ key: { id: partition }, value: value(partition), partition })),
  );
  const source = {
    topic,
    "scan.startup.mode": "specific-offsets",
    "scan.startup.specific-offsets": "partition:0,offset:7;partition:1,offset:0",
  };
  const file = join(folder, "until.yaml");
  writeFileSync(file, JSON.stringify(pipelineFromTopics(kafka, target, { name: "until", source })));
  const run = await cli(["run", file, "--until-caught-up", "--listen", "off"]);
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(/^MR_SOURCE_REFUSED: .* begins \S+until 0 at offset 7/m);
  expect(run.stdout).not.toContain("caught up");
});
