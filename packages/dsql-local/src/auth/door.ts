/** Who may come in: how many, how fast, and with which password. */
import type { Limits } from "../rules/bounds.ts";
import { violation } from "../rules/table.ts";
import { refuseToken, type SigningKey } from "./token.ts";

/** Who wants in. */
export interface Login {
  readonly user: string;
  readonly database: string;
  readonly password: string;
  /** The name that the client asked for by SNI. */
  readonly serverName: string | undefined;
}

/** How the door decides. */
export interface DoorRules {
  readonly auth: "iam" | "trust";
  readonly key: SigningKey | undefined;
  /** Names of the cluster for clients that send no server name. */
  readonly hosts: readonly string[];
  readonly requireServerName: boolean;
  readonly nowMs: () => number;
  readonly limits: Limits;
}

/** The door of one cluster. */
export class Door {
  readonly #rules: DoorRules;
  readonly #bucket: TokenBucket;
  #inside = 0;

  constructor(rules: DoorRules) {
    this.#rules = rules;
    this.#bucket = new TokenBucket(rules.limits, rules.nowMs);
  }

  /** Whether passwords are tokens. */
  get checksTokens(): boolean {
    return this.#rules.auth === "iam";
  }

  /** Counts a connection in. Throws 53300 and 53400. */
  enter(): void {
    if (this.#inside >= this.#rules.limits.connections) throw violation("tooManyConnections");
    if (!this.#bucket.take()) throw violation("connectRate");
    this.#inside++;
  }

  /** Counts a connection out. */
  leave(): void {
    this.#inside--;
  }

  /** Forgets how fast connections came. */
  refill(): void {
    this.#bucket.refill();
  }

  /** Checks a login. Throws the Violation that turns it away. */
  check(login: Login): void {
    const { auth, hosts, key, nowMs, requireServerName } = this.#rules;
    if (requireServerName && login.serverName === undefined) throw violation("noServerName");
    if (login.database !== "postgres") throw violation("database", { name: login.database });
    if (auth === "trust") return;
    const reason = refuseToken(login.password, {
      user: login.user,
      hosts: login.serverName === undefined ? hosts : [login.serverName],
      nowMs: nowMs(),
      key,
    });
    if (reason !== undefined) throw violation("accessDenied", { reason });
  }
}

/** How much a bucket holds, and how fast it fills; both may be changed. */
export type BucketSize = Pick<Limits, "connectBurst" | "connectsPerSecond">;

/** Lets a burst through and then so many a second. */
export class TokenBucket {
  readonly #size: BucketSize;
  readonly #nowMs: () => number;
  #taken = 0;
  #filledAtMs: number;

  constructor(size: BucketSize, nowMs: () => number) {
    this.#size = size;
    this.#nowMs = nowMs;
    this.#filledAtMs = nowMs();
  }

  /** Takes one token; false when there is none. */
  take(): boolean {
    const nowMs = this.#nowMs();
    const { connectBurst, connectsPerSecond } = this.#size;
    const gained = ((nowMs - this.#filledAtMs) / 1_000) * connectsPerSecond;
    this.#taken = Math.max(0, this.#taken - Math.max(0, gained));
    this.#filledAtMs = nowMs;
    if (this.#taken + 1 > connectBurst) return false;
    this.#taken++;
    return true;
  }

  /** Fills it to the brim. */
  refill(): void {
    this.#taken = 0;
  }
}
