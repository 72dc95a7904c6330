/** A session's prepared statements and portals, as far as the proxy needs them. */
import type { Statement } from "../gate/statement.ts";

/** A statement that the client prepared. */
export interface Prepared {
  readonly statement: Statement;
  /** Parameter types of its Parse. */
  readonly types: Buffer;
}

/** A statement with its parameters. */
export interface Portal extends Prepared {
  readonly bindRest: Buffer;
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
