/**
 * One connection to the PostgreSQL behind, spoken in raw frames.
 * Hot path: whole runs of DataRow are handed on as they came.
 */
import type { Socket } from "node:net";
import { FrameSplitter } from "../wire/frames.ts";
import { readReport, Type, type ServerMessage } from "../wire/messages.ts";

/** Takes what PostgreSQL answers to one request. */
export interface AnswerHandler {
  /** Any frame but ReadyForQuery. */
  onFrame(type: number, frame: Buffer): void;
}

/** Thrown into a request when the connection is gone. */
export class BackendLost extends Error {
  constructor() {
    super("the PostgreSQL behind closed the connection");
    this.name = "BackendLost";
  }
}

interface Pending {
  readonly handler: AnswerHandler;
  readiesLeft: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What a Backend tells its owner outside of answers. */
export interface BackendEvents {
  /** PostgreSQL waits for a lock in the running request; false when it got it. */
  onWaiting(waiting: boolean): void;
  /** ParameterStatus and the like, outside of any request's answer. */
  onAsyncFrame(frame: Buffer): void;
  onLost(): void;
}

/** PostgreSQL's own limit of one message is 1 GiB. */
const MAX_ANSWER_BYTES = 0x4000_0000;

/** Copying so much costs less than handing the socket each frame by itself. */
const JOINED_BYTES = 16_384;

/** A connection to PostgreSQL; one request at a time. */
export class Backend {
  readonly pid: number;
  readonly #socket: Socket;
  readonly #events: BackendEvents;
  readonly #splitter = new FrameSplitter(MAX_ANSWER_BYTES);
  #pending: Pending | undefined;
  #lost = false;
  #waiting = false;

  /** `socket` is behind its first ReadyForQuery and paused. */
  constructor(socket: Socket, pid: number, events: BackendEvents) {
    this.#socket = socket;
    this.pid = pid;
    this.#events = events;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => this.#lose());
    socket.on("close", () => this.#lose());
    socket.resume();
  }

  /** Whether the running request waits for a lock. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Sends frames that end in `readies` ReadyForQuery; resolves at the last. Throws BackendLost. */
  request(frames: readonly Buffer[], handler: AnswerHandler, readies = 1): Promise<void> {
    if (this.#lost) return Promise.reject(new BackendLost());
    if (this.#pending !== undefined) throw new Error("a request is running already");
    return new Promise((resolve, reject) => {
      this.#pending = { handler, readiesLeft: readies, resolve, reject };
      this.#write(frames);
    });
  }

  /** Stops or goes on reading, for clients slower than PostgreSQL. */
  throttle(stop: boolean): void {
    if (stop) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Ends the connection; PostgreSQL rolls back what is open. */
  close(): void {
    this.#socket.destroy();
    this.#lose();
  }

  #write(frames: readonly Buffer[]): void {
    if (frames.length === 1) {
      const [only] = frames;
      if (only !== undefined) this.#socket.write(only);
      return;
    }
    let bytes = 0;
    for (const frame of frames) bytes += frame.length;
    if (bytes <= JOINED_BYTES) {
      this.#socket.write(Buffer.concat(frames, bytes));
      return;
    }
    this.#socket.cork();
    for (const frame of frames) this.#socket.write(frame);
    this.#socket.uncork();
  }

  #read(chunk: Buffer): void {
    try {
      this.#splitter.push(chunk, (frame) => this.#take(frame));
    } catch {
      this.close();
    }
  }

  #take(frame: Buffer): void {
    const type = frame[0] ?? 0;
    const pending = this.#pending;
    if (type === Type.ready) {
      this.#takeReady();
    } else if (type === Type.notice) {
      this.#takeNotice(frame);
    } else if (pending === undefined || type === Type.parameterStatus) {
      this.#events.onAsyncFrame(frame);
    } else {
      pending.handler.onFrame(type, frame);
    }
  }

  #takeReady(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    pending.readiesLeft--;
    if (pending.readiesLeft > 0) return;
    this.#pending = undefined;
    this.#setWaiting(false);
    pending.resolve();
  }

  /** LOG notices are PostgreSQL's word on lock waits: they are for us, the others for the client. */
  #takeNotice(frame: Buffer): void {
    const notice = readReport(frame);
    if (notice.severity !== "LOG") {
      if (this.#pending === undefined) this.#events.onAsyncFrame(frame);
      else this.#pending.handler.onFrame(Type.notice, frame);
    } else if (isStillWaiting(notice)) {
      this.#setWaiting(true);
    } else if (/ acquired /.test(notice.message)) {
      this.#setWaiting(false);
    }
  }

  #setWaiting(waiting: boolean): void {
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    this.#events.onWaiting(waiting);
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    const pending = this.#pending;
    this.#pending = undefined;
    this.#setWaiting(false);
    pending?.reject(new BackendLost());
    this.#events.onLost();
  }
}

/** Waits for a file to grow end by themselves; all others may wait for somebody who does nothing. */
function isStillWaiting({ message }: ServerMessage): boolean {
  return (
    /^process \d+ still waiting for /.test(message) &&
    !/ on (?:extension of|page \d+ of) /.test(message)
  );
}
