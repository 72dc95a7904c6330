import { verifyPipeline } from "../verify-pipeline.ts";
import type { RowDifference, TableVerdict } from "../verify/verify-tables.ts";
import type { StandingVerdict } from "../table-standings.ts";
import { grouped } from "./event-text.ts";
import { interruptible } from "./interrupted.ts";
import { keyText } from "./key-text.ts";
import { progressLine } from "./progress-line.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** Differing rows that are named per table. */
const MAX_ROWS_NAMED = 1000;
/** Of a key on a line; `--json` has all of it. */
const KEY_CHARS = 120;

const STANDSTILL =
  "The pipeline brings no changes right now: it is paused, stopped or held up (`millrace status`). Waiting for a minute or so; " +
  "rows that differ until then are told as unsettled.\n";

/** What `verify` was asked for. */
export interface VerifyCommandOptions {
  readonly file: string;
  readonly rows: boolean;
  readonly json: boolean;
}

/** Compares source and target. Exit 0 when they are equal, 3 when not. */
export async function verifyCommand(
  { file, rows, json }: VerifyCommandOptions,
  io: CliSurroundings,
): Promise<number> {
  const line = progressLine(io.stderr);
  const left = "the comparison was not finished, so nothing is known of its outcome";
  const clear = () => line.clear();
  let stoodStill = false;
  const result = await interruptible(io, { left, clear }, () =>
    verifyPipeline(file, {
      env: io.env,
      clock: io.clock,
      maxRowsNamed: rows ? MAX_ROWS_NAMED : 0,
      onStandstill: () => {
        clear();
        stoodStill = true;
        io.stderr.write(STANDSTILL);
      },
      onProgress: ({ table, rowsCompared, differingRows }) =>
        line.show(
          `${table}: ${grouped(rowsCompared)} rows compared, ${grouped(differingRows)} differ so far`,
        ),
    }),
  ).finally(clear);
  io.stdout.write(
    json
      ? `${JSON.stringify(result)}\n`
      : result.tables.map(verdictText).join("") + explanation(result.tables, stoodStill),
  );
  return result.equal ? EXIT.done : EXIT.different;
}

/** What is found for one table, as lines. */
export function verdictText(verdict: StandingVerdict): string {
  const { table, target, sourceRows, targetRows, cutShort, problem, rows } = verdict;
  const name = table === target ? table : `${table} → ${target}`;
  const standing = standingText(verdict);
  if (problem !== null) return `${name}: could not be compared: ${problem}${standing}\n`;
  const counts = (["missing", "extra", "different", "unsettled"] as const)
    .filter((kind) => verdict[kind] > 0)
    .map((kind) => `${grouped(verdict[kind])} ${kind}`);
  if (counts.length === 0 && !cutShort)
    return `${name}: equal, ${rowCount(sourceRows)}${standing}\n`;
  const rest = cutShort ? ["the comparison was cut short, so many rows differ"] : [];
  // Counts of rows that come and go meanwhile were taken at other moments than the differences.
  const about = isExact(verdict) ? "" : "about ";
  const head = `${name}: ${[...counts, ...rest].join(", ")}; ${about}${rowCount(sourceRows)} at the source, ${about}${grouped(targetRows)} at the target${standing}\n`;
  return head + rows.map(rowText).join("");
}

function rowCount(rows: number): string {
  return `${grouped(rows)} ${rows === 1 ? "row" : "rows"}`;
}

/** What may be why it differs. */
function standingText({ deadLetters, paused }: StandingVerdict): string {
  const letters = deadLetters === 1 ? "1 dead letter" : `${grouped(deadLetters)} dead letters`;
  return `${deadLetters === 0 ? "" : `; ${letters}`}${paused ? "; paused" : ""}`;
}

function isExact({ sourceRows, targetRows, missing, extra, unsettled, cutShort }: TableVerdict) {
  return unsettled === 0 && !cutShort && sourceRows - missing === targetRows - extra;
}

const UNSETTLED =
  "unsettled: differed, and could not be judged: the rows went on changing, or the pipeline did not bring their " +
  "changes within a minute. Is it running (`millrace status`)? Then verify again when less is written";
const UNSETTLED_STANDING =
  "unsettled: they differ now, and the pipeline brought no changes, so that those that would make them equal may only not " +
  "have come. Resume or start it, then verify again";

/** Words of the verdicts that do not explain themselves. */
export function explanation(tables: readonly StandingVerdict[], stoodStill: boolean): string {
  const has = (kind: "missing" | "extra" | "unsettled") => tables.some((table) => table[kind] > 0);
  const lines = [
    ...(has("missing") ? ["missing: at the source, not at the target"] : []),
    ...(has("extra") ? ["extra: at the target, not at the source"] : []),
    ...(has("unsettled") ? [stoodStill ? UNSETTLED_STANDING : UNSETTLED] : []),
    ...(tables.some(({ deadLetters }) => deadLetters > 0)
      ? ["dead letters: rows that the target refuses (`millrace dead-letters`)"]
      : []),
    ...(tables.some(({ paused }) => paused)
      ? ["paused: its changes are left out until `millrace resume TABLE` loads it again"]
      : []),
  ];
  return lines.map((line) => `(${line})\n`).join("");
}

function rowText({ kind, key, columns }: RowDifference): string {
  const what = columns.length === 0 ? "" : `: ${columns.join(", ")}`;
  return `  ${kind} ${keyText(key, KEY_CHARS)}${what}\n`;
}
