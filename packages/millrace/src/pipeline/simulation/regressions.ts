import type { ProfileName } from "./profile.ts";

/** Seeds that once broke a promise, with what it was; they are played in every test run. */
export const REGRESSIONS: readonly {
  readonly profile: ProfileName;
  readonly seed: number;
  readonly was: string;
}[] = [
  { profile: "plain", seed: 47, was: "chunks of an earlier run were forgotten" },
  { profile: "plain", seed: 201, was: "a table was SYNC without the rows of an interrupted chunk" },
  { profile: "audit", seed: 154, was: "a late takeover of a dead process" },
  { profile: "audit", seed: 169, was: "the log of a run that never worked stayed open" },
  { profile: "audit", seed: 191, was: "a task that was taken over from took progress for a loss" },
  { profile: "audit", seed: 322, was: "TRUNCATE began a load that the file forbids" },
  { profile: "all", seed: 1, was: "rows without key went to the sink unchecked" },
  { profile: "all", seed: 50, was: "bytes were given back twice after a run's end" },
  { profile: "all", seed: 150, was: "a key change copied what stood behind a dead letter" },
  { profile: "all", seed: 152, was: "an idle task did not see that it was taken over from" },
  { profile: "all", seed: 380, was: "the frontier went back into a transaction that was cut" },
  {
    profile: "all",
    seed: 2269,
    was: "a row could not be read in a shape that the source had left",
  },
  {
    profile: "all",
    seed: 2670,
    was: "a shape of no consequence lay between two lanes' checkpoints",
  },
  { profile: "all", seed: 3370, was: "the log's older shape took a new column's values away" },
  { profile: "all", seed: 11512, was: "a target made by a run that remembered nothing" },
  { profile: "all", seed: 14975, was: "a table without key was loaded in an older shape" },
  { profile: "all", seed: 24933, was: "the log failed while nobody waited for it" },
  { profile: "unique", seed: 176, was: "a table was loaded while lanes were about to change" },
  {
    profile: "unique",
    seed: 1330,
    was: "a key change took what the log left out from the row that it replaced",
  },
  { profile: "unique", seed: 616, was: "an index newer than the run, an exchange over two lanes" },
  { profile: "unique", seed: 866, was: "rows that were put off stood in one another's way" },
  {
    profile: "unique",
    seed: 2558,
    was: "clearing a row that was put off took a newer change away",
  },
  {
    profile: "crowded",
    seed: 6,
    was: "a row of another table's load parted an exchange of unique values",
  },
  { profile: "crowded", seed: 679, was: "the same" },
  { profile: "lives", seed: 35, was: "chunks of a table that had left stayed in the state" },
  { profile: "lives", seed: 236, was: "a table was altered while the file left it out" },
  { profile: "lives", seed: 416, was: "a load began beside a barrier" },
  { profile: "lives", seed: 2124, was: "the log from before a table left struck its load's rows" },
  { profile: "lives", seed: 3916, was: "a table that was never read left the publication" },
  {
    profile: "lives",
    seed: 4624,
    was: "a replay doubted columns behind a barrier of an earlier run",
  },
  { profile: "lives", seed: 51268, was: "a key change took a lane's checkpoint back" },
  { profile: "lives", seed: 17763, was: "a target was made by the shape of a table's namesake" },
  {
    profile: "topics",
    seed: 1000594,
    was: "a row was written before the end that another reader had moved was durable",
  },
  {
    profile: "lives",
    seed: 1001814,
    was: "a table that was made anew twice before a start and once more behind it was not seen",
  },
  {
    profile: "lives",
    seed: 1002775,
    was: "a table was paused while rows of a new partition were about to be loaded",
  },
  {
    profile: "lives",
    seed: 1002796,
    was: "a newcomer was altered between the making of its target and the start of its log",
  },
  {
    profile: "lives",
    seed: 2428,
    was: "the frontier row went back behind a barrier whose put-away columns were being dropped",
  },
  {
    profile: "unique",
    seed: 1002890,
    was: "lanes were changed in the middle of a transaction whose rows need one another",
  },
  {
    profile: "topics",
    seed: 3004627,
    was: "rows of a load came between the two targets of a change, and a lane was cut there",
  },
  { profile: "gentle", seed: 2001204, was: "the same, beside a standby" },
  {
    profile: "topics",
    seed: 150,
    was: "rows were told of a chunk whose plan was not durable, and again by the next one of that plan",
  },
  {
    profile: "gentle",
    seed: 61,
    was: "a load that a look had begun was read where what the look had found was not yet",
  },
  {
    profile: "lives",
    seed: 2002127,
    was: "a table was SYNC while a ghost waited for the change that had struck it",
  },
  {
    profile: "told",
    seed: 13,
    was: "a table came back to the file, or from a lost log, in the shape that it had before",
  },
  {
    profile: "told",
    seed: 120,
    was: "a paused table that is gone was resumed for ever",
  },
  {
    profile: "told",
    seed: 313,
    was: "the load of a table that the log told to be dropped never ended",
  },
  {
    profile: "told",
    seed: 14001154,
    was: "a table was SYNC by a load that was to be thrown away, and the next run left out more of the log than that one had",
  },
  {
    profile: "messages",
    seed: 68,
    was: "what was written while a table was out of the publication, before its slot was made, was lost",
  },
  {
    profile: "foreign",
    seed: 500387,
    was: "a table was SYNC again before the letter of a row that was put off was there, and nobody read it again",
  },
  {
    profile: "foreign",
    seed: 3000497,
    was: "a delete was parked for a row that pointed at it, whose own update was put off",
  },
  {
    profile: "messages",
    seed: 4000226,
    was: "a newcomer that was altered while its target was made did not fit what we had made ourselves, and waited for ever",
  },
  {
    profile: "foreign",
    seed: 7000247,
    was: "a barrier parted a transaction of deferred keys, and a child of a row behind it was parked",
  },
  {
    profile: "foreign",
    seed: 11000407,
    was: "a child was parked for its parent, whose new key had come with values left out and was not read yet",
  },
  {
    profile: "bound",
    seed: 7000155,
    was: "a row was parked for one that had left the source with a partition, which a look was about to find",
  },
  {
    profile: "bound",
    seed: 7000103,
    was: "a target that was made by a start which did not live to tell its shape was refused for ever",
  },
  {
    profile: "bound",
    seed: 718,
    was: "the model took a run for caught up that met a newcomer while it rested",
  },
];
