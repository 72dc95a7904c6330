/** `npm run kills`: kills at failpoints in their phases, as many as asked for; says what was found. */
import setUpServers from "../support/broker.ts";
import { runKillLife } from "./kill-life.ts";
import { readKillPlan, type KillPlan } from "./kill-plan.ts";
import { killPhases, livesOf, type Kill } from "./kill-reach.ts";
import { makeTarget, type Target } from "./targets.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const nameOf = ({ failpoint, phase, nth }: Kill): string => `${failpoint}@${nth ?? 1}:${phase}`;

/** All lives on one sink. Gives the kills that happened, and what was found. */
async function onSink(
  target: Target,
  plan: KillPlan,
): Promise<{ killed: readonly Kill[]; found: readonly string[] }> {
  const killed: Kill[] = [];
  const found: string[] = [];
  const lives = livesOf(plan.kills, plan.killsPerLife);
  for (const [index, kills] of lives.entries()) {
    const seed = plan.seed * 1000 + index;
    const began = performance.now();
    const outcome = await runKillLife({
      target,
      kills,
      seed,
      onKill: (kill) => {
        killed.push(kill);
        say(`  ${nameOf(kill)}`);
      },
    }).catch((error: unknown) => ({ missed: [], different: [String(error)] }));
    const wrong = [
      ...outcome.missed.map((text) => `missed: ${text}`),
      ...outcome.different.map((table) => `not equal: ${JSON.stringify(table)}`),
    ];
    const took = Math.round((performance.now() - began) / 1000);
    say(
      `${target.kind} life ${index + 1}/${lives.length} (seed ${seed}): ${killed.length} kills so far, ${took} s`,
    );
    for (const text of wrong) say(`  ${text}`);
    if (wrong.length > 0) say(`  asked for: ${kills.map(nameOf).join(" ")}`);
    found.push(...wrong);
  }
  return { killed, found };
}

async function main(): Promise<number> {
  const plan = readKillPlan(process.argv.slice(2));
  const stopServers = await setUpServers();
  const summary: string[] = [];
  let findings = 0;
  try {
    for (const sink of plan.sinks) {
      const target = await makeTarget(sink);
      try {
        const { killed, found } = await onSink(target, plan);
        const counts = killPhases.map(
          (phase) => `${phase} ${killed.filter((kill) => kill.phase === phase).length}`,
        );
        summary.push(
          `${sink}: ${killed.length} kills (${counts.join(", ")}), ${found.length} findings`,
        );
        findings += found.length;
      } finally {
        await target.release();
      }
    }
  } finally {
    await stopServers();
  }
  say(summary.join("\n"));
  return findings === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
