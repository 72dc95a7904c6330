import { open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { deadLetterOf, type DeadLetter } from "../../model/dead-letter.ts";
import type { Holder, HolderMark } from "../../model/holder.ts";
import type { Json } from "../../model/position.ts";
import type { Commit, LaneRow, TaskDocument } from "../../model/sink.ts";

const FILE_END = ".json";

/** What a task keeps, as one JSON document. */
export interface FileState {
  readonly version: 1;
  readonly fence: number;
  /** Who took over last; absent where an older program did. */
  readonly holder?: HolderMark;
  readonly lanes: readonly { readonly lane: number; readonly seq: number }[];
  readonly state: Readonly<Record<string, Json>>;
  readonly deadLetters: readonly DeadLetter[];
}

/** Where a task of a pipeline keeps its state, in the folder of all of them: the first dot of its name ends the pipeline's. */
export function stateFileOf(
  statePath: string,
  { pipeline, task }: { readonly pipeline: string; readonly task: string },
): string {
  return join(statePath, `${beginOf(pipeline)}${encodeURIComponent(task)}${FILE_END}`);
}

function beginOf(pipeline: string): string {
  return `${encodeURIComponent(pipeline).replaceAll(".", "%2E")}.`;
}

/** What the tasks of a pipeline keep under keys that begin with `prefix`. */
export async function readDocuments(
  statePath: string,
  pipeline: string,
  prefix: string,
): Promise<readonly TaskDocument[]> {
  const tasks = await readTasks(statePath, pipeline);
  return tasks
    .flatMap(({ task, found }) =>
      Object.entries(found.state).map(([key, value]) => ({ task, key, value })),
    )
    .filter(({ key }) => key.startsWith(prefix));
}

/** Every task of a pipeline, with all that it keeps. */
export async function readTasks(
  statePath: string,
  pipeline: string,
): Promise<readonly { readonly task: string; readonly found: FileState }[]> {
  const begin = beginOf(pipeline);
  const names = await readdir(statePath).catch(() => []);
  const files = names.filter((name) => name.startsWith(begin) && name.endsWith(FILE_END));
  return Promise.all(
    files.map(async (name) => ({
      task: decodeURIComponent(name.slice(begin.length, -FILE_END.length)),
      found: await readState(join(statePath, name)),
    })),
  );
}

/** The folder of states that belongs to a folder of lines. */
export function statePathOf(path: string): string {
  return `${path}.millrace`;
}

/** A task that never ran. */
export const EMPTY_STATE: FileState = {
  version: 1,
  fence: 0,
  lanes: [],
  state: {},
  deadLetters: [],
};

/** Reads a task's state; an absent file is a task that never ran. */
export async function readState(path: string): Promise<FileState> {
  try {
    const state = JSON.parse(await readFile(path, "utf8")) as FileState;
    return { ...state, deadLetters: state.deadLetters.map(deadLetterOf) };
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, "code") === "ENOENT") return EMPTY_STATE;
    throw error;
  }
}

/** Replaces a task's state at once: a crash leaves the old or the new one. */
export async function writeState(path: string, state: FileState): Promise<void> {
  const next = `${path}.next`;
  const handle = await open(next, "w");
  try {
    await handle.writeFile(JSON.stringify(state));
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(next, path);
}

/** The state after a takeover: a higher fence, and at least so many lanes. */
export function raised(state: FileState, lanes: number, holder: Holder): FileState {
  const known = new Map(state.lanes.map(({ lane, seq }) => [lane, seq]));
  for (let lane = 0; lane < lanes; lane++) known.set(lane, known.get(lane) ?? 0);
  const rows = [...known].map(([lane, seq]) => ({ lane, seq })).toSorted((a, b) => a.lane - b.lane);
  const fence = state.fence + 1;
  return { ...state, fence, holder: holder.mark(fence), lanes: rows };
}

/** The state after a commit. */
export function committed(state: FileState, commit: Commit): FileState {
  const moved = new Set(commit.lanes.map(({ lane }) => lane));
  const entries = new Map(Object.entries(state.state));
  for (const { key, value } of commit.state) {
    if (value === null) entries.delete(key);
    else entries.set(key, value);
  }
  const gone = (letter: DeadLetter) =>
    commit.superseded.some(({ target, key }) => target === letter.target && key === letter.key);
  const parked = new Map(
    state.deadLetters.filter((letter) => !gone(letter)).map((letter) => [letter.id, letter]),
  );
  for (const letter of commit.deadLetters) parked.set(letter.id, letter);
  return {
    ...state,
    lanes: state.lanes.map(({ lane, seq }) => ({ lane, seq: moved.has(lane) ? seq + 1 : seq })),
    state: Object.fromEntries(entries),
    deadLetters: [...parked.values()],
  };
}

/** Lane rows as other sinks have them. */
export function laneRows({ lanes, fence }: FileState): readonly LaneRow[] {
  return lanes.map(({ lane, seq }) => ({ lane, seq, fence }));
}
