/** A session's prepared statements and portals, as far as the proxy needs them. */
import { blankStatement, type Statement } from "../gate/statement.ts";
import { Violation } from "../rules/rule.ts";
import { execute } from "../wire/extended.ts";
import { Frames, rowDescription } from "../wire/messages.ts";
import type { Asks } from "./answer.ts";
import type { KeptRows } from "./kept-rows.ts";
import type { AnswerPlan } from "./pending.ts";

/** A statement that the client prepared. */
export interface Prepared {
  readonly statement: Statement;
  /** Parameter types of its Parse. */
  readonly types: Buffer;
  readonly twin: Twin;
}

/** The same statement, asked for the places of the rows that it writes; prepared when it is first needed. */
export interface Twin {
  /** As PostgreSQL knows it. */
  readonly name: string;
  prepared: boolean;
}

/** A statement with its parameters. */
export interface Portal extends Prepared {
  readonly bindRest: Buffer;
  /** It is its twin that was bound. */
  readonly asks: Asks | undefined;
  /** It may write something too large; undefined when nobody has looked. */
  readonly suspicious: boolean | undefined;
  ran: boolean;
  /** What it has not told yet, where that is here. */
  kept: KeptRows | undefined;
  /** How often its transaction had been parked when PostgreSQL was told of it; undefined while it was not. */
  parks: number | undefined;
}

/** A portal of the statement as it is. */
export function plainPortal(prepared: Prepared, bindRest: Buffer): Portal {
  return {
    ...prepared,
    bindRest,
    asks: undefined,
    suspicious: undefined,
    ran: false,
    kept: undefined,
    parks: undefined,
  };
}

/** A portal without a statement. */
export function emptied(portal: Portal): Portal {
  return { ...portal, statement: blankStatement("empty", ""), asks: undefined };
}

/** What the rows are of a statement that the proxy answers itself. */
export function descriptionOf({ answer }: Statement): Buffer {
  const columns = answer?.columns ?? [];
  return columns.length > 0 ? rowDescription(columns) : Frames.noData;
}

/** Kinds that PostgreSQL never sees in the client's own messages. */
export function isOurs(statement: Statement): boolean {
  switch (statement.kind) {
    case "read":
    case "write":
    case "setting":
    case "ddl":
    case "call":
    case "utility":
    case "empty":
      return false;
    default:
      return true;
  }
}

/** The description of a portal, without what we have asked for. */
export function planOf(portal: Portal | undefined): AnswerPlan {
  if (portal?.asks === undefined) return {};
  return { hides: portal.asks.own ? "last-column" : "rows" };
}

/** Whether a statement gives rows, be they none. */
export function hasRows(statement: Statement): boolean {
  if (!isOurs(statement)) return statement.returnsRows;
  return statement.answer !== undefined && statement.answer.columns.length > 0;
}

/** The Execute of a portal. A write runs to its end at once, whatever number of rows it is to stop at. */
export function executionOf(portal: Portal, name: string, message: Buffer): Buffer {
  return portal.statement.kind === "write" ? execute(name) : message;
}

/** The refusal of a portal that has run to its end and had no rows: it never runs again. */
export function cannotRun(name: string): Violation {
  return new Violation({
    severity: "ERROR",
    code: "55000",
    message: `portal "${name}" cannot be run`,
  });
}

/** The Violation of a name that stands for nothing. */
export function missing(what: "prepared statement" | "portal", name: string): Violation {
  const code = what === "portal" ? "34000" : "26000";
  // PostgreSQL has a word for the unnamed statement, and none for the unnamed portal.
  const shown = name === "" && what !== "portal" ? `unnamed ${what}` : `${what} "${name}"`;
  return new Violation({ severity: "ERROR", code, message: `${shown} does not exist` });
}

/** The refusal of a statement's name that is taken. */
export function alreadyThere(name: string): Violation {
  const message = `prepared statement "${name}" already exists`;
  return new Violation({ severity: "ERROR", code: "42P05", message });
}

/** The refusal of a portal's name that is taken. */
export function alreadyOpen(name: string): Violation {
  const message = `cursor "${name}" already exists`;
  return new Violation({ severity: "ERROR", code: "42P03", message });
}

/** Whether PostgreSQL can say that a name is taken: both statements are its own. */
export function isKnownBehind(known: Prepared, statement: Statement): boolean {
  return !isOurs(known.statement) && !isOurs(statement);
}
