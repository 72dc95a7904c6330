// The memory of a bare reader of a binlog: its events as @vlasky/zongji cuts them, up to a place, none of which is kept, and none
// of a row is looked into. A program; it shares no code with the engine.
import { json } from "node:stream/consumers";
import ZongJi, { type RotateEvent } from "@vlasky/zongji";

/** A place in the log. */
interface Place {
  readonly file: string;
  readonly position: number;
}

/** What it is given, as JSON. */
export interface BareBinlog {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly from: Place;
  readonly until: Place;
}

const SERVER_ID = 4_000_000_001;

const { from, until, ...server } = (await json(process.stdin)) as BareBinlog;
const reader = new ZongJi(server);
const done = Promise.withResolvers<void>();
let { file } = from;
reader.on("binlog", (event) => {
  if (event.getTypeName() === "Rotate") file = (event as RotateEvent).binlogName;
  else if (file === until.file && event.nextPosition >= until.position) done.resolve();
});
reader.on("error", (error: Error) => {
  // A compressed transaction is an event as any other where nobody looks into it.
  if (!error.message.includes("TRANSACTION_PAYLOAD_EVENT")) done.reject(error);
});
reader.start({
  serverId: SERVER_ID,
  filename: from.file,
  position: from.position,
  includeEvents: ["rotate", "query", "xid"],
});
await done.promise;
process.stdout.write(JSON.stringify({ mib: process.resourceUsage().maxRSS / 1024 }));
process.exit();
