import { failpoint } from "../../model/failpoint.ts";
import type { Json } from "../../model/position.ts";
import type { DeadLetter, LaneRow, Takeover } from "../../model/sink.ts";
import { arrayLiteral } from "./array-literal.ts";
import { classify, sqlStateOf } from "./errors.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { commitTransaction } from "./end-transaction.ts";
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
}

/**
 * Raises the fence over every lane row in one transaction and only then, when that is durable, reads what the earlier
 * task has left (I5). A lost answer raises it again: equal numbers would prove nothing (I6).
 */
export async function takeOver(
  parts: TakeoverParts,
  task: TaskName,
  lanes: number,
): Promise<Takeover> {
  const fence = await untilDone(
    () => parts.pool.use((c) => raiseFence(c, parts, task, lanes)),
    parts.retry,
    "takeover",
  );
  failpoint("sink.fence-raised");
  return untilDone(
    () => parts.pool.use((c) => readTakeover(c, parts.statements, task, fence)),
    parts.retry,
    "takeover",
  );
}

async function raiseFence(
  connection: SinkConnection,
  parts: TakeoverParts,
  task: TaskName,
  lanes: number,
): Promise<number> {
  try {
    // A snapshot, so that two takeovers at once conflict instead of drawing the same number.
    await connection.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const fence = await writeFence(connection, parts.statements, task, lanes);
    failpoint("sink.before-takeover-commit");
    await commitTransaction(connection, "takeover");
    return fence;
  } catch (error) {
    // Whatever it was, the transaction must not stay open: the connection goes with it.
    connection.destroy();
    throw takeoverError(error);
  }
}

async function writeFence(
  connection: SinkConnection,
  statements: StateStatements,
  { pipeline, task }: TaskName,
  lanes: number,
): Promise<number> {
  const [[highest] = []] = await connection.query(statements.maxFence, [pipeline, task]);
  const fence = Number(highest ?? 0) + 1;
  await connection.query(statements.raiseFence, [pipeline, task, String(fence)]);
  const wanted = Array.from({ length: lanes }, (_, lane) => lane);
  await connection.query(statements.addLanes, [
    pipeline,
    task,
    String(fence),
    arrayLiteral(wanted),
  ]);
  return fence;
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
    if (lanes.some((lane) => lane.fence !== fence))
      throw new MillraceError("MR_FENCED", "another task took over meanwhile");
    const values = [task.pipeline, task.task];
    const state = await connection.query(statements.readState, values);
    const letters = await connection.query(statements.readDeadLetters, values);
    return {
      fence,
      lanes,
      state: new Map(state.map(([key, value]) => [key ?? "", parseJson(value ?? "null")])),
      deadLetters: letters.map(([letter]) => parseLetter(letter ?? "null")),
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

function parseLetter(text: string): DeadLetter {
  return JSON.parse(text) as DeadLetter;
}
