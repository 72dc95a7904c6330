/** Builders and readers of the PostgreSQL messages that the proxy itself speaks. */

/** The fields of an ErrorResponse or NoticeResponse. */
export interface ServerMessage {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: number;
  /** Schema, table and constraint that an error of PostgreSQL names. */
  readonly schema?: string;
  readonly table?: string;
}

/** Transaction status as ReadyForQuery tells it. */
export type TransactionStatus = "I" | "T" | "E";

/** Type bytes of messages, both directions. */
export const Type = {
  bind: 0x42,
  close: 0x43,
  commandComplete: 0x43,
  describe: 0x44,
  dataRow: 0x44,
  execute: 0x45,
  error: 0x45,
  copyFail: 0x66,
  copyData: 0x64,
  copyDone: 0x63,
  functionCall: 0x46,
  copyInResponse: 0x47,
  flush: 0x48,
  copyOutResponse: 0x48,
  emptyQuery: 0x49,
  backendKey: 0x4b,
  notice: 0x4e,
  parse: 0x50,
  query: 0x51,
  authentication: 0x52,
  sync: 0x53,
  parameterStatus: 0x53,
  rowDescription: 0x54,
  terminate: 0x58,
  ready: 0x5a,
  password: 0x70,
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  noData: 0x6e,
  parameterDescription: 0x74,
  portalSuspended: 0x73,
} as const;

/** A frame of the given type around the given body parts. */
export function frame(type: number, ...parts: readonly Buffer[]): Buffer {
  let bodyBytes = 4;
  for (const part of parts) bodyBytes += part.length;
  const out = Buffer.allocUnsafe(bodyBytes + 1);
  out[0] = type;
  out.writeInt32BE(bodyBytes, 1);
  let at = 5;
  for (const part of parts) at += part.copy(out, at);
  return out;
}

/** A zero-terminated string. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, "utf8");
}

/** Reads a zero-terminated string; gives the text and the offset behind the zero. */
export function readCString(buffer: Buffer, at: number): [text: string, next: number] {
  const end = buffer.indexOf(0, at);
  if (end < 0) throw new RangeError("unterminated string in a protocol message");
  return [buffer.toString("utf8", at, end), end + 1];
}

/** An ErrorResponse or NoticeResponse frame. */
export function report(type: number, m: ServerMessage): Buffer {
  let body = `S${m.severity}\0V${m.severity}\0C${m.code}\0M${m.message}\0`;
  if (m.detail !== undefined) body += `D${m.detail}\0`;
  if (m.hint !== undefined) body += `H${m.hint}\0`;
  if (m.position !== undefined) body += `P${m.position}\0`;
  return frame(type, Buffer.from(`${body}\0`, "utf8"));
}

/** Reads an ErrorResponse or NoticeResponse frame. */
export function readReport(buffer: Buffer): ServerMessage {
  const fields = new Map<string, string>();
  let at = 5;
  while (at < buffer.length && buffer[at] !== 0) {
    const key = String.fromCharCode(buffer[at] ?? 0);
    const [text, next] = readCString(buffer, at + 1);
    fields.set(key, text);
    at = next;
  }
  const detail = fields.get("D");
  const hint = fields.get("H");
  const position = fields.get("P");
  const schema = fields.get("s");
  const table = fields.get("t");
  return {
    severity: fields.get("V") ?? fields.get("S") ?? "ERROR",
    code: fields.get("C") ?? "XX000",
    message: fields.get("M") ?? "",
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    ...(position === undefined ? {} : { position: Number(position) }),
    ...(schema === undefined ? {} : { schema }),
    ...(table === undefined ? {} : { table }),
  };
}

/** An ErrorResponse whose position in the client's text, where it has one, is so many characters further on. */
export function movePosition(error: Buffer, characters: number): Buffer {
  const fields: Buffer[] = [];
  for (let at = 5; at < error.length && error[at] !== 0;) {
    const [text, next] = readCString(error, at + 1);
    const isPosition = error[at] === POSITION;
    fields.push(isPosition ? cstring(`P${Number(text) + characters}`) : error.subarray(at, next));
    at = next;
  }
  return frame(Type.error, ...fields, Buffer.from([0]));
}

const POSITION = 0x50;

/** CommandComplete with this tag. */
export function commandComplete(tag: string): Buffer {
  return frame(Type.commandComplete, cstring(tag));
}

/** The tag of a CommandComplete frame. */
export function readTag(complete: Buffer): string {
  return complete.toString("latin1", 5, complete.length - 1);
}

/** ReadyForQuery with this status. */
export function ready(status: TransactionStatus): Buffer {
  return frame(Type.ready, Buffer.from(status, "latin1"));
}

/** CopyFail: COPY FROM STDIN comes to nothing, for this reason. */
export function copyFail(reason: string): Buffer {
  return frame(Type.copyFail, cstring(reason));
}

/** A simple Query. */
export function query(sql: string): Buffer {
  return frame(Type.query, cstring(sql));
}

/** ParameterStatus. */
export function parameterStatus(name: string, value: string): Buffer {
  return frame(Type.parameterStatus, cstring(name), cstring(value));
}

const TEXT_OID = 25;
const BOOL_OID = 16;

/** A column of an answer that the proxy makes itself. */
export interface LocalColumn {
  readonly name: string;
  readonly type: "text" | "boolean";
}

/** RowDescription of such columns, in text format. */
export function rowDescription(columns: readonly LocalColumn[]): Buffer {
  const parts: Buffer[] = [int16(columns.length)];
  for (const column of columns) {
    const tail = Buffer.alloc(18);
    tail.writeUInt32BE(column.type === "text" ? TEXT_OID : BOOL_OID, 6);
    tail.writeInt16BE(column.type === "text" ? -1 : 1, 10);
    tail.writeInt32BE(-1, 12);
    parts.push(cstring(column.name), tail);
  }
  return frame(Type.rowDescription, ...parts);
}

/** DataRow of texts. */
export function dataRow(values: readonly string[]): Buffer {
  const parts: Buffer[] = [int16(values.length)];
  for (const value of values) {
    const bytes = Buffer.from(value, "utf8");
    parts.push(int32(bytes.length), bytes);
  }
  return frame(Type.dataRow, ...parts);
}

/** A 16-bit integer. */
export function int16(value: number): Buffer {
  const out = Buffer.allocUnsafe(2);
  out.writeUInt16BE(value, 0);
  return out;
}

/** A 32-bit integer. */
export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value, 0);
  return out;
}

/** Frames without a body, made once. */
export const Frames = {
  sync: frame(Type.sync),
  flush: frame(Type.flush),
  parseComplete: frame(Type.parseComplete),
  bindComplete: frame(Type.bindComplete),
  closeComplete: frame(Type.closeComplete),
  noData: frame(Type.noData),
  emptyQuery: frame(Type.emptyQuery),
  portalSuspended: frame(Type.portalSuspended),
  copyDone: frame(Type.copyDone),
  noParameters: frame(Type.parameterDescription, int16(0)),
} as const;
