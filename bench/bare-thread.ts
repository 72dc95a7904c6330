import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** A program of `baselines/` that waits for a word before it begins. */
export interface BareThread {
  /** Has it do what it was given, and ends it; gives the seconds that it took. */
  run(): Promise<number>;
}

/** Starts one in a thread of its own; resolves once it has made everything ready. */
export async function startBareThread(program: URL, given: object): Promise<BareThread> {
  const worker = new Worker(program, { workerData: given });
  await once(worker, "message");
  return {
    run: async () => {
      const began = performance.now();
      const done = once(worker, "message");
      worker.postMessage("go");
      await done;
      const seconds = (performance.now() - began) / 1000;
      await worker.terminate();
      return seconds;
    },
  };
}
