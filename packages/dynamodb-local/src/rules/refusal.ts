/** What a client is told in place of an answer. */

/** A refusal in the service's words. */
export class Refusal extends Error {
  /** The name of the exception, without its namespace: `ResourceNotFoundException`. */
  readonly code: string;
  readonly status: number;
  /** Members beside the message: `CancellationReasons`, `Item`. */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(
    code: string,
    message: string,
    status = 400,
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.status = status;
    this.members = members;
  }
}

/** For `catch`: undefined where this was refused, and nothing else goes by. */
export function whereRefusedAs(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Refusal && error.code === code) return undefined;
    throw error;
  };
}
