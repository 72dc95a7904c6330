import type { MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { Clock, Random } from "../model/ports.ts";
import { backoffMs } from "./retry.ts";
import type { ShareMember } from "./share-member.ts";

/** What other processes have come to, or had when they ended; let go of once nobody waits any more. */
export interface Elsewhere extends AsyncDisposable {
  /** Of the shares but `mine`, those that have not come to their end. @throws MillraceError what time does not mend. */
  left(mine: ReadonlySet<string>): Promise<readonly string[]>;
}

type Member = Pick<ShareMember, "name" | "isLeaving" | "caughtUp">;

interface CatchingUp {
  readonly clock: Pick<Clock, "sleep">;
  readonly random: Random;
  /** What this process has now. */
  readonly members: () => readonly Member[];
  /** Another process has, or had, what failed with this. */
  readonly hasMoved: (error: MillraceError) => boolean;
  readonly elsewhere: Elsewhere | null;
  readonly tell: (message: string) => void;
  /** Somebody ends it. */
  readonly signal: AbortSignal;
}

/** All but the tables that they name have caught up. */
const LEFT_OUT: ReadonlySet<string> = new Set(["MR_TABLE_STOPPED", "MR_TABLE_PAUSED"]);

/** Between two looks, milliseconds: nobody could wake who waits for another process. */
const FIRST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 5_000;

/**
 * True once every share has caught up, here and elsewhere; false where that is ended before. What leaves meanwhile is
 * waited for wherever it is then, and what failed in passing until it works again.
 * @throws MillraceError of a share that time does not mend; of tables that are left out, once all else has caught up.
 */
export async function catchUpShares(options: CatchingUp): Promise<boolean> {
  const { clock, random, signal, tell } = options;
  let told = "";
  for (let looks = 0; ; looks++) {
    const look = await lookAround(options);
    if (signal.aborted) return false;
    if (look === "again") continue;
    if (look !== "waits" && look.left.length === 0) {
      if (look.leftOut !== null) throw look.leftOut;
      return true;
    }
    const left = look === "waits" ? told : look.left.join(", ");
    if (left !== told) {
      told = left;
      looks = 0;
      tell(`what is here is caught up; other processes have, or had, what is left: ${told}`);
    }
    const pauseMs = backoffMs(looks, FIRST_PAUSE_MS, MOST_PAUSE_MS, random);
    await clock.sleep(pauseMs, signal).catch(() => undefined);
  }
}

/** What all of it has come to; `"again"`: there are other shares by now; `"waits"`: something here is under way. */
type Look =
  | "again"
  | "waits"
  | { readonly left: readonly string[]; readonly leftOut: MillraceError | null };

async function lookAround(options: CatchingUp): Promise<Look> {
  const { members, elsewhere, signal } = options;
  const asked = members();
  const outcomes = await Promise.all(asked.map((member) => outcomeOf(member, options)));
  if (!isSame(asked, members())) return "again";
  if (signal.aborted || outcomes.includes("waits")) return "waits";
  const left = (await elsewhere?.left(new Set(asked.map(({ name }) => name)))) ?? [];
  if (!isSame(asked, members())) return "again";
  const leftOut = outcomes.find((outcome) => typeof outcome !== "string") ?? null;
  return { left, leftOut };
}

/** @throws MillraceError what it failed with, where time does not mend that. */
async function outcomeOf(
  member: Member,
  { hasMoved }: CatchingUp,
): Promise<"caught up" | "waits" | MillraceError> {
  try {
    await member.caughtUp();
  } catch (thrown) {
    const error = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
    if (LEFT_OUT.has(error.code)) return error;
    // Another process has it, or is given it, or it is tried again: the next look finds it where it is.
    if (member.isLeaving || error.class === "transient" || hasMoved(error)) return "waits";
    throw error;
  }
  // What is stopped waits no longer, wherever it stands.
  return member.isLeaving ? "waits" : "caught up";
}

/** Also a share that came back is another one. */
function isSame(before: readonly Member[], now: readonly Member[]): boolean {
  return before.length === now.length && before.every((member, index) => member === now[index]);
}
