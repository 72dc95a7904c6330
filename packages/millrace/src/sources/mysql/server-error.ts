/** An error packet of the server that we read ourselves; `code` is MySQL's number, as `mysql2`'s `errno`. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly errno: number;
  readonly sqlState: string;

  constructor(errno: number, sqlState: string, message: string) {
    super(message);
    this.errno = errno;
    this.sqlState = sqlState;
  }
}

const SQL_STATE_MARK = 0x23; // #

/** Reads an error packet; `start` is at its 0xff. */
export function parseServerError(buffer: Buffer, start: number, end: number): ServerError {
  const errno = end - start >= 3 ? buffer.readUInt16LE(start + 1) : 0;
  const hasState = end - start >= 9 && buffer[start + 3] === SQL_STATE_MARK;
  const text = start + (hasState ? 9 : 3);
  const sqlState = hasState ? buffer.toString("latin1", start + 4, start + 9) : "HY000";
  return new ServerError(errno, sqlState, buffer.toString("utf8", Math.min(text, end), end));
}
