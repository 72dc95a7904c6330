/** Who may come in: how many, how fast, and with which password. */
import { connectionBounds } from "../rules/connections.ts";
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
}

/** The door of one cluster. */
export class Door {
  readonly #rules: DoorRules;
  readonly #bucket: TokenBucket;
  #inside = 0;

  constructor(rules: DoorRules) {
    this.#rules = rules;
    const { connectBurst, connectsPerSecond } = connectionBounds;
    this.#bucket = new TokenBucket(connectBurst, connectsPerSecond, rules.nowMs);
  }

  /** Whether passwords are tokens. */
  get checksTokens(): boolean {
    return this.#rules.auth === "iam";
  }

  /** Counts a connection in. Throws 53300 and 53400. */
  enter(): void {
    if (this.#inside >= connectionBounds.connections) throw violation("tooManyConnections");
    if (!this.#bucket.take()) throw violation("connectRate");
    this.#inside++;
  }

  /** Counts a connection out. */
  leave(): void {
    this.#inside--;
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

/** Lets a burst through and then so many a second. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #nowMs: () => number;
  #level: number;
  #filledAtMs: number;

  constructor(burst: number, perSecond: number, nowMs: () => number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#nowMs = nowMs;
    this.#level = burst;
    this.#filledAtMs = nowMs();
  }

  /** Takes one token; false when there is none. */
  take(): boolean {
    const nowMs = this.#nowMs();
    const gained = ((nowMs - this.#filledAtMs) / 1_000) * this.#perSecond;
    this.#level = Math.min(this.#burst, this.#level + Math.max(0, gained));
    this.#filledAtMs = nowMs;
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }
}
