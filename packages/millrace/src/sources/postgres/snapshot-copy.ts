import { connectionError } from "./connection-error.ts";
import type { PostgresConnection } from "./connection.ts";
import { SilenceWatch } from "./silence-watch.ts";
import { Framing, type WireReader } from "./wire-reader.ts";

/** Makes rows of lines: of one that is here in one piece, or of the pieces of one. */
export interface LineParser<Row> {
  /** The line is in `buffer[start..end)`, newline included, until it returns. */
  row(buffer: Buffer, start: number, end: number): Row;
  piece(buffer: Buffer, start: number, end: number): void;
  end(): Row;
}

/** A row of a COPY, and what it took on the wire. */
export interface CopiedRow<Row> {
  readonly values: Row;
  readonly bytes: number;
}

/** Rows that weigh about this much go to the consumer at once, whatever it asked for. */
export interface CopyOptions {
  readonly batchBytes: number;
  /** What a row weighs beside its bytes on the wire. */
  readonly rowOverheadBytes: number;
  /** What is being read, for messages; no values. */
  readonly doing: string;
  /** Done when the last row has come, before the last batch is given: the consumer may rest over that, too. */
  readonly ended?: () => Promise<void>;
}

/**
 * Runs `COPY (…) TO STDOUT` and gives its rows in batches. Nothing is read from the socket while the consumer does not
 * pull (I10). The connection can be used for the next statement only if all rows were taken; else it is cut, since
 * COPY has no other way to stop.
 * @throws MillraceError
 */
export async function* copyRows<Row>(
  connection: PostgresConnection,
  sql: string,
  parser: LineParser<Row>,
  options: CopyOptions,
): AsyncGenerator<CopiedRow<Row>[], void, undefined> {
  const reader = connection.takeOver(sql);
  const { fill, watching } = watched(connection, reader);
  let done = false;
  try {
    let batch: CopiedRow<Row>[] = [];
    let bytes = 0;
    for (;;) {
      const framing = reader.advance();
      if (framing === Framing.DONE) break;
      if (framing === Framing.MORE) {
        await fill();
        continue;
      }
      const row =
        framing === Framing.DATA ? wholeRow(reader, parser) : await largeRow(reader, parser, fill);
      batch.push(row);
      bytes += row.bytes + options.rowOverheadBytes;
      if (bytes < options.batchBytes) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    reader.handBack();
    done = true;
    await options.ended?.();
    if (batch.length > 0) yield batch;
  } catch (error) {
    throw connectionError(watching.lost ?? error, options.doing);
  } finally {
    watching.stop();
    if (!done) connection.destroy();
  }
}

/** Only the time while bytes are waited for counts: a consumer may rest for as long as it likes. */
function watched(
  connection: PostgresConnection,
  reader: WireReader,
): { readonly fill: () => Promise<void>; readonly watching: SilenceWatch } {
  let waitingSinceMs: number | null = null;
  const fill = async (): Promise<void> => {
    waitingSinceMs = performance.now();
    await reader.fill();
    waitingSinceMs = null;
  };
  return { fill, watching: new SilenceWatch(connection, () => waitingSinceMs) };
}

function wholeRow<Row>(reader: WireReader, parser: LineParser<Row>): CopiedRow<Row> {
  const { buffer, bodyStart, bodyEnd } = reader;
  return { values: parser.row(buffer, bodyStart, bodyEnd), bytes: bodyEnd - bodyStart };
}

async function largeRow<Row>(
  reader: WireReader,
  parser: LineParser<Row>,
  fill: () => Promise<void>,
): Promise<CopiedRow<Row>> {
  const bytes = reader.largeBytes;
  while (reader.largeLeft > 0) {
    if (reader.piece()) parser.piece(reader.buffer, reader.bodyStart, reader.bodyEnd);
    else await fill();
  }
  return { values: parser.end(), bytes };
}
