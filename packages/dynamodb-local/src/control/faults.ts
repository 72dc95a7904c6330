/** Faults that tests switch on, and which call each of them strikes. */

/** Which calls a fault is for; what is left out does not matter. */
export interface Occasion {
  /** The action, `*` for any part of it: `GetRecords`, `Describe*`. */
  readonly action?: string;
  /** The name of the table that the call, or its stream, is of. */
  readonly table?: string;
  readonly accessKeyId?: string;
  /** Strike first at the nth such call; 1, the next one, when left out. */
  readonly nth?: number;
  /** How many in a row; 1 when left out, 0 for always. */
  readonly times?: number;
}

/** A named error, before anything is done. */
export interface ErrorFault extends Occasion {
  readonly kind: "error";
  /** `ThrottlingException`. */
  readonly code: string;
  readonly message?: string;
  /** 400 when left out. */
  readonly status?: number;
}

/** A page that is no JSON, as a proxy sends it. */
export interface PageFault extends Occasion {
  readonly kind: "page";
  /** 503 when left out. */
  readonly status?: number;
}

/** The answer comes late. */
export interface DelayFault extends Occasion {
  readonly kind: "delay";
  readonly delayMs: number;
}

/** The connection ends: `before` anything is done, or `after`, unanswered. */
export interface CutFault extends Occasion {
  readonly kind: "cut";
  readonly when: "before" | "after";
}

/** AccessDeniedException for actions (`dynamodb:GetItem`) and resources (ARNs), `*` for any part; always, unless `times` says otherwise. */
export interface DenyFault extends Occasion {
  readonly kind: "deny";
  readonly action: string;
  readonly resource?: string;
  /** What is allowed all the same, as a policy would say it: an action and, behind a space, a resource, `*` for any part of either. */
  readonly except?: readonly string[];
}

/** BatchWriteItem and BatchGetItem leave so many undone. */
export interface UnprocessedFault extends Occasion {
  readonly kind: "unprocessed";
  readonly count: number;
}

/** GetRecords gives no records, and the same place again. */
export interface EmptyFault extends Occasion {
  readonly kind: "empty";
}

/**
 * DescribeStream is not consistent yet: `childless` parents are closed without children, `open-parent` parents of the newest
 * shards look open, `orphaned` parents of the newest shards are not there.
 */
export interface StaleFault extends Occasion {
  readonly kind: "stale";
  readonly how: "childless" | "open-parent" | "orphaned";
}

/** What can be switched on. */
export type Fault =
  | ErrorFault
  | PageFault
  | DelayFault
  | CutFault
  | DenyFault
  | UnprocessedFault
  | EmptyFault
  | StaleFault;

/** A fault that is on. */
export interface ActiveFault {
  readonly id: number;
  readonly fault: Fault;
  readonly struck: number;
}

/** What a call is, to a fault. */
export interface CallShape {
  /** `dynamodb`, `tag`, `sts`: what IAM calls it. */
  readonly service: string;
  readonly action: string;
  readonly table: string | undefined;
  readonly resource: string;
  readonly accessKeyId: string;
}

interface Entry {
  readonly id: number;
  readonly fault: Fault;
  seen: number;
  struck: number;
}

/** The faults of one stand-in. */
export class FaultList {
  #entries: Entry[] = [];
  #nextId = 1;

  inject(fault: Fault): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#entries.push({ id, fault, seen: 0, struck: 0 });
    return id;
  }

  list(): readonly ActiveFault[] {
    return this.#entries.map(({ id, fault, struck }) => ({ id, fault, struck }));
  }

  clear(id?: number): void {
    this.#entries = id === undefined ? [] : this.#entries.filter((entry) => entry.id !== id);
  }

  /** What strikes this call. */
  on(call: CallShape): FaultBook {
    const struck = this.#entries.filter((entry) => strikes(entry, call));
    return new FaultBook(struck.map(({ fault }) => fault));
  }
}

/** The faults that strike one call. */
export class FaultBook {
  readonly #faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    this.#faults = faults;
  }

  first<K extends Fault["kind"]>(kind: K): Extract<Fault, { kind: K }> | undefined {
    return this.#faults.find((fault): fault is Extract<Fault, { kind: K }> => fault.kind === kind);
  }
}

function strikes(entry: Entry, call: CallShape): boolean {
  const { fault } = entry;
  if (!concerns(fault, call)) return false;
  entry.seen += 1;
  const times = fault.times ?? (fault.kind === "deny" ? 0 : 1);
  if (entry.seen < (fault.nth ?? 1) || (times > 0 && entry.struck >= times)) return false;
  entry.struck += 1;
  return true;
}

/** What a fault of this kind can strike at all, whatever its occasion says. */
const ACTIONS: Readonly<Record<string, string>> = {
  unprocessed: "Batch*",
  empty: "GetRecords",
  stale: "DescribeStream",
};

function concerns(fault: Fault, call: CallShape): boolean {
  if (fault.accessKeyId !== undefined && fault.accessKeyId !== call.accessKeyId) return false;
  if (fault.table !== undefined && fault.table !== call.table) return false;
  if (!matches(ACTIONS[fault.kind] ?? "*", call.action)) return false;
  const name = fault.kind === "deny" ? `${call.service}:${call.action}` : call.action;
  if (!matches(fault.action ?? "*", name)) return false;
  if (fault.kind !== "deny") return true;
  const said = `${name} ${call.resource}`;
  if (fault.except?.some((allowed) => matches(allowed, said)) === true) return false;
  return matches(fault.resource ?? "*", call.resource);
}

/** Whether a text is what a pattern with `*` says. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[$()+.?[\\\]^{|}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}
