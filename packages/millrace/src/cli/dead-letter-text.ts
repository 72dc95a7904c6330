import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import { placeText } from "../place-text.ts";
import { keyText } from "./key-text.ts";

/** A letter as it is shown: what came over HTTP or from the sink. */
export type ShownLetter = Omit<DeadLetter, "table" | "target"> & {
  readonly table: string;
  readonly target: string;
};

/** An outcome as it is shown. */
export type ShownOutcome = Pick<ReplayOutcome, "id" | "outcome" | "why"> & {
  readonly table: string;
};

/** So much of an id tells letters apart on any screen. */
const ID_CHARS = 12;
const KEY_CHARS = 40;

/** A line for each letter, under a header; the reason comes last, as it is the longest. */
export function lettersText(letters: readonly ShownLetter[]): string {
  if (letters.length === 0) return "no dead letters\n";
  const header = ["ID", "TABLE", "KEY", "CODE", "COLUMN", "POSITION", "TRIES", "SINCE", "REASON"];
  const rows = letters.map((letter) => [
    shortId(letter.id),
    whereText(letter),
    keyText(letter.keyColumns, KEY_CHARS),
    letter.code,
    letter.column ?? "-",
    letter.position === null ? "load" : placeText(letter.position),
    String(letter.attempts),
    timeText(letter.parkedAtMs),
    letter.reason,
  ]);
  return aligned([header, ...rows]);
}

/** Everything that a letter holds, a line each. */
export function letterText(letter: ShownLetter): string {
  const lines: (readonly [string, string])[] = [
    ["id", letter.id],
    ["table", letter.table],
    ["target", letter.target],
    ["key", keyText(letter.keyColumns)],
    ["change", OPS[letter.op] ?? letter.op],
    ["position", letter.position === null ? "read by a load" : placeText(letter.position)],
    ["code", letter.code],
    ["column", letter.column ?? "not known"],
    ["reason", letter.reason],
    ["refused", `${letter.attempts} times`],
    ["first", timeText(letter.parkedAtMs)],
    ["last", timeText(letter.triedAtMs)],
  ];
  return aligned(lines);
}

/** What came of a replay, one line. */
export function outcomeText({ id, table, outcome, why }: ShownOutcome): string {
  return `${shortId(id)} of ${table}: ${OUTCOMES[outcome]}${why === null ? "" : `: ${why}`}\n`;
}

/** What a discard left, one line. */
export function discardedText({ id, table }: Pick<ShownLetter, "id" | "table">): string {
  return `${shortId(id)} of ${table}: discarded; the row differs until it changes as a whole\n`;
}

const OPS: Readonly<Record<string, string>> = {
  r: "the row as a load read it",
  c: "insert",
  u: "update",
  d: "delete",
};

const OUTCOMES: Readonly<Record<ReplayOutcome["outcome"], string>> = {
  replayed: "replayed, the sink has the row as the source has it now",
  deleted: "replayed, the source has no such row and now neither has the sink",
  superseded: "gone already, a change of the row took its place",
  refused: "refused again",
  impossible: "cannot be replayed",
};

/** As much of a letter's id as is shown; commands take it for the whole. */
export function shortId(id: string): string {
  return id.slice(0, ID_CHARS);
}

function whereText({ table, target }: ShownLetter): string {
  return table === target ? table : `${table} → ${target}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}
