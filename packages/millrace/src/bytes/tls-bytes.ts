import type { Duplex } from "node:stream";
import { type ByteSource, endStream, lostConnection, PendingRead } from "./byte-source.ts";

type Listener = (chunk: Buffer) => void;

/**
 * Any stream as a byte source; used for TLS. The server writes one TLS record per row and Node gives each as a chunk
 * of its own, so chunks are collected until the event loop's turn ends: pausing per chunk would cost a turn per row.
 */
export class TlsBytes implements ByteSource {
  readonly #stream: Duplex;
  readonly #pending = new PendingRead();
  readonly #before: Listener[];
  #region: Buffer = Buffer.alloc(0);
  #at = 0;
  #filled = 0;
  /** Chunks that came while nobody read, or found no room: at most what the stream gives in one turn. */
  #rest: Uint8Array[] = [];
  #turnScheduled = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#before = stream.listeners("data") as Listener[];
    stream.removeAllListeners("data");
    stream.on("data", this.#onData);
    stream.on("error", this.#onError);
    stream.on("close", this.#onClose);
    // It says so once.
    if (stream.destroyed) this.#onClose();
    stream.pause();
  }

  read(region: Buffer, at: number): Promise<number> {
    const read = this.#pending.wait();
    this.#region = region;
    this.#at = at;
    this.#filled = 0;
    const rest = this.#rest.splice(0);
    for (const chunk of rest) this.#append(chunk);
    if (this.#filled > 0) this.#endTurn();
    else this.#stream.resume();
    return read;
  }

  write(bytes: Uint8Array): void {
    if (this.#pending.failure === null && this.#stream.writable) this.#stream.write(bytes);
  }

  fail(error: Error): void {
    this.#pending.fail(error);
  }

  handBack(): void {
    this.#stream.off("data", this.#onData);
    this.#stream.off("error", this.#onError);
    this.#stream.off("close", this.#onClose);
    for (const listener of this.#before) this.#stream.on("data", listener);
    for (const chunk of this.#rest.splice(0)) this.#stream.emit("data", Buffer.from(chunk));
    this.#stream.resume();
  }

  end(): Promise<void> {
    this.#stream.off("data", this.#onData);
    return endStream(this.#stream);
  }

  destroy(): void {
    this.fail(lostConnection("the connection was closed by us"));
    this.#stream.destroy();
  }

  readonly #onError = (error: Error): void => this.fail(lostConnection(error.message, error));
  readonly #onClose = (): void => this.fail(lostConnection("the server closed the connection"));

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#pending.isWaiting) {
      this.#rest.push(chunk);
      this.#stream.pause();
      return;
    }
    this.#append(chunk);
    if (this.#rest.length > 0) this.#endTurn();
    else this.#scheduleEnd();
  };

  #append(chunk: Uint8Array): void {
    const room = this.#region.length - this.#at - this.#filled;
    const taken = chunk.length <= room ? chunk : chunk.subarray(0, room);
    this.#region.set(taken, this.#at + this.#filled);
    this.#filled += taken.length;
    if (taken.length < chunk.length) this.#rest.push(chunk.subarray(room));
  }

  #scheduleEnd(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => {
      this.#turnScheduled = false;
      if (this.#pending.isWaiting && this.#filled > 0) this.#endTurn();
    });
  }

  #endTurn(): void {
    this.#stream.pause();
    this.#pending.deliver(this.#filled);
  }
}
