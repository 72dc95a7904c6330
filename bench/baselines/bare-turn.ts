import { once } from "node:events";
import { parentPort } from "node:worker_threads";

/** A thread that has made everything ready, does its work when it is told to, and says so; see bare-thread.ts. */
export async function inTurn(work: () => Promise<unknown>): Promise<void> {
  if (parentPort === null) throw new Error("this is run in a thread of its own");
  parentPort.postMessage("ready");
  await once(parentPort, "message");
  await work();
  parentPort.postMessage("done");
}
