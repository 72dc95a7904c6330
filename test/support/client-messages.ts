/** Reads along what a PostgreSQL client sends, without holding it: enough to know which statement is asked for when. */

/** Of each message so much is looked at: a statement's name and the begin of its text. */
const HEAD_BYTES = 256;
const TLS_HANDSHAKE = 0x16;
const SSL_REQUEST = 80_877_103;
const START_UP_TYPE = "start";

/** Something that a client has asked for. Offsets count the client's bytes from the first on. */
export interface ClientEvent {
  /** `start`: its start-up packet, `query`: a statement of the simple protocol, `bind`: of the extended one, `sync`: its Sync. */
  readonly kind: "start" | "query" | "bind" | "sync";
  /** The statement's text, or the parameters of the start-up packet separated by zero bytes; the first bytes only. */
  readonly text: string;
  /** What is sent up to here does not run the statement yet. */
  readonly heldFrom: number;
  /** The message's end. */
  readonly end: number;
}

/** Splits a client's bytes into messages. What is encrypted is let through unread. */
export class ClientMessages {
  readonly #statements = new Map<string, string>();
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  /** Bytes of the message so far; its length once that is known, else null. */
  #seen = 0;
  #length: number | null = null;
  #offset = 0;
  #started = false;
  #opaque = false;

  /** Takes in the next bytes and tells what was asked for with them. */
  *take(chunk: Buffer): Generator<ClientEvent> {
    for (let at = 0; at < chunk.length && !this.#opaque;) {
      const wanted = (this.#length ?? this.#headerBytes) - this.#seen;
      const taken = Math.min(wanted, chunk.length - at);
      this.#keep(chunk.subarray(at, at + taken));
      at += taken;
      if (this.#length === null) this.#readHeader();
      if (this.#length === null || this.#seen < this.#length) continue;
      const event = this.#event();
      this.#seen = this.#headBytes = 0;
      this.#length = null;
      if (event !== null) yield event;
    }
  }

  /** A start-up packet has no type in front. */
  get #headerBytes(): number {
    return this.#started ? 5 : 4;
  }

  #keep(bytes: Buffer): void {
    this.#headBytes += bytes.copy(this.#head, this.#headBytes, 0, HEAD_BYTES - this.#headBytes);
    this.#seen += bytes.length;
    this.#offset += bytes.length;
  }

  #readHeader(): void {
    if (!this.#started && this.#head[0] === TLS_HANDSHAKE) this.#opaque = true;
    if (this.#seen < this.#headerBytes) return;
    this.#length = this.#head.readInt32BE(this.#headerBytes - 4) + this.#headerBytes - 4;
  }

  #event(): ClientEvent | null {
    const type = this.#started ? String.fromCharCode(this.#head[0] ?? 0) : START_UP_TYPE;
    const body = this.#head.subarray(this.#headerBytes, this.#headBytes);
    const end = this.#offset;
    if (type === START_UP_TYPE) {
      if (body.length >= 4 && body.readInt32BE(0) === SSL_REQUEST) return null;
      this.#started = true;
      return { kind: "start", text: body.subarray(4).toString("latin1"), heldFrom: end, end };
    }
    const [first = "", second = ""] = body.toString("utf8").split("\0");
    if (type === "P") this.#statements.set(first, second);
    if (type === "Q") return { kind: "query", text: first, heldFrom: end - 1, end };
    if (type === "B") {
      return { kind: "bind", text: this.#statements.get(second) ?? "", heldFrom: end, end };
    }
    return type === "S" ? { kind: "sync", text: "", heldFrom: end, end } : null;
  }
}
