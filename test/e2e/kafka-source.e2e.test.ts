/** Topics into tables by several processes: nothing lost, nothing twice, whoever is killed, and whoever wakes up. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../support/kafka.ts";
import { Dice } from "./random.ts";
import { type Blow, liveSourceLife, places } from "./source-topic-life.ts";
import { SourceTopic } from "./source-topic.ts";
import { makeTarget, type Target, type TargetKind } from "./targets.ts";

/** Each life is seconds: one kill of one of two processes in `npm test`; every place, three processes and a frozen one in the long form. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

let kafka: SharedKafka;
let folder: string;
beforeAll(async () => {
  kafka = await sharedKafka();
  folder = await mkdtemp(join(tmpdir(), "millrace-kafka-source-"));
});
afterAll(async () => {
  await kafka.release();
  await rm(folder, { recursive: true });
});

const lives: readonly (readonly [TargetKind, readonly Blow[]])[] = isFull
  ? [
      ["dsql", [...places, "frozen"]],
      ["postgres", [...places, "frozen", "anywhere"]],
    ]
  : [["dsql", ["lane.after-commit"]]];

it.each(lives)(
  "loses nothing on the way to %s and applies nothing twice through %s",
  async (kind, blows) => {
    const target: Target = await makeTarget(kind);
    const topic = await SourceTopic.begin({ kafka, target, folder, name: `killed_${kind}` });
    try {
      const others = isFull ? 2 : 1;
      const outcome = await liveSourceLife({ topic, blows, others, dice: new Dice(3) });
      expect(outcome).toEqual({ found: [], missed: [] });
    } finally {
      await topic.close();
      await target.release();
    }
  },
  900_000,
);
