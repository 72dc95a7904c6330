/** AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity. */
import { matches } from "../control/faults.ts";
import type { Clock } from "../clock.ts";
import type { Principal, Principals } from "../access/principals.ts";
import { isFields, numberIn, textIn } from "../json.ts";
import { accessBounds } from "../rules/access.ts";
import { refuse } from "../rules/table.ts";
import type { Role, Roles } from "./roles.ts";
import type { Elements } from "./xml.ts";

const DEFAULT_SECONDS = 3_600;

/** What STS needs. */
export interface StsOptions {
  readonly principals: Principals;
  readonly roles: Roles;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The three actions. */
export class Sts {
  readonly #principals: Principals;
  readonly #roles: Roles;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor({ principals, roles, clock, random }: StsOptions) {
    this.#principals = principals;
    this.#roles = roles;
    this.#clock = clock;
    this.#random = random;
  }

  /** Answers an action; `principal` is undefined for one that needs no signature. Throws a Refusal. */
  answer(action: string, form: URLSearchParams, principal: Principal | undefined): Elements {
    if (action === "AssumeRoleWithWebIdentity") return this.#withWebIdentity(form);
    if (principal === undefined) throw refuse("missingToken");
    if (action === "AssumeRole") return this.#assume(form, principal);
    if (action !== "GetCallerIdentity") throw refuse("stsAction", { action });
    return { Arn: principal.arn, UserId: principal.userId, Account: principal.account };
  }

  #assume(form: URLSearchParams, principal: Principal): Elements {
    const wish = this.#wish(form);
    const role = this.#roles.find(wish.arn);
    if (role !== undefined && !trusts(role, form, principal)) {
      throw refuse("assumeDenied", { principal: principal.arn, role: wish.arn });
    }
    return this.#session(wish);
  }

  #withWebIdentity(form: URLSearchParams): Elements {
    const wish = this.#wish(form);
    const claims = claimsOf(form.get("WebIdentityToken") ?? "");
    if (claims === undefined) throw refuse("webTokenInvalid");
    const expiryMs = (numberIn(claims, "exp") ?? Number.POSITIVE_INFINITY) * 1_000;
    const nowMs = this.#clock.nowMs();
    if (expiryMs <= nowMs) {
      const [now, expiry] = [nowMs, expiryMs].map((ms) => new Date(ms).toISOString());
      throw refuse("webTokenExpired", { now: now ?? "", expiry: expiry ?? "" });
    }
    if (this.#roles.list().length > 0 && this.#roles.find(wish.arn) === undefined) {
      throw refuse("assumeWebDenied");
    }
    const provider = textIn(claims, "iss") ?? "";
    const subject = textIn(claims, "sub") ?? "";
    return {
      ...this.#session(wish),
      SubjectFromWebIdentityToken: subject,
      Provider: provider,
      Audience: textIn(claims, "aud") ?? "sts.amazonaws.com",
    };
  }

  #wish(form: URLSearchParams): Wish {
    const arn = required(form, "RoleArn", /^arn:[^:]+:iam::\d{12}:role\/.+$/);
    const sessionName = required(form, "RoleSessionName", /^[\w+=,.@-]{2,64}$/);
    const seconds = Number(form.get("DurationSeconds") ?? DEFAULT_SECONDS);
    const { leastSessionSeconds, mostSessionSeconds } = accessBounds;
    const isAllowed = seconds >= leastSessionSeconds && seconds <= mostSessionSeconds;
    if (!isAllowed) {
      const relation = seconds < leastSessionSeconds ? "greater" : "less";
      const bound = seconds < leastSessionSeconds ? leastSessionSeconds : mostSessionSeconds;
      const constraint = `Member must have value ${relation} than or equal to ${bound}`;
      throw refuse("stsInvalid", { value: seconds, member: "durationSeconds", constraint });
    }
    return { arn, sessionName, seconds };
  }

  #session({ arn, sessionName, seconds }: Wish): Elements {
    const [, account = "", name = ""] =
      /^arn:[^:]+:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(arn) ?? [];
    const role = this.#roles.find(arn);
    if (role !== undefined && seconds > (role.maxSessionSeconds ?? DEFAULT_SECONDS)) {
      throw refuse("sessionTooLong");
    }
    const accessKeyId = `ASIA${this.#letters(16)}`;
    const secretAccessKey = this.#letters(40);
    const sessionToken = this.#letters(64);
    const userId = `AROA${this.#letters(17)}:${sessionName}`;
    const sessionArn = `arn:aws:sts::${account}:assumed-role/${name}/${sessionName}`;
    const principal = { account, arn: sessionArn, userId, accessKeyId, secretAccessKey };
    const expiresMs = this.#clock.nowMs() + seconds * 1_000;
    this.#principals.addSession({ principal, secretAccessKey, sessionToken, expiresMs });
    const expiration = new Date(expiresMs).toISOString().replace(/\.\d+Z$/, "Z");
    return {
      Credentials: {
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        SessionToken: sessionToken,
        Expiration: expiration,
      },
      AssumedRoleUser: { AssumedRoleId: userId, Arn: sessionArn },
    };
  }

  #letters(count: number): string {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const draw = (): string => letters[Math.floor(this.#random() * letters.length)] ?? "A";
    return Array.from({ length: count }, draw).join("");
  }
}

interface Wish {
  readonly arn: string;
  readonly sessionName: string;
  readonly seconds: number;
}

function required(form: URLSearchParams, name: string, pattern: RegExp): string {
  const value = form.get(name) ?? "";
  if (pattern.test(value)) return value;
  const member = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
  const constraint = `Member must satisfy regular expression pattern: ${pattern.source}`;
  throw refuse("stsInvalid", { value, member, constraint });
}

function trusts(role: Role, form: URLSearchParams, principal: Principal): boolean {
  if (role.externalId !== undefined && role.externalId !== form.get("ExternalId")) return false;
  return role.principals?.some((pattern) => matches(pattern, principal.arn)) ?? true;
}

/** What a JWT says; undefined where it is none. Its signature is not looked at. */
function claimsOf(token: string): Readonly<Record<string, unknown>> | undefined {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return isFields(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}
