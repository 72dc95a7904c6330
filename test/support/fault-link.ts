/** One connection through the fault proxy: two streams of bytes, and what may befall them. */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { ClientMessages } from "./client-messages.ts";
import { FaultStream } from "./fault-stream.ts";

/** `up`: from the client to the server. */
export type Direction = "up" | "down";

/** What can befall a connection. */
export type Fault =
  /** Both sides see a reset. */
  | { readonly kind: "cut" }
  /** Whoever receives in this direction sees the stream's end; the other direction goes on. */
  | { readonly kind: "half-close"; readonly direction: Direction }
  /** What is sent is accepted and swallowed, in one direction or both; TCP stays up, and no side hears of the other's end. */
  | { readonly kind: "black-hole"; readonly direction?: Direction }
  /** Nothing is read any more: windows close, and senders block. */
  | { readonly kind: "stall" }
  /** Every byte comes this much later. */
  | { readonly kind: "delay"; readonly ms: number }
  /** No more than so many bytes a second, in each direction. */
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /**
   * Only with a trigger `commit`: the client is cut (or hears nothing any more, `silent`) as soon as it has sent all of
   * its COMMIT. The COMMIT reaches the server after `landsAfterMs`, or never where that is null.
   */
  | {
      readonly kind: "lose-commit";
      readonly landsAfterMs: number | null;
      readonly client: "cut" | "silent";
    };

/** When it befalls one. */
export type Trigger =
  | { readonly at: "now" }
  /** After exactly so many bytes from now on. */
  | { readonly at: "bytes"; readonly direction: Direction; readonly count: number }
  /**
   * As the client asks for a statement whose text matches: the request itself meets the fault. With `thenBytes` only
   * after so many bytes of what the server sends from then on.
   */
  | { readonly at: "query"; readonly text: RegExp; readonly thenBytes?: number }
  /** Once the client has sent a COMMIT; what belongs to it is held back. */
  | { readonly at: "commit" };

/** A fault that waits for its trigger on one connection. `claim` is asked once: false leaves the connection alone. */
export interface Mine {
  readonly trigger: Trigger;
  readonly fault: Fault;
  claim(): boolean;
}

/** How long a server may take over a COMMIT whose client is gone. */
const ORPHAN_MS = 60_000;

/** A connection from a client through us to the server. */
export class FaultLink {
  /** What the client said when it began: `user`, `database`, `replication` …; empty until then. */
  startParameters: ReadonlyMap<string, string> = new Map();
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #up: FaultStream;
  readonly #down: FaultStream;
  readonly #messages = new ClientMessages();
  readonly #mines: { mine: Mine; base: Readonly<Record<Direction, number>> }[] = [];
  /** A COMMIT is on its way: the mine that waits for its last byte. */
  #losing: Extract<Fault, { kind: "lose-commit" }> | null = null;
  /** No side hears of the other's end any more. */
  #severed = false;

  constructor(client: Socket, server: Socket, mines: () => readonly Mine[]) {
    this.#client = client;
    this.#server = server;
    this.#up = new FaultStream(client, server);
    this.#down = new FaultStream(server, client);
    client.on("data", (bytes: Buffer) => this.#takeUp(bytes, mines));
    server.on("data", (bytes: Buffer) => this.#take("down", this.#down, bytes));
    for (const { from, to } of [this.#up, this.#down]) {
      from.on("error", () => undefined);
      from.on("end", () => this.#streamOf(from).afterwards(() => void (this.#severed || to.end())));
      from.on("close", (broke) => this.#ended(from, to, broke));
    }
  }

  get isReplication(): boolean {
    return this.startParameters.get("replication") === "database";
  }

  get isOpen(): boolean {
    return !this.#client.destroyed && !this.#server.destroyed;
  }

  /** Waits for a trigger. Bytes count from here on. */
  watch(mine: Mine): void {
    if (mine.trigger.at === "now") this.#fire(mine);
    else this.#mines.push({ mine, base: { up: this.#up.taken, down: this.#down.taken } });
  }

  /** Ends both sides. */
  destroy(): void {
    this.#client.resetAndDestroy();
    this.#server.destroy();
  }

  #ended(from: Socket, to: Socket, broke: boolean): void {
    if (this.#severed) return;
    if (broke) to.resetAndDestroy();
    else this.#streamOf(from).afterwards(() => void (this.#severed || to.destroy()));
  }

  #streamOf(from: Socket): FaultStream {
    return from === this.#client ? this.#up : this.#down;
  }

  #takeUp(bytes: Buffer, mines: () => readonly Mine[]): void {
    const base = this.#up.taken;
    let isLost = false;
    for (const event of this.#messages.take(bytes)) {
      if (event.kind === "start") {
        this.startParameters = parametersOf(event.text);
        // Whom a mine is for is known only now; its bytes count from the start all the same.
        for (const mine of mines()) this.#mines.push({ mine, base: { up: 0, down: 0 } });
      } else if (event.kind !== "sync") this.#asked(event.text, event.heldFrom);
      if (this.#losing === null || event.kind === "bind" || isLost) continue;
      this.#lose(this.#losing, bytes.subarray(0, event.end - base));
      isLost = true;
    }
    if (!isLost && !this.#client.destroyed) this.#take("up", this.#up, bytes);
  }

  /** Passes bytes on; a fault that is due after some of them befalls the connection exactly there. */
  #take(direction: Direction, stream: FaultStream, bytes: Buffer): void {
    const due = this.#mines.find(({ mine: { trigger }, base }) => {
      if (trigger.at !== "bytes" || trigger.direction !== direction) return false;
      return stream.taken + bytes.length >= base[direction] + trigger.count;
    });
    if (due?.mine.trigger.at !== "bytes") return stream.push(bytes);
    const first = Math.max(0, due.base[direction] + due.mine.trigger.count - stream.taken);
    this.#mines.splice(this.#mines.indexOf(due), 1);
    stream.push(bytes.subarray(0, first));
    stream.afterwards(() => this.#fire(due.mine));
    this.#take(direction, stream, bytes.subarray(first));
  }

  #asked(text: string, heldFrom: number): void {
    for (const entry of this.#mines.slice()) {
      const { trigger, fault } = entry.mine;
      const isCommit = trigger.at === "commit" && /^\s*(commit|end)\b/i.test(text);
      const isQuery = trigger.at === "query" && trigger.text.test(text);
      if (!isCommit && !isQuery) continue;
      this.#mines.splice(this.#mines.indexOf(entry), 1);
      const thenBytes = trigger.at === "query" ? (trigger.thenBytes ?? 0) : 0;
      if (thenBytes > 0) this.#watchDown(entry.mine, thenBytes);
      else if (fault.kind !== "lose-commit") this.#fire(entry.mine);
      else if (entry.mine.claim()) {
        this.#losing = fault;
        this.#up.heldFrom = heldFrom;
      }
    }
  }

  #watchDown(mine: Mine, count: number): void {
    this.watch({ ...mine, trigger: { at: "bytes", direction: "down", count } });
  }

  /** All of the COMMIT has come: from now on the client hears nothing. */
  #lose(fault: Extract<Fault, { kind: "lose-commit" }>, bytes: Buffer): void {
    this.#losing = null;
    this.#severed = true;
    this.#down.swallows = true;
    this.#up.push(bytes);
    this.#up.afterwards(() => void this.#land(fault.landsAfterMs));
    if (fault.client === "cut") this.#client.resetAndDestroy();
    else this.#client.removeAllListeners("data").resume();
  }

  async #land(afterMs: number | null): Promise<void> {
    if (afterMs === null) return void this.#server.destroy();
    await sleep(afterMs);
    const answered = new Promise((resolve) => this.#server.once("data", resolve));
    this.#up.release();
    await Promise.race([answered, sleep(ORPHAN_MS, undefined, { ref: false })]);
    this.#server.end();
  }

  #fire(mine: Mine): void {
    if (!mine.claim()) return;
    const { fault } = mine;
    switch (fault.kind) {
      case "cut":
        return this.destroy();
      case "half-close":
        return void this.#along(fault.direction).to.end();
      case "stall":
        this.#severed = true;
        this.#client.pause().removeAllListeners("data");
        return void this.#server.pause().removeAllListeners("data");
      case "black-hole":
        this.#severed = true;
        for (const direction of fault.direction === undefined
          ? (["up", "down"] as const)
          : [fault.direction])
          this.#along(direction).swallows = true;
        return;
      case "delay":
        for (const stream of [this.#up, this.#down]) stream.delayMs = fault.ms;
        return;
      case "throttle":
        for (const stream of [this.#up, this.#down]) stream.bytesPerSecond = fault.bytesPerSecond;
        return;
      case "lose-commit":
        throw new Error("lose-commit needs the trigger commit");
    }
  }

  #along(direction: Direction): FaultStream {
    return direction === "up" ? this.#up : this.#down;
  }
}

function parametersOf(text: string): ReadonlyMap<string, string> {
  const words = text.split("\0");
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < words.length; at += 2)
    pairs.push([words[at] ?? "", words[at + 1] ?? ""]);
  return new Map(pairs.filter(([name]) => name !== ""));
}
