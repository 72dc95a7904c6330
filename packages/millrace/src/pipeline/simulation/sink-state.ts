import { MillraceError } from "../../errors/millrace-error.ts";
import type { DeadLetter } from "../../model/dead-letter.ts";
import { Holder } from "../../model/holder.ts";
import type { Json } from "../../model/position.ts";
import type { Commit, LaneRow, LaneStamp, Takeover } from "../../model/sink.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import type { Process } from "./world.ts";

/** A lane row as the model sink stores it. */
export interface StoredLane {
  readonly fence: number;
  readonly seq: number;
}

/** Who took over last; beside the state that the pipeline sees. */
export const HOLDER_KEY = "holder";

/**
 * What a process writes there. Not drawn from the world's randomness, so that seeds that once broke a promise go on playing
 * what they played.
 */
export function holderOf(owner: Process): Holder {
  return new Holder(() => Number(owner.name.slice(1)) / 1_000);
}

/** Under which key a lane row is stored. */
export function laneKey(lane: number): string {
  return `lane/${lane}`;
}

/** Under which key a letter is stored. */
export function letterKey(target: string, key: string): string {
  return `letter/${target}/${key}`;
}

/** The lane rows that a transaction sees, in order. */
export function lanesOf(db: SinkDatabase, tx: SinkTransaction): LaneRow[] {
  const lanes: LaneRow[] = [];
  for (let lane = 0; lane < db.keys(tx, "lane/").length; lane++) {
    const row = db.read(tx, laneKey(lane)) as StoredLane | undefined;
    if (row !== undefined) lanes.push({ lane, ...row });
  }
  return lanes;
}

/**
 * `UPDATE lane SET writer, expected, seq = seq + 1` under its CHECK.
 * @throws MillraceError MR_SINK_LANE_MISSING, MR_SINK_LANE_MOVED
 */
export function stampLane(
  db: SinkDatabase,
  tx: SinkTransaction,
  fence: number,
  { lane, expectedSeq }: LaneStamp,
): void {
  const row = db.read(tx, laneKey(lane)) as StoredLane | undefined;
  if (row === undefined) throw new MillraceError("MR_SINK_LANE_MISSING", `(model) lane ${lane}`);
  if (row.fence !== fence || row.seq !== expectedSeq)
    throw new MillraceError(
      "MR_SINK_LANE_MOVED",
      `(model) lane ${lane} is at ${row.fence}/${row.seq}`,
    );
  db.write(tx, laneKey(lane), { fence, seq: row.seq + 1 } satisfies StoredLane);
}

/** State and letters of a commit. */
export function writeState(
  db: SinkDatabase,
  tx: SinkTransaction,
  { state, deadLetters, superseded }: Commit,
): void {
  for (const { key, value } of state) db.write(tx, `state/${key}`, value ?? undefined);
  for (const letter of deadLetters) db.write(tx, letterKey(letter.target, letter.key), letter);
  for (const { target, key } of superseded) db.write(tx, letterKey(target, key), undefined);
}

/** What a pipeline keeps, as it comes out of a database: as JSON. */
export function stateOf(db: SinkDatabase, tx: SinkTransaction): Takeover["state"] {
  const state = db
    .keys(tx, "state/")
    .map((key) => [key.slice("state/".length), db.read(tx, key) as Json] as const);
  return new Map(JSON.parse(JSON.stringify(state)) as [string, Json][]);
}

/** The dead letters that a transaction sees. */
export function lettersOf(db: SinkDatabase, tx: SinkTransaction): DeadLetter[] {
  return db.keys(tx, "letter/").map((key) => db.read(tx, key) as DeadLetter);
}
