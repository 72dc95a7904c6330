import { Socket } from "node:net";
import { type ByteSource, endStream, lostConnection, PendingRead } from "./byte-source.ts";

/** A read that brought less than this, on a busy stream, is worth a short wait for more. */
const SMALL_READ_BYTES = 32_768;
/** How long such a wait lasts, milliseconds. */
const LINGER_MS = 0.2;
/** Bytes that come this soon after they were asked for tell of a busy stream, milliseconds. */
const BUSY_MS = 0.3;
const START_UP_BUFFER_BYTES = 65_536;

/**
 * A TCP socket that reads into a buffer of ours, without an event and an allocation per packet. Until
 * {@link TcpBytes.takeOver}, what arrives goes to the `data` listeners as on any socket, so that `pg` connects over it.
 *
 * Coalescing: while rows come back to back, a small read leaves the socket alone for a fifth of a millisecond, so
 * that the kernel collects rows; the event loop goes on meanwhile. A row on a quiet stream is given at once.
 */
export class TcpBytes implements ByteSource {
  readonly socket: Socket;
  readonly #pending = new PendingRead();
  /** Where Node's next read lands; it asks for this after each read. */
  #landing: Uint8Array = Buffer.allocUnsafeSlow(START_UP_BUFFER_BYTES);
  #region: Buffer = Buffer.alloc(0);
  #at = 0;
  #filled = 0;
  #askedAtMs = 0;
  #lingered = false;
  #taken = false;
  #discarding = false;

  constructor() {
    this.socket = new Socket({
      onread: {
        buffer: () => this.#landing,
        callback: (bytes, buffer) => this.#onRead(bytes, buffer),
      },
    });
  }

  /** From now on bytes are pulled by {@link read}. */
  takeOver(): void {
    this.#taken = true;
    this.socket.pause();
    this.socket.on("error", this.#onError);
    this.socket.on("close", this.#onClose);
  }

  read(region: Buffer, at: number): Promise<number> {
    const read = this.#pending.wait();
    this.#region = region;
    this.#at = at;
    this.#filled = 0;
    this.#lingered = false;
    this.#askedAtMs = performance.now();
    this.socket.resume();
    return read;
  }

  write(bytes: Uint8Array): void {
    if (this.#pending.failure === null && this.socket.writable) this.socket.write(bytes);
  }

  fail(error: Error): void {
    this.#pending.fail(error);
  }

  handBack(): void {
    this.#taken = false;
    this.socket.off("error", this.#onError);
    this.socket.off("close", this.#onClose);
    this.socket.resume();
  }

  end(): Promise<void> {
    this.#discarding = true;
    return endStream(this.socket);
  }

  destroy(): void {
    this.fail(lostConnection("the connection was closed by us"));
    this.socket.destroy();
  }

  readonly #onError = (error: Error): void => this.fail(lostConnection(error.message, error));
  readonly #onClose = (): void => this.fail(lostConnection("the server closed the connection"));

  /** False stops reading. `buffer` is where the bytes landed: not where we want them right after a take-over. */
  #onRead(bytes: number, buffer: Uint8Array): boolean {
    if (this.#discarding) return true;
    if (!this.#taken) {
      this.socket.emit("data", Buffer.from(buffer.subarray(0, bytes)));
      return true;
    }
    const target = this.#at + this.#filled;
    const landed =
      buffer.buffer === this.#region.buffer &&
      buffer.byteOffset === this.#region.byteOffset + target;
    if (!landed) this.#region.set(buffer.subarray(0, bytes), target);
    this.#filled += bytes;
    if (this.#isWorthWaiting()) this.#linger();
    else this.#deliver();
    return false;
  }

  #isWorthWaiting(): boolean {
    if (this.#lingered || this.#filled >= SMALL_READ_BYTES) return false;
    return performance.now() - this.#askedAtMs < BUSY_MS;
  }

  #deliver(): void {
    this.#landing = this.#region.subarray(this.#at);
    this.#pending.deliver(this.#filled);
  }

  #linger(): void {
    this.#lingered = true;
    this.#landing = this.#region.subarray(this.#at + this.#filled);
    const until = performance.now() + LINGER_MS;
    const turn = (): void => {
      if (!this.#pending.isWaiting) return;
      if (performance.now() < until) setImmediate(turn);
      else this.#readOnceMore();
    };
    setImmediate(turn);
  }

  /** Takes what the kernel has by now; where that is nothing, what we have already is given. */
  #readOnceMore(): void {
    this.socket.resume();
    setImmediate(() => {
      if (!this.#pending.isWaiting || !this.#lingered) return;
      this.socket.pause();
      this.#deliver();
    });
  }
}
