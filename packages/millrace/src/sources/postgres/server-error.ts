/** An ErrorResponse of the server that we read ourselves; the same fields as `pg`'s DatabaseError. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  /** SQLSTATE. */
  readonly code: string;
  readonly severity: string;

  constructor(severity: string, code: string, message: string) {
    super(message);
    this.severity = severity;
    this.code = code;
  }
}

/**
 * Reads the body of an ErrorResponse: fields of one type byte and a zero-terminated text, then a zero byte. DETAIL
 * and CONTEXT are left out, since they may hold values of rows.
 */
export function parseServerError(buffer: Buffer, start: number, end: number): ServerError {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end && buffer[at] !== 0) {
    const stop = buffer.indexOf(0, at + 1);
    const until = stop === -1 || stop > end ? end : stop;
    fields.set(String.fromCharCode(buffer[at] ?? 0), buffer.toString("utf8", at + 1, until));
    at = until + 1;
  }
  const severity = fields.get("V") ?? fields.get("S") ?? "ERROR";
  return new ServerError(severity, fields.get("C") ?? "XX000", fields.get("M") ?? "");
}
