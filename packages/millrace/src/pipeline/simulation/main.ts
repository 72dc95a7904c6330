import { parseArgs } from "node:util";
import { PROFILE_NAMES, type ProfileName } from "./profile.ts";
import { runSeed } from "./run-seed.ts";

/*
 * Plays many seeds, or one with its trace:
 *
 *     node --conditions=source packages/millrace/src/pipeline/simulation/main.ts --seeds 10000 [--from 1] [--profile all]
 *     MILLRACE_SIM_SEED=42 node --conditions=source packages/millrace/src/pipeline/simulation/main.ts
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    profile: { type: "string", default: "all" },
    keepGoing: { type: "boolean", default: false },
  },
});
const profile: ProfileName = nameOf(values.profile);
const one = process.env["MILLRACE_SIM_SEED"];
const write = (line: string): void => void process.stdout.write(`${line}\n`);

if (one !== undefined) {
  const result = await runSeed(Number(one), { profile, trace: true });
  for (const line of result.trace) write(line);
  write(JSON.stringify(result.profile));
  write(
    result.failure === null
      ? `seed ${one} holds after ${result.steps} steps`
      : `seed ${one}: ${result.failure}`,
  );
  process.exitCode = result.failure === null ? 0 : 1;
} else {
  await playMany(Number(values.from), Number(values.seeds));
}

async function playMany(from: number, count: number): Promise<void> {
  let failures = 0;
  let steps = 0;
  const began = performance.now();
  for (let seed = from; seed < from + count; seed++) {
    const result = await runSeed(seed, { profile });
    steps += result.steps;
    if (process.env["MILLRACE_SIM_VERBOSE"] !== undefined)
      write(`seed ${seed}: ${result.steps} steps`);
    if (result.failure === null) continue;
    failures++;
    write(`seed ${seed}: ${result.failure.slice(0, 300)}`);
    write(`  again: MILLRACE_SIM_SEED=${seed} npm run simulate -- --profile ${profile}`);
    if (failures >= 20 && !values.keepGoing) break;
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  write(
    `${count} seeds from ${from} (${profile}), ${failures} failed, ${steps} steps, ${seconds} s`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
}

function nameOf(text: string): ProfileName {
  const name = PROFILE_NAMES.find((known) => known === text);
  if (name === undefined) throw new Error(`--profile is one of ${PROFILE_NAMES.join(", ")}`);
  return name;
}
