import { lostConnection } from "../../bytes/byte-source.ts";
import { type AnsweredRow, Answered, type AnswerReader } from "./answer-reader.ts";
import { watchAnswer } from "./answer-watch.ts";
import { connectionError } from "./connection-error.ts";
import type { MysqlConnection } from "./connection.ts";

/** What is read, and who takes it. */
export interface StreamOptions {
  /** Takes in a row, of which nothing is kept. True where the consumer is to be asked before more are read. */
  readonly take: (row: AnsweredRow) => boolean;
  /** What is being read, for messages; no values. */
  readonly doing: string;
  /** Done when the last row has come, before the consumer is asked for the last time: it may rest over that, too. */
  readonly ended?: () => Promise<void>;
}

/**
 * Runs a SELECT and gives its rows to `take`; yields whenever that has enough, and once all were taken. Nothing is read from
 * the socket while the consumer does not pull (I10). Where not all rows were taken, the connection is cut.
 * @throws MillraceError
 */
export async function* streamRows(
  connection: MysqlConnection,
  sql: string,
  { take, doing, ended }: StreamOptions,
): AsyncGenerator<void, void, undefined> {
  const reader = connection.select(sql);
  let mayGoOn = false;
  try {
    for (;;) {
      const answered = reader.advance();
      if (answered === Answered.END) break;
      if (answered === Answered.MORE) await fill(connection, reader);
      else if (take(reader)) yield;
    }
    reader.handBack();
    mayGoOn = true;
    await ended?.();
    yield;
  } catch (error) {
    throw connectionError(error, doing);
  } finally {
    if (!mayGoOn) connection.destroy();
  }
}

/** A server that says nothing for too long is given up, unless it works: it may take long to find the first row. */
async function fill(connection: MysqlConnection, reader: AnswerReader): Promise<void> {
  const stop = watchAnswer({
    everyMs: connection.config.readTimeoutMs,
    // The server ends statements itself.
    mostMs: Number.POSITIVE_INFINITY,
    isAtWork: () => connection.isAtWork(),
    cut: (waitedMs) => {
      reader.fail(lostConnection(`the server has not sent anything for ${waitedMs} ms`));
    },
  });
  try {
    await reader.fill();
  } finally {
    stop();
  }
}
