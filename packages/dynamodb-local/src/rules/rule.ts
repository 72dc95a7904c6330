/** What a refusal of the services is here, and where it is known from. */
import { Refusal } from "./refusal.ts";

/**
 * How near the stand-in comes: `exact` (recorded on the service or given by its documentation, code, text and moment),
 * `close` (one of them is ours), `unknown` (documented or inferred, nobody has shown it).
 */
export type Fidelity = "exact" | "close" | "unknown";

/** One refusal. */
export interface Rule {
  /** The name of the exception, without its namespace. */
  readonly code: string;
  /** Message; `{name}` is filled in. */
  readonly text: string;
  /** HTTP status; 400 when left out. */
  readonly status?: number;
  /**
   * Where it is known from: API, DG the reference and the developer guide of AWS; R recordings of the service that others
   * published in 2025 and 2026; I texts in public bug reports against the service; DY dynalite.
   */
  readonly source: string;
  readonly fidelity: Fidelity;
  /** How and when it is checked here. */
  readonly kept: string;
}

/** Values for the `{name}` places of a rule. */
export type Fills = Readonly<Record<string, string | number>>;

/** The refusal of a broken rule. */
export function refusalOf(rule: Rule, fills: Fills = {}): Refusal {
  const message = rule.text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    String(fills[name] ?? whole),
  );
  return new Refusal(rule.code, message, rule.status ?? 400);
}
