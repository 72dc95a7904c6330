import { protocolError } from "./byte-cursor.ts";
import type { LoggedTables, Misfit } from "./logged-tables.ts";
import type { LoggedEvent } from "./payload.ts";
import type { RowPlan } from "./row-plan.ts";
import type { ServerVersion } from "./server-version.ts";
import { decodeTableMap, tableIdOf } from "./table-map.ts";

/** A table as the server described it last, in these bytes, and what became of that. */
interface Described {
  readonly body: Buffer;
  /** Of {@link LoggedTables}. */
  readonly version: number;
  readonly plan: RowPlan | Misfit | null;
  /** Of the table: the same whatever its number is. */
  readonly name: string;
  /** Which statement described it last. */
  statement: number;
}

/** How much is remembered. */
export interface DescribedLimits {
  readonly mostTables: number;
  readonly mostBytes: number;
}

/** Every statement describes its tables again: what is forgotten costs its decoding, once a statement. */
const LIMITS: DescribedLimits = { mostTables: 4_096, mostBytes: 8_388_608 };

/**
 * What the numbers of tables in a log's file stand for. A server gives a table another number whenever it opens it anew, so
 * that a file may have any number of them: the oldest are forgotten (I10), but for those of the statement that is read.
 *
 * Hot: `describe` runs per statement, `of` per row event.
 */
export class DescribedTables {
  readonly #tables: Pick<LoggedTables, "version" | "planOf">;
  readonly #flavor: ServerVersion["flavor"];
  readonly #limits: DescribedLimits;
  /** In the order in which they were described first. */
  readonly #byNumber = new Map<number, Described>();
  #bytes = 0;
  /** A statement describes all of its tables before its rows. */
  #statement = 0;
  #hasRows = false;

  constructor(
    tables: Pick<LoggedTables, "version" | "planOf">,
    flavor: ServerVersion["flavor"],
    limits: DescribedLimits = LIMITS,
  ) {
    this.#tables = tables;
    this.#flavor = flavor;
    this.#limits = limits;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#byNumber.size;
  }

  /** Row events of this table map's number are about its table from now on: mostly as the one before said. */
  describe({ buffer, bodyStart, bodyEnd }: LoggedEvent): void {
    if (this.#hasRows) this.#statement += 1;
    this.#hasRows = false;
    const number = tableIdOf(buffer, bodyStart, bodyEnd);
    const known = this.#byNumber.get(number);
    if (
      known?.version === this.#tables.version &&
      known.body.length === bodyEnd - bodyStart &&
      known.body.compare(buffer, bodyStart, bodyEnd) === 0
    ) {
      known.statement = this.#statement;
      return;
    }
    this.#forget(number, known);
    this.#decode(number, Buffer.from(buffer.subarray(bodyStart, bodyEnd)));
    this.#trim();
  }

  /** How rows of this number are decoded now: what was said of them before may have been asked about since. */
  of(number: number): Pick<Described, "plan" | "name"> {
    this.#hasRows = true;
    const described = this.#byNumber.get(number);
    if (described === undefined) throw protocolError("rows of a table that was not described");
    if (described.version === this.#tables.version) return described;
    this.#forget(number, described);
    return this.#decode(number, described.body);
  }

  /** Another file numbers tables anew. */
  clear(): void {
    this.#byNumber.clear();
    this.#bytes = 0;
  }

  #decode(number: number, body: Buffer): Described {
    const map = decodeTableMap(body, 0, body.length, this.#flavor);
    const { version } = this.#tables;
    const name = `${map.schema}.${map.table}`;
    const plan = this.#tables.planOf(map);
    const described = { body, version, plan, name, statement: this.#statement };
    this.#byNumber.set(number, described);
    this.#bytes += body.length;
    return described;
  }

  #forget(number: number, described: Described | undefined): void {
    if (described !== undefined) this.#bytes -= described.body.length;
    this.#byNumber.delete(number);
  }

  #trim(): void {
    const { mostTables, mostBytes } = this.#limits;
    for (const [number, described] of this.#byNumber) {
      if (this.size <= mostTables && this.#bytes <= mostBytes) return;
      if (described.statement !== this.#statement) this.#forget(number, described);
    }
  }
}
