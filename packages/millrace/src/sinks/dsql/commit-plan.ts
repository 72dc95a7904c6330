import { MillraceError } from "../../errors/millrace-error.ts";
import type { Commit } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import { arrayLiteral } from "./array-literal.ts";
import { storedKey, storedLetter } from "./letter-rows.ts";
import type { StateStatements } from "./state-statements.ts";
import type { TableStatements } from "./table-statements.ts";
import type { TaskName } from "./takeover.ts";
import { BEGIN } from "./statement.ts";
import type { Bound } from "./wire.ts";
import { planWrite } from "./write-plan.ts";

/** What a statement of a commit is there for. */
export type Purpose = "begin" | "lane" | "data" | "state";

/** One statement of a commit, in order, with what its answer is held against. */
export interface PlannedStatement extends Bound {
  readonly purpose: Purpose;
  /** For people: "upsert into shop.orders". */
  readonly doing: string;
  /** Index into the commit's writes; null for our own statements. */
  readonly write: number | null;
  readonly look: Look | null;
}

/** How the answer decides about the whole commit. */
export type Look =
  /** Ordinals of found rows come back; row `firstRow` of the write has ordinal 1. */
  | { readonly kind: "found"; readonly firstRow: number; readonly rows: number }
  /** This many rows must have been changed. */
  | { readonly kind: "exactly"; readonly count: number }
  /** Counts towards `deletedSome`. */
  | { readonly kind: "sum" };

/** What planning a commit needs to know. */
export interface PlanParts {
  readonly task: TaskName;
  readonly statements: StateStatements;
  readonly maxStatementBytes: number;
  tableStatements(table: TargetTable): TableStatements;
  /** False where the server refuses unnest for a table: plain VALUES instead. */
  withArrays(table: TargetTable): boolean;
  /** Whether rows of a table may be inserted by COPY. */
  withCopy(table: TargetTable): boolean;
  /** Fresh rows of these tables go as plain INSERTs. */
  readonly inserted: ReadonlySet<TargetTable>;
  /** Known rows of these tables are deleted and inserted anew; see `replacements.ts`. */
  readonly replaced: ReadonlySet<TargetTable>;
}

/**
 * The statements of a commit but its last: the lane rows first, so that a fenced task fails before it has touched
 * anything and, on PostgreSQL, a takeover waits for us or we for it; then data in order; then state, which reads `seq`
 * back from the lane rows.
 */
export function planCommit(commit: Commit, parts: PlanParts): readonly PlannedStatement[] {
  return [
    own("begin", "begin", { statement: BEGIN, values: [] }),
    planLanes(commit, parts),
    ...commit.writes.flatMap((write, index) => planWrite(write, index, parts)),
    ...planState(commit, parts),
    ...planDeadLetters(commit, parts),
  ];
}

/** COMMIT may go out together with the rest: no answer is to be looked at first. */
export function canPipelineCommit(commit: Commit, planned: readonly PlannedStatement[]): boolean {
  // Without a state row nothing would fail at the server where a lane row is missing; its count is looked at then.
  const guarded = commit.state.some((entry) => entry.value !== null);
  return guarded && planned.every((part) => part.look === null || part.purpose === "lane");
}

/** A statement of ours. */
function own(
  purpose: Purpose,
  doing: string,
  bound: Bound,
  look: Look | null = null,
): PlannedStatement {
  return { ...bound, purpose, doing, write: null, look };
}

function planLanes({ fence, lanes }: Commit, { task, statements }: PlanParts): PlannedStatement {
  const [only] = lanes;
  if (only === undefined) throw new MillraceError("MR_BUG", "a commit without a lane");
  const common = [task.pipeline, task.task, String(fence)];
  const look: Look = { kind: "exactly", count: lanes.length };
  if (lanes.length === 1) {
    const values = [...common, String(only.lane), String(only.expectedSeq)];
    return own("lane", "lane row", { statement: statements.lane, values }, look);
  }
  const arrays = [
    arrayLiteral(lanes.map((l) => l.lane)),
    arrayLiteral(lanes.map((l) => l.expectedSeq)),
  ];
  return own(
    "lane",
    "lane rows",
    { statement: statements.lanes, values: [...common, ...arrays] },
    look,
  );
}

function planState({ state, lanes }: Commit, { task, statements }: PlanParts): PlannedStatement[] {
  const put = state.filter((entry) => entry.value !== null);
  const gone = state.filter((entry) => entry.value === null);
  const mine = [task.pipeline, task.task];
  const planned: PlannedStatement[] = [];
  if (put.length > 0) {
    const laneNumbers = arrayLiteral(lanes.map((l) => l.lane));
    const keys = arrayLiteral(put.map((entry) => entry.key));
    const texts = arrayLiteral(put.map((entry) => JSON.stringify(entry.value)));
    const values = [...mine, laneNumbers, String(lanes.length), keys, texts];
    planned.push(own("state", "state", { statement: statements.putState, values }));
  }
  if (gone.length > 0) {
    const values = [...mine, arrayLiteral(gone.map((entry) => entry.key))];
    planned.push(own("state", "state", { statement: statements.deleteState, values }));
  }
  return planned;
}

/** Letters that are gone go first: a key may be superseded and parked anew by one batch. */
function planDeadLetters(
  { deadLetters, superseded }: Commit,
  { task, statements }: PlanParts,
): PlannedStatement[] {
  const mine = [task.pipeline, task.task];
  const planned: PlannedStatement[] = [];
  if (superseded.length > 0) {
    const values = [
      ...mine,
      arrayLiteral(superseded.map((s) => s.target)),
      arrayLiteral(superseded.map((s) => storedKey(s.key))),
    ];
    planned.push(own("state", "dead letters", { statement: statements.deleteSuperseded, values }));
  }
  if (deadLetters.length > 0) {
    const columns = [
      deadLetters.map((letter) => letter.id),
      deadLetters.map((letter) => letter.target),
      deadLetters.map((letter) => storedKey(letter.key)),
      deadLetters.map(storedLetter),
    ];
    const values = [...mine, ...columns.map(arrayLiteral)];
    planned.push(own("state", "dead letters", { statement: statements.putDeadLetters, values }));
  }
  return planned;
}
