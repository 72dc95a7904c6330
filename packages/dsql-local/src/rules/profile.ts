/** The service's rules as of a day: what changed when, and which days are offered. */
import { holds } from "./rule.ts";
import { rules, type RuleName } from "./table.ts";

/** The newest day whose rules are known. */
export const NEWEST = "2026-09-15";

/** Days that `--profile` takes: the newest, and the last one before foreign keys and partial indexes. */
export const profileDays: readonly string[] = [NEWEST, "2026-08-24"];

/** What came on a day and is no refusal that went. Source: the service's release notes. */
export const features = {
  textCompression: { since: "2026-08-26", what: "text, varchar and bpchar are compressed: a value counts as stored" },
} as const; // prettier-ignore

/** The name of one. */
export type Feature = keyof typeof features;

/** Rules as of one day. */
export class Profile {
  readonly day: string;

  constructor(day: string = NEWEST) {
    this.day = day;
  }

  /** Whether the service had it on that day. */
  has(feature: Feature): boolean {
    return features[feature].since <= this.day;
  }

  /** Whether a rule held on that day. */
  holds(name: RuleName): boolean {
    return holds(rules[name], this.day);
  }
}
