import { failpoint } from "../../model/failpoint.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import {
  takenOverText,
  type Holder,
  type HolderMark,
  type Predecessor,
} from "../../model/holder.ts";
import type { Json } from "../../model/position.ts";
import type { LaneRow, Takeover, TaskDocument } from "../../model/sink.ts";
import { arrayLiteral } from "./array-literal.ts";
import { classify, sqlStateOf } from "./errors.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { commitTransaction } from "./end-transaction.ts";
import { letterOfStored } from "./letter-rows.ts";
import type { ConnectionPool } from "./pool.ts";
import type { RetryPorts } from "./retry.ts";
import { untilDone } from "./retry.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { StateStatements } from "./state-statements.ts";

/** The pipeline's task, as its lane rows name it. */
export interface TaskName {
  readonly pipeline: string;
  readonly task: string;
}

/** What a takeover works with. */
export interface TakeoverParts {
  readonly pool: ConnectionPool;
  readonly statements: StateStatements;
  readonly retry: RetryPorts;
  /** The process that takes over. */
  readonly holder: Holder;
}

/** Under which key of the state the last takeover left who did it; nobody else's business. */
const HOLDER_KEY = "holder";

/**
 * Raises the fence over every lane row in one transaction and only then, when that is durable, reads what the earlier
 * task has left (I5). A lost answer raises it again: equal numbers would prove nothing (I6).
 * @throws MillraceError MR_FENCED where this process has taken over before and another one did since.
 */
export async function takeOver(
  parts: TakeoverParts,
  task: TaskName,
  lanes: number,
): Promise<Takeover> {
  const { fence, from } = await untilDone(
    () => parts.pool.use((c) => raiseFence(c, parts, task, lanes)),
    parts.retry,
    "takeover",
  );
  failpoint("sink.fence-raised");
  const takeover = await untilDone(
    () => parts.pool.use((c) => readTakeover(c, parts.statements, task, fence)),
    parts.retry,
    "takeover",
  );
  return { ...takeover, from };
}

async function raiseFence(
  connection: SinkConnection,
  parts: TakeoverParts,
  task: TaskName,
  lanes: number,
): Promise<{ readonly fence: number; readonly from: Predecessor | null }> {
  let found: Found | null = null;
  try {
    // A snapshot, so that two takeovers at once conflict instead of drawing the same number.
    await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    found = await readHolder(connection, parts.statements, task);
    if (parts.holder.isSuperseded(found.mark, found.fence))
      throw new MillraceError("MR_FENCED", takenOverText(found.mark, found.fence));
    const mark = parts.holder.mark(found.fence + 1);
    await writeFence(connection, parts.statements, task, lanes, mark);
    failpoint("sink.before-takeover-commit");
    await commitTransaction(connection, "takeover");
    return { fence: mark.fence, from: parts.holder.took(found.mark) };
  } catch (error) {
    // Whatever it was, the transaction must not stay open: the connection goes with it.
    connection.destroy();
    const failure = takeoverError(error);
    if (failure.class === "unknown-outcome" && found !== null)
      parts.holder.mayHaveTaken(found.mark, found.fence);
    throw failure;
  }
}

/** Who holds the task, by the mark of the last takeover and by the lane rows. */
export interface Found {
  readonly mark: HolderMark | null;
  readonly fence: number;
}

/** Who holds the task, as the last takeover says. */
export async function readHolder(
  connection: SinkConnection,
  statements: StateStatements,
  { pipeline, task }: TaskName,
): Promise<Found> {
  const [[highest] = []] = await connection.query(statements.maxFence, [pipeline, task]);
  const [[mark] = []] = await connection.query(statements.readHolder, [pipeline, task, HOLDER_KEY]);
  return {
    fence: Number(highest ?? 0),
    mark: mark === undefined || mark === null ? null : (JSON.parse(mark) as HolderMark),
  };
}

async function writeFence(
  connection: SinkConnection,
  statements: StateStatements,
  { pipeline, task }: TaskName,
  lanes: number,
  mark: HolderMark,
): Promise<void> {
  const fence = String(mark.fence);
  await connection.query(statements.raiseFence, [pipeline, task, fence]);
  const wanted = Array.from({ length: lanes }, (_, lane) => lane);
  await connection.query(statements.addLanes, [pipeline, task, fence, arrayLiteral(wanted)]);
  await connection.query(statements.putHolder, [pipeline, task, HOLDER_KEY, JSON.stringify(mark)]);
}

/** On PostgreSQL the second of two first takeovers meets the first one's new lane rows. */
function takeoverError(error: unknown): MillraceError {
  if (sqlStateOf(error) === "23505")
    return new MillraceError("MR_SINK_CONFLICT", "another task takes over right now");
  return classify(error, { doing: "takeover" });
}

async function readTakeover(
  connection: SinkConnection,
  statements: StateStatements,
  task: TaskName,
  fence: number,
): Promise<Takeover> {
  try {
    const lanes = await readLanes(connection, statements, task);
    if (lanes.some((lane) => lane.fence !== fence)) {
      const found = await readHolder(connection, statements, task);
      throw new MillraceError("MR_FENCED", takenOverText(found.mark, found.fence));
    }
    const values = [task.pipeline, task.task];
    const state = await connection.query(statements.readState, values);
    const deadLetters = await queryLetters(connection, statements, task);
    return {
      fence,
      lanes,
      state: new Map(
        state
          .filter(([key]) => key !== HOLDER_KEY)
          .map(([key, value]) => [key ?? "", parseJson(value ?? "null")]),
      ),
      deadLetters,
    };
  } catch (error) {
    throw classify(error, { doing: "reading the pipeline's state" });
  }
}

/** The lane rows as they stand (I6). */
export async function readLanes(
  connection: SinkConnection,
  statements: StateStatements,
  { pipeline, task }: TaskName,
): Promise<readonly LaneRow[]> {
  try {
    const rows = await connection.query(statements.readLanes, [pipeline, task]);
    return rows.map(([lane, fence, seq]) => ({
      lane: Number(lane),
      fence: Number(fence),
      seq: Number(seq),
    }));
  } catch (error) {
    throw classify(error, { doing: "reading the lane rows" });
  }
}

/** State is written by this module's own pipeline version; its shapes are checked where they are read. */
function parseJson(text: string): Json {
  return JSON.parse(text) as Json;
}

async function queryLetters(
  connection: SinkConnection,
  { readDeadLetters: text }: StateStatements,
  { pipeline, task }: TaskName,
): Promise<readonly DeadLetter[]> {
  const rows = await connection.query(text, [pipeline, task]);
  return rows.map(([letter]) => letterOfStored(letter ?? "null"));
}

/** The letters as they stand, for who only looks: none where no pipeline has ever made the table. */
export async function readLetters(
  connection: SinkConnection,
  statements: StateStatements,
  task: TaskName,
): Promise<readonly DeadLetter[]> {
  try {
    return await queryLetters(connection, statements, task);
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === "42P01" || state === "3F000") return [];
    throw classify(error, { doing: "reading the dead letters" });
  }
}

/** What the tasks of a pipeline keep under keys that begin with `prefix`. */
export async function readDocuments(
  connection: SinkConnection,
  statements: StateStatements,
  pipeline: string,
  prefix: string,
): Promise<readonly TaskDocument[]> {
  try {
    const rows = await connection.query(statements.readDocuments, [pipeline, prefix]);
    return rows.map(([task, key, value]) => ({
      task: task ?? "",
      key: key ?? "",
      value: JSON.parse(value ?? "null") as Json,
    }));
  } catch (error) {
    throw classify(error, { doing: "reading what the pipeline's tasks keep" });
  }
}

/** Every task that a pipeline has had; none where nothing has ever run here. */
export async function readTasks(
  connection: SinkConnection,
  statements: StateStatements,
  pipeline: string,
): Promise<readonly string[]> {
  try {
    const rows = await connection.query(statements.readTasks, [pipeline]);
    return rows.map(([task]) => task ?? "");
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === "42P01" || state === "3F000") return [];
    throw classify(error, { doing: "reading the pipeline's tasks" });
  }
}
