import type { MillraceError } from "./millrace-error.ts";

/** How remedies of errors begin that are tried again by themselves. */
const WHILE_RETRIED =
  /^Nothing, while it is being retried; (?:else|if it goes on,|where it comes back,) (.)/u;

/** What to do about an error that has ended what met it: nobody tries that again. */
export function finalRemedy({ remedy }: Pick<MillraceError, "remedy">): string {
  return remedy.replace(WHILE_RETRIED, (_begin, first: string) => first.toUpperCase());
}
