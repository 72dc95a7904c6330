/** Letters that say enough of a name. */
const LEAST_BEGINNING = 3;

/** The known name that `name` was probably meant to be; null where none is near enough to help. */
export function nearestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  const written = plain(name);
  for (const candidate of known) {
    const other = plain(candidate);
    // It cannot be nearer than their lengths are.
    if (Math.abs(written.length - other.length) >= bestDistance) continue;
    const distance = editDistance(written, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? begun(written, known);
}

/** The only known name that goes on where `name` ends: `user` for `username`. */
function begun(name: string, known: readonly string[]): string | null {
  const [only, ...others] = known.filter((candidate) => plain(candidate).startsWith(name));
  return name.length >= LEAST_BEGINNING && others.length === 0 ? (only ?? null) : null;
}

/** `batchSize`, `batch_size` and `batch-size` are one name to someone who types it. */
function plain(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .replace(/[._\s]/g, "-");
}

/** Insertions, deletions, replacements and swaps of neighbours between two names. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, at(beforeLast, j - 2) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
