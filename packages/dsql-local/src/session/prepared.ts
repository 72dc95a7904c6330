/** A session's prepared statements and portals, as far as the proxy needs them. */
import type { Statement } from "../gate/statement.ts";
import { Violation } from "../rules/rule.ts";
import { closeStatement, execute } from "../wire/extended.ts";
import { Frames, rowDescription } from "../wire/messages.ts";
import type { Asks } from "./answer.ts";
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
}

/** A portal of the statement as it is. */
export function plainPortal(prepared: Prepared, bindRest: Buffer): Portal {
  return { ...prepared, bindRest, asks: undefined, suspicious: undefined, ran: false };
}

/** Closes all of a session's statements, their twins with them. */
export function closeAll(statements: ReadonlyMap<string, Prepared>): Buffer[] {
  const names = [...statements].flatMap(([name, { twin }]) => [name, twin.name]);
  return names.map((name) => closeStatement(name));
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

/**
 * The Execute of a portal. One without rows of the client's runs to its end at once, whatever number of rows it is to
 * stop at, and never again.
 */
export function executionOf(portal: Portal, name: string, message: Buffer): Buffer {
  if (portal.asks === undefined || portal.asks.own) return message;
  if (portal.ran) {
    throw new Violation({
      severity: "ERROR",
      code: "55000",
      message: `portal "${name}" cannot be run`,
    });
  }
  portal.ran = true;
  return execute(name);
}

/** The Violation of a name that stands for nothing. */
export function missing(what: string, name: string, code: string): Violation {
  // PostgreSQL has a word for the unnamed statement, and none for the unnamed portal.
  const shown = name === "" && what !== "portal" ? `unnamed ${what}` : `${what} "${name}"`;
  return new Violation({ severity: "ERROR", code, message: `${shown} does not exist` });
}

/** The refusal of a name that is taken. */
export function alreadyThere(name: string): Violation {
  const message = `prepared statement "${name}" already exists`;
  return new Violation({ severity: "ERROR", code: "42P05", message });
}

/** Whether PostgreSQL can say that a name is taken: both statements are its own. */
export function isKnownBehind(known: Prepared, statement: Statement): boolean {
  return !isOurs(known.statement) && !isOurs(statement);
}

/** The client's name of the statement with this twin. */
export function nameOf(statements: ReadonlyMap<string, Prepared>, twin: string): string {
  for (const [name, prepared] of statements) if (prepared.twin.name === twin) return name;
  return "";
}
