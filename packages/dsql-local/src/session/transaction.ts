/** One transaction of a client: where it is, what it did, and what it may still do. */
import { violation } from "../rules/table.ts";
import { noUsage } from "../control/dpu.ts";
import type { Limits } from "../rules/bounds.ts";
import type { Statement } from "../gate/statement.ts";
import type { Asks } from "./answer.ts";
import type { Copied } from "./copied.ts";
import type { ToldInParts } from "./kept-rows.ts";
import type { PrivateCopies } from "../concurrency/private-copies.ts";
import type { Violation } from "../rules/rule.ts";

/**
 * `block`: between BEGIN and COMMIT; `implicit`: several statements up to one Sync or in one string;
 * `single`: one statement on its own.
 */
export type TransactionMode = "block" | "implicit" | "single";

/**
 * `fresh`: PostgreSQL has not heard of it; `open`: its worker holds its locks; `parked`: it keeps its
 * snapshot but no lock, its writes are in the log only; `failed`: waits for ROLLBACK; `ended`.
 */
export type TransactionPhase = "fresh" | "open" | "parked" | "failed" | "ended";

/** What it takes to run a statement again. */
export interface Repeatable {
  readonly statement: Statement;
  /** Parameter types of its Parse. */
  readonly types: Buffer | undefined;
  /** Its Bind behind the two names. */
  readonly bindRest: Buffer | undefined;
  /** It is asked for places. */
  readonly asks: Asks | undefined;
  /** What the client has sent for its COPY FROM STDIN. */
  readonly copied: Copied | undefined;
}

/** A statement that a replay repeats, and what the client was told. */
export interface LogEntry extends Repeatable {
  /** Tag and digest of the rows that the client got. */
  readonly answer: string;
  /** Tables that it wrote to. */
  readonly written: readonly string[];
  /** Where the rows are that it wrote, by its last run. */
  places: readonly string[] | undefined;
}

/** State of one transaction; the rules of §2.3 and §1.2 on it. */
export class Transaction {
  mode: TransactionMode;
  /** Undefined where that is the session's default. */
  readOnly: boolean | undefined;
  readonly startedMs: number;
  phase: TransactionPhase = "fresh";
  readonly log: LogEntry[] = [];
  /** Catalogue versions of the tables that it used, as it saw them. */
  readonly tables = new Map<string, number>();
  /** What the proxy does once it has committed. */
  readonly afterCommit: (() => Promise<void> | void)[] = [];
  /** Bytes written per table, estimated or measured. */
  readonly writtenBytes = new Map<string, number>();
  /** How many commits the cluster had finished when the snapshot was taken. */
  snapshotCommits = 0;
  /** The latest change of the catalogue by then. */
  snapshotVersion = 0;
  /** What a doomed transaction, one whose conflict is certain, writes to instead of its tables. */
  copies: PrivateCopies | undefined;
  rows = 0;
  /** Rows written per table. */
  readonly writtenRows = new Map<string, number>();
  /** What it is charged for. */
  readonly usage = noUsage();
  deletedRows = 0;
  /** How often it was parked: portals of before are gone. */
  parks = 0;
  /** Portals that wait for more rows to be asked for. */
  readonly suspended: ToldInParts[] = [];
  /** Tables of which rows have changed with those of others. */
  readonly cascadedTo = new Set<string>();
  /** Some statement of it has written values that a repetition would draw anew. */
  hasDrawn = false;
  /** Others have run behind that one, and may rely on these values. */
  reliesOnDrawn = false;
  /** Its COMMIT goes with its only statement. */
  commitsWithIt = false;
  #ddl = 0;
  #dml = false;

  constructor(mode: TransactionMode, startedMs: number, readOnly?: boolean) {
    this.mode = mode;
    this.startedMs = startedMs;
    this.readOnly = readOnly;
  }

  /** Whether it wrote rows or the catalogue. */
  get wrote(): boolean {
    return this.#dml || this.#ddl > 0;
  }

  /** Whether it changed the catalogue. */
  get changedCatalogue(): boolean {
    return this.#ddl > 0;
  }

  /** Admits a statement by the rules of one DDL and no mix. Throws their Violations. */
  admit(statement: Statement): void {
    if (statement.kind === "write") {
      if (this.#ddl > 0) throw violation("ddlWithDml");
      this.#dml = true;
    } else if (isDdl(statement)) {
      if (this.#dml) throw violation("ddlWithDml");
      if (this.#ddl > 0) throw violation("multipleDdl");
      this.#ddl++;
    }
  }

  /** The Violation of its age at a moment, if any. */
  tooOld(nowMs: number, { transactionAgeSeconds: limit }: Limits): Violation | undefined {
    const seconds = (nowMs - this.startedMs) / 1_000;
    if (seconds <= limit) return undefined;
    return violation("ageLimit", { seconds: Math.floor(seconds), limit });
  }

  /** Where the rows are that it wrote to a table; undefined when some statement was not asked. */
  placesIn(table: string): readonly string[] | undefined {
    if (this.cascadedTo.has(table)) return undefined;
    const entries = this.log.filter(
      ({ statement, written }) => statement.writesRows && written.includes(table),
    );
    const places: string[] = [];
    for (const entry of entries) {
      if (entry.places === undefined) return undefined;
      places.push(...entry.places);
    }
    return places;
  }

  /** Counts rows; gives the Violation of having counted too many. */
  countRows(rows: number, { rowsPerTransaction }: Limits): Violation | undefined {
    this.rows += rows;
    return this.rows > rowsPerTransaction ? violation("rowLimit") : undefined;
  }
}

/** Whether a statement counts as DDL (GRANT and REVOKE do, source T). */
export function isDdl(statement: Statement): boolean {
  const { kind } = statement;
  return kind === "ddl" || kind === "index-job" || kind === "validate-job" || kind === "iam";
}
