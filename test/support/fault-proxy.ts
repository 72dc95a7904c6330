/**
 * A TCP proxy in front of a PostgreSQL-speaking server that does to connections what networks do: by a plan, at exact
 * bytes or statements, so that a test knows what it has tried. Encryption must be off where statements matter.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Fault, Mine, Trigger } from "./fault-link.ts";
import { FaultLink } from "./fault-link.ts";

export type { Direction, Fault, Trigger } from "./fault-link.ts";
export { FaultLink } from "./fault-link.ts";

/** A fault that is to befall connections. */
export interface Plan {
  readonly fault: Fault;
  /** A function is asked for each connection: that is where a seed comes in. */
  readonly trigger: Trigger | ((link: FaultLink) => Trigger);
  /** Which connections it is for; all when left out. */
  readonly for?: (link: FaultLink) => boolean;
  /** How many connections it befalls; one when left out. */
  readonly times?: number;
}

/** A plan that was given to the proxy. */
export interface ArmedPlan {
  /** How many connections it has befallen. */
  readonly fired: number;
  /** Resolves once it has befallen the first; rejects when that takes longer. */
  wait(timeoutMs?: number): Promise<void>;
  /** It befalls nobody any more. */
  disarm(): void;
}

/** What new connections meet. */
export type Greeting =
  /** They are passed on. */
  | "open"
  /** TCP accepts them, and nothing ever answers. */
  | "silent"
  /** They are cut at once. */
  | "refused";

/** Starts a proxy on a free port of the loopback address. */
export async function startFaultProxy(to: { host: string; port: number }): Promise<FaultProxy> {
  const proxy = new FaultProxy(to);
  await proxy.listen();
  return proxy;
}

/** See {@link startFaultProxy}. */
export class FaultProxy {
  readonly host = "127.0.0.1";
  greeting: Greeting = "open";
  /** Connections that were accepted so far. */
  accepted = 0;
  #to: { host: string; port: number };
  readonly #server: Server;
  readonly #links = new Set<FaultLink>();
  readonly #sockets = new Set<Socket>();
  readonly #armed = new Set<Armed>();

  constructor(to: { host: string; port: number }) {
    this.#to = to;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, this.host, resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are up on both sides. */
  get links(): readonly FaultLink[] {
    return [...this.#links].filter((link) => link.isOpen);
  }

  /** The same URL, through us. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = this.host;
    changed.port = String(this.port);
    return changed.href;
  }

  /** New connections go to another server, as a name does after a failover; those that are there are cut. */
  redirect(to: { host: string; port: number }): void {
    this.#to = { host: to.host, port: to.port };
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Gives a plan to the connections that are there and those that will come. */
  arm(plan: Plan): ArmedPlan {
    const armed = new Armed(plan, () => this.#armed.delete(armed));
    this.#armed.add(armed);
    for (const link of this.links) {
      const mine = armed.mineFor(link);
      if (mine !== null) link.watch(mine);
    }
    return armed;
  }

  /** Befalls every connection that is there, now; says how many. */
  strike(fault: Fault, isMeant: (link: FaultLink) => boolean = () => true): number {
    const meant = this.links.filter(isMeant);
    for (const link of meant) link.watch({ trigger: { at: "now" }, fault, claim: () => true });
    return meant.length;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    this.#keep(client);
    client.on("error", () => undefined);
    if (this.greeting === "refused") return void client.resetAndDestroy();
    if (this.greeting === "silent") return void client.resume();
    const server = connect({ ...this.#to, allowHalfOpen: true });
    this.#keep(server);
    const link: FaultLink = new FaultLink(client, server, () => this.#minesFor(link));
    this.#links.add(link);
    client.once("close", () => this.#links.delete(link));
  }

  #minesFor(link: FaultLink): readonly Mine[] {
    return [...this.#armed].map((armed) => armed.mineFor(link)).filter((mine) => mine !== null);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

class Armed implements ArmedPlan {
  fired = 0;
  readonly #plan: Plan;
  readonly #retire: () => void;
  readonly #first = Promise.withResolvers<void>();

  constructor(plan: Plan, retire: () => void) {
    this.#plan = plan;
    this.#retire = retire;
  }

  mineFor(link: FaultLink): Mine | null {
    const { fault, trigger, for: isMeant } = this.#plan;
    if (isMeant !== undefined && !isMeant(link)) return null;
    const claim = (): boolean => this.#claim();
    return { fault, claim, trigger: typeof trigger === "function" ? trigger(link) : trigger };
  }

  async wait(timeoutMs = 20_000): Promise<void> {
    const late = setTimeout(
      () => this.#first.reject(new Error(`The fault befell nobody within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    await this.#first.promise.finally(() => clearTimeout(late));
  }

  disarm(): void {
    this.#retire();
    this.fired = Number.POSITIVE_INFINITY;
  }

  #claim(): boolean {
    const times = this.#plan.times ?? 1;
    if (this.fired >= times) return false;
    this.fired += 1;
    if (this.fired >= times) this.#retire();
    this.#first.resolve();
    return true;
  }
}
