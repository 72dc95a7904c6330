/** Readers and builders of the extended query protocol's messages. */
import { cstring, frame, int16, int32, readCString, Type } from "./messages.ts";

/** What a Parse message says. */
export interface ParseMessage {
  readonly name: string;
  readonly sql: string;
  /** Everything behind the SQL text: the parameter types. */
  readonly types: Buffer;
}

/** What a Bind message says; `rest` is everything behind the two names. */
export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  readonly rest: Buffer;
}

/** Describe or Close: of a statement ("S") or a portal ("P"). */
export interface TargetMessage {
  readonly of: "S" | "P";
  readonly name: string;
}

/** Reads Parse. */
export function readParse(message: Buffer): ParseMessage {
  const [name, afterName] = readCString(message, 5);
  const [sql, afterSql] = readCString(message, afterName);
  return { name, sql, types: message.subarray(afterSql) };
}

/** Reads Bind. */
export function readBind(message: Buffer): BindMessage {
  const [portal, afterPortal] = readCString(message, 5);
  const [statement, next] = readCString(message, afterPortal);
  return { portal, statement, rest: message.subarray(next) };
}

/** Reads Describe or Close. */
export function readTarget(message: Buffer): TargetMessage {
  const of = message[5] === 0x53 ? "S" : "P";
  return { of, name: readCString(message, 6)[0] };
}

/** Reads the portal of an Execute. */
export function readExecute(message: Buffer): { portal: string; maxRows: number } {
  const [portal, next] = readCString(message, 5);
  return { portal, maxRows: message.readInt32BE(next) };
}

const NO_TYPES = int16(0);
const NO_PARAMETERS = Buffer.concat([int16(0), int16(0), int16(0)]);

/** Parse with the given parameter types (none when left out). */
export function parse(name: string, sql: string, types: Buffer = NO_TYPES): Buffer {
  return frame(Type.parse, cstring(name), cstring(sql), types);
}

/** Bind; `rest` as read from another Bind (no parameters when left out). */
export function bind(portal: string, statement: string, rest: Buffer = NO_PARAMETERS): Buffer {
  return frame(Type.bind, cstring(portal), cstring(statement), rest);
}

/** Execute to the end. */
export function execute(portal: string): Buffer {
  return frame(Type.execute, cstring(portal), int32(0));
}

/** Close of a statement. */
export function closeStatement(name: string): Buffer {
  return frame(Type.close, Buffer.from("S"), cstring(name));
}

/** Close of a portal. */
export function closePortal(name: string): Buffer {
  return frame(Type.close, Buffer.from("P"), cstring(name));
}

/** Describe of a portal. */
export function describePortal(name: string): Buffer {
  return frame(Type.describe, Buffer.from("P"), cstring(name));
}
