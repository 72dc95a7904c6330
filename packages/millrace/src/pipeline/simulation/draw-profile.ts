import type { TaskSettings } from "../settings.ts";
import { crowded, foreign, keptForeign, unique } from "./constraint-profiles.ts";
import type { Profile, ProfileName } from "./profile.ts";
import { QUIET } from "./quiet.ts";
import { SeededRandom } from "./seeded-random.ts";

const BASE: TaskSettings = {
  parallelism: 2,
  schemaChangeBehavior: "evolve",
  dropTables: false,
  create: "if-missing",
  sharedTargets: false,
  compaction: true,
  batchRows: 3,
  flushIntervalMs: 0,
  chunkRows: 2,
  snapshotParallelism: 2,
  maxRowsPerSecond: null,
  maxBytesPerSecond: null,
  loadGivesWay: true,
  maxRetainedBytes: null,
  maxRetainedAction: "warn",
  fullLoad: true,
  onLoss: "fail",
  deadLetters: "park",
  maxDeadLetters: 1_000,
  maxDeadLetterShare: 1,
};

/** Draws a profile. */
export function drawProfile(seed: number, name: ProfileName): Profile {
  return tight(seed, drawn(seed, name));
}

/** Of the rows of a transaction, those that a task keeps for itself (make-lanes.ts). */
const OWN_ROWS = 10;

/** Drawn by itself, as {@link limited}: a sink that takes few rows, or few bytes, at once. */
function tight(seed: number, profile: Profile): Profile {
  const isBound = profile.unique !== null || profile.foreign !== null;
  const random = new SeededRandom(seed ^ (isBound ? 0x71648 : 0x71647));
  if (!random.chance(0.15)) return profile;
  const maxRowsPerCommit = OWN_ROWS + random.between(3, 20);
  const maxBytesPerCommit = random.pick([600, 3_000, 100_000]);
  const settings = { ...profile.settings, batchRows: random.pick([3, 30]) };
  return { ...profile, settings, maxRowsPerCommit, maxBytesPerCommit };
}

function drawn(seed: number, name: ProfileName): Profile {
  const random = new SeededRandom(seed ^ 0x5eed);
  if (name === "plain") return plain(random);
  if (name === "audit") return audit(random);
  if (name === "unique") return unique(random, everything(random));
  if (name === "crowded") return crowded(everything(random));
  if (name === "foreign") return foreign(random, everything(random));
  if (name === "bound") return bound(seed, random);
  if (name === "topics") return topics(random);
  if (name === "readers") return readers(seed, random);
  if (name === "told") return failing(seed, silent(seed, told(seed, random)));
  if (name === "messages") return silent(seed, messages(seed, random));
  if (name === "shards") return sharded(seed, random);
  if (name === "locks") return locking(seed, random);
  if (name === "turns") return grudging(seed, random);
  if (name === "gentle") return silent(seed, gentle(seed, random));
  if (name === "lives") return losing(seed, silent(seed, limited(seed, lives(random))));
  return random.chance(0.2) ? audit(random) : silent(seed, limited(seed, everything(random)));
}

/** Drawn by itself, as {@link limited}: rows that do not tell what they changed. */
function silent(seed: number, profile: Profile): Profile {
  return { ...profile, unsure: new SeededRandom(seed ^ 0x51e7).chance(0.25) };
}

/** Drawn by itself, as {@link limited}: servers that take over from one another. */
function failing(seed: number, profile: Profile): Profile {
  const random = new SeededRandom(seed ^ 0xfa110);
  return { ...profile, failovers: random.chance(0.3) ? random.between(1, 3) : 0 };
}

/** Drawn by itself, as {@link limited}: targets that somebody drops. */
function losing(seed: number, profile: Profile): Profile {
  const random = new SeededRandom(seed ^ 0xd20b);
  return { ...profile, lostTargets: random.chance(0.25) ? random.between(1, 2) : 0 };
}

/** Drawn by itself, so that seeds go on drawing what they drew: how many dead letters stop a table. */
function limited(seed: number, profile: Profile): Profile {
  const maxDeadLetters = new SeededRandom(seed ^ 0x1e77e5).pick([1, 2, 1_000]);
  return { ...profile, settings: { ...profile.settings, maxDeadLetters } };
}

function plain(random: SeededRandom): Profile {
  const settings = {
    ...BASE,
    parallelism: random.between(1, 3),
    batchRows: random.between(1, 4),
    snapshotParallelism: random.between(1, 3),
    chunkRows: random.between(1, 4),
  };
  return {
    settings,
    budgetBytes: random.pick([2_000, 100_000]),
    keyedTables: 1,
    keylessTables: 0,
    keys: random.between(2, 6),
    initialRows: random.between(0, 5),
    transactions: random.between(3, 14),
    fanOut: false,
    keyChanges: false,
    unchanged: false,
    unsure: false,
    truncates: false,
    ddl: false,
    badRows: false,
    hugeValues: false,
    crashes: random.between(0, 2),
    zombies: 0,
    stops: 0,
    resyncs: 0,
    resizes: 0,
    joins: 0,
    replays: 0,
    unique: null,
    foreign: null,
    sourceLoss: 0,
    lostBefore: 0,
    lostAnswer: random.pick([0, 0.05]),
    slowLane: null,
    impatience: random.pick([0, 0.02]),
    maxRowsPerCommit: 3_000,
    maxBytesPerCommit: 100_000,
    ...QUIET,
  };
}

/** No load, no compaction, only changes of the log: what is applied can be held against the log one by one. */
function audit(random: SeededRandom): Profile {
  const profile = plain(random);
  return {
    ...profile,
    settings: { ...profile.settings, compaction: false, fullLoad: false },
    initialRows: 0,
    transactions: random.between(4, 20),
    keyChanges: random.chance(0.5),
    truncates: random.chance(0.2),
    crashes: random.between(0, 3),
    zombies: random.between(0, 2),
    stops: random.between(0, 1),
    resizes: random.between(0, 2),
    lostAnswer: random.pick([0, 0.03, 0.15]),
    lostBefore: random.pick([0, 0.03]),
    slowLane: random.chance(0.3) ? random.between(0, 2) : null,
  };
}

function everything(random: SeededRandom): Profile {
  const profile = plain(random);
  const sometimes = (probability: number) => random.chance(probability);
  return {
    ...profile,
    settings: {
      ...profile.settings,
      compaction: sometimes(0.8),
      flushIntervalMs: random.pick([0, 0, 20]),
    },
    keyedTables: random.between(1, 2),
    keylessTables: sometimes(0.2) ? 1 : 0,
    fanOut: sometimes(0.15),
    keyChanges: sometimes(0.6),
    unchanged: sometimes(0.6),
    truncates: sometimes(0.3),
    ddl: sometimes(0.3),
    badRows: sometimes(0.2),
    hugeValues: sometimes(0.1),
    transactions: random.between(3, 18),
    crashes: random.between(0, 3),
    zombies: sometimes(0.3) ? random.between(1, 2) : 0,
    stops: sometimes(0.3) ? 1 : 0,
    resyncs: sometimes(0.3) ? random.between(1, 2) : 0,
    resizes: sometimes(0.2) ? 1 : 0,
    joins: sometimes(0.2) ? 1 : 0,
    sourceLoss: sometimes(0.1) ? 0.01 : 0,
    lostAnswer: random.pick([0, 0.03, 0.1]),
    lostBefore: random.pick([0, 0, 0.03]),
    slowLane: sometimes(0.3) ? random.between(0, 2) : null,
    // Last, so that seeds go on drawing what they drew.
    replays: random.between(0, 4),
  };
}

/** Tables come and go, at the source, in its publication and in the file; servers forget, restart and are asked again. */
function lives(random: SeededRandom): Profile {
  const profile = everything(random);
  const times = (probability: number) => (random.chance(probability) ? random.between(1, 2) : 0);
  const doubts = random.chance(0.35) ? 0.5 : 0;
  return {
    ...profile,
    settings: { ...profile.settings, onLoss: "resync", dropTables: random.chance(0.4) },
    joins: 0,
    ddl: profile.ddl || doubts > 0,
    looks: true,
    remakes: random.chance(0.4),
    partitions: random.chance(0.3),
    spellings: random.chance(0.3),
    doubts,
    publishesAll: random.chance(0.3),
    losses: times(0.3),
    unpublished: times(0.25),
    leaves: times(0.3),
    pauses: times(0.3),
    restarts: times(0.3),
    lostOpen: random.chance(0.3) ? 0.1 : 0,
    // Last, so that seeds go on drawing what they drew.
    tablePauses: random.chance(0.4) ? random.between(1, 4) : 0,
  };
}

/** Constraints of targets whose tables come and go, at a source that forgets. */
function bound(seed: number, random: SeededRandom): Profile {
  const lively = losing(seed, silent(seed, lives(random)));
  const profile = { ...lively, midway: random.pick([0, 0.3]) };
  return random.chance(0.6) ? unique(random, profile) : keptForeign(foreign(random, profile));
}

/** A sink that keeps every change, as Kafka does; half of the seeds watch each of them. */
function topics(random: SeededRandom): Profile {
  const isAudit = random.chance(0.5);
  const profile = isAudit ? audit(random) : everything(random);
  // What a schema change makes of rows that are in a topic already is their reader's matter.
  return { ...profile, ddl: false, topics: true };
}

/** A sink that keeps every change, of tables that come and go, at a source that forgets: readers are told of rows that left in silence. */
function readers(seed: number, random: SeededRandom): Profile {
  const profile = random.chance(0.4)
    ? failing(seed, told(seed, random))
    : limited(seed, lives(random));
  // Its topics are never another one, and half of a key that is only spelled anew is a change of its own.
  return { ...silent(seed, profile), ddl: false, spellings: false, lostTargets: 0, topics: true };
}

/** A source that is spared: chunks come from a standby, slowly, and not while it keeps much of its log. */
function gentle(seed: number, random: SeededRandom): Profile {
  const profile = limited(seed, random.chance(0.5) ? everything(random) : lives(random));
  const sometimes = (probability: number) => random.chance(probability);
  return {
    ...profile,
    settings: {
      ...profile.settings,
      maxRowsPerSecond: sometimes(0.4) ? random.pick([1, 4, 20]) : null,
      maxBytesPerSecond: sometimes(0.3) ? random.pick([100, 1_000]) : null,
      maxRetainedBytes: sometimes(0.5) ? random.between(4, 30) : null,
      maxRetainedAction: profile.looks && sometimes(0.3) ? "resync" : "pause-load",
    },
    standby: sometimes(0.7) ? { cuts: random.between(0, 3) } : null,
  };
}

/** A sink whose transactions wait for one another, with more of what leaves some of them open. */
function locking(seed: number, random: SeededRandom): Profile {
  return {
    ...onAnySink(seed, random),
    locks: true,
    crashes: random.between(0, 4),
    zombies: random.between(0, 3),
    lostAnswer: random.pick([0, 0.03, 0.15]),
    strangers: random.pick([0, 5, 20]),
  };
}

/** Loads of more rows, which give way to changes all the time. */
function grudging(seed: number, random: SeededRandom): Profile {
  const profile = onAnySink(seed, random);
  return {
    ...profile,
    settings: {
      ...profile.settings,
      fullLoad: true,
      flushIntervalMs: random.pick([0, 0, 20]),
      chunkRows: random.between(2, 8),
    },
    keys: profile.keys + random.between(0, 10),
    initialRows: profile.initialRows + random.between(0, 12),
    resyncs: profile.resyncs + random.between(0, 2),
    grudges: true,
  };
}

function onAnySink(seed: number, random: SeededRandom): Profile {
  const kind = random.pick(["audit", "everything", "lives", "unique", "foreign"] as const);
  if (kind === "audit") return audit(random);
  if (kind === "unique") return unique(random, everything(random));
  if (kind === "foreign") return foreign(random, everything(random));
  const profile = kind === "lives" ? lives(random) : everything(random);
  return silent(seed, limited(seed, profile));
}

/** A log that tells schema changes in their place between the rows, understood or not. */
function told(seed: number, random: SeededRandom): Profile {
  const profile = limited(seed, random.chance(0.4) ? everything(random) : lives(random));
  return {
    ...profile,
    looks: false,
    spellings: false,
    doubts: 0,
    unpublished: 0,
    publishesAll: true,
    ddl: random.chance(0.7),
    truncates: random.chance(0.4),
    remakes: random.chance(0.5),
    partitions: random.chance(0.3),
    joins: random.chance(0.2) ? 1 : 0,
    told: { unknown: random.chance(0.5) ? random.pick([20, 60]) : 0 },
  };
}

/** As `lives`, with DDL that an event trigger tells of in its place, at times so much that a lagging log has several steps to go. */
function messages(seed: number, random: SeededRandom): Profile {
  const profile = limited(seed, lives(random));
  const keylessTables = random.chance(0.5) ? 1 : 0;
  const plainly = { ...profile, ddl: true, messages: true, keylessTables };
  // Drawn by itself, as `limited`.
  const often = new SeededRandom(seed ^ 0xa17e5);
  if (!often.chance(0.4)) return plainly;
  const resyncs = profile.resyncs + often.between(0, 3);
  const transactions = profile.transactions * 2;
  return { ...plainly, resyncs, alters: 0.4, keylessTables: 1, transactions };
}

/** A stream of shards that end and beget others, of tables that stay what they are. */
function sharded(seed: number, random: SeededRandom): Profile {
  const isTopics = random.chance(0.25);
  const whole = random.chance(0.3) ? audit(random) : everything(random);
  const profile = limited(seed, whole);
  return {
    ...profile,
    transactions: profile.transactions * 2,
    keylessTables: 0,
    keyChanges: false,
    unchanged: false,
    truncates: false,
    ddl: false,
    joins: 0,
    publishesAll: true,
    topics: isTopics,
    shards: {
      roots: random.between(1, 4),
      closes: random.pick([0, 0.03, 0.1]),
      byShards: random.chance(0.4),
    },
  };
}
