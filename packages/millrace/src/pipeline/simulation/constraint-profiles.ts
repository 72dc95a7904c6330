import { CROWD } from "./crowd.ts";
import type { Profile } from "./profile.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** A row that is parked stays as it was, and refuses others for ever. */
const GOOD_ROWS = { badRows: false, hugeValues: false } as const;

/** Targets with a unique index besides their key, and few values that pass from row to row. */
export function unique(random: SeededRandom, profile: Profile): Profile {
  return {
    ...profile,
    ...GOOD_ROWS,
    transactions: profile.transactions * 2,
    unique: {
      deferred: random.chance(0.4),
      fromStep: random.chance(0.6) ? 0 : random.between(10, 500),
      exchanges: 0.35,
    },
  };
}

/** One lane, in which tables are loaded again and again beside another's exchanges of unique values. */
export function crowded(profile: Profile): Profile {
  const settings = { ...profile.settings, parallelism: 1 };
  return { ...profile, ...CROWD, settings, transactions: profile.transactions * 3 };
}

/** Targets with foreign keys among themselves, and few parents that come and go with their children. */
export function foreign(random: SeededRandom, profile: Profile): Profile {
  const keyedTables = random.between(1, 3);
  return {
    ...profile,
    ...GOOD_ROWS,
    keyedTables,
    // The server refuses to empty a table that others point at; a table that is not named yet has no target to point at.
    truncates: false,
    joins: 0,
    fanOut: false,
    transactions: profile.transactions * 2,
    foreign: {
      deferred: random.chance(0.4),
      isSelf: random.chance(0.4) || keyedTables === 1,
      fromStep: random.chance(0.6) ? 0 : random.between(10, 500),
    },
  };
}

/** Tables stay in the file and at the source: a child whose parent nobody follows is refused, and rightly. */
export function keptForeign(profile: Profile): Profile {
  return {
    ...profile,
    remakes: false,
    partitions: false,
    leaves: 0,
    unpublished: 0,
    tablePauses: 0,
    lostTargets: 0,
  };
}
