import { inspect } from "node:util";

const MASK = "******";

/**
 * A password or key from the pipeline file. It cannot be printed by accident: string conversion, JSON and
 * `util.inspect` all give a mask. Only {@link Secret.reveal} gives the text, at the moment a connection needs it.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Never store it, never log it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
