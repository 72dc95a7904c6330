/** `npm run kills`: kills at failpoints in their phases, as many as asked for; says what was found. */
import setUpServers from "../support/broker.ts";
import { runKillLife } from "./kill-life.ts";
import { readKillPlan, replayOf, type KillPlan } from "./kill-plan.ts";
import { killPhases, livesOf, nameOfKill, undeclared, type Kill } from "./kill-reach.ts";
import type { SourceKind } from "./sources.ts";
import { makeTarget, type Target } from "./targets.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A life that is to be lived. */
interface Planned {
  readonly from: SourceKind;
  readonly target: Target;
  readonly kills: readonly Kill[];
  readonly seed: number;
}

/** What came of all of them. */
class Tally {
  readonly killed = new Map<Target, Kill[]>();
  readonly found = new Map<Target, string[]>();
  readonly #beganMs = performance.now();
  readonly #lives: number;
  #lived = 0;

  constructor(targets: readonly Target[], lives: number) {
    this.#lives = lives;
    for (const target of targets) {
      this.killed.set(target, []);
      this.found.set(target, []);
    }
  }

  /** A life has ended. */
  add({ from, target, kills, seed }: Planned, wrong: readonly string[], tookMs: number): void {
    this.#lived += 1;
    this.found.get(target)?.push(...wrong);
    const all = [...this.killed.values()].reduce((sum, some) => sum + some.length, 0);
    const minutes = ((performance.now() - this.#beganMs) / 60_000).toFixed(1);
    say(
      `${target.kind} life ${this.#lived}/${this.#lives} (seed ${seed}): ${Math.round(tookMs / 1000)} s; ${all} kills in ${minutes} min`,
    );
    for (const text of wrong) say(`  ${text}`);
    if (wrong.length > 0)
      say(`  again: npm run kills -- ${replayOf({ from, into: target.kind }, kills, seed)}`);
  }

  /** One line a sink. */
  summary(): string {
    const lines = [...this.killed].map(([target, killed]) => {
      const counts = killPhases.map(
        (phase) => `${phase} ${killed.filter((kill) => kill.phase === phase).length}`,
      );
      const places = new Set(killed.map(({ failpoint, phase }) => `${failpoint} ${phase}`)).size;
      return `${target.kind}: ${killed.length} kills at ${places} places (${counts.join(", ")}), ${this.found.get(target)?.length ?? 0} findings`;
    });
    return lines.join("\n");
  }
}

/** Lives one life, and says what was wrong with it. */
async function live(life: Planned, tally: Tally): Promise<void> {
  const began = performance.now();
  const onKill = (kill: Kill): void => {
    tally.killed.get(life.target)?.push(kill);
    say(`  ${life.target.kind} ${life.seed}  ${nameOfKill(kill)}`);
  };
  const outcome = await runKillLife({ ...life, onKill }).catch((error: unknown) => ({
    missed: [],
    different: [String(error)],
    reached: [],
  }));
  const wrong = [
    ...outcome.missed.map((text) => `missed: ${text}`),
    ...outcome.different.map((table) => `not equal: ${JSON.stringify(table)}`),
    ...undeclared(outcome.reached).map((place) => `reached where it should not be: ${place}`),
  ];
  tally.add(life, wrong, performance.now() - began);
}

function planned(plan: KillPlan, targets: readonly Target[]): readonly Planned[] {
  const { from } = plan;
  if (plan.isOneLife)
    return targets.map((target) => ({ from, target, kills: plan.kills, seed: plan.seed }));
  return livesOf(plan.kills, plan.killsPerLife).flatMap((kills, life) =>
    targets.map((target) => ({ from, target, kills, seed: plan.seed * 1000 + life })),
  );
}

async function main(): Promise<number> {
  const plan = readKillPlan(process.argv.slice(2));
  const stopServers = await setUpServers();
  const targets: Target[] = [];
  try {
    for (const sink of plan.sinks) targets.push(await makeTarget(sink));
    const lives = planned(plan, targets);
    const tally = new Tally(targets, lives.length);
    const waiting = lives.values();
    await Promise.all(
      Array.from({ length: plan.atOnce }, async () => {
        for (const life of waiting) await live(life, tally);
      }),
    );
    say(tally.summary());
    return [...tally.found.values()].flat().length === 0 ? 0 : 1;
  } finally {
    for (const target of targets) await target.release();
    await stopServers();
  }
}

// By way of an exit, so that processes that were started go too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
