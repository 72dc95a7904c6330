/** What a session's names stand for: its statements and portals, for as long as PostgreSQL would know them. */
import { closeStatement } from "../wire/extended.ts";
import type { Lost } from "./pending.ts";
import { emptied, type Portal, type Prepared } from "./prepared.ts";

/** Of a Bind: the number of its values is wrong. */
const PROTOCOL_VIOLATION = "08P01";

/** One per session. What is changed before PostgreSQL has answered comes with what takes it back. */
export class Names {
  readonly #statements = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();

  /** The statement of this name. */
  statement(name: string): Prepared | undefined {
    return this.#statements.get(name);
  }

  /** The portal of this name. */
  portal(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  /** A Parse. One that fails has dropped the unnamed statement all the same. */
  prepare(name: string, prepared: Prepared): Lost {
    const before = this.#statements.get(name);
    this.#statements.set(name, prepared);
    return (failedWith) => {
      restore(this.#statements, name, failedWith === undefined ? before : undefined);
    };
  }

  /** A Close, or a simple Query, which drops the unnamed statement. */
  dropStatement(name: string): Lost {
    const before = this.#statements.get(name);
    this.#statements.delete(name);
    return () => restore(this.#statements, name, before);
  }

  /** A Bind. One that fails for its values has made an empty portal, which a failed block still knows. */
  bind(name: string, portal: Portal): Lost {
    const before = this.#portals.get(name);
    this.#portals.set(name, portal);
    return (failedWith) => {
      const madeNone = failedWith === undefined || failedWith === PROTOCOL_VIOLATION;
      restore(this.#portals, name, madeNone ? before : emptied(portal));
    };
  }

  /** A Close, or a statement of a simple Query, which runs in the unnamed portal and drops it. */
  dropPortal(name: string): Lost {
    const before = this.#portals.get(name);
    this.#portals.delete(name);
    return () => restore(this.#portals, name, before);
  }

  /** Portals end with their transaction. */
  endPortals(): void {
    this.#portals.clear();
  }

  /** DEALLOCATE ALL, which leaves the unnamed statement. Gives the messages that close them behind, their twins with them. */
  deallocateAll(): Buffer[] {
    const named = [...this.#statements].filter(([name]) => name !== "");
    for (const [name] of named) this.#statements.delete(name);
    return named.flatMap(([name, { twin }]) => [closeStatement(name), closeStatement(twin.name)]);
  }

  /** The client's name of the statement with this twin. */
  nameOf(twin: string): string {
    for (const [name, prepared] of this.#statements) if (prepared.twin.name === twin) return name;
    return "";
  }
}

function restore<T>(map: Map<string, T>, name: string, before: T | undefined): void {
  if (before === undefined) map.delete(name);
  else map.set(name, before);
}
