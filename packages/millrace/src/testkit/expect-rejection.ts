import assert from "node:assert/strict";
import type { ErrorClass } from "../errors/millrace-error.ts";
import { MillraceError } from "../errors/millrace-error.ts";

/** Demands that `work` rejects with a MillraceError of one of the classes, and gives it. */
export async function expectRejection(
  work: Promise<unknown>,
  ...classes: readonly ErrorClass[]
): Promise<MillraceError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(thrown !== null, `expected a rejection of class ${classes.join(" or ")}, it resolved`);
  assert.ok(
    thrown instanceof MillraceError,
    "it rejected with something else than a MillraceError",
  );
  assert.ok(
    classes.includes(thrown.class),
    `expected class ${classes.join(" or ")}, got ${thrown.class}: ${thrown.message}`,
  );
  return thrown;
}
