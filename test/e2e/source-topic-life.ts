/** A life of a pipeline whose source is a topic: processes that share its partitions, and what befalls one of them. */
import type { LifeFolder } from "./life-folder.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import type { Dice } from "./random.ts";
import type { SourceTopic } from "./source-topic.ts";

/** Places where a process dies; those of barriers are reached where rows have a new column. */
export const places = [
  "kafka-log.fetched",
  "kafka-group.assigned",
  "reader.batch-entered",
  "lane.before-commit",
  "lane.after-commit",
  "sink.before-takeover-commit",
  "sink.fence-raised",
  "run.prepared",
  "barrier.intent",
  "barrier.acted",
  "frontier.written",
] as const;

/** What may befall a life: a kill at one of the places, a kill anywhere, or a process that is frozen until others have its share. */
export type Blow = (typeof places)[number] | "anywhere" | "frozen";

/** All of them. */
export const blows: readonly Blow[] = [...places, "anywhere", "frozen"];

/** Longer than the group waits for a process, milliseconds. */
const FROZEN_MS = 9_000;
const BETWEEN_ROUNDS_MS = 100;
const MOST_ROUNDS = 300;

interface TopicLife {
  readonly topic: SourceTopic;
  readonly blows: readonly Blow[];
  /** Processes that nothing befalls. */
  readonly others: number;
  readonly dice: Dice;
  /** Where its processes write what they say. */
  readonly folder?: LifeFolder;
  readonly onBlow?: (what: string) => void;
}

/** What came of it. */
interface LifeOutcome {
  /** What is wrong at the target. */
  readonly found: readonly string[];
  /** Blows that did not happen: on a busy machine not the pipeline's fault. */
  readonly missed: readonly Blow[];
}

/** Lives it. */
export async function liveSourceLife(life: TopicLife): Promise<LifeOutcome> {
  const { topic, others } = life;
  const missed: Blow[] = [];
  const well = Array.from({ length: others }, () => start(life, "other"));
  for (const blow of life.blows) {
    const what = await strike(life, blow);
    life.folder?.note(what ?? `missed: ${blow}`);
    if (what === null) missed.push(blow);
    else life.onBlow?.(what);
  }
  await topic.write(3);
  await Promise.all(well.map((other) => other.stop()));
  const args = [...topic.args, "--until-caught-up"];
  await runToEnd(args, undefined, undefined, life.folder?.nextLog("last"));
  return { found: await topic.findings(), missed };
}

/** Null where it did not come to that. */
function strike(life: TopicLife, blow: Blow): Promise<string | null> {
  if (blow === "frozen") return freeze(life);
  return kill(life, blow === "anywhere" ? null : blow);
}

function start({ topic, folder }: TopicLife, name: string, failpoints?: string): MillraceProcess {
  return new MillraceProcess(topic.args, failpoints, folder?.nextLog(name));
}

async function kill(life: TopicLife, place: string | null): Promise<string | null> {
  const { topic, dice } = life;
  const nth = place === null ? 0 : nthOf(place, dice);
  const run = start(life, "killed", place === null ? undefined : `${place}=kill@${nth}`);
  let isOver = false;
  const ended = run.ended.finally(() => (isOver = true));
  if (place === null)
    void run.running.then(() => pause(dice.between(0, 2_000))).then(() => run.kill());
  else if (place.startsWith("barrier.")) void run.running.then(() => topic.grow());
  for (let rounds = 0; !isOver && rounds < MOST_ROUNDS; rounds++) {
    await topic.write(1);
    await Promise.race([ended, pause(BETWEEN_ROUNDS_MS)]);
  }
  if (!isOver) run.kill();
  const { signal } = await ended;
  if (place === null) return "anywhere";
  return signal === "SIGKILL" && run.killedAt !== null ? `${place}@${nth}` : null;
}

/** The process wakes up when others have its partitions, and writes nothing any more. */
async function freeze(life: TopicLife): Promise<string | null> {
  const { topic, dice } = life;
  const run = start(life, "frozen");
  await Promise.race([run.running, run.ended]);
  // Anywhere from its first assignment on.
  for (let rounds = dice.between(0, 10); rounds > 0; rounds--) {
    await topic.write(1);
    await pause(BETWEEN_ROUNDS_MS);
  }
  if (!run.isRunning) return null;
  process.kill(run.pid, "SIGSTOP");
  const endMs = Date.now() + FROZEN_MS;
  while (Date.now() < endMs) {
    await topic.write(1);
    await pause(BETWEEN_ROUNDS_MS * 3);
  }
  process.kill(run.pid, "SIGCONT");
  await topic.write(5);
  await pause(dice.between(0, 2_000));
  await topic.write(5);
  await run.stop();
  return "frozen";
}

/** Some places are reached once in a life, or once for each share, others with every batch. */
function nthOf(place: string, dice: Dice): number {
  if (place === "kafka-group.assigned" || place.startsWith("barrier.")) return 1;
  if (/^(sink|run|frontier)\./.test(place)) return dice.between(1, 2);
  return dice.between(1, 6);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
