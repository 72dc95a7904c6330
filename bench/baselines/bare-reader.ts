// The memory of a bare reader: every table by COPY, then a slot up to a place, cut into messages of which nothing is kept. A
// program; it shares no code with the engine.
import { json } from "node:stream/consumers";
import { readBareLog, type BareSlot } from "./bare-log.ts";
import { BareSession } from "./bare-session.ts";

/** What it is given, as JSON. */
export interface BareReading extends BareSlot {
  readonly tables: readonly string[];
  /** Where the log is read to: "16/B374D848". */
  readonly until: string;
}

const { tables, until, ...slot } = (await json(process.stdin)) as BareReading;

const session = await BareSession.open(slot.url, false, 64);
for (const table of tables) {
  const copied = new Promise<void>((resolve) => {
    session.onMessage = (tag) => {
      if (tag === "Z") resolve();
    };
  });
  session.query(`COPY ${table} TO STDOUT`);
  await copied;
}

const [high = "0", low = "0"] = until.split("/");
const end = (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
const read = Promise.withResolvers<void>();
await readBareLog(slot, {
  reached: (lsn) => {
    if (lsn >= end) read.resolve();
  },
});
await read.promise;
process.stdout.write(JSON.stringify({ mib: process.resourceUsage().maxRSS / 1024 }));
process.exit();
