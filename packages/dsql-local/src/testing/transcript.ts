/** A client that writes down all that a server says, so that two servers can be compared. */
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { FrameSplitter } from "../wire/frames.ts";
import { cstring, frame, readCString, readTag, Type } from "../wire/messages.ts";
import { startupPacket } from "../wire/startup.ts";

const MAX_BYTES = 1 << 28;
const CLEARTEXT = 3;
/** Longer than anything takes. */
const SILENCE_MS = 20_000;

/** What of an error or notice is compared; the rest is where in the server's sources it comes from. */
const FIELDS = [..."SCMDHPstcdn"];

/** One connection whose server's words are written down. */
export class Transcript {
  readonly #socket: Socket;
  #said: string[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const splitter = new FrameSplitter(MAX_BYTES);
    socket.on("data", (chunk) => {
      splitter.push(chunk, (message) => this.#hear(message));
      this.#wake?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Connects without TLS; resolves behind the first ReadyForQuery. */
  static async open(to: NetConnectOpts, user: string): Promise<Transcript> {
    const transcript = new Transcript(connect(to));
    const parameters = new Map([
      ["user", user],
      ["database", "postgres"],
    ]);
    await transcript.say(startupPacket(parameters));
    return transcript;
  }

  /** Sends messages in one write; gives what the server says up to so many ReadyForQuery, or to the end. */
  async say(message: Buffer, readies = 1): Promise<string[]> {
    this.#socket.write(message);
    const isEnough = (): boolean =>
      this.#said.filter((text) => text.startsWith("Z")).length >= readies;
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      this.#wake?.();
    }, SILENCE_MS);
    while (!isEnough() && !this.#closed && !hung)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    clearTimeout(timer);
    const end = hung ? ["hung"] : this.#closed ? ["closed"] : [];
    const said = [...this.#said, ...end];
    this.#said = [];
    return said;
  }

  /** Closes the connection. */
  end(): void {
    this.#socket.destroy();
  }

  #hear(message: Buffer): void {
    const asks = message[0] === Type.authentication && message.readInt32BE(5) === CLEARTEXT;
    if (asks) this.#socket.write(frame(Type.password, cstring("any")));
    // Settings and the key of the session are each server's own.
    const isOwn = message[0] === Type.parameterStatus || message[0] === Type.authentication;
    if (!isOwn && message[0] !== Type.backendKey) this.#said.push(tell(message));
  }
}

function tell(message: Buffer): string {
  switch (message[0]) {
    case Type.commandComplete:
      return `C ${readTag(message)}`;
    case Type.error:
    case Type.notice:
      return `${String.fromCharCode(message[0])} ${fieldsOf(message).join(" · ")}`;
    case Type.rowDescription:
      return `T ${columnsOf(message).join(", ")}`;
    default:
      return `${String.fromCharCode(message[0] ?? 0)} ${message.toString("latin1", 5)}`;
  }
}

function fieldsOf(message: Buffer): string[] {
  const fields: string[] = [];
  for (let at = 5; at < message.length && message[at] !== 0;) {
    const key = String.fromCharCode(message[at] ?? 0);
    const [text, next] = readCString(message, at + 1);
    if (FIELDS.includes(key)) fields.push(`${key}: ${text}`);
    at = next;
  }
  return fields;
}

/** Name, column number, type, width, modifier and format of each; the number of a table is each server's own. */
function columnsOf(message: Buffer): string[] {
  const columns: string[] = [];
  for (let at = 7; at < message.length;) {
    const [name, next] = readCString(message, at);
    columns.push(`${name} ${message.toString("hex", next + 4, next + 18)}`);
    at = next + 18;
  }
  return columns;
}
