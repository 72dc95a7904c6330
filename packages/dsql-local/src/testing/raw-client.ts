/** A client that speaks messages, for tests of the protocol itself. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { DsqlLocal } from "../cluster.ts";
import { FrameSplitter } from "../wire/frames.ts";
import { cstring, frame, readReport, readTag, Type } from "../wire/messages.ts";
import { sslRequest, startupPacket } from "../wire/startup.ts";

const MAX_BYTES = 1 << 28;

/** One connection; what the server says is told as short texts. */
export class RawClient {
  readonly #socket: Socket;
  readonly #said: string[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const splitter = new FrameSplitter(MAX_BYTES);
    socket.on("data", (chunk) => {
      splitter.push(chunk, (message) => this.#said.push(tell(message)));
      this.#wake?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Connects as admin to a cluster without TLS; behind the first ReadyForQuery. */
  static async open(cluster: Pick<DsqlLocal, "host" | "port">): Promise<RawClient> {
    const client = RawClient.connect(cluster);
    client.send(...login("any"));
    await client.until("Z:I");
    return client;
  }

  /** Connects to a cluster without TLS, and says nothing yet. */
  static connect({ host, port }: Pick<DsqlLocal, "host" | "port">): RawClient {
    return new RawClient(connect({ host, port }));
  }

  /** As `open`, over TLS and with a password. */
  static async openSecure({ host, port, ca }: DsqlLocal, password: string): Promise<RawClient> {
    const socket = connect({ host, port });
    socket.write(sslRequest);
    await once(socket, "data");
    const client = new RawClient(connectTls({ socket, ca, host }));
    client.send(...login(password));
    await client.until("Z:I");
    return client;
  }

  /** Sends messages in one write. */
  send(...messages: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(messages));
  }

  /** What the server said up to (and with) the first text that starts so; throws when it closes before. */
  async until(start: string): Promise<string[]> {
    for (;;) {
      const at = this.#said.findIndex((text) => text.startsWith(start));
      if (at >= 0) return this.#said.splice(0, at + 1);
      if (this.#closed) throw new Error(`closed, having said ${this.#said.join(" ")}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Resolves with what was said when the server closes the connection. */
  async closed(): Promise<string[]> {
    while (!this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#said.splice(0);
  }

  /** Closes our half: nothing more will be sent, what the server says is still heard. */
  half(): void {
    this.#socket.end();
  }

  /** Closes the connection. */
  end(): void {
    this.#socket.destroy();
  }
}

/** What admin opens a connection with. */
export function login(password: string): Buffer[] {
  const parameters = new Map([
    ["user", "admin"],
    ["database", "postgres"],
  ]);
  return [startupPacket(parameters), frame(Type.password, cstring(password))];
}

/** "1" for ParseComplete, "C:INSERT 0 1", "E:40001", "D:a,b" for a row, "Z:I", and so on. */
function tell(message: Buffer): string {
  const letter = String.fromCharCode(message[0] ?? 0);
  switch (message[0]) {
    case Type.commandComplete:
      return `C:${readTag(message)}`;
    case Type.error:
      return `E:${readReport(message).code}`;
    case Type.ready:
      return `Z:${String.fromCharCode(message[5] ?? 0)}`;
    case Type.dataRow:
      return `D:${values(message).join()}`;
    case Type.rowDescription:
      return `T:${message.readInt16BE(5)}`;
    default:
      return letter;
  }
}

function values(row: Buffer): string[] {
  const out: string[] = [];
  let at = 7;
  for (let i = 0; i < row.readUInt16BE(5); i++) {
    const length = row.readInt32BE(at);
    at += 4;
    out.push(length < 0 ? "null" : row.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return out;
}
