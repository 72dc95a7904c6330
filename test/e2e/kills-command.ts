/** `npm run kills`: kills at failpoints in their phases, as many as asked for; says what was found. */
import setUpServers from "../support/broker.ts";
import { chainSinks, killChains } from "./chain-kills.ts";
import { type KillLifeOutcome, runKillLife } from "./kill-life.ts";
import { readKillPlan, replayOf, type KillPlan } from "./kill-plan.ts";
import { killPhases, livesOf, nameOfKill, undeclared, type Kill } from "./kill-reach.ts";
import { asksFor } from "./drawn-lives.ts";
import { killItems } from "./item-kills.ts";
import type { SourceKind } from "./sources.ts";
import { killSourceTopics } from "./source-topic-kills.ts";
import { makeTarget, type Target } from "./targets.ts";
import { killTopics } from "./topic-kills.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A life that is to be lived. */
interface Planned {
  readonly from: SourceKind;
  readonly target: Target;
  readonly kills: readonly Kill[];
  readonly seed: number;
}

/** What was wrong with a life. */
interface Wrong {
  /** Rows differ, they could not be compared, or a place was reached where it cannot be. */
  readonly found: readonly string[];
  /** Kills that did not happen: not the pipeline's fault, and nothing that was compared is wrong with them. */
  readonly missed: readonly string[];
}

const ABOUT_MISSED =
  "missed: the place was not reached in that phase while it was waited for, twice; all other kills of that life happened and were compared. " +
  "On a busy machine the phase may be over before, each time: play that life again alone (--at-once 1). A place that is missed on an idle machine " +
  "cannot be reached there any more: mend the workload, or test/e2e/kill-reach.ts.";

/** What came of all of them. */
class Tally {
  readonly killed = new Map<Target, Kill[]>();
  readonly found = new Map<Target, string[]>();
  readonly missed = new Map<Target, string[]>();
  readonly #beganMs = performance.now();
  readonly #lives: number;
  #lived = 0;

  constructor(targets: readonly Target[], lives: number) {
    this.#lives = lives;
    for (const target of targets) {
      this.killed.set(target, []);
      this.found.set(target, []);
      this.missed.set(target, []);
    }
  }

  /** A life has ended. */
  add({ from, target, kills, seed }: Planned, { found, missed }: Wrong, tookMs: number): void {
    this.#lived += 1;
    this.found.get(target)?.push(...found);
    this.missed.get(target)?.push(...missed);
    const wrong = [...missed, ...found];
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
      return `${target.kind}: ${killed.length} kills at ${places} places (${counts.join(", ")}), ${this.found.get(target)?.length ?? 0} findings, ${this.missed.get(target)?.length ?? 0} missed`;
    });
    return [...lines, ...(this.#hasMissed ? [ABOUT_MISSED] : [])].join("\n");
  }

  get #hasMissed(): boolean {
    return [...this.missed.values()].some((missed) => missed.length > 0);
  }

  /** Everything that was asked for happened, and was equal. */
  get isWhole(): boolean {
    return !this.#hasMissed && [...this.found.values()].every((found) => found.length === 0);
  }
}

/** Lives one life, and says what was wrong with it. */
async function live(life: Planned, tally: Tally): Promise<void> {
  const began = performance.now();
  const onKill = (kill: Kill): void => {
    tally.killed.get(life.target)?.push(kill);
    say(`  ${life.target.kind} ${life.seed}  ${nameOfKill(kill)}`);
  };
  const wrong = await runKillLife({ ...life, onKill }).then(wrongWith, (error: unknown) => ({
    missed: [],
    found: [`not compared, its last runs did not end well: ${String(error)}`],
  }));
  tally.add(life, wrong, performance.now() - began);
}

function wrongWith({ missed, different, reached }: KillLifeOutcome): Wrong {
  return {
    missed: missed.map((text) => `missed: ${text}`),
    found: [
      ...different.map((table) => `not equal: ${JSON.stringify(table)}`),
      ...undeclared(reached).map((place) => `reached where it should not be: ${place}`),
    ],
  };
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
  const args = process.argv.slice(2);
  if (asksFor(args, "source", "dynamodb")) return killItems(args, say);
  if (chainSinks.some((sink) => asksFor(args, "sink", sink))) return killChains(args, say);
  if (asksFor(args, "sink", "kafka")) return killTopics(args, say);
  if (asksFor(args, "source", "kafka")) return killSourceTopics(args, say);
  const plan = readKillPlan(args);
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
    return tally.isWhole ? 0 : 1;
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
