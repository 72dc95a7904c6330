import { MillraceError } from "../../errors/millrace-error.ts";

/** A GTID of MariaDB: `domain-server-sequence`. */
export interface MariaDbGtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: number;
}

/** The server's text of a GTID. */
export function mariaDbGtidText({ domain, server, sequence }: MariaDbGtid): string {
  return `${domain}-${server}-${sequence}`;
}

/** Reads `0-7-42`. @throws MillraceError MR_SOURCE_PROTOCOL */
export function parseMariaDbGtid(text: string): MariaDbGtid {
  const match = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/.exec(text.trim());
  const [domain, server, sequence] = (match ?? []).slice(1).map(Number);
  if (domain === undefined || server === undefined || !Number.isSafeInteger(sequence))
    throw new MillraceError("MR_SOURCE_PROTOCOL", "a GTID that cannot be read");
  return { domain, server, sequence: sequence ?? 0 };
}

/** How far each domain's log was read: its last GTID. Immutable. */
export class MariaDbPosition {
  static readonly EMPTY = new MariaDbPosition(new Map());
  readonly #domains: ReadonlyMap<number, MariaDbGtid>;

  private constructor(domains: ReadonlyMap<number, MariaDbGtid>) {
    this.#domains = domains;
  }

  /**
   * Reads `0-7-42,1-7-3` (`@@gtid_binlog_pos`). Of a domain that is named twice (`@@gtid_binlog_state` names each server's
   * last) the greatest counts. @throws MillraceError MR_SOURCE_PROTOCOL
   */
  static parse(text: string): MariaDbPosition {
    const gtids = text.split(",").filter((part) => part.trim() !== "");
    let position = MariaDbPosition.EMPTY;
    for (const gtid of gtids.map(parseMariaDbGtid)) {
      const known = position.of(gtid.domain);
      if (known === null || known.sequence < gtid.sequence) position = position.with(gtid);
    }
    return position;
  }

  of(domain: number): MariaDbGtid | null {
    return this.#domains.get(domain) ?? null;
  }

  /** The domain goes on to this one, whatever stood there: sequences may be set back by hand. */
  with(gtid: MariaDbGtid): MariaDbPosition {
    return new MariaDbPosition(new Map(this.#domains).set(gtid.domain, gtid));
  }

  /** The log up to here has this one, as far as sequences of its domain grow (`gtid_strict_mode`). */
  has({ domain, sequence }: MariaDbGtid): boolean {
    return (this.of(domain)?.sequence ?? 0) >= sequence;
  }

  /** The log up to here has all that the other one has. */
  contains(other: MariaDbPosition): boolean {
    return [...other.#domains.values()].every((gtid) => this.has(gtid));
  }

  /** The server's text, domains in order. */
  toString(): string {
    const domains = [...this.#domains.values()].sort((a, b) => a.domain - b.domain);
    return domains.map(mariaDbGtidText).join(",");
  }
}
