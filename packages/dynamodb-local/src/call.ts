/** One request on its way: who asks for what, and where. */
import type { Principal } from "./access/principals.ts";
import type { FaultBook } from "./control/faults.ts";
import type { Fields } from "./json.ts";
import type { Realm } from "./realm.ts";

/** A call that may be answered. */
export interface Call {
  readonly realm: Realm;
  readonly principal: Principal;
  /** `GetRecords`. */
  readonly action: string;
  readonly request: Fields;
  readonly faults: FaultBook;
}

/** Answers one kind of call, or throws a Refusal. */
export type Handler = (call: Call) => Promise<Fields>;
