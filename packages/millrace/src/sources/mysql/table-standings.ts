import type { TableId } from "../../model/table.ts";
import type { MysqlShape } from "./ddl-shape.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";

/** What is known of a captured name at the reader's place. */
export interface Standing {
  /** Null where there is no such table (any more). */
  readonly shape: MysqlShape | null;
  /** The shape is the catalogue's, and certain only from here on. Null: it is certain. */
  readonly until: LogOffset | null;
  /** Before `until` rows are decoded all the same. */
  readonly isAssumed: boolean;
  /** Nothing of it was told before: rows that do not fit the shape that is assumed are refused, for nobody has their columns. */
  readonly isPast: boolean;
  /** At `until` the pipeline is told what it is; where something was left out, to load the table again. */
  readonly isUntold: boolean;
  /**
   * The shape was asked for when the log was opened. The pipeline has to know shape and place as soon as it can, and load the
   * table: a run that begins before `until` would ask again, for another place, and leave out what this one has decoded.
   */
  readonly isOpen: boolean;
  /** Rows or statements were, before `until`. */
  hasLeftOut: boolean;
}

/** What is said of a table anew; what is left out is false. */
type NewStanding = Pick<Standing, "shape" | "until"> & Partial<Standing>;

/** The captured names, and what stands behind each. */
export class TableStandings {
  readonly #byId = new Map<TableId, Standing>();
  /** Those that wait for their place. */
  #waiting = 0;
  #version = 0;
  #behind: LogOffset | null = null;

  /** Grows with each change. */
  get version(): number {
    return this.#version;
  }

  /** The last of all places before which something is left out. */
  get behind(): LogOffset | null {
    return this.#behind;
  }

  /** Of some the pipeline will be told that they are loaded again: their shape was asked for, and that was not told yet. */
  get areOpen(): boolean {
    return [...this.#byId.values()].some(({ isOpen }) => isOpen);
  }

  get(id: TableId): Standing | undefined {
    return this.#byId.get(id);
  }

  set(id: TableId, standing: NewStanding): void {
    const { until } = standing;
    const before = this.#byId.get(id);
    this.#waiting += Number(until !== null) - Number((before?.until ?? null) !== null);
    this.#byId.set(id, { ...PLAIN, hasLeftOut: false, ...standing });
    if (until !== null && (this.#behind === null || compareOffsets(until, this.#behind) > 0))
      this.#behind = until;
    this.touch();
  }

  /** Something else about tables has changed. */
  touch(): void {
    this.#version += 1;
  }

  /** The table's shape, where it is certain. */
  certain(id: TableId): MysqlShape | undefined {
    const standing = this.#byId.get(id);
    return standing?.until === null ? (standing.shape ?? undefined) : undefined;
  }

  /**
   * Those whose shape is certain from this place on and was not before, and where `mayTell` those that are open; in an order
   * that stays. Hot: asked per group.
   */
  reached(place: LogOffset, mayTell: () => boolean): readonly (readonly [TableId, Standing])[] {
    if (this.#waiting === 0) return NOBODY;
    const isThere = (until: LogOffset | null) =>
      until !== null && compareOffsets(until, place) <= 0;
    const reached = [...this.#byId]
      .filter(([, { until, isOpen }]) => isThere(until) || (isOpen && mayTell()))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    for (const [id, { shape, until }] of reached)
      this.set(id, { shape, until: isThere(until) ? null : until });
    return reached;
  }
}

const PLAIN = { isAssumed: false, isPast: false, isUntold: false, isOpen: false } as const;
const NOBODY: readonly (readonly [TableId, Standing])[] = [];
