/**
 * Networks between the pipeline and its servers: after each fault it goes on by itself within a bound, and source and
 * target are equal. MILLRACE_E2E_FULL=1 tries every fault on every kind of sink, several times over.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fault, FaultLink, FaultProxy, Plan } from "../support/fault-proxy.ts";
import { targetKinds } from "./targets.ts";
import { startWired } from "./start-wired.ts";
import type { WiredPipeline } from "./wired-pipeline.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? 5);

/** What is found at once, and what is found by a bound (2 s in these files) and then mended. */
const CUT_MS = 8_000;
const HUNG_MS = 20_000;

const isLog = (link: FaultLink): boolean => link.isReplication;
const isSession = (link: FaultLink): boolean => !link.isReplication;

/** A fault by its name, what it befalls, and until when the pipeline must have gone on. */
interface Case {
  readonly name: string;
  readonly boundMs: number;
  /** Makes it happen; resolves once it has. */
  readonly befall: (pipeline: WiredPipeline) => Promise<void>;
}

/** Befalls what is there now. */
function struck(
  name: string,
  fault: Fault,
  boundMs: number,
  of: (pipeline: WiredPipeline) => [FaultProxy, (link: FaultLink) => boolean],
): Case {
  return {
    name,
    boundMs,
    befall: (pipeline) => {
      const [proxy, isMeant] = of(pipeline);
      expect(proxy.strike(fault, isMeant)).toBeGreaterThan(0);
      return Promise.resolve();
    },
  };
}

/** Waits for its trigger. */
function armed(
  name: string,
  boundMs: number,
  plan: (pipeline: WiredPipeline) => [FaultProxy, Plan],
): Case {
  return {
    name,
    boundMs,
    befall: async (pipeline) => {
      const [proxy, what] = plan(pipeline);
      await proxy.arm(what).wait();
    },
  };
}

const both: readonly Fault[] = [
  { kind: "cut" },
  { kind: "half-close", direction: "up" },
  { kind: "half-close", direction: "down" },
  { kind: "black-hole" },
  { kind: "black-hole", direction: "up" },
  { kind: "black-hole", direction: "down" },
  { kind: "stall" },
  { kind: "delay", ms: 40 },
  { kind: "throttle", bytesPerSecond: 50_000 },
];

const nameOf = (fault: Fault): string =>
  Object.values(fault)
    .map((part) => String(part))
    .join(" ");
const boundOf = ({ kind }: Fault): number =>
  kind === "black-hole" || kind === "stall" ? HUNG_MS : CUT_MS;

function onEach(
  what: string,
  faults: readonly Fault[],
  of: (pipeline: WiredPipeline) => [FaultProxy, (link: FaultLink) => boolean],
): readonly Case[] {
  return faults.map((fault) => struck(`${what}: ${nameOf(fault)}`, fault, boundOf(fault), of));
}

/** A cut at a byte that the seed chooses. */
function cutAt(
  what: string,
  direction: "up" | "down",
  of: (pipeline: WiredPipeline) => [FaultProxy, (link: FaultLink) => boolean],
): Case {
  return armed(`${what}: cut at a random byte ${direction}`, CUT_MS, (pipeline) => {
    const [proxy, isMeant] = of(pipeline);
    const count = (): number => pipeline.dice.between(1, direction === "up" ? 300 : 2_000);
    const trigger = () => ({ at: "bytes", direction, count: count() }) as const;
    return [proxy, { fault: { kind: "cut" }, trigger, for: isMeant }];
  });
}

const cutsAt = (what: string, of: Parameters<typeof cutAt>[2]): readonly Case[] =>
  (["down", "up"] as const).map((direction) => cutAt(what, direction, of));

/** New connections are not answered for a while, after those that were there have been cut. */
function greeted(what: "source" | "sink", greeting: "silent" | "refused"): Case {
  return {
    name: `${what}: connections are cut, and new ones ${greeting}`,
    boundMs: HUNG_MS,
    befall: async (pipeline) => {
      const proxy = what === "source" ? pipeline.atSource : pipeline.atSink;
      proxy.greeting = greeting;
      proxy.strike({ kind: "cut" });
      const before = proxy.accepted;
      await expect.poll(() => proxy.accepted > before, { timeout: 60_000 }).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 500));
      proxy.greeting = "open";
    },
  };
}

const sourceCases: readonly Case[] = [
  ...onEach("log", both, (pipeline) => [pipeline.atSource, isLog]),
  ...onEach("control", both, (pipeline) => [pipeline.atSource, isSession]),
  ...onEach("everything", [{ kind: "cut" }, { kind: "black-hole" }], (pipeline) => [
    pipeline.atSource,
    () => true,
  ]),
  ...cutsAt("log", (pipeline) => [pipeline.atSource, isLog]),
  // Looks at the catalogue, and questions about what the slot keeps.
  ...cutsAt("control", (pipeline) => [pipeline.atSource, isSession]),
  greeted("source", "silent"),
  greeted("source", "refused"),
];

const lost: readonly Extract<Fault, { kind: "lose-commit" }>[] = [
  { kind: "lose-commit", landsAfterMs: 0, client: "cut" },
  { kind: "lose-commit", landsAfterMs: null, client: "cut" },
  { kind: "lose-commit", landsAfterMs: 700, client: "cut" },
  { kind: "lose-commit", landsAfterMs: 0, client: "silent" },
  { kind: "lose-commit", landsAfterMs: 2_500, client: "silent" },
];

const sinkCases: readonly Case[] = [
  ...onEach("pool", both, (pipeline) => [pipeline.atSink, () => true]),
  ...cutsAt("pool", (pipeline) => [pipeline.atSink, () => true]),
  ...lost.map((fault) =>
    armed(
      `COMMIT: client ${fault.client}, lands ${fault.landsAfterMs === null ? "never" : `after ${fault.landsAfterMs} ms`}`,
      HUNG_MS,
      ({ atSink }) => [atSink, { fault, trigger: { at: "commit" } }],
    ),
  ),
  greeted("sink", "silent"),
  greeted("sink", "refused"),
];

/** Faults in one life of the process: so few that its pauses between attempts stay short. */
const PER_LIFE = 4;

function describeFaults(title: string, kind: "postgres" | "dsql", cases: readonly Case[]): void {
  describe(`${title}, into ${kind} (seed ${seed})`, () => {
    let pipeline: WiredPipeline;
    let befallen = 0;
    beforeAll(async () => {
      pipeline = await startWired({ kind, seed });
      await pipeline.loaded();
    });
    afterAll(() => pipeline.release());

    it.each(cases)("goes on equal after $name", async ({ befall, boundMs }) => {
      if (befallen > 0 && befallen % PER_LIFE === 0) {
        await pipeline.restart();
        await pipeline.arrived(20_000);
      }
      befallen += 1;
      pipeline.write();
      await befall(pipeline);
      await pipeline.arrived(boundMs);
      expect(await pipeline.differences()).toEqual([]);
    });
  });
}

/** What every test run tries; the rest by MILLRACE_E2E_FULL=1. */
const usual = {
  source: [
    "log: black-hole",
    "control: black-hole",
    "log: cut at a random byte down",
    "control: cut at a random byte down",
  ],
  postgres: [
    "pool: black-hole",
    "pool: cut at a random byte up",
    "COMMIT: client cut, lands after 700 ms",
  ],
  dsql: [
    "pool: stall",
    "pool: cut at a random byte down",
    "COMMIT: client silent, lands after 0 ms",
  ],
};

/** A name that is nowhere would try nothing. */
function among(cases: readonly Case[], names: readonly string[]): readonly Case[] {
  const found = cases.filter(({ name }) => names.includes(name));
  if (found.length !== names.length) throw new Error(`Not all of ${names.join("; ")} are there.`);
  return isFull ? cases : found;
}

for (const kind of targetKinds) {
  if (isFull || kind === "postgres") {
    describeFaults("a source behind a bad network", kind, among(sourceCases, usual.source));
  }
  describeFaults("a sink behind a bad network", kind, among(sinkCases, usual[kind]));
}
