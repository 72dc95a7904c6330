/** What a rule of Aurora DSQL is here, and the error that breaking it gives. */
import type { ServerMessage } from "../wire/messages.ts";

/**
 * How near the emulator comes: `exact` (code, text and moment were recorded on a real cluster),
 * `close` (one of them is ours), `unknown` (documented or inferred, never seen).
 */
export type Fidelity = "exact" | "close" | "unknown";

/** One rule: what the client is told, where that is known from, and how it is kept here. */
export interface Rule {
  /** SQLSTATE. */
  readonly code: string;
  /** Message; `{name}` is filled in. */
  readonly text: string;
  readonly detail?: string;
  readonly hint?: string;
  /** ERROR when left out. */
  readonly severity?: "FATAL";
  /**
   * Where it is known from: Q quotas, DT data types, SQL/CT/AT/IX/CC feature, table, index and concurrency pages of
   * the AWS documentation; E, T, S, J, G, D, A recordings of real clusters; AU, PROXY, LINT of AWS's own tools.
   */
  readonly source: string;
  readonly fidelity: Fidelity;
  /** How and when it is checked here, in one sentence. */
  readonly kept: string;
  /** The day of the service's release notes from which the rule holds, where that matters. */
  readonly since?: string;
  /** The first day on which it holds no more. */
  readonly until?: string;
  /** The number that `{limit}` stands for. */
  readonly limit?: number;
}

/** Whether a rule holds on a day, such as `2026-09-15`. */
export function holds({ since, until }: Rule, day: string): boolean {
  return (since === undefined || since <= day) && (until === undefined || day < until);
}

/** A refusal in the service's words. */
export class Violation extends Error {
  readonly report: ServerMessage;
  /** The frame as PostgreSQL sent it, with fields that `report` leaves out; undefined for our own. */
  readonly raw: Buffer | undefined;
  constructor(report: ServerMessage, raw?: Buffer) {
    super(report.message);
    this.name = "Violation";
    this.report = report;
    this.raw = raw;
  }
}

/** Values for the `{name}` places of a rule. */
export type Fills = Readonly<Record<string, string | number>>;

/** Fills a rule's text. */
export function fill(text: string, fills: Fills): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(fills[name] ?? whole));
}

/** The message that a broken rule gives to the client. */
export function reportOf(rule: Rule, given: Fills = {}, position?: number): ServerMessage {
  const fills = rule.limit === undefined ? given : { limit: rule.limit, ...given };
  return {
    severity: rule.severity ?? "ERROR",
    code: rule.code,
    message: fill(rule.text, fills),
    ...(rule.detail === undefined ? {} : { detail: fill(rule.detail, fills) }),
    ...(rule.hint === undefined ? {} : { hint: fill(rule.hint, fills) }),
    ...(position === undefined ? {} : { position }),
  };
}
