// A table of MySQL read by SELECT over a few sessions at once, cut into packets of which nothing is kept. It shares no code with
// the engine and runs in a thread of its own.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { workerData } from "node:worker_threads";
import { createConnection, type ConnectionOptions } from "mysql2";
import { inTurn } from "./bare-turn.ts";

/** What it is given. */
export interface BareMysqlTable {
  readonly connection: Pick<ConnectionOptions, "host" | "port" | "user" | "password" | "database">;
  /** One statement for each session. */
  readonly selects: readonly string[];
}

const READ_BYTES = 64 * 1024;
const HEAD_BYTES = 4;
/** With no attributes, in one set of them, as mysql2 has agreed with the server. */
const COM_QUERY = Buffer.from([3, 0, 1]);
const END = 0xfe;
const MAX_END_BYTES = 9;
const ERROR = 0xff;
/** One behind the columns, one behind the rows. */
const ENDS = 2;

/** One connection, from when mysql2 has logged it in. */
class BareMysqlSession {
  readonly #socket: Socket;
  #isOurs = false;
  /** Of the packet that goes on with what comes next. */
  #missing = 0;
  #head: Buffer = Buffer.alloc(0);
  #ends = 0;
  #done: () => void = () => undefined;

  private constructor({ host = "", port = 0 }: BareMysqlTable["connection"]) {
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(READ_BYTES),
        callback: (length: number, buffer: Uint8Array) => {
          const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length);
          if (this.#isOurs) this.#cut(bytes);
          else this.#socket.emit("data", Buffer.from(bytes));
          return true;
        },
      },
    });
  }

  static async open(to: BareMysqlTable["connection"]): Promise<BareMysqlSession> {
    const session = new BareMysqlSession(to);
    const login = createConnection({ ...to, stream: session.#socket });
    await once(login, "connect");
    session.#isOurs = true;
    return session;
  }

  read(statement: string): Promise<void> {
    const body = Buffer.concat([COM_QUERY, Buffer.from(statement)]);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(body.length, 0);
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#socket.write(Buffer.concat([head, body]));
    });
  }

  #cut(bytes: Buffer): void {
    let at = Math.min(this.#missing, bytes.length);
    this.#missing -= at;
    while (this.#missing === 0 && at < bytes.length) {
      // The first byte of a packet tells its kind.
      const take = Math.min(HEAD_BYTES + 1 - this.#head.length, bytes.length - at);
      this.#head = Buffer.concat([this.#head, bytes.subarray(at, at + take)]);
      at += take;
      if (this.#head.length <= HEAD_BYTES) return;
      const length = this.#head.readUIntLE(0, 3);
      this.#see(this.#head[HEAD_BYTES] ?? 0, length);
      this.#head = Buffer.alloc(0);
      const here = Math.min(length - 1, bytes.length - at);
      this.#missing = length - 1 - here;
      at += here;
    }
  }

  #see(kind: number, length: number): void {
    if (kind === ERROR) throw new Error("the server refuses the statement");
    if (kind === END && length < MAX_END_BYTES && ++this.#ends === ENDS) this.#done();
  }
}

const { connection, selects } = workerData as BareMysqlTable;
const sessions = await Promise.all(selects.map(() => BareMysqlSession.open(connection)));
await inTurn(() => Promise.all(sessions.map((session, i) => session.read(selects[i] ?? ""))));
