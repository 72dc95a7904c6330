// A session of PostgreSQL that pg logs in and whose answers are cut into messages and nothing more. It shares no code with the
// engine.
import { Socket } from "node:net";
import pg from "pg";

const READ_BYTES = 64 * 1024;
const HEAD_BYTES = 5;
const NOTHING = Buffer.alloc(0);

/** What is told of a message: its tag, and its body up to as many bytes as were asked for. */
type OnMessage = (tag: string, body: Buffer) => void;

/** One connection, from when it is logged in. */
export class BareSession {
  onMessage: OnMessage = () => undefined;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** `most`: bytes that are kept of a message, however long it is. */
  static async open(url: string, replication: boolean, most: number): Promise<BareSession> {
    let isOurs = false;
    const frames = new Frames(most, (tag, body) => {
      if (tag === "E") throw new Error(body.toString("utf8").replaceAll("\0", " "));
      session.onMessage(tag, body);
    });
    const socket = new Socket({
      onread: {
        buffer: Buffer.alloc(READ_BYTES),
        callback: (length: number, buffer: Uint8Array) => {
          const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length);
          if (isOurs) frames.push(bytes);
          else socket.emit("data", Buffer.from(bytes));
          return true;
        },
      },
    });
    const session = new BareSession(socket);
    const client = new pg.Client({
      connectionString: url,
      ...(replication ? { replication: "database" } : {}),
      stream: () => socket,
    });
    client.on("error", () => undefined);
    await client.connect();
    isOurs = true;
    return session;
  }

  /** Sends a simple query; its answers are messages. */
  query(sql: string): void {
    this.send("Q", Buffer.from(`${sql}\0`));
  }

  send(tag: string, body: Buffer): void {
    const head = Buffer.alloc(HEAD_BYTES, tag);
    head.writeUInt32BE(body.length + 4, 1);
    this.#socket.write(Buffer.concat([head, body]));
  }
}

/** Cuts a stream into messages; of what is not kept it holds nothing. */
class Frames {
  readonly #most: number;
  readonly #onMessage: OnMessage;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #body = NOTHING;
  #kept = 0;
  #missing = 0;

  constructor(most: number, onMessage: OnMessage) {
    this.#most = most;
    this.#onMessage = onMessage;
  }

  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#headBytes < HEAD_BYTES) {
        this.#head[this.#headBytes++] = bytes[at++] ?? 0;
        if (this.#headBytes === HEAD_BYTES) this.#begin();
      } else {
        const end = Math.min(bytes.length, at + this.#missing);
        this.#kept += bytes.copy(this.#body, this.#kept, at, end);
        this.#missing -= end - at;
        at = end;
      }
      if (this.#headBytes === HEAD_BYTES && this.#missing === 0) this.#end();
    }
  }

  #begin(): void {
    this.#missing = this.#head.readUInt32BE(1) - 4;
    this.#body = Buffer.allocUnsafe(Math.min(this.#missing, this.#most));
    this.#kept = 0;
  }

  #end(): void {
    this.#headBytes = 0;
    this.#onMessage(String.fromCharCode(this.#head[0] ?? 0), this.#body);
  }
}
