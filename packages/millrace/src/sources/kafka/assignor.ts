/** A process of the group, as it says of itself when it joins. */
export interface Member {
  readonly id: string;
  /** Tasks that it runs now, and has not stopped. */
  readonly owned: readonly string[];
}

/**
 * Pure: who is to run which share. Balanced to within one; what a member runs stays with it as far as that allows. A share
 * that moves is nobody's until whoever runs it has stopped and joined again without it (so that two run it only where one of
 * them is a zombie, whom the fence at the sink keeps out, I5).
 */
export function assign(
  members: readonly Member[],
  shares: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const wanted = balanced(sorted, shares.toSorted());
  const owner = ownersOf(sorted);
  return new Map(
    [...wanted].map(([id, all]) => [
      id,
      all.filter((share) => (owner.get(share) ?? id) === id).toSorted(),
    ]),
  );
}

/** Of a share that two say they run, the first one: the other was gone for a while and will be fenced. */
function ownersOf(members: readonly Member[]): Map<string, string> {
  const owner = new Map<string, string>();
  for (const { id, owned } of members)
    for (const share of owned) if (!owner.has(share)) owner.set(share, id);
  return owner;
}

function balanced(
  members: readonly Member[],
  shares: readonly string[],
): ReadonlyMap<string, string[]> {
  const owner = ownersOf(members);
  const given = new Map(members.map(({ id }): [string, string[]] => [id, []]));
  const least = Math.floor(shares.length / Math.max(1, members.length));
  let more = shares.length - least * members.length;
  const free: string[] = [];
  for (const share of shares) {
    const own = given.get(owner.get(share) ?? "");
    if (own === undefined) free.push(share);
    else if (own.length < least) own.push(share);
    else if (own.length === least && more > 0) {
      own.push(share);
      more--;
    } else free.push(share);
  }
  for (const share of free) {
    const [, poorest] = [...given].reduce((a, b) => (b[1].length < a[1].length ? b : a));
    poorest.push(share);
  }
  return given;
}
