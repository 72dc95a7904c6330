import type { Json, Position } from "../../model/position.ts";
import type { Router } from "../../model/router.ts";
import type { TableId } from "../../model/table.ts";
import { LaneChoice } from "../lane-choice.ts";
import { loadState, type LoadedState, type TableDocument } from "../state-documents.ts";
import { GenerationEnds } from "./generation-ends.ts";
import { Gaps } from "./gaps.ts";
import { Histories } from "./histories.ts";
import { checkLetters, checkReplayed } from "./letter-rules.ts";
import type { LostTargets } from "./lost-targets.ts";
import type { ModelPlaces } from "./model-places.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import type { Profile } from "./profile.ts";
import type { SinkDatabase, SinkTransaction } from "./sink-database.ts";
import { HOLDER_KEY, letterKey } from "./sink-state.ts";
import { durableRows } from "./sink-tables.ts";
import { modelPosition, type ModelPosition, type SourceServer } from "./source-server.ts";
import type { StoredTable } from "./source-tables.ts";
import { Standings } from "./standings.ts";
import { LoadsTold } from "./loads-told.ts";
import { checkBarrier, checkBounds, checkLeftovers, type OpenBarrier } from "./state-rules.ts";
import { compareBags, compareRow, FIXED, targetsOf, type Target } from "./target-rows.ts";
import { Violation } from "./violation.ts";
import { checkWhole, hasLetters } from "./whole-targets.ts";
import type { Process } from "./world.ts";

interface OracleParts {
  readonly server: SourceServer;
  readonly db: SinkDatabase;
  readonly profile: Profile;
  readonly router: Router;
  readonly file: PipelineFile;
  readonly lost: LostTargets;
  readonly places: ModelPlaces;
}

/** What a lane has made durable of the log, and what the source's tables are there. */
interface LaneFold {
  readonly at: Position;
  readonly table: StoredTable | undefined;
}

/**
 * Holds the sink against the source's log, after every transaction of the sink and at the end. It knows what the
 * pipeline has written down (frontier, checkpoints, table documents) and takes it at its word.
 */
export class Oracle {
  readonly #parts: OracleParts;
  readonly #server: SourceServer;
  readonly #db: SinkDatabase;
  readonly #histories = new Histories();
  /** Processes in the order in which they took over. */
  readonly #holders: Process[] = [];
  readonly #cut = new Map<Process, string>();
  readonly #gaps: Gaps;
  readonly #places: ModelPlaces;
  readonly #standings: Standings;
  readonly #ends = new GenerationEnds();
  readonly #loads = new LoadsTold();
  #acknowledged: Position | null = null;
  #documents: LoadedState["tables"] = new Map();
  #barrier: OpenBarrier | null = null;

  constructor(parts: OracleParts) {
    this.#parts = parts;
    this.#server = parts.server;
    this.#db = parts.db;
    this.#gaps = new Gaps(parts.server);
    this.#places = parts.places;
    this.#standings = new Standings(parts.places);
  }

  /** A transaction of the sink became durable. */
  landed(owner: Process, tx: SinkTransaction): void {
    if (tx.writes.has(HOLDER_KEY)) this.#tookOver(owner);
    const cut = this.#cut.get(owner);
    if (cut !== undefined && tx.journal.length > 0)
      throw new Violation(`${owner.name} writes without the log ${cut}`);
    this.#standings.landed(tx);
    this.#histories.add(tx);
    this.#loads.landed(tx);
    this.#checkBarrier(tx);
    const state = this.state();
    this.#remember(state, tx);
    for (const document of state.tables.values()) this.#gaps.begins(document);
    if (this.#parts.profile.topics)
      this.#ends.landed(tx, state, (document) => this.#targets(document));
    checkBounds(state, this.#db.durableKeys("lane/").length, this.#parts.profile);
    this.#checkSynced(state);
  }

  #checkBarrier(tx: SinkTransaction): void {
    const open = this.#barrier;
    const shape = open === null ? null : this.#documents.get(open.intent.table)?.shape;
    if (open === null || shape === undefined || shape === null) return;
    const targets = this.#targets({ shape }).map(({ id }) => id);
    checkBarrier(open, tx, targets);
  }

  /** What was durable before the next transaction. */
  #remember({ intent, tables }: LoadedState, tx: SinkTransaction): void {
    const isInherited = this.#barrier?.isInherited === true || tx.writes.has(HOLDER_KEY);
    this.#barrier = intent === null ? null : { intent, isInherited };
    this.#documents = tables;
  }

  /** A process that another one has superseded never takes over again (I5). */
  #tookOver(owner: Process): void {
    if (this.#holders.at(-1) === owner) return;
    if (this.#holders.includes(owner))
      throw new Violation(`${owner.name} takes over again, after ${this.#holders.at(-1)?.name}`);
    this.#holders.push(owner);
  }

  /** The source was told that it may forget (I4). */
  acknowledged(position: Position): void {
    const { frontier } = this.state();
    if (frontier === null || this.#places.compare(frontier.position, position) < 0)
      throw new Violation(
        `acknowledged ${JSON.stringify(position)}, durable is ${JSON.stringify(frontier?.position)}`,
      );
    this.#acknowledged = position;
  }

  /** A session begins where the log is no longer kept. That may be, for a task that has been taken over from. */
  replaysFrom(owner: Process, asked: ModelPosition, kept: ModelPosition): void {
    if (asked[0] < kept[0]) this.#cut.set(owner, `from ${asked.join(".")} to ${kept.join(".")}`);
    else this.#cut.delete(owner);
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
    const tables = this.#places.fold(null, this.#base(), this.#from());
    this.#checkCaptured(state, tables);
    for (const document of state.tables.values()) {
      if (document.removed === true) continue;
      const table = tables.get(document.shape.id);
      if (document.state !== "SYNC")
        throw new Violation(`${document.shape.id} ends in ${document.state}`);
      if (table?.shape.identity !== document.shape.identity)
        throw new Violation(`${document.shape.id} is not the table that the source has`);
      for (const target of this.#targets(table)) checkWhole(this.#db, target, table);
    }
    checkLeftovers(state);
    const { unique, foreign } = this.#parts.profile;
    checkLetters(this.#db, unique !== null || foreign !== null, state);
    this.#checkHistories();
    const end = this.#server.log.at(-1)?.end ?? 0;
    if (this.#acknowledged === null || !this.#places.isEnd(this.#acknowledged))
      throw new Violation(
        `acknowledged up to ${JSON.stringify(this.#acknowledged)}, the log ends at ${end}`,
      );
  }

  /** All letters were replayed at rest: those that stand are of rows that the source has and no sink would take. */
  checkReplayed(): void {
    const tables = this.#places.fold(null, this.#base(), this.#from());
    for (const { shape, removed } of this.state().tables.values()) {
      const table = tables.get(shape.id);
      if (shape.key.length === 0 || removed === true || table === undefined) continue;
      for (const target of this.#targets(table)) checkReplayed(this.#db, target, table);
    }
  }

  /**
   * The source has tables that the file names and nobody has taken up yet; or, where the log told that they are gone, the
   * pipeline has those that the source has no more: the next start lets them go.
   */
  missesTables(): boolean {
    const { tables } = this.state();
    const names = this.#parts.file.matcher();
    const { told } = this.#parts.profile;
    const { committed } = this.#server;
    if (told !== null && [...tables].some(([id, one]) => isCaptured(one) && !committed.has(id)))
      return true;
    return [...this.#server.committed.keys()].some(
      (id) => names(id) && !isCaptured(tables.get(id)),
    );
  }

  /** The names of all tables that the pipeline has, in one text. */
  captured(): string {
    const all = [...this.state().tables].filter(([, one]) => isCaptured(one));
    return all
      .map(([id]) => id)
      .toSorted()
      .join(" ");
  }

  /** What the file names and the source has is captured, and nothing else (I1). */
  #checkCaptured(state: LoadedState, tables: ReadonlyMap<TableId, StoredTable>): void {
    const names = this.#parts.file.matcher();
    for (const id of new Set([...tables.keys(), ...state.tables.keys()])) {
      const isThere = isCaptured(state.tables.get(id));
      if (isThere !== (names(id) && tables.has(id)))
        throw new Violation(`${id} is ${isThere ? "still" : "not"} captured`);
    }
  }

  /** What is there before the log begins; nothing where the pipeline loads nothing. */
  #base(): ReadonlyMap<TableId, StoredTable> {
    const { initial } = this.#server;
    if (this.#parts.profile.settings.fullLoad) return initial;
    return new Map([...initial].map(([id, table]) => [id, { ...table, rows: new Map() }]));
  }

  #from(): ModelPosition | null {
    return this.#parts.profile.settings.fullLoad ? null : (this.#server.slot?.start ?? null);
  }

  #targets({ shape }: Pick<StoredTable, "shape">): Target[] {
    return targetsOf(this.#parts.router, shape);
  }

  /** Tables that say SYNC are what the log says at each lane's position, from the moment that they say so (I7). */
  #checkSynced(state: LoadedState): void {
    if (!this.#parts.profile.settings.fullLoad)
      for (const { allPlanned, shape } of state.tables.values())
        if (!allPlanned) throw new Violation(`${shape.id} is loaded, which the file forbids`);
    const { frontier, pipeline, intent } = state;
    if (frontier === null || pipeline === null || intent !== null) return;
    const choice = new LaneChoice(pipeline.lanes, pipeline.laneGroups ?? {});
    const names = this.#parts.file.matcher();
    for (const document of state.tables.values()) {
      if (document.state !== "SYNC" || document.removed === true) continue;
      // It is about to be let go: even a TRUNCATE that was begun is not ended.
      if (!names(document.shape.id) || this.#parts.lost.holds(document)) continue;
      const lanes = this.#foldsOf(state, document, choice.lanes, frontier.position);
      if (lanes.some((lane) => this.#isUntold(state, document, lane))) continue;
      for (const target of this.#targets(document)) this.#checkLanes(target, choice, lanes);
    }
  }

  /**
   * The table at what each lane has: its checkpoint, what the frontier row says, or the table's end position. SYNC says
   * that the frontier has passed that, though the row that tells it may be a second late.
   */
  #foldsOf(
    state: LoadedState,
    { end, shape }: TableDocument,
    lanes: number,
    frontier: Position,
  ): LaneFold[] {
    if (end === null) throw new Violation(`${shape.id} is SYNC without an end position`);
    const least = this.#places.later(frontier, end);
    return Array.from({ length: lanes }, (_, lane) => {
      const at = this.#places.later(state.checkpoints.get(lane) ?? least, least);
      const tables = this.#places.fold(at, this.#base(), this.#from());
      return { at, table: tables.get(shape.id) };
    });
  }

  /** The log does not tell what the source's table is: it was made anew, its partitions moved, or it was not published. */
  #isUntold(state: LoadedState, document: TableDocument, { at, table }: LaneFold): boolean {
    // Its target stays as it is, unless the file says otherwise; what is read of it meanwhile is another one's.
    if (this.#parts.profile.told !== null)
      return (
        table === undefined || this.#server.visible.get(document.shape.id)?.life !== table.life
      );
    if (!this.#parts.profile.looks) return false;
    const { id, identity } = document.shape;
    if (table?.shape.identity !== identity) return true;
    if (this.#server.visible.get(id)?.shape.identity !== identity) return true;
    const parts = state.parts.get(id)?.parts ?? [];
    if (JSON.stringify(parts) !== JSON.stringify(table.parts.map((part) => part.id))) return true;
    return this.#gaps.lies(document, modelPosition(at));
  }

  #checkLanes(target: Target, choice: LaneChoice, folds: readonly LaneFold[]): void {
    if (target.keyless && hasLetters(this.#db, target)) return;
    const actual = durableRows(this.#db, target);
    const when = (fold: LaneFold | undefined) => `in SYNC at ${JSON.stringify(fold?.at)}`;
    if (target.keyless) {
      const fold = folds[choice.laneOf(target.id, "")];
      return compareBags(when(fold), target, actual, fold?.table?.rows, FIXED);
    }
    const there = folds.flatMap(({ table }) => [...(table?.rows.keys() ?? [])]);
    for (const key of new Set([...actual.keys(), ...there])) {
      if (this.#db.durable(letterKey(target.id, key)) !== undefined) continue;
      const fold = folds[choice.laneOf(target.id, key)];
      const pair = { actual: actual.get(key), expected: fold?.table?.rows.get(key) };
      compareRow(when(fold), target, key, pair, FIXED);
    }
  }

  /** Without load and compaction, or where every change is kept, each can be held against the log. */
  #checkHistories(): void {
    const { settings, topics } = this.#parts.profile;
    const start = this.#server.slot?.start;
    if (settings.fullLoad || (settings.compaction && !topics) || start === undefined) return;
    this.#histories.check(this.#server, this.#parts.router, start);
  }
}

function isCaptured(document: TableDocument | undefined): boolean {
  return document !== undefined && document.removed !== true;
}
