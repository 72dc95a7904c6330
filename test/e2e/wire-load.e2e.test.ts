/**
 * Bad networks while tables are loaded under writes, on both sides: chunks go on where they stood, what became of a
 * transaction that was cut is looked up at the sink, and nothing is lost or old (I6, I7).
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ArmedPlan, Fault, FaultLink } from "../support/fault-proxy.ts";
import { Dice } from "./random.ts";
import { targetKinds } from "./targets.ts";
import { startWired } from "./start-wired.ts";
import type { WiredPipeline } from "./wired-pipeline.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 21);
const LOAD_ROWS = isFull ? 20_000 : 4_000;
const ALL_FIRED_MS = 90_000;

const faults: readonly Fault[] = [
  { kind: "cut" },
  { kind: "half-close", direction: "down" },
  { kind: "black-hole" },
  { kind: "black-hole", direction: "down" },
  ...(isFull ? ([{ kind: "stall" }, { kind: "half-close", direction: "up" }] as const) : []),
];

/** Up go rows, down answers: a session of the sink meets so many bytes of each while the load goes on. */
const SINK_BYTES = { up: 60_000, down: 1_500 } as const;
/** Each befalls one session of the sink, at a byte of its own: within a statement, a COMMIT, or the answer to one. */
const cuts: readonly ("up" | "down")[] = isFull
  ? Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? "up" : "down"))
  : ["up", "down", "up"];

describe.each(isFull ? targetKinds : (["postgres"] as const))(
  `a load over a bad network, into %s (seed ${seed})`,
  (kind) => {
    let pipeline: WiredPipeline;
    const armed: ArmedPlan[] = [];
    beforeAll(async () => {
      const dice = new Dice(seed);
      const isSession = (link: FaultLink): boolean => !link.isReplication;
      pipeline = await startWired({
        kind,
        seed,
        loadRows: LOAD_ROWS,
        source: { "scan.snapshot.parallelism": 2 },
        arm: ({ atSource }) => {
          for (const fault of faults)
            armed.push(
              atSource.arm({
                fault,
                for: isSession,
                // Somewhere in a chunk, or in one of those that its session reads later.
                trigger: () => ({
                  at: "query",
                  text: /^COPY/,
                  thenBytes: dice.between(1, 40_000),
                }),
              }),
            );
        },
      });
      pipeline.write();
      // A program that loses its sink before it runs ends, and says so: that is not what is tried here.
      await pipeline.process.running;
      for (const direction of cuts)
        armed.push(
          pipeline.atSink.arm({
            fault: { kind: "cut" },
            trigger: () => ({
              at: "bytes",
              direction,
              count: dice.between(1, SINK_BYTES[direction]),
            }),
          }),
        );
    });
    afterAll(() => pipeline.release());

    it(`ends with everything in SYNC and equal after ${faults.length} sessions that read chunks and ${cuts.length} of the sink were lost`, async () => {
      await Promise.all(armed.map((plan) => plan.wait(ALL_FIRED_MS)));
      // On a busy machine two writers are faster than chunks of a hundred rows.
      await pipeline.rest();
      await pipeline.loaded();
      expect(armed.map(({ fired }) => fired)).toEqual([...faults, ...cuts].map(() => 1));
      expect(await pipeline.differences()).toEqual([]);
    });
  },
);
