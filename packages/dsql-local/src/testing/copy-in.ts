/** COPY FROM STDIN by node-postgres, which has no call for it. */
import type pg from "pg";
import { frame, Frames, Type } from "../wire/messages.ts";

/** Sends rows; gives how many were taken. Rejects with what refuses them. */
export function copyIn(client: pg.Client, sql: string, rows: string): Promise<number> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(sql, rows, resolve, reject));
  });
}

/** What node-postgres calls while it runs. */
class CopyIn implements pg.Submittable {
  readonly #sql: string;
  readonly #rows: string;
  readonly #resolve: (rows: number) => void;
  readonly #reject: (error: Error) => void;
  #taken = 0;

  constructor(
    sql: string,
    rows: string,
    resolve: (rows: number) => void,
    reject: (error: Error) => void,
  ) {
    this.#sql = sql;
    this.#rows = rows;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit = (connection: pg.Connection): void => connection.query(this.#sql);

  handleCopyInResponse(connection: pg.Connection): void {
    const data = frame(Type.copyData, Buffer.from(this.#rows));
    connection.stream.write(Buffer.concat([data, Frames.copyDone]));
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#taken = Number(text.slice("COPY ".length));
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#taken);
  }

  handleError(error: Error): void {
    this.#reject(error);
  }
}
