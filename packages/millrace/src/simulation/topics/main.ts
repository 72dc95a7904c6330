import { parseArgs } from "node:util";
import { playTopics } from "./topic-simulation.ts";

/*
 * Plays many seeds, or one with its trace:
 *
 *     node --conditions=source packages/millrace/src/simulation/topics/main.ts --seeds 1000 [--from 1]
 *     MILLRACE_SIM_SEED=42 node --conditions=source packages/millrace/src/simulation/topics/main.ts
 */
const { values } = parseArgs({
  options: { seeds: { type: "string", default: "1000" }, from: { type: "string", default: "1" } },
});
const one = process.env["MILLRACE_SIM_SEED"];
const write = (line: string): void => void process.stdout.write(`${line}\n`);

if (one !== undefined) {
  const { failure, steps, trace } = await playTopics(Number(one), true);
  for (const line of trace) write(line);
  write(failure === null ? `seed ${one} holds after ${steps} steps` : `seed ${one}: ${failure}`);
  process.exitCode = failure === null ? 0 : 1;
} else {
  const [from, count] = [Number(values.from), Number(values.seeds)];
  let [failures, steps] = [0, 0];
  const began = performance.now();
  for (let seed = from; seed < from + count && failures < 20; seed++) {
    const result = await playTopics(seed);
    steps += result.steps;
    if (result.failure === null) continue;
    failures++;
    write(`seed ${seed}: ${result.failure.slice(0, 300)}`);
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  write(`${count} seeds from ${from} (topics), ${failures} failed, ${steps} steps, ${seconds} s`);
  process.exitCode = failures === 0 ? 0 : 1;
}
