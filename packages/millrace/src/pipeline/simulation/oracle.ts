import type { DeadLetter } from "../../model/dead-letter.ts";
import type { Json, Position } from "../../model/position.ts";
import type { Router } from "../../model/router.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import { Skimmed } from "../../model/value.ts";
import { LaneChoice } from "../lane-choice.ts";
import { isPutOff } from "../put-off.ts";
import { loadState, type LoadedState, type TableDocument } from "../state-documents.ts";
import { foldTo, historyOf } from "./expectation.ts";
import { durableRows, HOLDER_KEY, letterKey } from "./model-sink.ts";
import type { Profile } from "./profile.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import type { StoredRow } from "./sink-tables.ts";
import {
  compareModelPositions,
  modelPosition,
  type ModelPosition,
  type SourceServer,
} from "./source-server.ts";
import { LARGE_ORDINAL, VALUE_ORDINAL, type Cells, type StoredTable } from "./source-tables.ts";
import { MISFIT, POISON } from "./values.ts";
import type { Process } from "./world.ts";

/** A promise of the pipeline was broken. */
export class Violation extends Error {}

interface Target {
  readonly id: TableId;
  readonly table: TableId;
  /** Source ordinals by the names that the target has for them. */
  readonly columns: ReadonlyMap<number, string>;
}

/**
 * Holds the sink against the source's log, after every transaction of the sink and at the end. It knows what the
 * pipeline has written down (frontier, checkpoints, table documents) and takes it at its word.
 */
export class Oracle {
  readonly #server: SourceServer;
  readonly #db: SinkDatabase;
  readonly #profile: Profile;
  readonly #router: Router;
  readonly #histories = new Map<string, unknown[]>();
  /** Processes in the order in which they took over. */
  readonly #holders: Process[] = [];
  readonly #gaps = new Map<Process, string>();
  #acknowledged: ModelPosition | null = null;

  constructor(server: SourceServer, db: SinkDatabase, profile: Profile, router: Router) {
    this.#server = server;
    this.#db = db;
    this.#profile = profile;
    this.#router = router;
  }

  /** A transaction of the sink became durable. */
  landed(owner: Process, tx: SinkTransaction): void {
    if (tx.writes.has(HOLDER_KEY)) this.#tookOver(owner);
    const gap = this.#gaps.get(owner);
    if (gap !== undefined && tx.journal.length > 0)
      throw new Violation(`${owner.name} writes without the log ${gap}`);
    for (const { key, value } of tx.journal) {
      const seen = value === undefined ? null : { is: (value as StoredRow)["v"] ?? null };
      this.#histories.set(key, [...(this.#histories.get(key) ?? []), seen]);
    }
    this.#checkSynced();
  }

  /** A process that another one has superseded never takes over again (I5). */
  #tookOver(owner: Process): void {
    if (this.#holders.at(-1) === owner) return;
    if (this.#holders.includes(owner))
      throw new Violation(`${owner.name} takes over again, after ${this.#holders.at(-1)?.name}`);
    this.#holders.push(owner);
  }

  /** The source was told that it may forget (I4). */
  acknowledged(position: ModelPosition): void {
    const { frontier } = this.state();
    if (frontier === null || compareModelPositions(frontier.position, position) < 0)
      throw new Violation(
        `acknowledged ${position.join(".")}, durable is ${JSON.stringify(frontier?.position)}`,
      );
    this.#acknowledged = position;
  }

  /** A session begins where the log is no longer kept. That may be, for a task that has been taken over from. */
  replaysFrom(owner: Process, asked: ModelPosition, kept: ModelPosition): void {
    if (asked[0] < kept[0]) this.#gaps.set(owner, `from ${asked.join(".")} to ${kept.join(".")}`);
    else this.#gaps.delete(owner);
  }

  /** What the pipeline has written down. */
  state(): LoadedState {
    const keys = this.#db.durableKeys("state/");
    return loadState(
      new Map(keys.map((key) => [key.slice("state/".length), this.#db.durable(key) as Json])),
    );
  }

  /** Everything at rest: the sink is what the source is (I1, I2), nothing is left over (I10). */
  checkEnd(): void {
    const state = this.state();
    const tables = foldTo(this.#server, null, this.#base(), this.#from());
    for (const document of state.tables.values()) {
      if (document.state !== "SYNC")
        throw new Violation(`${document.shape.id} ends in ${document.state}`);
      for (const target of this.#targets(document.shape))
        this.#checkWhole(target, document.shape, tables.get(document.shape.id));
    }
    this.#checkLeftovers(state);
    this.#checkLetters();
    this.#checkHistories();
    const end = this.#server.log.at(-1)?.end ?? 0;
    if (this.#acknowledged === null || this.#acknowledged[0] < end)
      throw new Violation(
        `acknowledged up to ${this.#acknowledged?.join(".") ?? "nothing"}, the log ends at ${end}`,
      );
  }

  /** What is there before the log begins; nothing where the pipeline loads nothing. */
  #base(): ReadonlyMap<TableId, StoredTable> {
    const { initial } = this.#server;
    if (this.#profile.settings.fullLoad) return initial;
    return new Map([...initial].map(([id, table]) => [id, { ...table, rows: new Map() }]));
  }

  #from(): ModelPosition | null {
    return this.#profile.settings.fullLoad ? null : (this.#server.slot?.start ?? null);
  }

  #targets(shape: TableShape): Target[] {
    return this.#router.plan(shape).map((plan) => ({
      id: tableId(plan.target.schema, plan.target.name),
      table: shape.id,
      columns: new Map(plan.shape.columns.map((c) => [c.ordinal ?? -1, c.name])),
    }));
  }

  /** Tables that say SYNC are what the log says at each lane's position (I7). */
  #checkSynced(): void {
    const state = this.state();
    if (!this.#profile.settings.fullLoad)
      for (const { allPlanned, shape } of state.tables.values())
        if (!allPlanned) throw new Violation(`${shape.id} is loaded, which the file forbids`);
    const { frontier, pipeline, intent } = state;
    if (frontier === null || pipeline === null || intent !== null) return;
    for (const document of state.tables.values()) {
      const { end, shape } = document;
      if (
        document.state !== "SYNC" ||
        end === null ||
        compareModelPositions(frontier.position, end) < 0
      )
        continue;
      for (const target of this.#targets(shape))
        this.#checkLanes(
          state,
          document,
          target,
          new LaneChoice(pipeline.lanes, pipeline.laneGroups ?? {}),
          frontier.position,
        );
    }
  }

  #checkLanes(
    state: LoadedState,
    document: TableDocument,
    target: Target,
    choice: LaneChoice,
    frontier: Position,
  ): void {
    const keyless = document.shape.key.length === 0;
    if (keyless && this.#hasLetters(target)) return;
    const actual = durableRows(this.#db, target);
    const folds = Array.from({ length: choice.lanes }, (_, lane) => {
      const own = state.checkpoints.get(lane);
      const at = own !== undefined && compareModelPositions(own, frontier) > 0 ? own : frontier;
      return {
        at,
        rows: foldTo(this.#server, modelPosition(at), this.#base(), this.#from()).get(target.table)
          ?.rows,
      };
    });
    if (keyless)
      return this.#compareBags(target, actual, folds[choice.laneOf(target.id, "")]?.rows, FIXED);
    const keys = new Set([
      ...actual.keys(),
      ...folds.flatMap(({ rows }) => [...(rows?.keys() ?? [])]),
    ]);
    for (const key of keys) {
      if (this.#db.durable(letterKey(target.id, key)) !== undefined) continue;
      const { at, rows } = folds[choice.laneOf(target.id, key)] ?? { at: null, rows: undefined };
      this.#compareRow(
        `in SYNC at ${JSON.stringify(at)}`,
        target,
        key,
        actual.get(key),
        rows?.get(key),
        FIXED,
      );
    }
  }

  #checkWhole(target: Target, shape: TableShape, table: StoredTable | undefined): void {
    const actual = durableRows(this.#db, target);
    const all = new Set(shape.columns.map((c) => c.ordinal ?? -1));
    if (shape.key.length === 0)
      return this.#hasLetters(target)
        ? undefined
        : this.#compareBags(target, actual, table?.rows, all);
    for (const key of new Set([...actual.keys(), ...(table?.rows.keys() ?? [])])) {
      const expected = table?.rows.get(key);
      const parked = this.#db.durable(letterKey(target.id, key)) !== undefined;
      if (!parked && this.#isBad(target, expected))
        throw new Violation(`at the end: ${target.id} ${key} is bad and has no letter`);
      if (!parked) this.#compareRow("at the end", target, key, actual.get(key), expected, all);
    }
  }

  /** All letters were replayed at rest: those that stand are of rows that the source has and no sink would take. */
  checkReplayed(): void {
    const tables = foldTo(this.#server, null, this.#base(), this.#from());
    for (const { shape } of this.state().tables.values()) {
      if (shape.key.length === 0) continue;
      for (const target of this.#targets(shape)) {
        const prefix = letterKey(target.id, "");
        for (const name of this.#db.durableKeys(prefix)) {
          const key = name.slice(prefix.length);
          if (!this.#isBad(target, tables.get(shape.id)?.rows.get(key)))
            throw new Violation(
              `${target.id} ${key} has a letter that a replay should have settled`,
            );
        }
      }
    }
  }

  /** Which rows of a table without key are parked cannot be told by what is left. */
  #hasLetters(target: Target): boolean {
    return this.#db.durableKeys(letterKey(target.id, "")).length > 0;
  }

  #isBad(target: Target, cells: Cells | undefined): boolean {
    return [...(cells ?? [])].some(([ordinal, value]) => {
      if (!target.columns.has(ordinal)) return false;
      return (
        value instanceof Skimmed ||
        (typeof value === "string" &&
          (value.startsWith(POISON) || value.startsWith(MISFIT) || value.length > 500))
      );
    });
  }

  #compareRow(
    when: string,
    target: Target,
    key: string,
    actual: StoredRow | undefined,
    expected: Cells | undefined,
    ordinals: ReadonlySet<number>,
  ): void {
    const have =
      actual === undefined
        ? "nothing"
        : JSON.stringify(project(target, (_, name) => actual[name], ordinals));
    const want =
      expected === undefined
        ? "nothing"
        : JSON.stringify(project(target, (ordinal) => expected.get(ordinal), ordinals));
    if (have !== want)
      throw new Violation(`${when}: ${target.id} ${key} is ${have}, the source has ${want}`);
  }

  #compareBags(
    target: Target,
    actual: ReadonlyMap<string, StoredRow>,
    expected: ReadonlyMap<string, Cells> | undefined,
    ordinals: ReadonlySet<number>,
  ): void {
    const have = [...actual.values()]
      .map((row) => JSON.stringify(project(target, (_, name) => row[name], ordinals)))
      .sort();
    const want = [...(expected?.values() ?? [])]
      .map((cells) => JSON.stringify(project(target, (ordinal) => cells.get(ordinal), ordinals)))
      .sort();
    if (have.join() !== want.join())
      throw new Violation(`${target.id} holds ${have.join()}, the source ${want.join()}`);
  }

  #checkLeftovers(state: LoadedState): void {
    if (state.intent !== null) throw new Violation("an intent is left over");
    if (state.chunks.length > 0)
      throw new Violation(`${state.chunks.length} chunk documents are left over`);
    const lanes = state.pipeline?.lanes ?? 0;
    const beyond = [...state.checkpoints.keys()].filter((lane) => lane >= lanes);
    if (beyond.length > 0)
      throw new Violation(`checkpoints of lanes ${beyond.join()} are left over`);
  }

  /** Rows that were put off are not, when their tables are SYNC; and constraints refuse nothing that the source has. */
  #checkLetters(): void {
    for (const name of this.#db.durableKeys("letter/")) {
      const letter = this.#db.durable(name) as DeadLetter;
      if (isPutOff(letter)) throw new Violation(`${letter.target} ${letter.key} is still put off`);
      if (this.#profile.unique !== null)
        throw new Violation(`${letter.target} ${letter.key} was refused: ${letter.reason}`);
    }
  }

  /** Without load and compaction: every change of a key applied once, in order, and nothing else. */
  #checkHistories(): void {
    const { fullLoad, compaction } = this.#profile.settings;
    const start = this.#server.slot?.start;
    if (fullLoad || compaction || start === undefined) return;
    for (const { shape } of this.#server.committed.values()) {
      for (const target of this.#targets(shape)) {
        const expected = historyOf(this.#server, shape.id, start, VALUE_ORDINAL);
        for (const [key, history] of expected) {
          const actual = this.#histories.get(`row/${target.id}/${key}`) ?? [];
          if (JSON.stringify(actual) !== JSON.stringify(history))
            throw new Violation(
              `${target.id} ${key} was ${JSON.stringify(actual)}, the log says ${JSON.stringify(history)}`,
            );
        }
      }
    }
  }
}

/** Columns that no ALTER of the model touches. */
const FIXED: ReadonlySet<number> = new Set([VALUE_ORDINAL, LARGE_ORDINAL]);

function project(
  target: Target,
  value: (ordinal: number, name: string) => unknown,
  ordinals: ReadonlySet<number>,
): unknown {
  return [...target.columns]
    .filter(([ordinal]) => ordinals.has(ordinal))
    .map(([ordinal, name]) => value(ordinal, name) ?? null);
}
