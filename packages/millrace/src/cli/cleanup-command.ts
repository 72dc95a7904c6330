import { cleanUp } from "../clean-up.ts";
import type { CleanedUp } from "../model/clean-up.ts";
import { interruptible } from "./interrupted.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** What `cleanup` was asked for. */
export interface CleanupCommandOptions {
  readonly file: string;
  readonly state: boolean;
  readonly force: boolean;
  readonly eventTrigger: boolean;
  readonly json: boolean;
}

/** Drops what a pipeline has at its servers. Exit 1 where something is still there that should not be. */
export async function cleanupCommand(
  { file, json, ...wanted }: CleanupCommandOptions,
  io: CliSurroundings,
): Promise<number> {
  const left = "some of it may be dropped; the same command drops the rest";
  const cleaned = await interruptible(io, { left }, () =>
    cleanUp(file, { ...wanted, env: io.env, clock: io.clock }),
  );
  io.stdout.write(json ? `${JSON.stringify({ cleaned })}\n` : cleanedTexts(cleaned));
  return cleaned.some(({ outcome }) => outcome === "refused") ? EXIT.failed : EXIT.done;
}

const NAMES: Readonly<Record<CleanedUp["what"], string>> = {
  slot: "replication slot",
  publication: "publication",
  "event-trigger": "event trigger",
  topic: "topic",
  state: "state at the sink of pipeline",
  source: "source",
};

const OUTCOMES: Readonly<Record<CleanedUp["outcome"], string>> = {
  dropped: "dropped",
  absent: "is not there",
  kept: "left as it is",
  refused: "NOT dropped",
};

/** So many topics are named; a database may have thousands of tables. */
const MOST_TOPICS = 10;

/** What came of each thing, one line each; of many topics the first ones. */
export function cleanedTexts(cleaned: readonly CleanedUp[]): string {
  const topics = cleaned.filter(({ what }) => what === "topic");
  const more = topics.length - MOST_TOPICS;
  const last = topics[MOST_TOPICS - 1];
  const passed = new Set(topics.slice(MOST_TOPICS));
  return cleaned
    .filter((each) => !passed.has(each))
    .map((each) => {
      const rest = each === last && more > 0 ? `and ${more} more topics (--json names them)\n` : "";
      return `${cleanedText(each)}${rest}`;
    })
    .join("");
}

/** What came of one thing, one line. */
export function cleanedText({ what, name, outcome, why }: CleanedUp): string {
  return `${NAMES[what]} ${name}: ${OUTCOMES[outcome]}${why === null ? "" : `: ${why}`}\n`;
}
