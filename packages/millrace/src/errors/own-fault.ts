import { MillraceError } from "./millrace-error.ts";
import { isOwnFault, safeMessage, safeStack } from "./safe-text.ts";

/**
 * A fault of our own code as the error that it is; null for anything else. Whoever gives failures of a server or a connection
 * their place asks this first: what nobody knows is transient for a connection (I1), and this comes again however often it is
 * tried. `doing`: for people, no values.
 */
export function ownFault(thrown: unknown, doing?: string): MillraceError | null {
  if (!(thrown instanceof Error && isOwnFault(thrown))) return null;
  const said = safeMessage(thrown);
  // What was thrown may quote a row's value.
  const cause = Object.assign(new Error(said), { name: thrown.name, stack: safeStack(thrown) });
  const detail = doing === undefined ? said : `${doing}: ${said}`;
  return new MillraceError("MR_BUG", detail, { cause });
}

/** Whether it is one, named already or not: what is only tried, or asked again later, has to end with it too. */
export function isBug(thrown: unknown): boolean {
  return thrown instanceof MillraceError ? thrown.class === "bug" : isOwnFault(thrown);
}
