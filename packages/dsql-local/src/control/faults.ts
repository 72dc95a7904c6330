/** Faults that tests switch on: what goes wrong, when, and how often. */
import { reportOf, Violation } from "../rules/rule.ts";
import { rules, violation } from "../rules/table.ts";

/** When a fault strikes, counted from the moment it is switched on. */
interface Occasion {
  /** It strikes first at this one of its occasions, 1 being the next. Default 1. */
  readonly nth?: number;
  /** How many occasions in a row it strikes. Default 1; 0 means always. */
  readonly times?: number;
  /** Only sessions with this application_name. */
  readonly applicationName?: string;
}

/** A COMMIT (also of a single statement that writes) answers 40001. */
export interface ConflictFault extends Occasion {
  readonly kind: "conflict";
  readonly code: "OC000" | "OC001";
}

/**
 * The connection is cut at a COMMIT: `before` it reaches PostgreSQL, `after` it is applied but not
 * answered, or `late`: the client sees the cut first and `lateMs` afterwards the COMMIT is applied.
 */
export interface CutFault extends Occasion {
  readonly kind: "cut";
  readonly when: "before" | "after" | "late";
  readonly lateMs?: number;
}

/** A COMMIT takes this much longer. */
export interface SlowCommitFault extends Occasion {
  readonly kind: "slow-commit";
  readonly delayMs: number;
}

/** A statement takes this much longer before it runs; `match` is a regular expression on its text. */
export interface SlowStatementFault extends Occasion {
  readonly kind: "slow-statement";
  readonly delayMs: number;
  readonly match?: string;
}

/**
 * A statement answers XX000 "server unavailable": its transaction has failed, the connection stays. Or a COMMIT does,
 * `before` or `after` it is applied.
 */
export interface UnavailableFault extends Occasion {
  readonly kind: "unavailable";
  /** Default `statement`. */
  readonly when?: "statement" | "before" | "after";
  readonly match?: string;
}

/** A connection is turned away. */
export interface RefuseConnectFault extends Occasion {
  readonly kind: "refuse-connect";
  readonly code: "53400" | "53300" | "08006" | "XX000" | "waking-up";
}

/** Anything that can be switched on. */
export type Fault =
  | ConflictFault
  | CutFault
  | SlowCommitFault
  | SlowStatementFault
  | UnavailableFault
  | RefuseConnectFault;

/** What the faults make of one COMMIT. */
export interface CommitPlan {
  readonly delayMs: number;
  readonly refusal: Violation | undefined;
  /** Told though it is applied. */
  readonly doubt: Violation | undefined;
  readonly cut: CutFault | undefined;
}

/** The client's connection is cut without a word. */
export class ConnectionCut extends Error {
  /** The COMMIT is still to come. */
  readonly late: boolean;
  constructor(late: boolean) {
    super("cut by a fault");
    this.name = "ConnectionCut";
    this.late = late;
  }
}

interface Active {
  readonly id: number;
  readonly fault: Fault;
  seen: number;
  struck: number;
}

/** The faults of one cluster. */
export class Faults {
  #active: Active[] = [];
  #nextId = 1;
  #struck = 0;

  /** Switches a fault on; gives its number. */
  add(fault: Fault): number {
    const id = this.#nextId++;
    this.#active.push({ id, fault, seen: 0, struck: 0 });
    return id;
  }

  /** Switches one off, or all. */
  clear(id?: number): void {
    this.#active = id === undefined ? [] : this.#active.filter((active) => active.id !== id);
  }

  /** Whether any is on. */
  get areOn(): boolean {
    return this.#active.length > 0;
  }

  /** What is on, with how often it has struck. */
  list(): { id: number; fault: Fault; struck: number }[] {
    return this.#active.map(({ id, fault, struck }) => ({ id, fault, struck }));
  }

  /** How often any fault has struck. */
  get struck(): number {
    return this.#struck;
  }

  /** Asked once for each COMMIT of a transaction that wrote. */
  atCommit(applicationName: string): CommitPlan | undefined {
    if (this.#active.length === 0) return undefined;
    const slow = this.#strike("slow-commit", applicationName);
    const conflict = this.#strike("conflict", applicationName);
    const cut = this.#strike("cut", applicationName);
    const refused = conflict?.code === "OC001" ? "schemaConflict" : "dataConflict";
    const isAway = (when: UnavailableFault["when"]): boolean =>
      this.#strike("unavailable", applicationName, "", when) !== undefined;
    const conflicts = conflict === undefined ? undefined : violation(refused);
    return {
      delayMs: slow?.delayMs ?? 0,
      refusal: conflicts ?? (isAway("before") ? violation("unavailable") : undefined),
      doubt: isAway("after") ? violation("unavailable") : undefined,
      cut,
    };
  }

  /** Asked once for each statement; gives the delay. Throws "server unavailable". */
  atStatement(sql: string, applicationName: string): number {
    if (this.#active.length === 0) return 0;
    const slow = this.#strike("slow-statement", applicationName, sql);
    if (this.#strike("unavailable", applicationName, sql, "statement") !== undefined) {
      throw violation("unavailable");
    }
    return slow?.delayMs ?? 0;
  }

  /** Asked once for each connection. Throws what turns it away. */
  atConnect(applicationName: string): void {
    const refused = this.#strike("refuse-connect", applicationName);
    if (refused !== undefined) throw refusal(refused.code);
  }

  #strike<K extends Fault["kind"]>(
    kind: K,
    applicationName: string,
    sql = "",
    when?: UnavailableFault["when"],
  ): Extract<Fault, { kind: K }> | undefined {
    for (const active of this.#active) {
      const { fault } = active;
      if (!isKind(fault, kind) || !concerns(fault, applicationName, sql)) continue;
      if (momentOf(active.fault) !== when) continue;
      active.seen++;
      const nth = fault.nth ?? 1;
      const times = fault.times ?? 1;
      if (active.seen < nth || (times > 0 && active.struck >= times)) continue;
      active.struck++;
      this.#struck++;
      return fault;
    }
    return undefined;
  }
}

function isKind<K extends Fault["kind"]>(
  fault: Fault,
  kind: K,
): fault is Extract<Fault, { kind: K }> {
  return fault.kind === kind;
}

/** What of a fault's moments tells occasions apart. */
function momentOf(fault: Fault): UnavailableFault["when"] {
  return fault.kind === "unavailable" ? (fault.when ?? "statement") : undefined;
}

function concerns(fault: Fault, applicationName: string, sql: string): boolean {
  if (fault.applicationName !== undefined && fault.applicationName !== applicationName) {
    return false;
  }
  if (!("match" in fault) || fault.match === undefined || sql === "") return true;
  return new RegExp(fault.match, "i").test(sql);
}

function refusal(code: RefuseConnectFault["code"]): Violation {
  switch (code) {
    case "53400":
      return violation("connectRate");
    case "53300":
      return violation("tooManyConnections");
    case "08006":
      return new Violation(reportOf(rules.accessDenied, { reason: "switched on as a fault" }));
    case "XX000":
      return violation("serverUnavailable");
    case "waking-up":
      return violation("wakingUp");
  }
}
