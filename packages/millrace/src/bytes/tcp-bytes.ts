import { Socket } from "node:net";
import { type ByteSource, endStream, lostConnection, PendingRead } from "./byte-source.ts";
import { ReadPace } from "./read-pace.ts";

const GIVE = { kind: "none" } as const;
const START_UP_BUFFER_BYTES = 65_536;
/**
 * The wait for company is shorter than any timer, and turning in the event loop all the while would take the core from
 * the server that we wait for. So the thread sleeps, for no longer than others in the event loop would mind.
 */
const NAP_MS = 0.1;
const NOBODY_WAKES = new Int32Array(new SharedArrayBuffer(4));

/**
 * A TCP socket that reads into a buffer of ours, without an event and an allocation per packet. Until
 * {@link TcpBytes.takeOver}, what arrives goes to the `data` listeners as on any socket, so that `pg` connects over it.
 *
 * Reads are coalesced as {@link ReadPace} says, with the socket left alone meanwhile, so that the kernel collects
 * rows and the server is not slowed by waking us for each.
 */
export class TcpBytes implements ByteSource {
  readonly socket: Socket;
  readonly #pending = new PendingRead();
  /** Where Node's next read lands; it asks for this after each read. */
  #landing: Uint8Array = Buffer.allocUnsafeSlow(START_UP_BUFFER_BYTES);
  #region: Buffer = Buffer.alloc(0);
  #at = 0;
  #filled = 0;
  #hasPaused = false;
  /** Counts reads, so that late work of an earlier one is told from the present one's. */
  #reads = 0;
  readonly #pace = new ReadPace();
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
    // It says so once.
    if (this.socket.destroyed) this.#onClose();
  }

  read(region: Buffer, at: number): Promise<number> {
    const read = this.#pending.wait();
    this.#region = region;
    this.#at = at;
    this.#filled = 0;
    this.#hasPaused = false;
    this.#reads += 1;
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
    const pause = this.#hasPaused ? GIVE : this.#pace.pauseAfter(this.#filled);
    if (pause.kind === "none") this.#deliver();
    else this.#pause(pause.kind, pause.ms);
    return false;
  }

  #deliver(): void {
    this.#landing = this.#region.subarray(this.#at);
    this.#pace.delivered(this.#filled, performance.now());
    this.#pending.deliver(this.#filled);
  }

  #pause(kind: "timer" | "nap", ms: number): void {
    this.#hasPaused = true;
    this.#landing = this.#region.subarray(this.#at + this.#filled);
    const until = performance.now() + ms;
    const turn = (): void => {
      const leftMs = until - performance.now();
      if (leftMs <= 0 || !this.#pending.isWaiting) return this.#readOnceMore();
      Atomics.wait(NOBODY_WAKES, 0, 0, Math.min(leftMs, NAP_MS));
      setImmediate(turn);
    };
    if (kind === "timer") setTimeout(() => this.#readOnceMore(), ms);
    else setImmediate(turn);
  }

  /** Takes what the kernel has by now; where that is nothing, what we have already is given. */
  #readOnceMore(): void {
    if (!this.#pending.isWaiting) return;
    const read = this.#reads;
    this.socket.resume();
    setImmediate(() => {
      if (!this.#pending.isWaiting || this.#reads !== read) return;
      this.socket.pause();
      this.#deliver();
    });
  }
}
