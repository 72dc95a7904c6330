/** Roles that tests make known, and who may assume them. */

/** A role with a trust of its own. A role that nobody made known may be assumed by everybody. */
export interface Role {
  readonly arn: string;
  /** What who assumes it has to say. */
  readonly externalId?: string;
  /** ARNs, `*` for any part, of who may assume it; everybody when left out. */
  readonly principals?: readonly string[];
  /** 3,600 when left out. */
  readonly maxSessionSeconds?: number;
}

/** The roles of one stand-in. */
export class Roles {
  readonly #roles = new Map<string, Role>();

  put(role: Role): void {
    this.#roles.set(role.arn, role);
  }

  find(arn: string): Role | undefined {
    return this.#roles.get(arn);
  }

  list(): readonly Role[] {
    return [...this.#roles.values()];
  }

  clear(): void {
    this.#roles.clear();
  }
}
