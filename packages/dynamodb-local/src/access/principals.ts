/** Who a request is from: by its access key, and by the roles that were assumed. */
import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Settings } from "../options.ts";
import { refuse } from "../rules/table.ts";

/** Who asks. */
export interface Principal {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
  readonly accessKeyId: string;
  /** What its requests are signed with; undefined where that is not checked. */
  readonly secretAccessKey: string | undefined;
}

/** Credentials that STS gave. */
export interface Session {
  readonly principal: Principal;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresMs: number;
}

/** All keys: those of the options, those that STS gave, and where none are asked for, any. */
export class Principals {
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  addSession(session: Session): void {
    this.#sessions.set(session.principal.accessKeyId, session);
  }

  clear(): void {
    this.#sessions.clear();
  }

  /** Whose key that is. Throws a Refusal. */
  find(accessKeyId: string, sessionToken: string | undefined): Principal {
    const session = this.#sessions.get(accessKeyId);
    if (session !== undefined) return this.#inSession(session, sessionToken);
    const { credentials, account } = this.#settings;
    if (credentials === undefined) return userOf(accessKeyId, accountIn(accessKeyId) ?? account);
    const known = credentials.find((credential) => credential.accessKeyId === accessKeyId);
    if (known === undefined) throw refuse("unknownKey");
    const user = userOf(accessKeyId, known.account ?? account);
    return { ...user, secretAccessKey: known.secretAccessKey };
  }

  #inSession(session: Session, sessionToken: string | undefined): Principal {
    if (sessionToken !== session.sessionToken) throw refuse("unknownKey");
    if (this.#clock.nowMs() >= session.expiresMs) throw refuse("expiredToken");
    return session.principal;
  }
}

/** An access key of twelve digits is an account: a test needs no set-up to have two. */
function accountIn(accessKeyId: string): string | undefined {
  return /^\d{12}$/.test(accessKeyId) ? accessKeyId : undefined;
}

function userOf(accessKeyId: string, account: string): Principal {
  const userId = `AIDA${createHash("sha1").update(accessKeyId).digest("hex").slice(0, 17).toUpperCase()}`;
  const arn = `arn:aws:iam::${account}:user/${accessKeyId}`;
  return { account, arn, userId, accessKeyId, secretAccessKey: undefined };
}
